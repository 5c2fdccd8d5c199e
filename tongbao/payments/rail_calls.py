"""What rails are asked next: who is due, what was said, when to ask again, and which rails are left alone for a while.

A request to send money is repeated under its own id; it is never taken for lost before the rail has said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.model import RailCall, RailParcel, RailSaid, RailVerb

LEASE: Final = timedelta(seconds=30)
SAFE: Final = timedelta(seconds=60)
"""A request that left this long ago and that the rail has never seen will not arrive any more: six times what one may take."""
FAILURES: Final = 5
"""So many questions in a row without an answer, and the rail is left alone for a while."""
REVERSALS: Final = 30
"""So often a network is told that something is taken back (for about two hours); then it is asked what became of it."""
_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(minutes=5)
_FIRST_REST: Final = timedelta(seconds=5)
_LONGEST_REST: Final = timedelta(minutes=1)
_KEPT: Final = timedelta(days=90)

VERDICTS: Final = {RailSaid.ACCEPTED: "rail_accepted", RailSaid.DECLINED: "rail_declined"}
"""The verb that an answer calls for."""


class Turn(msgspec.Struct, frozen=True):
    """What follows from an answer: the verb on the payment, if any; and what is asked next, if anything."""

    verdict: str | None = None
    next: RailVerb | None = None
    at: datetime | None = None
    tries: int = 0
    sent_at: datetime | None = None


def pause(tries: int) -> timedelta:
    """How long to wait after the n-th time without an answer: 2, 4, 8 ... seconds, at most five minutes."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(tries - 1, 10))


def rest(failing: int) -> timedelta:
    """How long a rail is left alone that did not answer `failing` times in a row: 5, 10, 20 ... seconds, at most a minute."""
    return min(_LONGEST_REST, _FIRST_REST * 2 ** min(max(failing - FAILURES, 0), 10))


def turn(parcel: RailParcel, call: RailCall) -> Turn:
    """What follows from what a rail said. Pure; the one place where asking, asking again and giving up are decided."""
    at, tries = call.at + timedelta(milliseconds=call.duration_ms), parcel.tries + 1
    if parcel.is_over:
        return _turn_of_reversal(parcel, call, at, tries)
    sent_at = call.at if call.verb is RailVerb.PULL and call.said is not RailSaid.NOT_SENT else parcel.sent_at
    late = parcel.due_at is not None and at >= parcel.due_at
    if call.said in VERDICTS:
        return Turn(VERDICTS[call.said], sent_at=sent_at)
    if call.verb is RailVerb.PULL:
        if call.said is not RailSaid.NOT_SENT:
            return Turn("rail_silent", RailVerb.ASK, at + pause(1), 1, sent_at)
        if sent_at is None and late:
            return Turn("rail_never_received")
        # Once a request may have left, only the rail itself can say that it did not arrive.
        verb = RailVerb.PULL if sent_at is None or not late else RailVerb.ASK
        return Turn(None, verb, at + pause(tries), tries, sent_at)
    if call.said is not RailSaid.NEVER_SEEN:
        return Turn(None, RailVerb.ASK, at + pause(tries), tries, sent_at)
    if sent_at is not None and call.at < sent_at + SAFE:
        return Turn(None, RailVerb.ASK, max(sent_at + SAFE, at + pause(1)), 0, sent_at)
    if late:
        return Turn("rail_never_received", sent_at=sent_at)
    return Turn(None, RailVerb.PULL, at, 0, sent_at)


