"""`tongbao dead`: events that a consumer could not take, at three in the morning."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from tongbao.base import parked
from tongbao.base.parked import HeldEvent
from tongbao.base.principal import SYSTEM
from tongbao.cli import database, output

app = typer.Typer(help="Events that stand still: list, show, resend.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Who = Annotated[str | None, typer.Option("--consumer", help="Only those of this consumer.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
        help="Only those since then; UTC unless it has an offset.",
    ),
]

_PAGE = 1000
_MOST = 10_000


@app.callback()
def _group() -> None:
    """Events that stand still: list, show, resend."""


@app.command("list")
def list_(
    consumer: Who = None,
    since: Since = None,
    every: Annotated[bool, typer.Option("--held", help="Also those tried again and those behind them.")] = False,
    as_json: Json = False,
) -> None:
    """Parked events, oldest first; status 1 where there are any."""
    events = asyncio.run(_list(consumer, _aware(since), every))
    if as_json:
        output.document({"events": events})
    elif events:
        table = Table("event", "consumer", "topic", "of", "at", "state", "tries", "error", box=None)
        for event in events:
            tail = (event.state, str(event.attempts), (event.error or "")[:80])
            table.add_row(
                str(event.event_id), event.consumer, event.topic, str(event.aggregate), f"{event.at:%F %T}", *tail
            )
        Console(width=None if Console().is_terminal else 240).print(table)
    else:
        typer.echo("nothing stands still")
    raise typer.Exit(1 if events else 0)


async def _list(consumer: str | None, since: datetime | None, every: bool) -> list[HeldEvent]:
    found: list[HeldEvent] = []
    async with database.office("dead") as office, office.db.read() as tx:
        while len(found) < _MOST:
            after = (found[-1].outbox_id, found[-1].consumer) if found else (0, "")
            page = await parked.held_events(
                tx, consumer=consumer, since=since, parked_only=not every, after=after, most=_PAGE
            )
            found += page
            if len(page) < _PAGE:
                break
    return found


@app.command("show")
def show(event_id: Annotated[UUID, typer.Argument(metavar="EVENT")], as_json: Json = False) -> None:
    """One event with what it carries, once for each consumer that holds it."""
    events = asyncio.run(_show(event_id))
    if as_json:
        output.document({"events": events})
        return
    for event in events:
        typer.echo(f"{event.consumer} {event.state} after {event.attempts} tries: {event.topic} of {event.aggregate}")
        typer.echo(f"  {event.error or 'no error'}")
        output.document(event.payload)


async def _show(event_id: UUID) -> list[HeldEvent]:
    async with database.office("dead") as office, office.db.read() as tx:
        return await parked.held_event(tx, event_id)


@app.command("resend")
def resend(
    event_ids: Annotated[list[UUID] | None, typer.Argument(metavar="[EVENT]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are parked.")] = False,
    since: Since = None,
    consumer: Who = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")] = "tongbao dead resend",
    as_json: Json = False,
) -> None:
    """Give events a fresh set of tries; those behind them follow in order."""
    sent = asyncio.run(_resend(event_ids or None, everything, _aware(since), consumer, reason))
    if as_json:
        output.document({"sent": sent})
    else:
        typer.echo(f"{sent} sent on their way")


async def _resend(
    event_ids: list[UUID] | None, everything: bool, since: datetime | None, consumer: str | None, reason: str
) -> int:
    async with database.office("dead") as office, office.db.tx() as tx:
        return await parked.resend(
            tx,
            SYSTEM,
            at=office.clock.now(),
            event_ids=event_ids,
            since=since,
            everything=everything,
            consumer=consumer,
            reason=reason,
        )


def _aware(given: datetime | None) -> datetime | None:
    return given if given is None or given.tzinfo else given.replace(tzinfo=UTC)
