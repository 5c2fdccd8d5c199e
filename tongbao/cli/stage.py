"""Sets the stage of a demo: who plays which part, keys for the developer's door, a webhook of the noodle shop's."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from tongbao import console, history, identity, merchants
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.cli import starting_rules

_LONG_SINCE: Final = timedelta(days=7)
_KEYS_LAST: Final = timedelta(days=7)
_WEBHOOK = "webhook"


class Places(msgspec.Struct, frozen=True):
    """Where the demo is and where its outsiders are; ports of 127.0.0.1."""

    bank: int
    receiver: int
    other_bank: int
    sms: int
    identity_provider: int
    cards: int
    card_wire: int
    """Where the card network is asked in ISO 8583; `cards` is for whoever tests."""

    def address(self, port: int) -> str:
        return f"http://127.0.0.1:{port}"


class Stage(msgspec.Struct, frozen=True):
    """`traffic_key` is the city's; the developer's door has keys of its own. `webhook_secret` is for the shop's receiver."""

    file: console.DemoFile
    cast: history.Cast
    traffic_key: str
    webhook_secret: str

    def __repr__(self) -> str:
        return f"Stage({self.file})"


@asynccontextmanager
async def stage(db: Database, settings: Settings, places: Places) -> AsyncIterator[Stage]:
    """Everybody in place, and keys that are revoked at the end."""
    clock = settings.make_clock()
    at = clock.now()
    cast = await _cast(db, settings, at)
    await starting_rules.begin(db, settings, cast, at)
    secret = merchants.fresh_secret(secrets.token_bytes)
    kinds = {
        "demo: traffic": (identity.KeyKind.BANK, None),
        "demo: developer": (identity.KeyKind.BANK, None),
        "demo: noodle shop": (identity.KeyKind.MERCHANT, cast.noodle_shop_id),
    }
    tokens: list[str] = []
    issued: list[UUID] = []
    async with db.tx() as tx:
        webhook = await _webhook(tx, cast.noodle_shop_id, f"{places.address(places.receiver)}/webhooks", secret, at)
        for note, (kind, subject) in kinds.items():
            token = identity.fresh_token(kind, secrets.token_bytes)
            new = identity.NewKey(id=uuid7(at), kind=kind, subject_id=subject, expires_at=at + _KEYS_LAST, note=note)
            issued.append((await identity.issue_key(tx, new, token, by=SYSTEM, at=at)).thing.id)
            tokens.append(str(token))
    try:
        yield Stage(_file(cast, settings, places, webhook, tokens[1], tokens[2]), cast, tokens[0], secret)
    finally:
        async with db.tx() as tx:
            for key in issued:
                await identity.revoke_key(tx, key, by=SYSTEM, at=clock.now())


async def _cast(db: Database, settings: Settings, at: datetime) -> history.Cast:
    code = settings.bank_code
    async with db.tx() as tx:
        li = await history.choose_li(
            tx, settings.currency, customer_id=uuid7(at), account_id=uuid7(at), bank_code=code, at=at
        )
        if not (await identity.factors_of(tx, [li]))[li]:
            # Whoever pays much is asked for a code, which is read on the sandbox's telephone; what is new would be odd.
            await identity.set_sms(tx, li, by=SYSTEM, at=at - _LONG_SINCE)
        if await history.choose_noodle_shop(tx, settings.currency) is None:
            sys.exit(f"tongbao: nobody in this city takes payments in {settings.currency}")
        vacant = await history.vacancies(tx)
    for name in vacant:
        # Nobody ever sees the password: staff come in through the demo's door, by a click.
        hashed = identity.hash_password(secrets.token_urlsafe(32), secrets.token_bytes(16))
        async with db.tx() as tx:
            await history.hire(tx, name, staff_id=uuid7(at), password_hash=hashed, at=at)
    async with db.read() as tx:
        cast = await history.cast(tx, settings.currency, at=at)
    assert cast is not None
    return cast


async def _webhook(tx: Tx, shop: UUID, url: str, secret: str, at: datetime) -> UUID:
    """A new endpoint in place of the last run's, whose receiver is gone."""
    before = await history.part(tx, _WEBHOOK)
    if before is not None:
        with suppress(Refusal):  # a visitor has deleted it
            await merchants.delete_endpoint(tx, before, at)
    new = merchants.NewEndpoint(id=uuid7(at), url=url, topics=merchants.TOPICS, merchant_id=shop)
    made = await merchants.create_endpoint(tx, new, secret, by=SYSTEM, at=at, private=True)
    await history.give_part(tx, _WEBHOOK, made.thing.id)
    return made.thing.id


def _file(
    cast: history.Cast, settings: Settings, places: Places, webhook: UUID, bank_key: str, merchant_key: str
) -> console.DemoFile:
    return console.DemoFile(
        address=places.address(places.bank),
        bank_key=bank_key,
        merchant_key=merchant_key,
        receiver=places.address(places.receiver),
        webhook_id=webhook,
        other_bank=places.address(places.other_bank),
        sms=places.address(places.sms),
        day_every_s=settings.day_every_s,
        li_customer_id=cast.li_customer_id,
        li_account_id=cast.li_account_id,
        li_name=cast.li_name,
        noodle_shop_id=cast.noodle_shop_id,
        noodle_shop_name=cast.noodle_shop_name,
        operator=_known(cast.operator),
        accountant=_known(cast.accountant),
        second_accountant=_known(cast.second_accountant),
        auditor=_known(cast.auditor),
    )


def _known(staff: identity.Staff) -> console.DemoStaff:
    return console.DemoStaff(
        id=staff.id, username=staff.username, name=staff.name, roles=tuple(sorted(role.value for role in staff.roles))
    )


def write(path: Path, file: console.DemoFile) -> None:
    """For the user who runs the demo, and nobody else."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(msgspec.json.encode(file))
