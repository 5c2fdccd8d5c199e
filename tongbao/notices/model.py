"""Messages to people: what is sent, how far it has come, and what a gateway may say."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Channel(StrEnum):
    """The way on which a message reaches a person."""

    SMS = "sms"
    PUSH = "push"


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent. `kind` says what it is ("code"), for people who look at figures; it is never sent.

    `sealed_to` (a number as E.164: +8613800138000) and `sealed_text` are UTF-8, sealed under the subject's key and bound to the
    message by `bound_to(id)` and `bound_text(id)`. After `expires_at`, a day at most, it is not sent any more.
    """

    id: UUID
    subject_id: UUID
    channel: Channel
    kind: str
    sealed_to: bytes
    sealed_text: bytes
    expires_at: datetime


class MessageState(StrEnum):
    """`sent`: the gateway took it. `delivered`: it was on the person's phone. `failed`: the person never gets it."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a message ended without being delivered."""

    EXPIRED = "expired"
    REFUSED = "refused"
    UNDELIVERED = "undelivered"
    UNREADABLE = "unreadable"
    NO_ANSWER = "no_answer"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the bank shows it: never to whom nor what. `ended_at`: since when nothing more is done about it."""

    id: UUID
    subject_id: UUID
    channel: Channel
    kind: str
    state: MessageState
    reason: Reason | None
    queued_at: datetime
    expires_at: datetime
    tries: int
    sent_at: datetime | None
    ended_at: datetime | None


class Verb(StrEnum):
    """What a gateway is asked: to send, or what became of it."""

    SEND = "send"
    ASK = "ask"


class Said(StrEnum):
    """What a gateway said, and how one comes to have no answer of it."""

    TAKEN = "taken"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    REFUSED = "refused"
    HANDED_ON = "handed_on"
    """Taken by somebody who never says what becomes of it."""
    NEVER_SEEN = "never_seen"
    SILENT = "silent"
    """No answer that can be read: it may have taken the message."""
    NOT_SENT = "not_sent"
    """The question surely never reached it."""
    EXPIRED = "expired"
    """Nobody was asked: it is too late for this message."""
    UNREADABLE = "unreadable"
    """Nobody was asked: the message is sealed under a key that is gone."""

    @property
    def is_answer(self) -> bool:
        return self not in (Said.SILENT, Said.NOT_SENT)


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A message leased to one sender, still sealed."""

    id: UUID
    subject_id: UUID
    channel: Channel
    sealed_to: bytes
    sealed_text: bytes
    state: MessageState
    next: Verb
    tries: int
    expires_at: datetime
    left_at: datetime | None
    sent_at: datetime | None
    lease: UUID


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a gateway, or the finding that none is to be asked; `at` and `ended_at` are its first and last moment."""

    verb: Verb
    said: Said
    at: datetime
    ended_at: datetime


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from an answer: how far the message is, and what is asked next, if anything."""

    state: MessageState
    reason: Reason | None = None
    next: Verb | None = None
    next_at: datetime | None = None
    tries: int = 0
    left_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that no gateway has taken yet, counted to a bound, when the oldest was queued, and those that failed in an hour."""

    waiting: int
    oldest_at: datetime | None
    failed: int
