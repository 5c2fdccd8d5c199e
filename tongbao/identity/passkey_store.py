"""The only Python that touches passkeys, device keys and models of authenticators: one small function a named statement."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.identity.model import Factor, FactorKind
from tongbao.identity.passkey_model import AuthenticatorModel, DeviceKey, DeviceState, Modality, Offer, Passkey
from tongbao.vault import PublicKey

Q = sql.load("tongbao.identity", "passkey")

Row = tuple[Any, ...]


def _passkey(row: Row) -> Passkey:
    (
        id_,
        customer_id,
        credential_id,
        public_key,
        transports,
        modality,
        name,
        sign_count,
        made_at,
        used_at,
        suspended_at,
    ) = row[:11]
    return Passkey(
        id=id_,
        customer_id=customer_id,
        credential_id=bytes(credential_id),
        public_key=bytes(public_key),
        transports=tuple(transports.split()),
        modality=Modality(modality),
        name=name,
        sign_count=sign_count,
        made_at=made_at,
        used_at=used_at,
        suspended_at=suspended_at,
        model=_model(Modality(modality), row[11:]),
    )


def _model(modality: Modality, row: Row) -> AuthenticatorModel | None:
    aaguid, name, false_accept, false_reject, spoof_accept, source = row
    if aaguid is None:
        return None
    return AuthenticatorModel(
        aaguid=aaguid,
        modality=modality,
        name=name,
        false_accept=false_accept,
        false_reject=false_reject,
        spoof_accept=spoof_accept,
        roots=(),
        source=source,
    )


async def passkeys(tx: Tx, customer_ids: Iterable[UUID]) -> list[Passkey]:
    return [_passkey(row) for row in await tx.rows(Q["passkeys"], customer_ids=list(customer_ids))]


async def lock_passkey(tx: Tx, credential_id: bytes) -> Passkey | None:
    rows = await tx.lock(Rank.IDS, Q["lock_passkeys"], [credential_id])
    return _passkey(rows[0]) if rows else None


async def add_passkey(tx: Tx, passkey: Passkey, *, aaguid: UUID, attested: bool) -> bool:
    row = await tx.row(
        Q["add_passkey"],
        id=passkey.id,
        customer_id=passkey.customer_id,
        credential_id=passkey.credential_id,
        public_key=passkey.public_key,
        aaguid=aaguid,
        attested=attested,
        transports=" ".join(passkey.transports),
        modality=passkey.modality.value,
        name=passkey.name,
        sign_count=passkey.sign_count,
        at=passkey.made_at,
    )
    return row is not None


async def passkey_used(tx: Tx, id: UUID, sign_count: int, at: datetime) -> None:
    await tx.run(Q["passkey_used"], id=id, sign_count=sign_count, at=at)


async def suspend_passkey(tx: Tx, id: UUID, at: datetime) -> bool:
    return await tx.run(Q["suspend_passkey"], id=id, at=at) > 0


async def rename_passkey(tx: Tx, customer_id: UUID, id: UUID, name: str) -> bool:
    return await tx.row(Q["rename_passkey"], id=id, customer_id=customer_id, name=name) is not None


async def revoke_passkey(tx: Tx, customer_id: UUID, id: UUID, at: datetime) -> str | None:
    row = await tx.row(Q["revoke_passkey"], id=id, customer_id=customer_id, at=at)
    return row[0] if row else None


async def offer_passkey(tx: Tx, customer_id: UUID, offer: Offer, at: datetime) -> None:
    said = {"challenge": offer.challenge, "modality": offer.modality.value, "name": offer.name}
    await tx.run(Q["offer_passkey"], customer_id=customer_id, **said, at=at)


async def passkey_offer(tx: Tx, customer_id: UUID, since: datetime) -> Offer | None:
    row = await tx.row(Q["passkey_offer"], customer_id=customer_id, since=since)
    return Offer(challenge=bytes(row[0]), modality=Modality(row[1]), name=row[2]) if row else None


async def drop_passkey_offer(tx: Tx, customer_id: UUID) -> None:
    await tx.run(Q["drop_passkey_offer"], customer_id=customer_id)


async def forget_passkey_offers(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_passkey_offers"], before=before)


async def begin_passkey_login(tx: Tx, browser_hash: bytes, challenge: bytes, at: datetime) -> None:
    await tx.run(Q["begin_passkey_login"], browser_hash=browser_hash, challenge=challenge, at=at)


async def take_passkey_login(tx: Tx, browser_hash: bytes) -> tuple[bytes, datetime] | None:
    row = await tx.row(Q["take_passkey_login"], browser_hash=browser_hash)
    return (bytes(row[0]), row[1]) if row else None


async def forget_passkey_logins(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_passkey_logins"], before=before)


def _device_key(row: Row) -> DeviceKey:
    id_, customer_id, suite, jwk, name, made_at, used_at, revoked_at, state = row
    return DeviceKey(
        id=id_,
        customer_id=customer_id,
        suite=suite,
        jwk=jwk,
        name=name,
        made_at=made_at,
        used_at=used_at,
        revoked_at=revoked_at,
        parsed=PublicKey.from_jwk(jwk),
        state=DeviceState(state) if state else None,
    )


async def add_device_key(tx: Tx, key: DeviceKey, thumbprint: str) -> bool:
    said = {"suite": key.suite, "jwk": Jsonb(key.jwk), "thumbprint": thumbprint, "name": key.name, "at": key.made_at}
    return await tx.row(Q["add_device_key"], id=key.id, customer_id=key.customer_id, **said) is not None


async def device_keys(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, DeviceKey]:
    return {row[0]: _device_key(row) for row in await tx.rows(Q["device_keys"], ids=list(ids))}


async def device_keys_of(tx: Tx, customer_ids: Iterable[UUID]) -> list[DeviceKey]:
    return [_device_key(row) for row in await tx.rows(Q["device_keys_of"], customer_ids=list(customer_ids))]


async def device_key_used(tx: Tx, id: UUID, at: datetime) -> None:
    await tx.run(Q["device_key_used"], id=id, at=at)


async def rename_device_key(tx: Tx, customer_id: UUID, id: UUID, name: str) -> bool:
    return await tx.row(Q["rename_device_key"], id=id, customer_id=customer_id, name=name) is not None


async def lock_device_key(tx: Tx, customer_id: UUID, id: UUID) -> DeviceKey | None:
    row = await tx.row(Q["lock_device_key"], id=id, customer_id=customer_id)
    return _device_key(row) if row else None


async def device_key_state(tx: Tx, id: UUID, state: DeviceState, at: datetime) -> None:
    await tx.run(Q["device_key_state"], id=id, state=state.value, at=at)


async def revoke_device_key(tx: Tx, customer_id: UUID, id: UUID, at: datetime) -> str | None:
    row = await tx.row(Q["revoke_device_key"], id=id, customer_id=customer_id, at=at)
    return row[0] if row else None


async def prefer_nothing_gone(tx: Tx, customer_id: UUID) -> None:
    await tx.run(Q["prefer_nothing_gone"], customer_id=customer_id)


async def signing_factors(tx: Tx, customer_ids: Iterable[UUID]) -> list[tuple[UUID, Factor]]:
    rows = await tx.rows(Q["signing_factors"], customer_ids=list(customer_ids))
    return [(row[0], _factor(*row[1:])) for row in rows]


def _factor(kind: str, made_at: datetime, name: str, modality: str | None, preferred: bool) -> Factor:
    what = FactorKind(kind)
    sorts = Modality(modality).sorts if modality else frozenset((what.sort,))
    return Factor(kind=what, set_at=made_at, preferred=preferred, shut_until=None, sorts=sorts, name=name)


async def drop_passkeys(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.run(Q["drop_passkeys"], ids=list(ids))


async def put_models(tx: Tx, models: Iterable[AuthenticatorModel], at: datetime) -> int:
    rows = [
        {
            "aaguid": str(one.aaguid),
            "modality": one.modality.value,
            "name": one.name,
            "false_accept": _text(one.false_accept),
            "false_reject": _text(one.false_reject),
            "spoof_accept": _text(one.spoof_accept),
            "roots": [b64encode(root).decode() for root in one.roots],
            "source": one.source,
        }
        for one in models
    ]
    return await tx.run(Q["put_models"], models=Jsonb(rows), at=at)


def _text(rate: object | None) -> str | None:
    return None if rate is None else str(rate)


async def roots_of(tx: Tx, aaguid: UUID) -> list[bytes]:
    return [bytes(row[0]) for row in await tx.rows(Q["roots_of"], aaguid=aaguid)]
