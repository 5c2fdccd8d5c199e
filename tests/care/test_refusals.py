"""Each way in which care says no, by its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tongbao import care
from tongbao.base.refusal import Refusal
from tongbao.care import help as helping
from tongbao.care.model import OPEN_AT_MOST, SAID_AT_MOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.console.house import House
    from tests.govern.conftest import Somebody
    from tongbao.base.db import Tx

HERE = care.Context(lang="zh")


async def refused(house: House, verb: Callable[[Tx], Awaitable[Any]]) -> str:
    async with house.db.tx() as tx:
        with pytest.raises(Refusal) as found:
            await verb(tx)
    return found.value.code


async def asked(house: House, wang: Somebody) -> UUID:
    async with house.db.tx() as tx:
        made = await care.ask(tx, wang.himself, care.Kind.QUESTION, "请问", HERE, id=house.id(), at=house.at)
    return made.id


async def test_what_is_asked_badly(house: House, wang: Somebody) -> None:
    async def ask(tx: Tx, text: str) -> None:
        await care.ask(tx, wang.himself, care.Kind.QUESTION, text, HERE, id=house.id(), at=house.at)

    assert await refused(house, lambda tx: ask(tx, " ")) == "help_text_needed"
    assert await refused(house, lambda tx: ask(tx, "字" * 1001)) == "help_text_needed"
    for _ in range(OPEN_AT_MOST):
        await asked(house, wang)
    assert await refused(house, lambda tx: ask(tx, "又一件")) == "help_too_many"


async def test_what_is_said_in_the_wrong_place(house: House, wang: Somebody) -> None:
    async def write(tx: Tx, id: UUID) -> None:
        await care.write(tx, wang.himself, id, "还有", message_id=house.id(), at=house.at)

    assert await refused(house, lambda tx: write(tx, house.id())) == "help_unknown"
    full = await asked(house, wang)
    await house.run_sql("UPDATE care.request SET said = %(n)s WHERE id = %(id)s RETURNING 1", n=SAID_AT_MOST, id=full)
    assert await refused(house, lambda tx: write(tx, full)) == "help_full"
    over = await asked(house, wang)
    async with house.db.tx() as tx:
        await helping.close(tx, wang.himself, over, message_id=house.id(), at=house.at)
    assert await refused(house, lambda tx: write(tx, over)) == "help_closed"


async def test_what_is_reported_or_handed_over_wrongly(house: House, wang: Somebody) -> None:
    payer = await house.person(1000)
    paid = await house.pay_by_http(payer, wang.account, 100)

    async def report(tx: Tx) -> None:
        await care.not_mine(tx, wang.himself, UUID(paid["id"]), "", HERE, id=house.id(), at=house.at)

    async def hand(tx: Tx) -> None:
        await care.hand_over(tx, house.principal_of_staff(), found, "nobody", "", message_id=house.id(), at=house.at)

    found = await asked(house, wang)
    assert await refused(house, report) == "not_the_payer"
    assert await refused(house, hand) == "colleague_unknown"