def _turn_of_reversal(parcel: RailParcel, call: RailCall, at: datetime, tries: int) -> Turn:
    """The payment came to nothing: until the network has said so, its card may stay charged."""
    back = call.said is RailSaid.NEVER_SEEN
    if back or call.said is (RailSaid.ACCEPTED if call.verb is RailVerb.REVERSE else RailSaid.DECLINED):
        return Turn("rail_reversed", sent_at=parcel.sent_at)
    if call.verb is RailVerb.ASK:
        if call.said is RailSaid.ACCEPTED:
            return Turn("rail_kept", sent_at=parcel.sent_at)
        return Turn(None, RailVerb.ASK, at + pause(tries), tries, parcel.sent_at)
    if call.said is RailSaid.DECLINED or tries >= REVERSALS:
        return Turn(None, RailVerb.ASK, at + pause(1), 0, parcel.sent_at)
    return Turn(None, RailVerb.REVERSE, at + pause(tries), tries, parcel.sent_at)


async def take_due(tx: Tx, room: Mapping[str, int], lease: UUID, at: datetime) -> list[RailParcel]:
    """Leases what is due to one caller for half a minute: at most `room` of each rail, and one of a rail that may be back."""
    open_until = await store.open_rails(tx, room, lock=True) if room else {}
    wanted = {
        rail: min(most, 1) if rail in open_until else most
        for rail, most in room.items()
        if rail not in open_until or open_until[rail] <= at
    }
    wanted = {rail: most for rail, most in wanted.items() if most > 0}
    if not wanted:
        return []
    parcels = await store.lease_rail_payments(tx, wanted, lease=lease, at=at, until=at + LEASE)
    if trying := {parcel.rail for parcel in parcels} & set(open_until):
        await store.set_open_until(tx, trying, at + _LONGEST_REST)
    return parcels


async def record(tx: Tx, calls: Sequence[tuple[RailParcel, RailCall]]) -> None:
    """Writes down what rails said, when they are asked again, and how they are. Answers are taken by verbs afterwards."""
    await store.add_rail_calls(tx, calls)
    turns = [(parcel, turn(parcel, call)) for parcel, call in calls if parcel.lease is not None]
    again = [(p.payment_id, p.lease, t.next.value, t.at, t.tries, t.sent_at) for p, t in turns if t.next and t.at]
    if again:
        await store.ask_again_at(tx, again)
    await _count(tx, calls)


async def _count(tx: Tx, calls: Sequence[tuple[RailParcel, RailCall]]) -> None:
    """A row changes only while a rail fails: a healthy rail's answers wait for no lock."""
    rails = {parcel.rail for parcel, _ in calls}
    failed = {parcel.rail for parcel, call in calls if not call.said.is_answer}
    changed = failed | await store.failing_rails(tx, rails)
    if not changed:
        return
    state = await store.lock_rail_state(tx, changed)
    rested = {rail for rail, (_, _, until) in state.items() if until is not None}
    for parcel, call in calls:
        if parcel.rail not in changed:
            continue
        failing, since, _ = state[parcel.rail]
        if call.said.is_answer:
            state[parcel.rail] = (0, None, None)
            continue
        ended = call.at + timedelta(milliseconds=call.duration_ms)
        until = ended + rest(failing + 1) if failing + 1 >= FAILURES else None
        state[parcel.rail] = (failing + 1, since or call.at, until)
    await store.set_rail_state(tx, [(rail, *state[rail]) for rail in sorted(changed)])
    if back := {rail for rail in rested if state[rail][0] == 0}:
        await store.hurry_rail_payments(tx, back, max(call.at for _, call in calls))


async def check_up(tx: Tx, rail: str, at: datetime) -> None:
    """Refuses `rail_down` while a rail is left alone, and while somebody else's payment is to find out whether it is back."""
    until = (await store.open_rails(tx, [rail])).get(rail)
    if until is None:
        return
    if until > at:
        raise no.RAIL_DOWN(retry_after_s=max(1, -((at - until) // timedelta(seconds=1))))
    if await store.anybody_waits(tx, rail):
        raise no.RAIL_DOWN(retry_after_s=1)


async def forget_calls(tx: Tx, at: datetime, *, most: int = 500) -> int:
    """Deletes calls older than 90 days; how many. What they led to stays with the payment."""
    return await store.forget_rail_calls(tx, at - _KEPT, most)
