"""What follows from an answer, for every row of answers that a gateway could give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tongbao.notices.messages import REPORTED_WITHIN, due, pause, turn
from tongbao.notices.model import Call, Channel, MessageState, Parcel, Reason, Said, Verb

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
EXPIRES = START + timedelta(minutes=5)
PARCEL = Parcel(
    id=UUID(int=1),
    subject_id=UUID(int=2),
    channel=Channel.SMS,
    sealed_to=b"",
    sealed_text=b"",
    state=MessageState.QUEUED,
    next=Verb.SEND,
    tries=0,
    expires_at=EXPIRES,
    left_at=None,
    sent_at=None,
    lease=UUID(int=3),
)
ANSWERS = {
    Verb.SEND: [s for s in Said if s not in (Said.NEVER_SEEN, Said.EXPIRED)],
    Verb.ASK: [s for s in Said if s not in (Said.EXPIRED, Said.UNREADABLE)],
}


def follow(parcel: Parcel, data: st.DataObject) -> tuple[Parcel, list[Call], datetime]:
    """Asks until nothing more is asked: the message as it ended, what was said, and when."""
    at, calls = START, []
    while True:
        verb = due(parcel, at)
        said = Said.EXPIRED if verb is None else data.draw(st.sampled_from(ANSWERS[verb]))
        took = timedelta(milliseconds=data.draw(st.integers(0, 10_000)))
        call = Call(verb=verb or parcel.next, said=said, at=at, ended_at=at if verb is None else at + took)
        calls.append(call)
        found = turn(parcel, call)
        parcel = msgspec.structs.replace(
            parcel,
            state=found.state,
            next=found.next or parcel.next,
            tries=found.tries,
            left_at=found.left_at,
            sent_at=found.sent_at,
        )
        assert (found.next is None) == (found.next_at is None) == (found.ended_at is not None)
        if found.next_at is None:
            _check_end(parcel, found.reason)
            return parcel, calls, call.ended_at
        assert found.next_at >= call.ended_at
        assert found.reason is None
        at = found.next_at


def _check_end(parcel: Parcel, reason: Reason | None) -> None:
    assert parcel.state is not MessageState.QUEUED
    assert (reason is None) == (parcel.state is MessageState.DELIVERED)
    if parcel.state in (MessageState.DELIVERED, MessageState.SENT):
        assert parcel.sent_at is not None


@given(st.data())
def test_it_always_ends_and_is_never_sent_too_late(data: st.DataObject) -> None:
    _, calls, ended = follow(PARCEL, data)
    sends = [call.at for call in calls if call.verb is Verb.SEND and call.said is not Said.EXPIRED]
    assert all(at < EXPIRES for at in sends)
    assert ended <= EXPIRES + REPORTED_WITHIN + pause(Verb.ASK, 100) + timedelta(seconds=10)
    assert len(calls) < 200


@given(st.data())
def test_whatever_may_have_left_is_not_called_expired_unasked(data: st.DataObject) -> None:
    _, calls, _ = follow(PARCEL, data)
    may_have_left = [c for c in calls if c.verb is Verb.SEND and c.said in (Said.SILENT, Said.TAKEN)]
    if may_have_left:
        assert calls[-1].said is not Said.EXPIRED


def test_pauses_grow_up_to_a_bound() -> None:
    assert [pause(Verb.SEND, n).seconds for n in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pause(Verb.ASK, 12) == timedelta(seconds=2048)
    assert pause(Verb.ASK, 10_000) == timedelta(hours=1)
