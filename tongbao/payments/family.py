"""Somebody whom a customer trusts: told of what he pays above an amount, asked before he pays more than another.

He looks, agrees or refuses, and never pays: the payer confirms himself, as he always does. The owner may end it at any time; for a
day it holds on, and both are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from tongbao import identity
from tongbao.base import audit, say
from tongbao.base.db import Tx
from tongbao.base.outbox import Event
from tongbao.base.principal import Principal
from tongbao.payments import family_store as store
from tongbao.payments import refusals as no
from tongbao.payments import store as payment_store
from tongbao.payments.family_model import COOLING, Family, FamilyAsk
from tongbao.payments.model import Payment, State
from tongbao.web import i18n

MOST: Final = 50
TOPICS: Final = frozenset({"payment.challenged", "payment.authorised", "payment.completed"})

TOLD_MESSAGES: Final = {
    "named": "%(name)s wants you as a trusted person at the bank. Look at it under Family in the app. You need not accept.",
    "accepted": "%(name)s is your trusted person from now on.",
    "declined": "%(name)s does not want to be your trusted person.",
    "ending": "%(name)s has ended that you are the trusted person. It holds for a day more. Ask whether somebody talked them into it.",
    "ended": "You have ended that %(name)s is your trusted person. It holds for a day more.",
    "left": "%(name)s is not your trusted person any more. You can name another one.",
    "paid": "%(name)s has paid %(amount)s. If that looks wrong, call them first.",
    "asked": "%(name)s asks you about a payment of %(amount)s. Call them, then look under Family in the app.",
    "agreed": "%(name)s agrees to your payment of %(amount)s. Confirm it in the app, if you still want it.",
    "refused": "%(name)s does not agree to your payment of %(amount)s. Nothing was paid.",
}
"""What owner and trusted person are told."""


async def name_trusted(tx: Tx, new: Family, *, by: Principal) -> None:
    """An owner asks somebody to be his trusted person. The same id again changes nothing.

    Refuses `family_of_oneself`, `family_named_already`, `id_taken`, `id_reused`.
    """
    if new.owner_id == new.trusted_id:
        raise no.FAMILY_OF_ONESELF(field="to")
    if not await store.name_trusted(tx, new):
        old = (await store.families(tx, [new.id])).get(new.id)
        if old is None:
            raise no.FAMILY_NAMED_ALREADY()
        if old.owner_id != new.owner_id:
            raise no.ID_TAKEN()
        if (old.trusted_id, old.tell_above_minor, old.ask_above_minor) != (
            new.trusted_id,
            new.tell_above_minor,
            new.ask_above_minor,
        ):
            raise no.ID_REUSED()
        return
    details = {"tell_above": new.tell_above_minor, "ask_above": new.ask_above_minor}
    await audit.record(tx, by, "family.name", new.id, at=new.asked_at, details=details)
    await _tell(tx, new.trusted_id, "named", about=new.owner_id, at=new.asked_at)


async def accept(tx: Tx, id: UUID, *, by: Principal, at: datetime) -> Family:
    """The trusted person says yes. Refuses `family_unknown`."""
    found = await _locked(tx, id, at)
    if found.trusted_id != by.subject_id:
        raise no.FAMILY_UNKNOWN()
    if found.accepted_at is not None:
        return found
    changed = replace(found, accepted_at=at)
    await store.set_family(tx, changed)
    await audit.record(tx, by, "family.accept", id, at=at)
    await _tell(tx, found.owner_id, "accepted", about=found.trusted_id, at=at)
    return changed


async def end(tx: Tx, id: UUID, *, by: Principal, at: datetime) -> Family:
    """Either ends it: what was not accepted, and what the trusted person leaves, at once; what the owner ends, after a day.

    Refuses `family_unknown`.
    """
    found = await _locked(tx, id, at)
    if by.subject_id not in (found.owner_id, found.trusted_id):
        raise no.FAMILY_UNKNOWN()
    is_owner = by.subject_id == found.owner_id
    if is_owner and found.ends_at is not None:
        return found
    cools = is_owner and found.accepted_at is not None
    changed = replace(found, ends_at=at + COOLING if cools else at, ended_by="owner" if is_owner else "trusted")
    await store.set_family(tx, changed)
    await audit.record(tx, by, "family.end", id, at=at, details={"cools": cools})
    if cools:
        await _tell(tx, found.trusted_id, "ending", about=found.owner_id, at=at)
        await _tell(tx, found.owner_id, "ended", about=found.trusted_id, at=at)
    elif not is_owner:
        what = "left" if found.accepted_at is not None else "declined"
        await _tell(tx, found.owner_id, what, about=found.trusted_id, at=at)
    return changed


async def _locked(tx: Tx, id: UUID, at: datetime) -> Family:
    found = await store.lock_family(tx, id)
    if found is None or (found.ends_at is not None and not found.holds(at)):
        raise no.FAMILY_UNKNOWN()
    return found


async def families_of(tx: Tx, customer_id: UUID, *, at: datetime) -> list[Family]:
    """Those of a customer that hold or wait for a yes, whichever of the two he is."""
    return await store.families_of(tx, customer_id, at, MOST)


async def asked_of(tx: Tx, trusted_id: UUID, *, at: datetime) -> list[tuple[FamilyAsk, Payment]]:
    """Payments that wait for what this customer says, the most pressing first."""
    found = await store.asked_of(tx, trusted_id, at, MOST)
    payments = await payment_store.payments(tx, [ask.payment_id for ask in found]) if found else {}
    return [(ask, payments[ask.payment_id]) for ask in found]


async def answer(tx: Tx, payment_id: UUID, *, agreed: bool, by: Principal, at: datetime) -> FamilyAsk:
    """What a trusted person says to a payment, once. Refuses `family_not_asked`, also to all others, and where he said otherwise."""
    found = (await store.family_asks(tx, [payment_id])).get(payment_id)
    if found is None or found.trusted_id != by.subject_id:
        raise no.FAMILY_NOT_ASKED()
    family = (await store.families(tx, [found.family_id]))[found.family_id]
    if found.agreed is None and not family.holds(at):
        raise no.FAMILY_NOT_ASKED()
    payment = (await payment_store.payments(tx, [payment_id]))[payment_id]
    if found.agreed is None and payment.state != State.CHALLENGED:
        raise no.FAMILY_NOT_ASKED()
    if found.agreed is not None or not await store.answer(tx, payment_id, agreed=agreed, at=at):
        again = (await store.family_asks(tx, [payment_id]))[payment_id]
        if again.agreed is not agreed:
            raise no.FAMILY_NOT_ASKED()
        return again
    await audit.record(tx, by, "family.agree" if agreed else "family.refuse", payment_id, at=at)
    what = "agreed" if agreed else "refused"
    await _tell(tx, found.owner_id, what, about=found.trusted_id, at=at, payment=payment)
    return replace(found, agreed=agreed, answered_at=at)


async def asks(tx: Tx, payment_ids: Sequence[UUID]) -> dict[UUID, FamilyAsk]:
    """Of these payments those that a trusted person is to agree to, and what he has said."""
    return await store.family_asks(tx, payment_ids)


async def check_agreed(tx: Tx, payment_ids: Sequence[UUID]) -> dict[UUID, bool | None]:
    """The same, and of each only what he has said."""
    return {id_: ask.agreed for id_, ask in (await asks(tx, payment_ids)).items()}


async def follow_payments(tx: Tx, events: Sequence[Event]) -> None:
    """Tells trusted persons of what was paid, and of what they are asked about. Each once, however often an event comes."""
    asked = [event.aggregate for event in events if event.topic == "payment.challenged"]
    found = await store.family_asks(tx, asked) if asked else {}
    made = [(e.aggregate, e.topic == "payment.authorised", e.at) for e in events if e.topic != "payment.challenged"]
    paid = await store.to_tell(tx, made) if made else []
    if not found and not paid:
        return
    ids = {*found, *(payment_id for payment_id, _, _, _ in paid)}
    payments = await payment_store.payments(tx, ids)
    for id_, ask in found.items():
        what = {"about": ask.owner_id, "at": ask.asked_at, "payment": payments[id_]}
        await _tell(tx, ask.trusted_id, "asked", **what)
    for id_, owner_id, trusted_id, at in paid:
        await _tell(tx, trusted_id, "paid", about=owner_id, at=at, payment=payments[id_])


async def _tell(
    tx: Tx, customer_id: UUID, what: str, *, about: UUID, at: datetime, payment: Payment | None = None
) -> None:
    """In the language that he has chosen, about another whose name is masked as others see it."""
    lang = (await identity.preferences_of(tx, customer_id)).language or "zh"
    name = (await identity.names_for_others(tx, (await identity.find_customers(tx, [about])).values()))[about]
    values = {"name": name}
    if payment is not None:
        values["amount"] = say.money(payment.amount_minor, payment.currency)
    occasion = f"family {what} {payment.id if payment else about}"
    await identity.tell_customer(
        tx, customer_id, i18n.say(TOLD_MESSAGES[what], lang, **values), about=occasion, at=at, path="/me/family"
    )
