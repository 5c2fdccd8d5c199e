"""The inbox of the app: what a person is told there, what he has read, and on which ways he wants to hear of what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.notices import inbox_store as store
from tongbao.notices.inbox_model import FIXED, Choices, Kind, NewNotice, Notice, Unread, Way

_KEPT: Final = timedelta(days=90)
NEWEST: Final = (datetime(2200, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
"""The place before which everything stands."""


def bound_notice(id: UUID) -> str:
    """What the sealed text of a notice is bound to, so that it opens in this place alone."""
    return f"notices.inbox {id}"


async def tell(tx: Tx, notices: Sequence[NewNotice]) -> None:
    """Tells people in the app, by one statement, except those who do not want to hear of it there. An id that is known adds nothing."""
    if notices:
        await store.tell(tx, notices)


async def inbox_of(tx: Tx, subject_id: UUID, *, before: tuple[datetime, UUID] = NEWEST, most: int) -> list[Notice]:
    """What a person was told before a place, newest first."""
    return await store.inbox(tx, subject_id, before, most)


async def unread(tx: Tx, subjects: Collection[UUID]) -> dict[UUID, Unread]:
    """What each of these people has not read, by one statement."""
    return await store.unread(tx, subjects) if subjects else {}


async def read_notices(tx: Tx, subject_id: UUID, *, until: datetime, at: datetime) -> int:
    """He has seen what was told up to `until`; how many were new to him."""
    return await store.read_notices(tx, subject_id, until, at)


async def choices_of(tx: Tx, subjects: Collection[UUID]) -> dict[UUID, Choices]:
    """On which ways each of these people wants to hear of what."""
    said = await store.choices(tx, subjects)
    return {subject: Choices(said.get(subject, {})) for subject in subjects}


async def set_choices(tx: Tx, subject_id: UUID, wanted: Mapping[tuple[Kind, Way], bool]) -> None:
    """What is fixed stays, whatever is wanted."""
    await store.set_choices(tx, subject_id, {place: yes for place, yes in wanted.items() if place not in FIXED})


async def forget_notices(tx: Tx, at: datetime, *, most: int = 500) -> int:
    """Deletes what was told more than 90 days ago; how many."""
    return await store.forget_notices(tx, at - _KEPT, most)


async def drop_people(tx: Tx, subjects: Sequence[UUID]) -> None:
    """Deletes what whoever has left was told and has chosen."""
    await store.drop_people(tx, subjects)
