"""Each way in which govern says no, by its code."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tongbao import govern, identity
from tongbao.base.jobs import JobContext
from tongbao.base.refusal import Refusal
from tongbao.govern import RequestKind, RequestState
from tongbao.govern.jobs import JOBS

_ELEVEN_YEARS = timedelta(days=4018)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.console.house import House
    from tests.govern.conftest import Somebody
    from tongbao.base.db import Tx


async def refused(house: House, verb: Callable[[Tx], Awaitable[Any]]) -> str:
    async with house.db.tx() as tx:
        with pytest.raises(Refusal) as found:
            await verb(tx)
    return found.value.code


async def asked(house: House, wang: Somebody, kind: RequestKind = RequestKind.ACCESS) -> govern.Request:
    async with house.db.tx() as tx:
        return await govern.ask(tx, wang.himself, kind, "请查", id=house.id(), at=house.at, zone=house.settings.zone)


async def test_what_is_asked_badly(house: House, wang: Somebody) -> None:
    async def ask(tx: Tx, kind: RequestKind, text: str) -> None:
        await govern.ask(tx, wang.himself, kind, text, id=house.id(), at=house.at, zone=house.settings.zone)

    assert await refused(house, lambda tx: ask(tx, RequestKind.COMPLAINT, " ")) == "request_text_needed"
    assert await refused(house, lambda tx: ask(tx, RequestKind.ACCESS, "字" * 1001)) == "request_text_needed"
    await asked(house, wang)
    assert await refused(house, lambda tx: ask(tx, RequestKind.ACCESS, "再查")) == "request_open"


async def test_what_is_answered_badly(house: House, wang: Somebody) -> None:
    found = await asked(house, wang, RequestKind.DELETION)

    async def answer(tx: Tx, id: Any, text: str = "好") -> None:
        await govern.answer(tx, house.bank, id, RequestState.DONE, text, at=house.at)

    assert await refused(house, lambda tx: answer(tx, house.id())) == "request_unknown"
    assert await refused(house, lambda tx: answer(tx, found.id, " ")) == "answer_needed"
    assert await refused(house, lambda tx: answer(tx, found.id)) == "customer_still_here"
    async with house.db.tx() as tx:
        await govern.withdraw(tx, wang.himself, found.id, at=house.at)
    assert await refused(house, lambda tx: answer(tx, found.id)) == "request_over"


async def test_holds_of_nobody_and_too_late(house: House, wang: Somebody) -> None:
    async def hold(tx: Tx) -> None:
        await govern.hold(tx, house.bank, wang.id, reason="法院", at=house.at)

    assert await refused(house, hold) == "leaver_unknown"
    await wang.leave()
    for _ in range(2):
        for job in JOBS:
            await job.run(JobContext(house.db, house.clock, house.settings))
        house.clock.tick(_ELEVEN_YEARS)
    assert await refused(house, hold) == "already_erased"


async def test_a_wording_of_before_is_no_answer(house: House, wang: Somebody) -> None:
    async def agree(tx: Tx) -> None:
        await identity.set_consent(tx, wang.id, "suggestions", 7, True, id=house.id(), by=wang.himself, at=house.at)

    assert await refused(house, agree) == "wording_outdated"
