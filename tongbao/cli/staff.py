"""`tongbao staff`: the first people who may log in; later ones are made by those."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import msgspec
import typer

from tongbao import identity
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.cli import database, output
from tongbao.identity import NewStaff, Role, Staff

app = typer.Typer(help="Staff of the bank.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Staff of the bank."""


@app.command("create")
def create(
    username: Annotated[str, typer.Argument(help="What they log in with.")],
    role: Annotated[list[Role], typer.Option(help="May be repeated.")],
    name: Annotated[str | None, typer.Option(help="What they are called; the user name unless told.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make a member of staff and print a password, this once. It lets in for a day and is replaced at the first log-in."""
    password = secrets.token_urlsafe(18)
    made = asyncio.run(_create(username.strip().lower(), name or username.strip(), frozenset(role), password))
    if as_json:
        output.document({**msgspec.to_builtins(made), "roles": sorted(made.roles), "password": password})
        return
    typer.echo(password)
    typer.echo(f"id {made.id}; this is the only time that the password of {made.username} is shown", err=True)


async def _create(username: str, name: str, roles: frozenset[Role], password: str) -> Staff:
    identity.check_password(password, username)
    password_hash = identity.hash_password(password, secrets.token_bytes(16))
    async with database.office("staff") as office, office.db.tx() as tx:
        at = office.clock.now()
        new = NewStaff(id=uuid7(at), username=username, name=name, roles=roles)
        return (await identity.create_staff(tx, new, password_hash, by=SYSTEM, at=at, is_one_time=True)).thing


@app.command("forget-app")
def forget_app(
    username: Annotated[str, typer.Argument(help="Who has lost it.")],
    reason: Annotated[str, typer.Option(help="Why: it stands in the audit.")],
) -> None:
    """Remove somebody's authenticator app and passkeys and end every session; the next log-in sets up another factor."""
    asyncio.run(_forget_app(username.strip().lower(), reason))
    typer.echo(f"{username}: app and passkeys are removed, every session has ended", err=True)


@app.command("reset-password")
def reset_password(
    username: Annotated[str, typer.Argument(help="Who has forgotten it.")],
    reason: Annotated[str, typer.Option(help="Why: it stands in the audit.")],
) -> None:
    """Print another password, this once; it lets in for a day and is replaced at the first log-in. The app stays."""
    password = secrets.token_urlsafe(18)
    asyncio.run(_reset_password(username.strip().lower(), password, reason))
    typer.echo(password)


async def _reset_password(username: str, password: str, reason: str) -> None:
    password_hash = identity.hash_password(password, secrets.token_bytes(16))
    async with database.office("staff") as office, office.db.tx() as tx:
        staff_id = await identity.staff_id_of(tx, username)
        await identity.give_staff_password(tx, staff_id, password_hash, reason=reason, by=SYSTEM, at=office.clock.now())


async def _forget_app(username: str, reason: str) -> None:
    async with database.office("staff") as office, office.db.tx() as tx:
        staff_id = await identity.staff_id_of(tx, username)
        await identity.remove_staff_app(tx, staff_id, reason=reason, by=SYSTEM, at=office.clock.now())
