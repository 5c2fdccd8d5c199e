"""`tongbao key`: API keys, made by whoever holds the database; the bank's envelope keys; certificates for a network of one's own."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tongbao import identity, merchants, vault
from tongbao.base.clock import SystemClock
from tongbao.base.db import Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.cli import database, local_ca, output
from tongbao.identity import ApiKey, AuthenticatorModel, EnvelopeKey, KeyKind, NewKey, Token
from tongbao.identity import certificate_fingerprint as fingerprint
from tongbao.vault import EnvelopeSuite

app = typer.Typer(help="API keys: make, list, rotate, revoke; keys and certificates of the wire.", no_args_is_help=True)
envelope = typer.Typer(help="The bank's keys for encrypted requests.", no_args_is_help=True)
app.add_typer(envelope, name="envelope")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
KeyId = Annotated[UUID, typer.Argument(metavar="ID", help="The key's id, as `tongbao key list` shows it.")]

_PAGE = 500


@app.callback()
def _group() -> None:
    """API keys: make, list, rotate, revoke; keys and certificates of the wire."""


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


@app.command("authenticators")
def load_authenticators(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A FIDO metadata statement, several, or the payload of the service.")
    ],
) -> None:
    """Load what makers declare of their authenticators: which passkeys serve large amounts is judged by it."""
    try:
        models = identity.read_statements(file.read_text(encoding="utf-8"), source=file.name)
    except (OSError, UnicodeError, Refusal) as wrong:
        sys.exit(f"tongbao: {file}: {wrong}")
    for one in models:
        typer.echo(
            f"{one.aaguid}  {one.modality}  {one.name}  "
            + ("large amounts" if one.is_strong else "not for large amounts")
        )
    typer.echo(f"{asyncio.run(_load_authenticators(models))} loaded", err=True)


async def _load_authenticators(models: list[AuthenticatorModel]) -> int:
    async with database.office("key") as office, office.db.tx() as tx:
        return await identity.load_authenticators(tx, models, by=SYSTEM, at=office.clock.now())


@app.command("local-ca")
def make_local_ca(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the files go; an authority there is used again.")
    ],
    name: Annotated[
        list[str] | None, typer.Option(help="Another name or address of this machine; may be repeated.")
    ] = None,
) -> None:
    """Make a certificate authority for your own network and a server certificate for this machine's names and addresses."""
    ca, certificate, key = local_ca.make(folder, name or [], SystemClock().now())
    typer.echo(f"tongbao serve --host 0.0.0.0 --tls-certificate {certificate} --tls-key {key}")
    typer.echo(f"{ca} is what browsers and telephones are to trust; docs/transmission.md says how", err=True)


@app.command("client-certificate")
def make_client_certificate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where `local-ca` put its files.", exists=True)],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is; the files are called so.")],
) -> None:
    """Make a client certificate by the authority of `local-ca`, for a partner's server, and say its fingerprint."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name) is None or name in ("ca", "server"):
        sys.exit("tongbao: a name has letters, digits, dots, dashes and underscores, at most forty")
    certificate, _ = local_ca.make_client(folder, name, SystemClock().now())
    typer.echo(fingerprint(certificate.read_text("ascii")).hex())


@envelope.command("new")
def new_envelope_key(
    suite: Annotated[EnvelopeSuite, typer.Option(help="How requests are encrypted to it.")] = EnvelopeSuite.P256,
    overlap_h: Annotated[
        int, typer.Option(min=0, max=24 * 90, help="For how many hours the key before it goes on opening requests.")
    ] = 168,
    as_json: Json = False,
) -> None:
    """Make a key for encrypted requests; the one before it ends after the overlap, and what it opened is then closed for good."""
    made = asyncio.run(_new_envelope_key(suite, timedelta(hours=overlap_h)))
    if as_json:
        output.document(msgspec.to_builtins(made))
    else:
        typer.echo(made.kid)


async def _new_envelope_key(suite: EnvelopeSuite, overlap: timedelta) -> EnvelopeKey:
    key = vault.generate_decryption_key(suite)
    async with database.office("key") as office:
        vault.check(office.settings)
        at = office.clock.now()

        async def make(tx: Tx) -> EnvelopeKey:
            await vault.begin(tx, at)
            return await identity.make_envelope_key(tx, uuid7(at), key, overlap=overlap, by=SYSTEM, at=at)

        return await office.db.retry(make)


@envelope.command("list")
def list_envelope_keys(as_json: Json = False) -> None:
    """The keys that open requests now, newest first."""
    keys = asyncio.run(_list_envelope_keys())
    if as_json:
        output.document({"keys": msgspec.to_builtins(keys)})
        return
    for key in keys:
        typer.echo(
            f"{key.kid}  {key.suite}  made {key.made_at:%Y-%m-%d}  "
            + (f"ends {key.ends_at}" if key.ends_at else "current")
        )


async def _list_envelope_keys() -> list[EnvelopeKey]:
    async with database.office("key") as office, office.db.read() as tx:
        return await identity.envelope_keys(tx, at=office.clock.now())


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
