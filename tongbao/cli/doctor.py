"""`tongbao doctor`: what stands in the way of a good night, and what to do about it."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from tongbao import console
from tongbao.base.embedded import ClusterError
from tongbao.base.log import redacted
from tongbao.base.settings import SettingsError, load
from tongbao.cli import database, output

_WITHIN_S = 60


def run(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    chinese: Annotated[bool, typer.Option("--zh", help="In Chinese.")] = False,
) -> None:
    """Look the bank over: each thing ok, warn or fail, with what to do. Status 1 if anything fails."""
    found = asyncio.run(examine())
    sick = console.state_of(found) == "fail"
    if as_json:
        output.document({"ok": not sick, "checks": found})
    else:
        table = Table(show_header=False, box=None)
        for check in found:
            table.add_row(check.state, check.name_zh if chinese else check.name, _said(check, chinese=chinese))
        Console(width=None if sys.stdout.isatty() else 160).print(table, markup=False)
    raise typer.Exit(1 if sick else 0)


def _said(check: console.Check, *, chinese: bool) -> str:
    said, advice = (check.said_zh, check.advice_zh) if chinese else (check.said, check.advice)
    return f"{said}\n→ {advice} docs/operating/{check.runbook}" if advice else said


async def examine() -> list[console.Check]:
    """Every check in turn; those that need the database only where it answers."""
    try:
        settings = load()
    except SettingsError as error:
        return [console.settings_are_wrong(str(error))]
    clock = settings.make_clock()
    try:
        url = await asyncio.to_thread(database.url)
    except (ClusterError, psycopg.Error, OSError) as error:
        said = redacted(f"{type(error).__name__}: {error}").splitlines()[0]
        return console.examine(console.bare_vitals(settings, clock, said))
    return console.examine(await console.take_vitals(url, settings, clock, within_s=_WITHIN_S))
