"""`tongbao psql`: the database's own shell."""

from __future__ import annotations

import os

import typer

from tongbao.base import embedded
from tongbao.cli import database


def run(context: typer.Context) -> None:
    """Open psql on the bank's database. Further arguments go to psql: tongbao psql -c 'SELECT 1'."""
    program = str(embedded.binary("psql"))
    os.execv(program, [program, f"--dbname={database.url()}", *context.args])
