"""Cards of other banks: a customer binds one with a code of its issuer, chooses which is offered first, and removes it.

Between two verbs the network is asked, with no transaction open (`card_asking.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao import identity, vault
from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.base.say import Lang
from tongbao.identity import Standing
from tongbao.payments import card_store as store
from tongbao.payments import refusals as no
from tongbao.payments.card_model import MOST, RAIL, TRIES, BoundCard, CardRow, CardState, NewCard, Question
from tongbao.payments.card_network import CardSaid
from tongbao.web import i18n

_ASKS: Final = 10
"""Codes that a customer may ask for within an hour."""
_WAITS: Final = timedelta(hours=1)
CARD_MESSAGES: Final = {
    "bind": "The card %(card)s was added to your account. If it was not you, remove it and tell the bank at once.",
    "prefer": "The card %(card)s is now offered first when you pay. If you did not choose this, tell the bank at once.",
    "unbind": "The card %(card)s was removed from your account. If it was not you, tell the bank at once.",
}
"""What a customer is told of his cards."""
_BINDING: Final = "to bind the card"
"""Why it is opened, for the log of readings."""


def _himself(principal: Principal) -> UUID:
    if principal.kind is not PrincipalKind.CUSTOMER or principal.subject_id is None:
        raise PERMISSION_MISSING("a customer has cards")
    return principal.subject_id


async def ask_for_card(tx: Tx, principal: Principal, new: NewCard, *, at: datetime, today: date) -> Question:
    """Keeps a card that is to be bound; the network is asked next. The same card again begins anew, the same id goes on.

    Refuses `permission_missing`, `card_needs_verification`, `customer_frozen`, what the vault refuses of a number, `id_taken`,
    `id_reused`, `card_refused`, `card_bound_already`, `too_many_cards`, `card_asked_too_often`.
    """
    customer_id = _himself(principal)
    customer = (await identity.find_customers(tx, [customer_id]))[customer_id]
    if customer.level == 0:
        raise no.CARD_NEEDS_VERIFICATION()
    if customer.status is not Standing.OPEN:
        raise no.CUSTOMER_FROZEN()
    card, of = vault.read_card(new.number, new.expires, today)
    question = Question(new.id, card, new.name, new.phone)
    await store.lock_holder(tx, customer_id)
    known = await store.card(tx, new.id)
    if known is not None:
        await _is_the_same(tx, principal, known, question, at)
        return question
    rows = await store.cards_of(tx, customer_id)
    kept = await vault.tokenise(tx, customer_id, card, of, token=new.id, at=at)
    if kept.token != new.id:
        if any(row.id == kept.token and row.state is CardState.BOUND for row in rows):
            raise no.CARD_BOUND_ALREADY(field="number")
        await _end(tx, [kept.token], CardState.REFUSED, at)
        await vault.tokenise(tx, customer_id, card, of, token=new.id, at=at)
    if sum(row.id != kept.token for row in rows) >= MOST:
        raise no.TOO_MANY_CARDS()
    if await store.asked_since(tx, customer_id, at - _WAITS) >= _ASKS:
        raise no.CARD_ASKED_TOO_OFTEN(retry_after_s=int(_WAITS.total_seconds()))
    if not await store.add(tx, new.id, customer_id, at):
        raise no.ID_TAKEN()
    return question


async def _is_the_same(tx: Tx, principal: Principal, known: CardRow, question: Question, at: datetime) -> None:
    if known.customer_id != principal.subject_id:
        raise no.ID_TAKEN()
    if known.state is CardState.BOUND:
        raise no.CARD_BOUND_ALREADY(field="number")
    if known.state is not CardState.ASKED:
        raise no.CARD_REFUSED()
    if await vault.open_card(tx, known.id, by=principal, reason=_BINDING, at=at) != question.card:
        raise no.ID_REUSED()


async def take_answer(tx: Tx, card_id: UUID, said: CardSaid, *, at: datetime) -> None:
    """What the network said when it was asked for a code: a card that its issuer does not know as this person's is forgotten."""
    if said is CardSaid.NO:
        await _end(tx, [card_id], CardState.REFUSED, at)


async def take_try(tx: Tx, principal: Principal, card_id: UUID, *, at: datetime) -> Question | None:
    """Counts one more code for a card, before anybody compares it; None where there were five, and the card is forgotten.

    Refuses `card_unknown`, `card_not_asked`.
    """
    customer_id = _himself(principal)
    await store.lock_holder(tx, customer_id)
    row = await _own(tx, customer_id, card_id)
    if row.state is not CardState.ASKED or row.asked_at + _WAITS <= at:
        raise no.CARD_NOT_ASKED()
    card = await vault.open_card(tx, card_id, by=principal, reason=_BINDING, at=at)
    if row.tries >= TRIES or card is None:
        await _end(tx, [card_id], CardState.REFUSED, at)
        return None
    await store.take_try(tx, card_id)
    return Question(card_id, card)


