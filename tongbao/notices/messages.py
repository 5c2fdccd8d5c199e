"""Messages on their way: queued with what they speak of, leased to a sender, and moved by what a gateway says.

Nothing here touches the network or opens a seal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.notices import store
from tongbao.notices.model import (
    Backlog,
    Call,
    Channel,
    Message,
    MessageState,
    NewMessage,
    Parcel,
    Reason,
    Said,
    Turn,
    Verb,
)

LASTS_AT_MOST: Final = timedelta(days=1)
"""A message that nobody could send for so long is stale, whatever it is about."""
REPORTED_WITHIN: Final = timedelta(days=1)
"""So long a gateway is asked what became of a message; then it stays as sent as it was."""
LEASE: Final = timedelta(seconds=30)
_FIRST_PAUSE: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = {Verb.SEND: timedelta(seconds=30), Verb.ASK: timedelta(hours=1)}
_KEPT: Final = timedelta(days=90)
_OF_LATE: Final = timedelta(hours=1)


def bound_to(id: UUID) -> str:
    """What the sealed number of a message is bound to, so that it opens in this place alone."""
    return f"notices.message.to {id}"


def bound_text(id: UUID) -> str:
    """What the sealed text of a message is bound to."""
    return f"notices.message.text {id}"


async def queue(tx: Tx, messages: Sequence[NewMessage], *, at: datetime) -> None:
    """Puts messages on their way, in the transaction that wants them sent: they leave once it has committed, or never.

    An id that is known already adds nothing. `expires_at` is at most a day ahead; one further away counts as a day.
    """
    if messages:
        await store.queue_messages(tx, messages, [min(m.expires_at, at + LASTS_AT_MOST) for m in messages], at)


async def find(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Message]:
    """How far messages have come, by id."""
    return await store.messages(tx, ids)


async def messages_to(tx: Tx, subject_id: UUID, *, most: int = 50) -> list[Message]:
    """A person's newest messages, newest first."""
    return await store.messages_to(tx, subject_id, most)


async def backlog(tx: Tx, at: datetime) -> Backlog:
    """What waits for a gateway, and what failed within the hour before `at`."""
    return await store.backlog(tx, at - _OF_LATE)


_ENDS: Final = {
    Said.DELIVERED: (MessageState.DELIVERED, None),
    Said.HANDED_ON: (MessageState.SENT, Reason.NO_ANSWER),
    Said.UNDELIVERED: (MessageState.FAILED, Reason.UNDELIVERED),
    Said.REFUSED: (MessageState.FAILED, Reason.REFUSED),
    Said.EXPIRED: (MessageState.FAILED, Reason.EXPIRED),
    Said.UNREADABLE: (MessageState.FAILED, Reason.UNREADABLE),
}


def pause(verb: Verb, tries: int) -> timedelta:
    """How long to wait after the n-th time: 1, 2, 4 ... seconds, at most 30 to send again and an hour to ask again."""
    return min(_LONGEST_PAUSE[verb], _FIRST_PAUSE * 2 ** min(max(tries - 1, 0), 20))


def due(parcel: Parcel, at: datetime) -> Verb | None:
    """What the gateway is asked about a message at this moment; None: nothing, for it is too late and it never left."""
    if parcel.next is Verb.SEND and at >= parcel.expires_at:
        return Verb.ASK if parcel.left_at else None
    return parcel.next


def turn(parcel: Parcel, call: Call) -> Turn:
    """What follows from what a gateway said. Pure; the one place where sending, asking again and giving up are decided."""
    at = call.ended_at
    left_at, sent_at = _seen_at(parcel, call)
    if call.said in _ENDS:
        state, reason = _ENDS[call.said]
        return Turn(state=state, reason=reason, tries=parcel.tries + 1, left_at=left_at, sent_at=sent_at, ended_at=at)
    if call.said is Said.NEVER_SEEN and at >= parcel.expires_at:
        state, reason = _ENDS[Said.EXPIRED]
        return Turn(state=state, reason=reason, tries=parcel.tries + 1, left_at=left_at, sent_at=sent_at, ended_at=at)
    state = MessageState.SENT if sent_at else MessageState.QUEUED
    if call.verb is Verb.ASK and call.said is not Said.NEVER_SEEN and at >= parcel.expires_at + REPORTED_WITHIN:
        state = MessageState.SENT if sent_at else MessageState.FAILED
        ended = {"left_at": left_at, "sent_at": sent_at, "ended_at": at}
        return Turn(state=state, reason=Reason.NO_ANSWER, tries=parcel.tries + 1, **ended)
    # The gateway knows a message by its id, so one that it may have is simply sent again.
    resend = call.said is Said.NEVER_SEEN or (call.verb is Verb.SEND and call.said is not Said.TAKEN)
    verb = Verb.SEND if resend else Verb.ASK
    tries = 1 if verb is not call.verb and call.said is Said.TAKEN else parcel.tries + 1
    next_at = at + pause(verb, tries)
    if verb is Verb.SEND:
        next_at = max(at, min(next_at, parcel.expires_at))
    return Turn(state=state, next=verb, next_at=next_at, tries=tries, left_at=left_at, sent_at=sent_at)


def _seen_at(parcel: Parcel, call: Call) -> tuple[datetime | None, datetime | None]:
    """When the message may first have reached the gateway, and since when the gateway says that it has it."""
    left_at, sent_at = parcel.left_at, parcel.sent_at
    if call.verb is Verb.SEND and call.said not in (Said.NOT_SENT, Said.EXPIRED, Said.UNREADABLE):
        left_at = left_at or call.at
    if call.said in (Said.TAKEN, Said.HANDED_ON, Said.DELIVERED, Said.UNDELIVERED):
        sent_at = sent_at or call.ended_at
    elif call.said is Said.NEVER_SEEN:
        sent_at = None
    return left_at, sent_at


async def take_due(tx: Tx, channels: Iterable[Channel], lease: UUID, at: datetime, *, most: int) -> list[Parcel]:
    """Leases what is due to one sender for half a minute."""
    return await store.lease_messages(tx, channels, lease=lease, at=at, until=at + LEASE, most=most)


async def record(tx: Tx, calls: Sequence[tuple[Parcel, Call]]) -> None:
    """Writes down what was said. An answer whose lease was over by then is left out: somebody else has that message."""
    if calls:
        await store.write_messages(tx, [(parcel, turn(parcel, call)) for parcel, call in calls])


async def end_expired(tx: Tx, at: datetime, *, most: int = 500) -> int:
    """Ends messages that are too late and never reached a gateway; how many."""
    return await store.end_expired(tx, at, most)


async def forget_messages(tx: Tx, at: datetime, *, most: int = 500) -> int:
    """Deletes messages that ended more than 90 days ago; how many."""
    return await store.forget_messages(tx, at - _KEPT, most)
