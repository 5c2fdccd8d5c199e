"""The command `tongbao`. Mounts each command by name; what a command does is in the module of its name."""

from __future__ import annotations

import sys

import psycopg
import typer
from psycopg_pool import PoolTimeout

from tongbao import __version__
from tongbao.base import log
from tongbao.base.archive import BackupError
from tongbao.base.embedded import ClusterError
from tongbao.base.migrate import MigrationError
from tongbao.base.refusal import Refusal
from tongbao.base.settings import SettingsError
from tongbao.cli import (
    backup,
    bench,
    dead,
    demo,
    doctor,
    eod,
    explain,
    key,
    migrate,
    openapi,
    prove,
    psql,
    replay,
    restore,
    risk,
    serve,
    simulate,
    staff,
    switch,
    vault,
    verify_proof,
    work,
)

app = typer.Typer(
    name="tongbao",
    help="A payment and credit core that a bank can run itself.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""For commands whose further arguments belong to another program."""

app.command("demo")(demo.run)
app.command("serve")(serve.run)
app.command("work")(work.run)
app.command("migrate")(migrate.run)
app.command("eod")(eod.run)
app.command("prove")(prove.run)
app.command("explain")(explain.run)
app.command("verify-proof")(verify_proof.run)
app.command("doctor")(doctor.run)
app.command("backup")(backup.run)
app.command("restore")(restore.run)
app.add_typer(dead.app, name="dead")
app.add_typer(key.app, name="key")
app.add_typer(staff.app, name="staff")
app.add_typer(switch.app, name="switch")
app.add_typer(vault.app, name="vault")
app.add_typer(replay.app, name="replay")
app.add_typer(risk.app, name="risk")
app.command("simulate", context_settings=_PASSED_ON)(simulate.run)
app.command("psql", context_settings=_PASSED_ON)(psql.run)
app.command("openapi")(openapi.run)
app.command("bench", context_settings=_PASSED_ON)(bench.run)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Show the version and end.")) -> None:
    if version:
        typer.echo(f"tongbao {__version__}")
        raise typer.Exit


def main() -> None:
    try:
        app()
    except (BackupError, ClusterError, MigrationError, SettingsError) as error:
        sys.exit(f"tongbao: {error}")
    except Refusal as refusal:
        said = f"{refusal.kind.en} {refusal.detail or ''}".rstrip()
        sys.exit(f"tongbao: {said} ({refusal.code})")
    except (psycopg.OperationalError, PoolTimeout) as error:
        sys.exit(f"tongbao: the database does not answer: {log.redacted(str(error)).strip()}")
