"""The command `tongbao`. Mounts each command by name; what a command does is in the module of its name."""

from __future__ import annotations

import sys

import typer

from tongbao import __version__
from tongbao.base.embedded import ClusterError
from tongbao.base.migrate import MigrationError
from tongbao.base.settings import SettingsError
from tongbao.cli import migrate, psql

app = typer.Typer(
    name="tongbao",
    help="A payment and credit core that a bank can run itself.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("migrate")(migrate.run)
app.command("psql", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(psql.run)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Show the version and end.")) -> None:
    if version:
        typer.echo(f"tongbao {__version__}")
        raise typer.Exit


def main() -> None:
    try:
        app()
    except (ClusterError, MigrationError, SettingsError) as error:
        sys.exit(f"tongbao: {error}")
