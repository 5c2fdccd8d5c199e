"""How a customer wants to see the bank: kept with him, so that it is the same on every device in which he logs in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.identity import preference_store as store
from tongbao.identity.preference_model import Home, Preferences, Theme, Tongue, TypeSize, in_order


async def preferences_of(tx: Tx, customer_id: UUID) -> Preferences:
    """What he has chosen; what holds for everybody where he has not."""
    return await store.preference(tx, customer_id) or Preferences()


async def set_look(
    tx: Tx, by: Principal, *, home: Home, theme: Theme | None, type_: TypeSize, language: Tongue | None
) -> None:
    """His home and look; seen on his other devices within 2 s. Refuses `permission_missing` but to a customer."""
    await store.set_look(tx, _himself(by), home, theme, type_, language)


async def set_actions(tx: Tx, by: Principal, names: Iterable[str]) -> None:
    """The order of his short ways; names that none has are passed over. Refuses `permission_missing` but to a customer."""
    await store.set_actions(tx, _himself(by), [action.name for action in in_order(names)])


async def end_tour(tx: Tx, by: Principal, *, at: datetime) -> None:
    """The first steps are shown to him no more, on any device. Refuses `permission_missing` but to a customer."""
    await store.end_tour(tx, _himself(by), at)


def _himself(by: Principal) -> UUID:
    if by.kind is not PrincipalKind.CUSTOMER or by.subject_id is None:
        raise PERMISSION_MISSING("a customer sets how he sees the bank")
    return by.subject_id
