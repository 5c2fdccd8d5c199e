"""What the rules that a payment met say of it to people: to staff why, to its payer what he may know."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.risk import store
from tongbao.risk.rule_model import Mode


async def asks_to_hold(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    """Of these payments those that the rules want a person to decide on."""
    return await store.asks_to_hold(tx, ids) if ids else set()


async def risks_of(tx: Tx, ids: Collection[UUID]) -> dict[UUID, int]:
    """How risky these payments were found, 0 to 100; those of the last month."""
    return await store.risks_of(tx, ids) if ids else {}


class Sayings(msgspec.Struct, frozen=True):
    """What the rules that a payment met and that act say: `why` to staff; `told` to its payer, by those that decided, each once."""

    why: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


async def sayings(tx: Tx, payment_id: UUID, lang: Lang) -> Sayings:
    """Empty where risk has not looked at the payment, or no rule met it."""
    found = await store.assessment(tx, payment_id)
    hits = [hit for hit in found.hits if hit.mode is Mode.LIVE] if found else []
    if found is None or not hits:
        return Sayings()
    texts = await store.rule_texts(tx, [(hit.rule_id, hit.version) for hit in hits], lang)
    why = [text for text, _ in texts]
    told = [text for hit, (_, text) in zip(hits, texts, strict=True) if text and hit.action == found.action]
    return Sayings(tuple(dict.fromkeys(why)), tuple(dict.fromkeys(told)))
