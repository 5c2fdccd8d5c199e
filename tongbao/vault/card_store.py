"""The only Python that asks the functions of `vault.card`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.vault.card_model import TokenisedCard

Q = sql.load("tongbao.vault", "card")


def _shown(row: Sequence[Any]) -> TokenisedCard:
    token, subject_id, network, issuer, issuer_zh, last4, expires_on = row
    return TokenisedCard(
        token=token,
        subject_id=subject_id,
        network=network,
        issuer=issuer,
        issuer_zh=issuer_zh,
        last4=last4,
        expires_on=expires_on,
    )


async def keep(tx: Tx, card: TokenisedCard, sealed: bytes, fingerprint: bytes, at: datetime) -> TokenisedCard:
    row = await tx.row(
        Q["keep_card"],
        token=card.token,
        subject_id=card.subject_id,
        sealed=sealed,
        fingerprint=fingerprint,
        network=card.network,
        issuer=card.issuer,
        issuer_zh=card.issuer_zh,
        last4=card.last4,
        expires_on=card.expires_on,
        at=at,
    )
    assert row is not None
    return _shown(row)


async def shown(tx: Tx, tokens: Iterable[UUID]) -> dict[UUID, TokenisedCard]:
    rows = await tx.rows(Q["cards"], tokens=list(tokens))
    return {row[0]: _shown(row) for row in rows}


async def sealed(tx: Tx, token: UUID, *, by: Principal, reason: str, at: datetime) -> tuple[UUID, bytes, date] | None:
    """(whose, sealed number, end) of a card; on record."""
    row = await tx.row(Q["open_card"], token=token, by_id=by.id, by_kind=by.kind.value, reason=reason, at=at)
    return (row[0], bytes(row[1]), row[2]) if row else None


async def forget(tx: Tx, tokens: Iterable[UUID]) -> None:
    await tx.run(Q["forget_cards"], tokens=list(tokens))
