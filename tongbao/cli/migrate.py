"""`tongbao migrate`: bring the database to the present schema, and a new bank to its first day."""

from __future__ import annotations

import asyncio
import sys
from datetime import date
from typing import Annotated

import msgspec
import typer

from tongbao import ledger
from tongbao.base import calendar, days, migrate, roles, settings
from tongbao.base.db import BULK, Database
from tongbao.cli import database, output

_OWN_LINES = (
    "1010",
    "1020",
    "1030",
    "1040",
    "1090",
    "2040",
    "2050",
    "2090",
    "3010",
    "4010",
    "4020",
    "5010",
    "5020",
    "5030",
)
"""Lines on which the bank keeps an account of its own in its currency."""


class Founded(msgspec.Struct, frozen=True):
    business_date: date
    calendar_days: int
    """How many the calendar learned."""


def run(
    with_roles: Annotated[
        bool,
        typer.Option(
            "--roles", help="Make the roles tongbao_app and tongbao_vault, and give each what it needs and no more."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Bring the database to the present schema, and a new bank to its first day. Safe to repeat and to run at once."""
    url = database.url()
    new = migrate.migrate(url)
    if with_roles:
        _give_roles(url)
    founded = asyncio.run(found(url))
    everything = migrate.applied(url)
    if as_json:
        output.document({"new": new, "applied": everything, **msgspec.structs.asdict(founded)})
        return
    for version in new:
        typer.echo(f"applied {version}")
    typer.echo(f"the schema is at {everything[-1]}; the bank books on {founded.business_date}")


def _give_roles(url: str) -> None:
    try:
        rights = roles.give(url)
    except roles.RolesError as error:
        sys.exit(f"tongbao: {error}")
    typer.echo(f"{roles.APP} was given {len(rights)} more rights; {roles.VAULT} owns the vault", err=True)


async def found(url: str) -> Founded:
    """What a bank needs to serve: a business day, the calendar of this year and the next, accounts of its own."""
    chosen = settings.load()
    at = chosen.make_clock().now()
    today = days.local_day(at, chosen.zone)
    async with Database(url, size=1, limits=BULK, name="tongbao migrate") as db, db.tx() as tx:
        await days.found(tx, today)
        learned = await calendar.seed(tx, [today.year, today.year + 1])
        for line in _OWN_LINES:
            await ledger.own_account(tx, line, chosen.currency, at)
        return Founded((await days.current(tx)).open_date, learned)