async def bind_card(tx: Tx, principal: Principal, card_id: UUID, *, at: datetime, lang: Lang = "zh") -> None:
    """The code was the issuer's: the card may be paid with from now on. The first one is offered first. Audited and told to him.

    Refuses `card_unknown`, `card_not_asked`.
    """
    customer_id = _himself(principal)
    await store.lock_holder(tx, customer_id)
    row = await _own(tx, customer_id, card_id)
    if row.state is CardState.BOUND:
        return
    if not await store.bind(tx, card_id, at):
        raise no.CARD_NOT_ASKED()
    if not any(one.is_default for one in await store.cards_of(tx, customer_id)):
        await store.set_default(tx, customer_id, card_id)
    await audit.record(tx, principal, "card.bind", card_id, at=at)
    await _tell(tx, customer_id, card_id, "bind", lang=lang, at=at)


async def prefer_card(tx: Tx, principal: Principal, card_id: UUID, *, at: datetime, lang: Lang = "zh") -> None:
    """This card is offered first from now on. Audited and told to him. Refuses `card_unknown`."""
    customer_id = _himself(principal)
    await store.lock_holder(tx, customer_id)
    row = await _own(tx, customer_id, card_id)
    if row.state is not CardState.BOUND:
        raise no.CARD_UNKNOWN()
    if not row.is_default:
        await store.set_default(tx, customer_id, card_id)
        await audit.record(tx, principal, "card.prefer", card_id, at=at)
        await _tell(tx, customer_id, card_id, "prefer", lang=lang, at=at)


async def unbind_card(tx: Tx, principal: Principal, card_id: UUID, *, at: datetime, lang: Lang = "zh") -> None:
    """Removes a card and what is known of it; one that is removed already stays so. Audited, and told to him where it was bound.

    Refuses `card_unknown`, and `card_in_use` while the network has still to say what became of a payment.
    """
    customer_id = _himself(principal)
    await store.lock_holder(tx, customer_id)
    row = await store.card(tx, card_id)
    if row is None or row.customer_id != customer_id:
        raise no.CARD_UNKNOWN()
    if row.state not in (CardState.ASKED, CardState.BOUND):
        return
    if await store.is_in_use(tx, RAIL, str(card_id)):
        raise no.CARD_IN_USE()
    if row.is_default:
        others = [one.id for one in await store.cards_of(tx, customer_id) if _is_another(one, card_id)]
        await store.set_default(tx, customer_id, others[0] if others else None)
    if row.state is CardState.BOUND:
        await _tell(tx, customer_id, card_id, "unbind", lang=lang, at=at)
    await _end(tx, [card_id], CardState.UNBOUND, at)
    await audit.record(tx, principal, "card.unbind", card_id, at=at)


async def _tell(tx: Tx, customer_id: UUID, card_id: UUID, what: str, *, lang: Lang, at: datetime) -> None:
    shown = (await vault.cards(tx, [card_id]))[card_id].masked
    text = i18n.say(CARD_MESSAGES[what], lang, card=shown)
    await identity.tell_customer(tx, customer_id, text, about=f"card {what} {card_id}", at=at)


def _is_another(row: CardRow, card_id: UUID) -> bool:
    return row.id != card_id and row.state is CardState.BOUND


async def cards_of(tx: Tx, customer_id: UUID) -> list[BoundCard]:
    """A customer's cards, masked: those that are bound, and those that wait for their code; the first one offered first."""
    rows = await store.cards_of(tx, customer_id)
    shown = await vault.cards(tx, [row.id for row in rows]) if rows else {}
    found = [BoundCard.of(row, shown[row.id]) for row in rows if row.id in shown]
    return sorted(found, key=lambda card: not card.is_default)


async def card_to_pay_with(tx: Tx, principal: Principal, card_id: UUID) -> UUID:
    """The card's token, for whoever may pay with it. Refuses `permission_missing`, `card_unknown`."""
    row = await _own(tx, _himself(principal), card_id)
    if row.state is not CardState.BOUND:
        raise no.CARD_UNKNOWN()
    return row.id


async def give_up_cards(tx: Tx, at: datetime, *, most: int) -> int:
    """Forgets cards whose code did not come within the hour; how many."""
    found = await store.lock_asked_before(tx, at - _WAITS, most)
    await _end(tx, found, CardState.REFUSED, at)
    return len(found)


async def _own(tx: Tx, customer_id: UUID, card_id: UUID) -> CardRow:
    row = await store.card(tx, card_id)
    if row is None or row.customer_id != customer_id or row.state in (CardState.REFUSED, CardState.UNBOUND):
        raise no.CARD_UNKNOWN()
    return row


async def _end(tx: Tx, card_ids: Sequence[UUID], state: CardState, at: datetime) -> None:
    if card_ids:
        await store.end(tx, card_ids, state, at)
        await vault.forget_cards(tx, card_ids)
