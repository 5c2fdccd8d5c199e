"""People are told of their money: after the commit, from the outbox, so that no payment waits for it.

A page of events takes two statements, however many people it concerns. Whoever wants an SMS or a push besides gets one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from tongbao import identity, notices
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.outbox import Event
from tongbao.notices import Kind as NoticeKind
from tongbao.notices import NewNotice, Way, What
from tongbao.payments import told_store as store
from tongbao.payments.model import Arrives, Capture, Kind
from tongbao.payments.told_store import Concerned

_TOPICS: Final = ("completed", "authorised", "captured", "refunded", "recalled", "cancelled", "expired", "declined")
TOPICS: Final = frozenset(f"payment.{topic}" for topic in _TOPICS)
_IN: Final = frozenset({What.RECEIVED, What.SALARY, What.REFUNDED})


async def tell_people(tx: Tx, events: Sequence[Event]) -> None:
    """Puts what became of their money into people's inboxes. Each once, however often an event comes."""
    found = await store.concerned(tx, {event.aggregate for event in events})
    told = [
        _notice(event, customer_id, what)
        for event in events
        if event.aggregate in found
        for customer_id, what in _whom(event, found[event.aggregate])
    ]
    await notices.tell(tx, told)
    await _on_other_ways(tx, told)


def _whom(event: Event, about: Concerned) -> Iterator[tuple[UUID, What]]:
    """Who is told what by this event: what goes on later is told when it is agreed, and again when it is done."""
    topic = event.topic.removeprefix("payment.")
    later = about.arrives is not Arrives.NOW
    payer: What | None = None
    payee: What | None = None
    if topic == "captured" or (topic == "completed" and not later):
        payer = What.ARRIVED if later else What.PAID
        payee = What.SALARY if about.kind is Kind.SALARY else What.RECEIVED
    elif topic == "authorised" and (later or about.capture is Capture.MANUAL):
        payer = What.ON_ITS_WAY if later else What.SET_ASIDE
    elif topic == "refunded":
        payer = What.REFUNDED
    elif topic == "recalled":
        payer = What.CALLED_BACK
    elif topic in ("cancelled", "expired", "declined") and event.payload.get("authorised"):
        payer = What.CALLED_BACK if later else What.FREED
    # Between two accounts of one's own nothing was gained or lost: both sides are told to nobody but the one who pays.
    if payee is not None and about.payee_id is not None and about.payee_id != about.payer_id:
        yield about.payee_id, payee
    if payer is not None and about.payer_id is not None and about.kind is not Kind.TOPUP:
        yield about.payer_id, payer
    elif about.kind is Kind.TOPUP and payee is not None and about.payee_id == about.payer_id and about.payee_id:
        yield about.payee_id, payee


def _notice(event: Event, customer_id: UUID, what: What) -> NewNotice:
    moved = event.payload.get("moved") or event.payload["amount"]
    return NewNotice(
        id=derived(event.event_id, f"told {what} {customer_id}"),
        subject_id=customer_id,
        kind=NoticeKind.MONEY_IN if what in _IN else NoticeKind.MONEY_OUT,
        at=event.at,
        what=what,
        amount_minor=int(moved),
        currency=event.payload["currency"],
        path=f"/me/payments/{event.aggregate}",
    )


async def _on_other_ways(tx: Tx, told: Sequence[NewNotice]) -> None:
    """To the few who want it by SMS or push as well; each message is sealed for its own reader."""
    if not told:
        return
    people = {one.subject_id for one in told}
    chosen = await notices.choices_of(tx, people)
    browsers: dict[UUID, list[notices.Subscribed]] = {}
    for browser in await notices.subscriptions_of(tx, people):
        browsers.setdefault(browser.subject_id, []).append(browser)
    for one in told:
        wanted, his = chosen[one.subject_id], browsers.get(one.subject_id, [])
        if his or wanted.wants(one.kind, Way.SMS):
            await identity.send_notice(tx, one, wanted, his)
