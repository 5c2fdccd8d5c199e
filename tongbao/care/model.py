"""Care's nouns: a customer's matter, what was said about it, and whose turn it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base.say import Lang

TEXT_LONGEST: Final = 1000
OPEN_AT_MOST: Final = 20
"""Matters of one customer that are not closed."""
SAID_AT_MOST: Final = 200
WORDS_KEPT: Final = timedelta(days=730)
"""After the end of a matter; then its words go."""


class Kind(StrEnum):
    QUESTION = "question"
    NOT_MINE = "not_mine"
    """A payment that the customer did not make."""
    LOST = "lost"
    SERVICE = "service"
    """A complaint about how he was served."""
    CALL = "call"
    """He wants to be called."""


class Channel(StrEnum):
    APP = "app"
    PHONE = "phone"
    BRANCH = "branch"


class State(StrEnum):
    WAITING = "waiting"
    """The bank's turn."""
    ANSWERED = "answered"
    """The customer's turn."""
    CLOSED = "closed"


class What(StrEnum):
    ASKED = "asked"
    WRITTEN = "written"
    ANSWERED = "answered"
    NOTE = "note"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"


FOR_STAFF: Final = frozenset({What.NOTE, What.HANDED_OVER})
"""What the customer does not see."""
URGENT: Final = frozenset({Kind.NOT_MINE, Kind.LOST})
ANSWERED_WITHIN: Final = {True: timedelta(hours=2), False: timedelta(hours=24)}
"""The bank's own promise for the first answer: of what is urgent, of everything else."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """From where somebody asks: the page without its query, the payment on it, what his browser is called, his language."""

    lang: Lang
    channel: Channel = Channel.APP
    path: str | None = None
    payment_id: UUID | None = None
    device: str | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    customer_id: UUID
    kind: Kind
    channel: Channel
    state: State
    urgent: bool
    path: str | None
    payment_id: UUID | None
    device: str | None
    lang: Lang
    asked_at: datetime
    due_at: datetime
    """When he was to have the first answer."""
    turned_at: datetime
    """Since when it has been the side's turn whose turn it is."""
    owner_id: UUID | None
    answered_at: datetime | None
    closed_at: datetime | None
    said: int
    """How many messages there are."""

    def is_late(self, at: datetime) -> bool:
        return self.state is State.WAITING and at > (
            self.due_at if self.answered_at is None else self.turned_at + self._within
        )

    @property
    def _within(self) -> timedelta:
        return ANSWERED_WITHIN[self.urgent]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`text` None: nothing was written, or it is no longer kept."""

    id: UUID
    said_at: datetime
    what: What
    by_customer: bool
    by_id: UUID
    text: str | None


class Waiting(msgspec.Struct, frozen=True):
    """How many wait for the bank, how many of them longer than was promised, and the oldest of them."""

    open: int
    late: int
    oldest_at: datetime | None
