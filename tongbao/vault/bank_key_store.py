"""The only Python that asks the functions of `vault.bank_key`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.vault.model import Suite
from tongbao.vault.store import WrappedKek

Q = sql.load("tongbao.vault", "bank_key")


class SealedBankKey(msgspec.Struct, frozen=True, kw_only=True):
    """The bank's signing key as it is stored: under `key`, which a root key wraps."""

    key: WrappedKek
    jwk: dict[str, Any]
    sealed: bytes


def _wrapping(row: Sequence[Any]) -> WrappedKek:
    return WrappedKek(id=row[0], suite=Suite(row[1]), root_id=row[2], wrapped=bytes(row[3]))


async def bank_key(tx: Tx) -> SealedBankKey | None:
    """None before the vault was ever used."""
    row = await tx.row(Q["bank_key"])
    return SealedBankKey(key=_wrapping(row), jwk=row[4], sealed=bytes(row[5])) if row else None


async def bank_keys(tx: Tx) -> list[dict[str, Any]]:
    return [row[0] for row in await tx.rows(Q["bank_keys"])]


async def claim_bank_key(tx: Tx, new: SealedBankKey, at: datetime) -> None:
    """The first one, unless somebody was faster."""
    key = new.key
    await tx.run(
        Q["claim_bank_key"],
        suite=key.suite.value,
        root_id=key.root_id,
        wrapped=key.wrapped,
        jwk=Jsonb(new.jwk),
        sealed=new.sealed,
        at=at,
    )


async def lock_bank_keys(tx: Tx) -> list[WrappedKek]:
    return [_wrapping(row) for row in await tx.lock(Rank.IDS, Q["lock_bank_keys"], [])]


async def rewrite_bank_keys(tx: Tx, keys: Sequence[WrappedKek]) -> None:
    if keys:
        await tx.run(
            Q["rewrite_bank_keys"],
            ids=[key.id for key in keys],
            roots=[key.root_id for key in keys],
            wrapped=[key.wrapped for key in keys],
        )
