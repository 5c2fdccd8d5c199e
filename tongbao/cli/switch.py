"""`tongbao switch`: stop taking payments of a kind, by a method, to a merchant or to a country's merchants, at three in the morning."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tongbao import payments
from tongbao.base.principal import SYSTEM
from tongbao.cli import database, output
from tongbao.payments import Scope, Switch

app = typer.Typer(help="Kill switches: list, stop, resume.", no_args_is_help=True)

Of = Annotated[Scope, typer.Argument(metavar="SCOPE", help="kind, merchant, country or method.")]
Key = Annotated[
    str, typer.Argument(help="A kind such as transfer, a merchant's id, a country such as HK, or a method such as qr.")
]
Why = Annotated[str, typer.Option(help="Why; kept in the audit.")]
Expected = Annotated[
    int | None, typer.Option(help="The version that `list` showed: refused if somebody has changed the switch since.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.callback()
def _group() -> None:
    """Kill switches: list, stop, resume."""


@app.command("list")
def list_(
    stopped: Annotated[bool, typer.Option("--stopped", help="Only what is stopped now.")] = False, as_json: Json = False
) -> None:
    """Every kind and method, and merchants and countries whose switch was ever thrown."""
    found, at = asyncio.run(_list())
    shown = [switch for switch in found if switch.stops(at) or not stopped]
    if as_json:
        output.document({"switches": [{**_document(switch), "stops": switch.stops(at)} for switch in shown]})
        return
    table = Table("scope", "key", "now", "since", "until", "by", "reason", "version", box=None)
    for switch in shown:
        now = "STOPPED" if switch.stops(at) else "open"
        moments = (f"{moment:%F %TZ}" if moment else "" for moment in (switch.since, switch.until))
        by = str(switch.by) if switch.by else ""
        table.add_row(switch.scope, switch.key, now, *moments, by, switch.reason or "", str(switch.version))
    Console(width=None if Console().is_terminal else 240).print(table)


async def _list() -> tuple[list[Switch], datetime]:
    async with database.office("switch") as office, office.db.read() as tx:
        return await payments.switches(tx), office.clock.now()


@app.command("stop")
def stop(
    scope: Of,
    key: Key,
    reason: Why,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            help="When it ends by itself; UTC unless it has an offset.",
        ),
    ] = None,
    expected: Expected = None,
    as_json: Json = False,
) -> None:
    """Take no more such payments, from this moment on. Captures and refunds go on."""
    if until is not None:
        until = until.astimezone(UTC) if until.tzinfo else until.replace(tzinfo=UTC)
    _said(asyncio.run(_stop(scope, key, reason, until, expected)), as_json)


async def _stop(scope: Scope, key: str, reason: str, until: datetime | None, expected: int | None) -> Switch:
    async with database.office("switch") as office, office.db.tx() as tx:
        at = office.clock.now()
        return await payments.stop(tx, SYSTEM, scope, key, reason=reason, at=at, until=until, expected=expected)


@app.command("resume")
def resume(scope: Of, key: Key, reason: Why, expected: Expected = None, as_json: Json = False) -> None:
    """Take such payments again."""
    _said(asyncio.run(_resume(scope, key, reason, expected)), as_json)


async def _resume(scope: Scope, key: str, reason: str, expected: int | None) -> Switch:
    async with database.office("switch") as office, office.db.tx() as tx:
        at = office.clock.now()
        return await payments.resume(tx, SYSTEM, scope, key, reason=reason, at=at, expected=expected)


def _document(switch: Switch) -> dict[str, object]:
    return {name: getattr(switch, name) for name in Switch.__struct_fields__}


def _said(switch: Switch, as_json: bool) -> None:
    if as_json:
        output.document(_document(switch))
        return
    end = f" until {switch.until:%F %TZ}" if switch.until else ""
    since = f" since {switch.since:%F %TZ}" if switch.since else ""
    now = "stopped" if switch.stopped else "open"
    typer.echo(f"{switch.scope} {switch.key}: {now}{since}{end}, version {switch.version}")
