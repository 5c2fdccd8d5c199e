"""A bank whose customers are heard in the app."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.console.house import House, Shown
from tests.govern.conftest import Somebody
from tests.govern.conftest import house as house
from tongbao import insight
from tongbao.base.jobs import JobContext
from tongbao.insight.jobs import JOBS


class Watch:
    """`over` lets visits end and counts them; `day_passes` runs what the night runs."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.settings = house.settings
        self.begin()

    def begin(self) -> None:
        self.journeys = insight.Journeys(self.house.db, self.house.clock, self.settings, every_s=60)
        self.house.listeners[:] = [self.journeys.hear]

    async def written(self) -> None:
        await self.journeys.close()
        self.begin()

    async def run(self, name: str) -> None:
        (job,) = (job for job in JOBS if job.name == f"insight.{name}")
        await job.run(JobContext(self.house.db, self.house.clock, self.settings))

    async def over(self) -> None:
        await self.written()
        self.house.clock.tick(timedelta(seconds=self.settings.visit_ends_s + 1))
        await self.run("count_visits")

    async def steps(self) -> list[tuple[object, ...]]:
        return await self.house.run_sql("SELECT method, place, code, home FROM insight.step ORDER BY at, id")  # type: ignore[return-value]


@pytest.fixture
async def watch(house: House) -> Watch:
    return Watch(house)


async def press_pay(payer: Somebody, payee: Somebody, amount: str) -> Shown:
    """The last look at a payment, and its button."""
    look = await payer.look(f"/me/pay?to={payee.account.number}&amount={amount}")
    if look.status == 303:
        look = await payer.look(look.to)
    form = re.search(r'<form[^>]*action="/me/pay".*?</form>', look.html, re.DOTALL)
    assert form, look.text
    return await payer.send("/me/pay", **dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[0])))


async def customer(house: House, money_minor: int = 0) -> Somebody:
    """Somebody in a browser, whose session the bank knows."""
    somebody = Somebody(house, await house.person(money_minor))
    somebody.himself = replace(somebody.himself, session_id=house.id())
    house.keys[f"customer-{somebody.id}"] = somebody.himself
    return somebody
