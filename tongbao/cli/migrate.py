"""`tongbao migrate`: bring the database to the present schema."""

from __future__ import annotations

from typing import Annotated

import typer

from tongbao.base import migrate
from tongbao.cli import database, output


def run(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """Bring the database to the present schema. Safe to repeat; several at once wait for each other."""
    url = database.url()
    new = migrate.migrate(url)
    everything = migrate.applied(url)
    if as_json:
        output.document({"new": new, "applied": everything})
        return
    for version in new:
        typer.echo(f"applied {version}")
    typer.echo(f"the schema is at {everything[-1]}")
