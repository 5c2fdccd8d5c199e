"""What customers are warned of before they pay and told where it matters, what they make of it, and how staff see it counted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.govern.conftest import Somebody
from tongbao import care, identity
from tongbao.base.jobs import JobContext
from tongbao.base.refusal import Refusal
from tongbao.care import tips
from tongbao.care.jobs import JOBS
from tongbao.care.tips import LARGE_MINOR, NEW_FOR, TURNED_BACK_AFTER, WARNING_MESSAGES, WARNINGS_KEPT, tricks_in
from tongbao.identity import Role
from tongbao.web.advice import Moment, Paying

if TYPE_CHECKING:
    from uuid import UUID

    from tests.console.house import House

NEW_AND_LARGE = WARNING_MESSAGES["new_and_large"]
NEW_ACCOUNT = WARNING_MESSAGES["new_account"]
REPORTED = WARNING_MESSAGES["reported"]


async def age(house: House, *people: Somebody) -> None:
    """Their accounts are no longer new."""
    for one in people:
        await house.run_sql(
            "UPDATE identity.account SET opened_at = opened_at - interval '8 days' WHERE customer_id = %(id)s RETURNING 1",
            id=one.id,
        )


async def heard(house: House, payer: Somebody, payee_id: UUID, amount_minor: int, **more: Any) -> list[str]:
    """The warnings of a last look, by code."""
    id_ = more.pop("id", None) or house.id()
    paying = Paying(
        payment_id=id_, payer_account_id=payer.account.id, payee_id=payee_id, amount_minor=amount_minor, **more
    )
    async with house.db.read() as tx:
        found = await care.advise(tx, payer.himself, Moment(place="transfer", paying=paying), "en", house.at)
    return [one.code for one in found]


@pytest.fixture
async def payer(house: House) -> Somebody:
    somebody = Somebody(house, await house.person(10_000_000))
    await age(house, somebody)
    return somebody


@pytest.fixture
async def friend(house: House) -> Somebody:
    somebody = Somebody(house, await house.person())
    await age(house, somebody)
    return somebody


async def test_a_first_and_large_payment_is_warned_of_on_the_last_look(
    house: House, payer: Somebody, friend: Somebody
) -> None:
    small = await payer.look(f"/me/pay?to={friend.account.number}&amount=999.99&id={house.id()}")
    assert (small.status, NEW_AND_LARGE in small.text) == (200, False)
    id_ = house.id()
    page = await payer.look(f"/me/pay?to={friend.account.number}&amount=1000.00&id={id_}")
    assert NEW_AND_LARGE in page.text
    assert "Pay ¥1,000.00" in page.text, "it holds nothing up"
    chinese = await payer.look(f"/me/pay?to={friend.account.number}&amount=1000.00&id={id_}", lang="zh")
    assert "请当心诈骗" in chinese.text
    assert await heard(house, payer, friend.account.id, LARGE_MINOR) == ["new_and_large"]
    await house.pay_by_http(payer.account, friend.account, LARGE_MINOR)
    assert await heard(house, payer, friend.account.id, 10 * LARGE_MINOR) == [], "whom he has paid he knows"


async def test_what_is_large_goes_by_what_he_is_used_to(house: House, payer: Somebody, friend: Somebody) -> None:
    landlord = Somebody(house, await house.person())
    await house.pay_by_http(payer.account, landlord.account, 5 * LARGE_MINOR)
    assert await heard(house, payer, friend.account.id, 5 * LARGE_MINOR) == []
    assert await heard(house, payer, friend.account.id, 5 * LARGE_MINOR + 1) == ["new_and_large"]


async def test_an_account_of_this_week_is_warned_of(house: House, payer: Somebody) -> None:
    newcomer = Somebody(house, await house.person())
    assert await heard(house, payer, newcomer.account.id, 100) == ["new_account"]
    page = await payer.look(f"/me/pay?to={newcomer.account.number}&amount=1.00&id={house.id()}")
    assert NEW_ACCOUNT in page.text
    house.clock.tick(NEW_FOR)
    assert await heard(house, payer, newcomer.account.id, 100) == []


async def test_two_others_who_report_a_payee_are_heard(house: House, payer: Somebody, friend: Somebody) -> None:
    victims = [Somebody(house, await house.person(1000)) for _ in range(2)]
    for number, victim in enumerate(victims):
        paid = await house.pay_by_http(victim.account, friend.account, 100)
        sent = await victim.send(f"/me/payments/{paid['id']}/not-mine", id=house.id(), text="")
        assert sent.status == 303, sent.text
        expected = ["reported"] if number == 1 else []
        assert await heard(house, payer, friend.account.id, 100) == expected, number
    assert REPORTED in (await payer.look(f"/me/pay?to={friend.account.number}&amount=1.00&id={house.id()}")).text
    assert "reported" not in await heard(house, victims[0], friend.account.id, 100), "his own report tells him nothing"


async def test_the_note_to_the_payee_names_the_trick(house: House, payer: Somebody, friend: Somebody) -> None:
    assert await heard(house, payer, friend.account.id, 100, reference="转入 安全账户") == ["safe_account"]
    assert await heard(house, payer, friend.account.id, 100, reference="贷款保证金 刷单") == ["pay_first", "rebate"]
    assert tricks_in("Your SAFE  account") == ["safe_account"]
    assert tricks_in("晚饭") == []


async def test_ones_own_account_is_no_stranger(house: House, payer: Somebody) -> None:
    async with house.db.tx() as tx:
        new = identity.NewAccount(id=house.id(), customer_id=payer.id, currency="CNY")
        [made] = await identity.open_accounts(tx, [new], by=house.bank, at=house.at, bank_code=house.settings.bank_code)
    assert isinstance(made, identity.Made)
    assert await heard(house, payer, made.thing.id, 10 * LARGE_MINOR) == []


async def test_a_warning_is_dismissed_for_one_payee(house: House, payer: Somebody, friend: Somebody) -> None:
    other = Somebody(house, await house.person())
    await age(house, other)
    place = f"/me/pay?to={friend.account.number}&amount=2000.00&id={house.id()}"
    page = await payer.look(place)
    for _ in range(2):
        done = await payer.send("/me/tips", **page.hidden(0))
        assert (done.status, done.to.startswith("/me/pay?")) == (303, True)
    assert NEW_AND_LARGE not in (await payer.look(place)).text
    assert await heard(house, payer, other.account.id, 2 * LARGE_MINOR) == ["new_and_large"]
    elsewhere = await payer.send("/me/tips", tip="not_mine", back="//evil.example/me/")
    assert elsewhere.to == "/me"
    wrong = await payer.send("/me/tips", tip="<script>", back="/me")
    assert (wrong.status, "another version of the page" in wrong.text) == (422, True)


async def test_staff_see_who_went_on_and_who_turned_back(house: House, payer: Somebody, friend: Somebody) -> None:
    went_on, turned_back = house.id(), house.id()
    for id_ in (went_on, turned_back, turned_back):
        assert await heard(house, payer, friend.account.id, LARGE_MINOR, id=id_) == ["new_and_large"]
    await house.pay_by_http(payer.account, friend.account, LARGE_MINOR, key=went_on)
    assert await counted(house, "new_and_large") == (2, 1, 0), "he may still be thinking"
    house.clock.tick(TURNED_BACK_AFTER + timedelta(seconds=1))
    assert await counted(house, "new_and_large") == (2, 1, 1)
    page = await house.look("/staff/tips", house.staff(Role.OPERATOR))
    assert f"{NEW_AND_LARGE} 2 1 1 0" in page.text
    with pytest.raises(Refusal, match="permission_missing"):
        async with house.db.read() as tx:
            await tips.warning_counts(tx, payer.himself, since=house.at, at=house.at)


async def counted(house: House, code: str) -> tuple[int, int, int]:
    at = house.clock.now()
    async with house.db.read() as tx:
        found = await tips.warning_counts(tx, house.bank, since=at - timedelta(days=1), at=at)
    [one] = [one for one in found if one.code == code]
    return one.shown, one.followed, one.turned_back


async def test_a_tip_stands_where_it_matters_until_it_is_dismissed(house: House, payer: Somebody) -> None:
    said = tips.TIP_MESSAGES["transfer_later"]
    page = await payer.look("/me/transfer")
    assert said in page.text
    assert "/me/tips/transfer_later" in page.links()
    for _ in range(2):
        assert (await payer.look("/me/tips/transfer_later")).to == "/me/guide"
    assert (await payer.look("/me/tips/nothing_like_this")).to == "/me/guide"
    assert said in (await payer.look("/me/transfer")).text
    await payer.send("/me/tips", tip="transfer_later", back="/me/transfer")
    assert said not in (await payer.look("/me/transfer")).text
    async with house.db.read() as tx:
        [one] = [one for one in await tips.tip_counts(tx, house.bank) if one.code == "transfer_later"]
    assert (one.shown, one.followed, one.dismissed) == (1, 1, 1), "each counted once"


async def test_what_was_told_long_ago_is_forgotten(house: House, payer: Somebody, friend: Somebody) -> None:
    await heard(house, payer, friend.account.id, LARGE_MINOR)
    await payer.look("/me/transfer")
    await run(house, "care.forget_warnings")
    assert await rows(house) == (1, 1)
    house.clock.tick(WARNINGS_KEPT + timedelta(seconds=1))
    await run(house, "care.forget_warnings")
    assert await rows(house) == (0, 1)


async def test_who_leaves_is_forgotten(house: House, wang: Somebody, friend: Somebody) -> None:
    await heard(house, wang, friend.account.id, LARGE_MINOR)
    await wang.look("/me/transfer")
    await wang.send("/me/lessons/1", choice=2)
    await run(house, "care.forget_learning")
    assert await rows(house) == (1, 1)
    await wang.leave()
    for name in ("care.forget_warnings", "care.forget_learning"):
        await run(house, name)
    assert await rows(house) == (0, 0)
    assert await house.run_sql("SELECT count(*) FROM care.lesson") == [(0,)]


async def rows(house: House) -> tuple[int, int]:
    [found] = await house.run_sql("SELECT (SELECT count(*) FROM care.warning), (SELECT count(*) FROM care.tip)")
    return found[0], found[1]


async def run(house: House, name: str) -> None:
    [job] = [job for job in JOBS if job.name == name]
    await job.run(JobContext(house.db, house.clock, house.settings))
