"""The tip of the month: told once to everybody who wants to hear it, in his language, and staff see how many read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.care.test_tips import run
from tests.govern.conftest import Somebody
from tongbao import notices, vault
from tongbao.base import days
from tongbao.care.monthly import MONTH_MESSAGES, tell_month
from tongbao.identity import Role
from tongbao.web import i18n

if TYPE_CHECKING:
    from tests.console.house import House

NOVEMBER = MONTH_MESSAGES[11 % len(MONTH_MESSAGES)]


async def told(house: House, somebody: Somebody) -> list[str]:
    async with house.db.read() as tx:
        found = [one for one in await notices.inbox_of(tx, somebody.id, most=50) if one.kind is notices.Kind.TIPS]
        return [
            (
                await vault.open_sealed(tx, somebody.id, one.sealed_text or b"", bound=notices.bound_notice(one.id))
            ).decode()
            for one in found
        ]


async def month(house: House) -> tuple[int, int]:
    """Told, and opened."""
    [found] = await house.run_sql(
        "SELECT count(*) FILTER (WHERE dismissed_at IS NULL), count(opened_at) FROM care.tip WHERE code = 'month_2026_11'"
    )
    return found[0], found[1]


async def test_everybody_is_told_once_a_month(house: House, wang: Somebody) -> None:
    people = [wang, *[Somebody(house, await house.person()) for _ in range(3)]]
    for _ in range(2):
        await run(house, "care.tip_of_the_month")
    for one in people:
        assert await told(house, one) == [i18n.say(NOVEMBER, "zh")]
    day = days.local_day(house.at, house.settings.zone).replace(month=12)
    async with house.db.tx() as tx:
        assert await tell_month(tx, day, at=house.at, most=100) >= len(people)
    assert len(await told(house, wang)) == 2, "another month, another tip"


async def test_a_chunk_at_a_time(house: House, wang: Somebody) -> None:
    for _ in range(3):
        await house.person()
    day, many = days.local_day(house.at, house.settings.zone), []
    for _ in range(20):
        async with house.db.tx() as tx:
            many.append(await tell_month(tx, day, at=house.at, most=2))
        if many[-1] < 2:
            break
    assert sum(many) == (await month(house))[0] >= 4
    assert len(await told(house, wang)) == 1


async def test_who_wants_no_tips_is_told_none_and_who_left_neither(house: House, wang: Somebody) -> None:
    silent, gone = [Somebody(house, await house.person()) for _ in range(2)]
    async with house.db.tx() as tx:
        await notices.set_choices(tx, silent.id, {(notices.Kind.TIPS, notices.Way.APP): False})
    await gone.leave()
    await run(house, "care.tip_of_the_month")
    assert await told(house, wang)
    assert not await told(house, silent)
    assert not await house.run_sql("SELECT 1 FROM care.tip WHERE customer_id = %(id)s", id=gone.id)


async def test_staff_see_how_many_read_it(house: House, wang: Somebody) -> None:
    await house.person()
    await run(house, "care.tip_of_the_month")
    sent, _ = await month(house)
    for _ in range(2):
        assert (await wang.look("/me/tips/month-2026-11")).to == "/me/guide"
    assert await month(house) == (sent, 1)
    page = await house.look("/staff/tips", house.staff(Role.OPERATOR))
    assert f"2026-11 {sent} 1 {100 // sent} %" in page.text


async def test_in_the_language_of_the_reader(house: House, wang: Somebody) -> None:
    await house.run_sql(
        "INSERT INTO identity.preference (customer_id, home, type, language, actions) VALUES (%(id)s, 'standard', 'usual', 'en', '{}') RETURNING 1",
        id=wang.id,
    )
    await run(house, "care.tip_of_the_month")
    assert await told(house, wang) == [NOVEMBER]
