"""Browsers that people let the bank push notices to. Where each is reached is sealed; a browser that is gone is forgotten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.notices import subscription_store as store
from tongbao.notices.inbox_model import Subscribed

MOST: int = 10
"""Browsers of one person; the oldest makes room."""


def bound_subscription(id: UUID) -> str:
    """What a sealed subscription is bound to."""
    return f"notices.subscription {id}"


async def subscribe(tx: Tx, new: Subscribed, mark: bytes, *, at: datetime) -> None:
    """This browser is this person's from now on, and nobody else's. `mark`: which browser it is."""
    await store.drop_marks(tx, [mark])
    await store.subscribe(tx, new, mark, at)
    await store.drop_beyond(tx, new.subject_id, MOST)


async def subscriptions_of(tx: Tx, subjects: Collection[UUID]) -> list[Subscribed]:
    """The browsers of these people, still sealed."""
    return await store.subscriptions_of(tx, subjects) if subjects else []


async def unsubscribe(tx: Tx, subject_id: UUID) -> int:
    """Nothing is pushed to any browser of his any more; how many there were."""
    return await store.unsubscribe(tx, subject_id)


async def drop_marks(tx: Tx, marks: Sequence[bytes]) -> None:
    """Browsers that their push service does not know any more."""
    await store.drop_marks(tx, marks)
