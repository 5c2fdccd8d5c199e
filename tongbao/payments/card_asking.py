"""Binds cards: what is decided in transactions, and the network that is asked between them, with none open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.payments import cards
from tongbao.payments import refusals as no
from tongbao.payments.card_model import NewCard, Question
from tongbao.payments.card_network import CardNetwork, CardSaid


def network_at(settings: Settings, moment: Callable[[], datetime]) -> CardNetwork:
    """The network that the settings name. Refuses `card_network_missing`."""
    if not settings.card_network:
        raise no.CARD_NETWORK_MISSING()
    return CardNetwork(settings.card_network, moment, authorities=settings.card_network_ca)


async def begin(
    db: Database, network: CardNetwork, principal: Principal, new: NewCard, *, at: datetime, today: date
) -> None:
    """Has the issuer send its owner a code. May be said again under the same id until it is known to have been heard.

    Refuses what `ask_for_card` refuses, `card_refused`, and `card_network_silent`.
    """

    async def ask(tx: Tx) -> Question:
        return await cards.ask_for_card(tx, principal, new, at=at, today=today)

    question = await db.retry(ask)
    said = await network.verify(question.id, question.card, question.name, question.phone)

    async def take(tx: Tx) -> None:
        await cards.take_answer(tx, question.id, said, at=at)

    await db.retry(take)
    if said is CardSaid.NO:
        raise no.CARD_REFUSED()
    if said is not CardSaid.YES:
        raise no.CARD_NETWORK_SILENT()


async def finish(
    db: Database,
    network: CardNetwork,
    principal: Principal,
    card_id: UUID,
    code: str,
    *,
    at: datetime,
    lang: Lang = "zh",
) -> None:
    """Has the issuer compare a code, and binds the card where it is right. Each code is counted before it is compared.

    Refuses `card_unknown`, `card_not_asked`, `card_code_wrong`, `card_code_tries`, `card_network_silent`.
    """

    async def take(tx: Tx) -> Question | None:
        return await cards.take_try(tx, principal, card_id, at=at)

    question = await db.retry(take)
    if question is None:
        raise no.CARD_CODE_TRIES(field="code")
    said = await network.prove(card_id, question.card, code)
    if said is CardSaid.SILENT:
        raise no.CARD_NETWORK_SILENT()
    if said is CardSaid.WRONG_CODE:
        raise no.CARD_CODE_WRONG(field="code")

    async def settle(tx: Tx) -> None:
        if said is CardSaid.YES:
            await cards.bind_card(tx, principal, card_id, at=at, lang=lang)
        else:
            await cards.take_answer(tx, card_id, said, at=at)

    await db.retry(settle)
    if said is not CardSaid.YES:
        raise no.CARD_REFUSED()
