"""`tongbao key`: API keys, made by whoever holds the database."""

from __future__ import annotations

import asyncio
import secrets
import sys
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tongbao import identity, merchants
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.cli import database, output
from tongbao.identity import ApiKey, KeyKind, NewKey, Token

app = typer.Typer(help="API keys: make, list, rotate, revoke.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
KeyId = Annotated[UUID, typer.Argument(metavar="ID", help="The key's id, as `tongbao key list` shows it.")]

_PAGE = 500


@app.callback()
def _group() -> None:
    """API keys: make, list, rotate, revoke."""


@app.command("create")
def create(
    kind: Annotated[KeyKind, typer.Option(help="Whose key it is.")] = KeyKind.BANK,
    permission: Annotated[
        list[str] | None, typer.Option(help="May be repeated; all that the kind can hold unless told.")
    ] = None,
    merchant: Annotated[UUID | None, typer.Option(help="The merchant that a merchant's key acts for.")] = None,
    partner: Annotated[UUID | None, typer.Option(help="The partner that a partner's key acts for.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3660, help="Expires after so many days.")] = None,
    note: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    as_json: Json = False,
) -> None:
    """Make a key and show it, this once."""
    token = identity.fresh_token(kind, secrets.token_bytes)
    made = asyncio.run(_create(kind, permission, merchant or partner, days, note, token))
    _shown_once(made, token, as_json)


async def _create(
    kind: KeyKind,
    permissions: list[str] | None,
    subject_id: UUID | None,
    days: int | None,
    note: str | None,
    token: Token,
) -> ApiKey:
    async with database.office("key") as office, office.db.tx() as tx:
        at = office.clock.now()
        if subject_id is not None and not await merchants.subject_known(tx, kind, subject_id):
            sys.exit(f"tongbao: there is no {kind} {subject_id}")
        new = NewKey(
            id=uuid7(at),
            kind=kind,
            permissions=tuple(sorted(set(permissions))) if permissions else None,
            subject_id=subject_id,
            expires_at=at + timedelta(days=days) if days else None,
            note=note,
        )
        return (await identity.issue_key(tx, new, token, by=SYSTEM, at=at)).thing


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every key, newest first, without its secret."""
    keys, at = asyncio.run(_list())
    if as_json:
        output.document({"keys": [_document(key) for key in keys]})
        return
    table = Table("id", "key", "for", "permissions", "made", "expires", "last used", "note", box=None)
    for key in keys:
        for_whom = str(key.subject_id or "the bank")
        ends = "over" if key.is_over(at) else str(key.expires_at.date()) if key.expires_at else "never"
        cells = (str(key.id), _name(key), for_whom, str(len(key.permissions)), str(key.created_at.date()), ends)
        table.add_row(*cells, str(key.last_used_on or "never"), key.note or "")
    Console(width=None if Console().is_terminal else 200).print(table)


async def _list() -> tuple[list[ApiKey], datetime]:
    found: list[ApiKey] = []
    async with database.office("key") as office, office.db.read() as tx:
        while True:
            page = await identity.list_keys(tx, before=found[-1].id if found else None, most=_PAGE)
            found += page
            if len(page) < _PAGE:
                return found, office.clock.now()


@app.command("rotate")
def rotate(
    key_id: KeyId,
    overlap_s: Annotated[
        int, typer.Option(min=0, max=30 * 86_400, help="How long the old key goes on working.")
    ] = 86_400,
    as_json: Json = False,
) -> None:
    """Make a new key in place of an old one and show it, this once."""
    made, token = asyncio.run(_rotate(key_id, timedelta(seconds=overlap_s)))
    _shown_once(made, token, as_json)


async def _rotate(key_id: UUID, overlap: timedelta) -> tuple[ApiKey, Token]:
    async with database.office("key") as office, office.db.tx() as tx:
        at = office.clock.now()
        old = (await identity.find_keys(tx, [key_id])).get(key_id)
        if old is None:
            sys.exit("tongbao: there is no such key; `tongbao key list` shows them")
        token = identity.fresh_token(old.kind, secrets.token_bytes)
        made = await identity.rotate_key(tx, key_id, new_id=uuid7(at), token=token, overlap=overlap, by=SYSTEM, at=at)
        return made.thing, token


@app.command("revoke")
def revoke(key_id: KeyId, as_json: Json = False) -> None:
    """End a key for ever; every process refuses it within two seconds."""
    key = asyncio.run(_revoke(key_id))
    if as_json:
        output.document(_document(key))
    else:
        typer.echo(f"revoked {_name(key)}")


async def _revoke(key_id: UUID) -> ApiKey:
    async with database.office("key") as office, office.db.tx() as tx:
        return await identity.revoke_key(tx, key_id, by=SYSTEM, at=office.clock.now())


def _name(key: ApiKey) -> str:
    return f"tb_{key.kind}_{key.public_id}_…"


def _document(key: ApiKey) -> dict[str, Any]:
    return {**msgspec.to_builtins(key), "permissions": sorted(key.permissions)}


def _shown_once(key: ApiKey, token: Token, as_json: bool) -> None:
    if as_json:
        output.document({**_document(key), "key": str(token)})
        return
    typer.echo(str(token))
    typer.echo(f"id {key.id}; this is the only time that the key is shown", err=True)
