"""The only Python that touches customers' preferences: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.identity.preference_model import Home, Preferences, Theme, Tongue, TypeSize, in_order

Q = sql.load("tongbao.identity", "preference")


async def preference(tx: Tx, customer_id: UUID) -> Preferences | None:
    row = await tx.row(Q["preference"], customer_id=customer_id)
    if row is None:
        return None
    home, theme, size, language, actions, tour_is_over = row
    return Preferences(
        home=Home(home),
        theme=Theme(theme) if theme else None,
        type=TypeSize(size),
        language=Tongue(language) if language else None,
        actions=in_order(actions),
        tour_is_over=tour_is_over,
    )


async def set_look(
    tx: Tx, customer_id: UUID, home: Home, theme: Theme | None, type_: TypeSize, language: Tongue | None
) -> None:
    await tx.run(
        Q["set_look"],
        customer_id=customer_id,
        home=home.value,
        theme=theme.value if theme else None,
        type=type_.value,
        language=language.value if language else None,
    )


async def set_actions(tx: Tx, customer_id: UUID, names: Sequence[str]) -> None:
    await tx.run(Q["set_actions"], customer_id=customer_id, actions=list(names))


async def end_tour(tx: Tx, customer_id: UUID, at: datetime) -> None:
    await tx.run(Q["end_tour"], customer_id=customer_id, at=at)
