"""`tongbao replay`: bring the past of a real bank into this one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tongbao import history
from tongbao.base import migrate, settings
from tongbao.base.db import BULK, Database, database_gone
from tongbao.base.refusal import Refusal
from tongbao.cli import database, output
from tongbao.history import Report

app = typer.Typer(help="Bring the past of a real bank into this one.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Bring the past of a real bank into this one."""


@app.command("bank")
def bank(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with trans.asc and the files beside it.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    database_url: Annotated[str, typer.Option(help="This PostgreSQL instead of the bank's own.")] = "",
) -> None:
    """Post every transaction of the bank in DIR (PKDD'99 format), and compare balances with those it printed.

    May be killed and started again at any moment. Ends with status 0 when everything was read and the books balance;
    rejected lines and days beyond rounding are figures of the report.
    """
    url = database_url or database.url()
    migrate.migrate(url)
    try:
        report = uvloop.run(_replay(url, folder))
    except Refusal as refusal:
        raise SystemExit(f"tongbao: {refusal.kind.en} {refusal.detail or ''}".rstrip()) from None
    except Exception as error:
        if not database_gone(error):
            raise
        raise SystemExit(f"tongbao: the database went away; start again, nothing is doubled ({error})") from None
    if as_json:
        output.document(report)
    else:
        _show(report)
    if report.trial_balance_minor:
        raise typer.Exit(1)


async def _replay(url: str, folder: Path) -> Report:
    chosen = settings.load()
    with _bar() as progress:
        async with Database(url, size=2, limits=BULK, name="tongbao replay") as db:
            return await history.replay(
                db,
                folder,
                now=chosen.make_clock().now,
                zone=chosen.zone,
                bank_code=chosen.bank_code,
                progress=progress,
            )


@contextmanager
def _bar() -> Iterator[history.Progress]:
    """A bar a stage on stderr; nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    columns = (TextColumn("{task.description:<21}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, int] = {}

        def move(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)  # pyright: ignore[reportArgumentType]

        yield move


def _show(report: Report) -> None:
    typer.echo(
        f"{report.clients:,} clients, {report.accounts:,} accounts, {report.dispositions:,} dispositions, "
        f"{report.cards:,} cards, {report.loans:,} loans, {report.orders:,} standing orders, "
        f"{report.districts:,} districts"
    )
    typer.echo(
        f"{report.rows:,} transactions from {report.first_day} to {report.last_day}: {report.posted:,} posted, "
        f"{report.already_posted:,} were there, {report.nothing_to_post:,} of nothing, {report.rejected:,} lines rejected"
        f" ({report.rows_per_s:,} rows/s)"
    )
    typer.echo(
        f"{report.account_days:,} account-days: at most {report.max_difference_minor} minor units from what was printed, "
        f"{report.beyond_rounding:,} beyond rounding"
    )
    typer.echo(f"trial balance {report.trial_balance_minor}; booked on {report.booked_on}, valued on their own days")
    for line in report.first_rejected:
        typer.echo(f"rejected {line.file}:{line.line} {line.reason} {line.detail}".rstrip())
    for day in report.first_beyond:
        typer.echo(
            f"beyond rounding: account {day.account_id} on {day.day}: ours {day.ours_minor}, "
            f"printed {day.nearest_printed_minor}, allowed {day.allowed_minor}"
        )
