"""`tongbao eod`: end the business days that are over."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated, NoReturn

import msgspec
import typer

from tongbao.base import log
from tongbao.base import settings as base_settings
from tongbao.base.db import BULK, Database
from tongbao.base.refusal import Refusal
from tongbao.clearing import BatchDoesNotBalance, ClearingDiffers, ClearingStuck, DayEnded, end_of_day
from tongbao.cli import database, output
from tongbao.ledger import BooksDoNotBalance

Through = Annotated[
    datetime | None,
    typer.Option(
        "--through",
        formats=["%Y-%m-%d"],
        help="The last day to end, unless told yesterday's. Today's date closes the present day before midnight.",
    ),
]


def run(
    through: Through = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """End the business days that are over: expire, close, trial balance, clear, settle. Safe to repeat and to resume."""
    try:
        ended = asyncio.run(_end(through.date() if through else None))
    except Refusal as refusal:
        _fail(f"{refusal.kind.en} {refusal.detail or ''}".rstrip())
    except (BatchDoesNotBalance, BooksDoNotBalance, ClearingDiffers, ClearingStuck) as error:
        # Loud and final: the day stays where it is until a person has found out why.
        _fail(f"{type(error).__name__}: {error}")
    if as_json:
        output.document({"ended": ended})
        return
    for day in ended:
        typer.echo(f"{day.day} ended; {day.open_date} is open")
        for step, result in day.results.items():
            typer.echo(f"  {step:<14}" + "  ".join(f"{name} {value}" for name, value in result.items()))
    if not ended:
        typer.echo("no business day is over that has not been ended")


def _fail(why: str) -> NoReturn:
    typer.echo(f"tongbao: {why}", err=True)
    raise typer.Exit(1)


async def _end(through: date | None) -> list[DayEnded]:
    settings = msgspec.structs.replace(base_settings.load(), database_url=database.url())
    log.configure(settings.log_level, settings.log_format)
    async with Database(settings.database_url, size=settings.pool_size, limits=BULK, name="tongbao eod") as db:
        return await end_of_day(db, settings.make_clock(), settings, through=through)
