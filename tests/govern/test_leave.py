"""Who has left is forgotten on his day, unless somebody holds that back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, LiteralString

import pytest

from tests.govern.conftest import Somebody
from tongbao import govern, identity, vault
from tongbao.base.jobs import JobContext
from tongbao.base.prove import prove
from tongbao.base.refusal import Refusal
from tongbao.govern import jobs
from tongbao.govern.leave import years_on
from tongbao.identity import Role

if TYPE_CHECKING:
    from tests.console.house import House


async def turn(house: House) -> None:
    """A night of the bank."""
    for job in jobs.JOBS:
        await job.run(JobContext(house.db, house.clock, house.settings))


async def leavers(house: House) -> list[govern.Leaver]:
    async with house.db.read() as tx:
        return await govern.list_leavers(tx, house.bank, after=None, most=10)


async def is_known(house: House, somebody: Somebody) -> bool:
    async with house.db.tx() as tx:
        found = await vault.read(tx, [somebody.id], [vault.Kind.NAME], by=house.bank, reason="test", at=house.at)
    return bool(found)


async def test_a_year_starts_again_on_the_first_of_march() -> None:
    assert years_on(date(2026, 11, 23), 10) == date(2036, 11, 23)
    assert years_on(date(2024, 2, 29), 10) == date(2034, 3, 1)


async def test_after_ten_years_nothing_is_known_of_him_and_the_books_stay(house: House, wang: Somebody) -> None:
    await wang.ask("complaint", "我要走了")
    await turn(house)
    assert await leavers(house) == [], "he is still here"
    await wang.leave()
    await turn(house)
    (left,) = await leavers(house)
    assert left.erase_on == date(2036, 11, 23)
    house.clock.tick(timedelta(days=3652))
    await turn(house)
    assert await is_known(house, wang), "a day too early"
    house.clock.tick(timedelta(days=1))
    await turn(house)
    assert not await is_known(house, wang)
    assert await leavers(house) == []
    rows = await house.run_sql("SELECT name, phone, status FROM identity.customer WHERE id = %(id)s", id=wang.id)
    assert rows == [(None, None, "closed")]
    assert await house.run_sql("SELECT sealed_text FROM govern.request") == [(None,)]
    assert await house.run_sql("SELECT count(*) FROM identity.account") != [(0,)]
    assert len(await house.audited("customer.erase")) == 1
    await turn(house)
    assert len(await house.audited("customer.erase")) == 1, "once"


async def test_what_he_came_in_with_goes_with_him(house: House, wang: Somebody) -> None:
    key = vault.generate(vault.SignatureSuite.ED25519)
    async with house.db.tx() as tx:
        await identity.add_device_key(tx, wang.id, key.public().jwk, name="王小明的手机", by=wang.himself, at=house.at)
    await house.run_sql(
        "INSERT INTO identity.passkey_offer VALUES (%(id)s, decode(repeat('00', 32), 'hex'), 'face', '王小明的脸', %(at)s)",
        id=wang.id,
        at=house.at,
    )
    await wang.leave()
    await turn(house)
    house.clock.tick(timedelta(days=4000))
    await turn(house)
    for table in ("passkey", "passkey_offer", "device_key", "device", "factor", "session", "recovery"):
        held = "holder_id" if table == "session" else "customer_id"
        counted = f"SELECT count(*) FROM identity.{table} WHERE {held} = %(id)s"
        assert await house.run_sql(counted, id=wang.id) == [(0,)], table  # type: ignore[arg-type]


async def test_how_he_transferred_goes_with_him_and_with_nobody_else(house: House, wang: Somebody) -> None:
    other = Somebody(house, await house.person())
    tables = ("transfer_habit", "lookup", "surname_tries")

    async def kept(one: Somebody) -> list[int]:
        counted = "SELECT count(*) FROM payments.{} WHERE customer_id = %(id)s"
        rows = [await house.run_sql(counted.format(table), id=one.id) for table in tables]  # type: ignore[arg-type]
        return [row[0][0] for row in rows]

    for one, payee in ((wang, other), (other, wang)):
        wanted = {"id": house.id(), "to": payee.account.number, "amount": "1", "surname": "王"}
        await one.send("/me/transfer", **wanted)
        assert await kept(one) == [1, 1, 1]
    await wang.leave()
    await turn(house)
    house.clock.tick(timedelta(days=4000))
    await turn(house)
    assert (await kept(wang), await kept(other)) == ([0, 0, 0], [1, 1, 1])


async def test_a_hold_keeps_it_until_it_is_lifted(house: House, wang: Somebody) -> None:
    await wang.leave()
    await turn(house)
    clerk = house.staff(Role.OPERATOR)
    held = {"id": house.id(), "customer": wang.id, "what": "hold", "reason": "court of Hangzhou, case 12"}
    assert (await house.send_form("/staff/privacy/leavers", held, clerk)).said == "It is held back."
    assert "court of Hangzhou, case 12" in (await house.look("/staff/privacy/leavers", clerk)).text
    house.clock.tick(timedelta(days=4000))
    await turn(house)
    assert await is_known(house, wang)
    lifted = {"id": house.id(), "customer": wang.id, "what": "lift", "reason": "the case is over"}
    proposed = await house.send_form("/staff/privacy/leavers", lifted, clerk)
    assert (await house.send_form("/staff/privacy/leavers", lifted, clerk)).to == proposed.to
    await turn(house)
    assert await is_known(house, wang), "one person lifts nothing"
    await house.agree(proposed)
    await turn(house)
    assert not await is_known(house, wang)
    late = await house.send_form("/staff/privacy/leavers", held, house.staff(Role.OPERATOR))
    assert (late.status, "has been erased" in late.text) == (409, True)
    assert [reason for _, reason in await house.audited("privacy.hold")] == ["court of Hangzhou, case 12"]


async def test_only_who_has_left_is_held_and_only_by_whom_it_is_for(house: House, wang: Somebody) -> None:
    clerk = house.staff(Role.OPERATOR)
    held = {"id": house.id(), "customer": wang.id, "what": "hold", "reason": "a court"}
    assert (await house.send_form("/staff/privacy/leavers", held, clerk)).status == 404
    assert (await house.send_form("/staff/privacy/leavers", {**held, "customer": "x"}, clerk)).status == 422
    assert (await house.send_form("/staff/privacy/leavers", held, house.staff(Role.AUDITOR))).status == 403
    async with house.db.tx() as tx:
        with pytest.raises(Refusal) as refused:
            await identity.erase_people(tx, [wang.id], reason="test", by=house.bank, at=house.at)
    assert refused.value.code == "customer_here"


@pytest.mark.parametrize(
    ("invariant", "bent"),
    [
        ("G1", "UPDATE govern.request SET sealed_text = 'x' WHERE customer_id = %(wang)s"),
        ("G2", "UPDATE identity.customer SET status = 'open' WHERE id = %(wang)s"),
    ],
)
async def test_what_was_bent_is_named(house: House, wang: Somebody, invariant: str, bent: LiteralString) -> None:
    await wang.ask("access", "everything")
    await wang.leave()
    await turn(house)
    house.clock.tick(timedelta(days=4000))
    await turn(house)

    async def found() -> set[str]:
        done = await prove(house.db, govern.CHECKS, house.clock)
        assert sum(check.rows for check in done) > 0
        return {finding.invariant for check in done for finding in check.findings}

    assert await found() == set()
    await house.run_sql(bent, wang=wang.id)
    assert await found() == {invariant}
