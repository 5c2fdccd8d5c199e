"""`tongbao vault canary`: made-up people in the vault whom nobody has reason to read, and who read one all the same."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from tongbao import vault
from tongbao.base import days
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import SettingsError
from tongbao.cli import database, output

app = typer.Typer(name="canary", help="Made-up people whom nobody has reason to read.", no_args_is_help=True)

_DRILL = "drill"


@app.command("plant")
def plant(
    many: Annotated[int, typer.Argument(metavar="N", min=1, max=1_000, help="How many more.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make up people and keep them in the vault: name, telephone, identity number. They are nobody's customers."""
    planted = asyncio.run(_plant(many))
    if as_json:
        output.document({"planted": planted})
        return
    for one in planted:
        typer.echo(one)


async def _plant(many: int) -> list[UUID]:
    async with database.office("canary") as office:
        at = office.clock.now()
        today = days.local_day(at, office.settings.zone)
        people = [vault.made_up(secrets.randbelow, uuid7(at), today) for _ in range(many)]
        async with office.db.tx() as tx:
            await vault.plant(tx, people, by=SYSTEM, at=at)
    return [one.id for one in people]


@app.command("list")
def show(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Every canary, and who has read one without anybody having found out why. Ends with 1 where that is so."""
    planted, readings = asyncio.run(_found())
    if as_json:
        output.document({"canaries": planted, "readings": readings})
    else:
        for one in planted:
            read = f"read {one.readings} times, last {_moment(one.read_at)}" if one.read_at else "never read"
            typer.echo(f"{one.subject_id}  planted {_moment(one.planted_at)}  {read}{'' if one.kept else ', erased'}")
        for reading in readings:
            who, what = f"{reading.by_kind.value} {reading.by_id}", ", ".join(kind.value for kind in reading.kinds)
            typer.echo(f"READ {_moment(reading.at)}  {what} of {reading.subject_id}  by {who}: {reading.reason}")
        typer.echo(f"{len(planted)} canaries, {len(readings)} readings to be accounted for")
    raise typer.Exit(1 if readings else 0)


async def _found() -> tuple[list[vault.Canary], list[vault.CanaryReading]]:
    async with database.office("canary") as office, office.db.read() as tx:
        return await vault.canaries(tx), await vault.canary_readings(tx)


@app.command("try")
def try_() -> None:
    """Read a canary on purpose, as a drill: the alarm must go off."""
    typer.echo(f"{asyncio.run(_try())} was read; the alarm goes off")


async def _try() -> UUID:
    async with database.office("canary") as office, office.db.tx() as tx:
        kept = [one.subject_id for one in await vault.canaries(tx) if one.kept]
        if not kept:
            raise SettingsError("there is no canary; plant some with `tongbao vault canary plant 3`")
        await vault.read(tx, kept[-1:], [vault.Kind.NAME], by=SYSTEM, reason=_DRILL, at=office.clock.now())
    return kept[-1]


@app.command("close")
def close(
    reason: Annotated[str, typer.Option("--reason", help="What came of it: who read a canary, and why.")],
) -> None:
    """Every reading so far is accounted for: the alarm ends. What came of it stays on record."""
    done = asyncio.run(_close(reason))
    typer.echo(f"{done} readings closed")


async def _close(reason: str) -> int:
    async with database.office("canary") as office, office.db.tx() as tx:
        readings = await vault.canary_readings(tx)
        if not readings:
            return 0
        at = office.clock.now()
        return await vault.close_canary_readings(tx, readings[-1].id, by=SYSTEM, outcome=reason, at=at)


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else "-"
