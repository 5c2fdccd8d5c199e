"""`tongbao prove`: recompute what must be true, on live data, and name every row that is not."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tongbao import console
from tongbao.base import prove, settings
from tongbao.base.db import BULK, Database
from tongbao.base.refusal import Refusal
from tongbao.cli import database, output

CHECKS: Final = console.CHECKS
"""What is proved, in this order: the checks of every slice."""


def run(
    full: Annotated[
        bool, typer.Option("--full", help="From the beginning, not from where the last proof stopped.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Prove the books. Ends with 0 if everything holds, 1 if something does not, 2 if it could not be proved."""
    url = database.migrated_url()
    console = Console(stderr=True)
    try:
        with _bars(console) as bars:
            done = asyncio.run(_prove(url, full, bars))
    except (prove.ProofRuns, TimeoutError) as error:
        typer.echo(f"tongbao: not proved: {error}", err=True)
        raise typer.Exit(2) from error
    except Refusal as refusal:
        typer.echo(f"tongbao: not proved: {refusal.kind.en}", err=True)
        raise typer.Exit(2) from refusal
    if as_json:
        output.document(_document(done))
    else:
        _show(done)
    raise typer.Exit(1 if any(check.findings for check in done) else 0)


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


async def _prove(url: str, full: bool, bars: Progress) -> list[prove.Done]:
    tasks: dict[str, TaskID] = {}

    def progress(name: str, done: int, total: int) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=total)
        bars.update(tasks[name], completed=done, total=total)

    clock = settings.load().make_clock()
    async with Database(url, size=3, limits=BULK, name="tongbao prove") as db:
        return await prove.prove(db, CHECKS, clock, full=full, on_progress=progress)


async def proof(url: str) -> dict[str, Any]:
    """The document of a proof from where the last one stopped, for other commands."""
    async with Database(url, size=3, limits=BULK, name="tongbao prove") as db:
        return _document(await prove.prove(db, CHECKS, settings.load().make_clock()))


def _document(done: list[prove.Done]) -> dict[str, Any]:
    findings = [finding for check in done for finding in check.findings]
    return {
        "holds": not findings,
        "rows": sum(check.rows for check in done),
        "seconds": sum(check.milliseconds for check in done) / 1000,
        "findings": findings,
        "checks": [
            {
                "name": check.name,
                "holds": not check.findings,
                "rows": check.rows,
                "seconds": check.milliseconds / 1000,
                "invariants": dict(check.invariants),
            }
            for check in done
        ],
    }


def _show(done: list[prove.Done]) -> None:
    for check in done:
        state = "holds" if not check.findings else "BROKEN"
        numbers = ", ".join(check.invariants)
        typer.echo(f"{check.name:12} {state:7} {check.rows:>12,} rows {check.milliseconds / 1000:>8.1f} s  {numbers}")
        for finding in check.findings:
            typer.echo(f"  {finding.invariant} {finding.table} {finding.key}")
            typer.echo(f"    expected {finding.expected}; found {finding.found}")
