"""While the bank looks at a risk a customer pays less, or nothing: at once by one person, and as before when two agree."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.console.house import HOSTILE, House
from tests.govern.conftest import Somebody
from tests.govern.conftest import house as house
from tongbao import identity
from tongbao.base.jobs import JobContext
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.identity.jobs import JOBS
from tongbao.identity.restrictions import must_be_restricted

DAY = timedelta(days=1)


def analyst(house: House) -> Principal:
    return Principal(id=house.id(), kind=PrincipalKind.STAFF, permissions=frozenset({"customers:freeze"}))


async def restrict(house: House, customer_id: UUID, level: int, until: datetime | None = None, **more: Any) -> Any:
    said = {"id": house.id(), "reason": "a mule, it seems", "by": analyst(house), "at": house.clock.now(), **more}
    async with house.db.tx() as tx:
        return await identity.restrict(tx, customer_id, level, until=until, **said)


@pytest.fixture
async def wang(house: House) -> Somebody:
    return Somebody(house, await house.person(10_000_000))


@pytest.fixture
async def shop(house: House) -> Somebody:
    return Somebody(house, await house.person())


async def pays(house: House, payer: Somebody, payee: Somebody, amount: int) -> str:
    """What becomes of a payment: its state, or the code of its refusal."""
    done = await house.pay_by_http(payer.account, payee.account, amount)
    return str(done.body.get("code") or done.body["state"])


async def test_whoever_is_restricted_pays_less_from_the_next_payment_on(
    house: House, wang: Somebody, shop: Somebody
) -> None:
    assert await pays(house, wang, shop, 150_000) == "completed"
    await restrict(house, wang.id, 1)
    assert await pays(house, wang, shop, 100_001) == "over_level_limit"
    assert await pays(house, shop, wang, 1_000) == "completed", "he still receives"
    await restrict(house, wang.id, 0)
    assert await pays(house, wang, shop, 1) == "over_level_limit"


async def test_two_people_lift_it_on_its_page(house: House, wang: Somebody, shop: Somebody) -> None:
    path = f"/staff/customers/{wang.id}/restriction"
    operator = house.staff(Role.OPERATOR)
    page = await house.look(path, operator)
    fields = {**page.hidden(), "level": "0", "days": "", "reason": "the police called"}
    for _ in range(2):
        done = await house.send_form(path, fields, operator)
        assert (done.status, done.to) == (303, path)
    assert len(await house.audited("customer.restrict")) == 1, "sent twice, done once"
    assert await pays(house, wang, shop, 100) == "over_level_limit"
    shown = await house.look(path, operator)
    assert "Pays nothing" in shown.text
    assert "the police called" in shown.text
    listed = await house.look("/staff/restrictions", operator, lang="zh")
    assert "暂停支付" in listed.text
    customer = await house.look(f"/staff/customers/{wang.id}", operator)
    assert "Pays nothing · Restriction" in customer.text
    proposed = await house.send_form(f"{path}/lift", {**shown.hidden(0), "why": "it was his brother"}, operator)
    assert await pays(house, wang, shop, 100) == "over_level_limit", "one person alone lifts nothing"
    await house.agree(proposed)
    assert await pays(house, wang, shop, 100) == "completed"
    assert "Nobody's payments are bounded now." in (await house.look("/staff/restrictions", operator)).text
    again = await house.send_form(f"{path}/lift", {"id": house.id(), "why": "once more"}, operator)
    assert (again.status, "This customer is not restricted." in again.text) == (409, True)


async def test_he_is_told_and_his_page_says_so(house: House, wang: Somebody) -> None:
    await restrict(house, wang.id, 1)
    page = await wang.look("/me/safety")
    assert "The bank has lowered what you can pay while it looks at a risk. Your money is safe." in page.text
    chinese = await wang.look("/me/safety", lang="zh")
    assert "因风险核查，本行已临时调低您的支付限额，账户资金安全。" in chinese.text
    await restrict(house, wang.id, 0)
    assert "paused your payments" in (await wang.look("/me/safety")).text


async def test_it_ends_by_itself_on_its_day(house: House, wang: Somebody, shop: Somebody) -> None:
    await restrict(house, wang.id, 0, house.clock.now() + 7 * DAY)
    (job,) = (job for job in JOBS if job.name == "identity.end_restrictions")

    async def run() -> None:
        await job.run(JobContext(house.db, house.clock, house.settings))

    house.clock.tick(7 * DAY - timedelta(seconds=1))
    await run()
    assert await pays(house, wang, shop, 100) == "over_level_limit"
    house.clock.tick(timedelta(seconds=1))
    await asyncio.gather(run(), run())
    assert await pays(house, wang, shop, 100) == "completed"
    assert await house.audited("customer.unrestrict") == [(str(wang.id), "its time is over")]


async def test_nobody_loosens_it_by_putting_another_in_its_place(house: House, wang: Somebody) -> None:
    at = house.clock.now()
    await restrict(house, wang.id, 0, at + 7 * DAY)
    for level, until in ((1, None), (1, at + 30 * DAY), (0, at + 6 * DAY)):
        with pytest.raises(Refusal) as refused:
            await restrict(house, wang.id, level, until)
        assert refused.value.code == "restriction_looser"
    assert (await restrict(house, wang.id, 0, at + 30 * DAY)).until == at + 30 * DAY
    assert (await restrict(house, wang.id, 0)).until is None
    async with house.db.read() as tx:
        assert [one.until for one in await identity.restriction_history(tx, wang.id)].count(None) == 1


async def test_who_may_not_and_what_makes_no_sense(house: House, wang: Somebody) -> None:
    at = house.clock.now()
    nobody = Principal(id=house.id(), kind=PrincipalKind.STAFF, permissions=frozenset())
    gone = Somebody(house, await house.person())
    await gone.leave()
    for customer_id, more, code in (
        (wang.id, {"by": nobody}, "permission_missing"),
        (house.id(), {}, "customer_unknown"),
        (gone.id, {}, "customer_closed"),
        (wang.id, {"until": at + 366 * DAY}, "restriction_too_long"),
        (wang.id, {"until": at}, "restriction_too_long"),
    ):
        with pytest.raises(Refusal) as refused:
            await restrict(house, customer_id, 0, **more)
        assert refused.value.code == code
    async with house.db.tx() as tx:
        with pytest.raises(Refusal) as refused:
            await identity.lift_restriction(tx, wang.id, reason="alone", by=analyst(house), at=at)
    assert refused.value.code == "takes_a_second_person"
    async with house.db.read() as tx:
        with pytest.raises(Refusal) as refused:
            await must_be_restricted(tx, wang.id)
    assert refused.value.code == "not_restricted"


async def test_hostile_words_stay_words(house: House, wang: Somebody) -> None:
    path, operator = f"/staff/customers/{wang.id}/restriction", house.staff(Role.OPERATOR)
    for typed in HOSTILE:
        page = await house.look(path, operator)
        done = await house.send_form(path, {**page.hidden(-1), "level": "0", "days": "", "reason": typed}, operator)
        assert done.status in (303, 422)
        shown = await house.look(path, operator)
        assert "<script>alert" not in shown.html
    wrong = await house.send_form(path, {"id": house.id(), "level": "3", "days": "-1", "reason": ""}, operator)
    assert wrong.status == 422
    assert (await house.look(f"/staff/customers/{house.id()}/restriction", operator)).status == 404
    assert (await house.look(path, house.staff(Role.AUDITOR))).status == 403


async def test_many_who_restrict_at_once_leave_one_restriction(house: House, wang: Somebody) -> None:
    at = house.clock.now()
    done = await asyncio.gather(
        *(restrict(house, wang.id, n % 2, at + (n + 1) * DAY) for n in range(10)), return_exceptions=True
    )
    assert {getattr(one, "code", "made") for one in done} <= {"made", "restriction_looser"}
    assert await house.run_sql("SELECT count(*) FROM identity.restriction WHERE ended_at IS NULL") == [(1,)]


async def test_the_list_is_a_file(house: House, wang: Somebody) -> None:
    await restrict(house, wang.id, 1)
    cookie = {"cookie": f"tongbao_session={house.staff(Role.OPERATOR)}"}
    for form, begins in (("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        answer = await house.client.get(f"/staff/restrictions?format={form}", headers=cookie)
        assert (answer.status_code, answer.content[: len(begins)]) == (200, begins)
