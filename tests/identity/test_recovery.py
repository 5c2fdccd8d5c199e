"""A lost password: identity number and code, a day in which the owner may stop it, a new password, a week of small sums."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.identity.phone import sent_to
from tests.identity.test_customer_login import HOME, NOBODYS, customer, know, log_in
from tests.sandbox.identity_provider import id_number
from tongbao import identity
from tongbao.base import audit
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import PendingLogin, RecoveryStep, recovery
from tongbao.identity.registration import himself

if TYPE_CHECKING:
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from tests.identity.conftest import World
    from tests.identity.test_registration import Applicant

CAFE, OTHER = b"c" * 32, b"o" * 32
CODE = "161803"
NEW_PASSWORD = "a new one altogether"
DAY = timedelta(hours=24)


@pytest.fixture
def zone() -> ZoneInfo:
    return Settings().zone


async def begin(
    world: World, phone: str, serial: int = 101, *, browser: bytes = CAFE, form: UUID | None = None, code: str = CODE
) -> Any:
    """The recovery's id, or the code of a refusal."""
    form_id = form or world.id()

    async def work(tx: Any) -> Any:
        made: Any = {"browser_hash": browser, "code_id": world.id(), "code": code, "lang": "en"}
        return await identity.begin_recovery(tx, world.id(), form_id, phone, id_number(serial), **made, at=world.at)

    try:
        found = await world.db.retry(work)
    except Refusal as refusal:
        return refusal.code
    return found.code if isinstance(found, Refusal) else found


async def confirm(world: World, id: UUID, zone: ZoneInfo, code: str = CODE, *, browser: bytes = CAFE) -> str | None:
    async def work(tx: Any) -> Any:
        asked: Any = {"browser_hash": browser, "zone": zone, "lang": "en"}
        return await identity.confirm_recovery(tx, id, code, **asked, at=world.at)

    try:
        refusal = await world.db.retry(work)
    except Refusal as raised:
        refusal = raised
    return refusal.code if refusal else None


async def complete(world: World, id: UUID, zone: ZoneInfo, *, browser: bytes = CAFE) -> str | None:
    hashed = identity.hash_password(NEW_PASSWORD, b"s" * 16)

    async def work(tx: Any) -> None:
        await identity.complete_recovery(tx, id, hashed, browser_hash=browser, zone=zone, at=world.at, lang="en")

    try:
        await world.db.retry(work)
    except Refusal as refusal:
        return refusal.code
    return None


async def asked(world: World, ming: Applicant, zone: ZoneInfo) -> UUID:
    """A recovery of his whose waiting begins now."""
    id_ = await begin(world, ming.phone)
    assert await confirm(world, id_, zone) is None
    return id_


async def bound_level(world: World, ming: Applicant) -> int:
    async with world.db.read() as tx:
        row = await tx.row("SELECT min(bound_level) FROM identity.account_view WHERE customer_id = %(id)s", id=ming.id)
    assert row is not None
    return row[0]


async def actions(world: World, ming: Applicant) -> list[str]:
    async with world.db.read() as tx:
        return [one.action for one in await audit.trail(tx, subject=ming.id)]


async def test_after_a_day_he_sets_a_new_password_and_everything_open_is_closed(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    id_ = await asked(world, ming, zone)
    assert any("set a new password for your account" in text for text in await ming.texts())
    assert await complete(world, id_, zone) == "recovery_waits"
    world.clock.tick(DAY - timedelta(seconds=1))
    assert await complete(world, id_, zone) == "recovery_waits"
    assert not isinstance(await log_in(world, ming.phone, browser=HOME), str), "the old password holds until then"
    world.clock.tick(timedelta(seconds=1))
    assert await complete(world, id_, zone) is None
    assert await complete(world, id_, zone) is None, "sent twice"
    async with world.db.read() as tx:
        assert await identity.devices_of(tx, ming.id, at=world.at) == []
    assert await log_in(world, ming.phone) == "customer_login_refused", "the old password is gone"
    world.clock.tick(timedelta(minutes=2))
    assert isinstance(await log_in(world, ming.phone, NEW_PASSWORD, browser=HOME), PendingLogin), "his browser too"
    assert any("you were logged out everywhere" in text for text in await ming.texts())
    assert (await actions(world, ming)).count("recovery.complete") == 1


async def test_he_is_told_when_the_waiting_is_over_and_only_once(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    await asked(world, ming, zone)

    async def tell() -> int:
        async with world.db.tx() as tx:
            return await recovery.tell_ripe(tx, at=world.at)

    assert await tell() == 0
    world.clock.tick(DAY)
    assert [await tell(), await tell()] == [1, 0]
    assert sum("can now be set" in text for text in await ming.texts()) == 1


async def test_the_owner_stops_it_and_nothing_has_changed(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    id_ = await asked(world, ming, zone)
    async with world.db.tx() as tx:
        found = await identity.open_recovery(tx, ming.id, at=world.at)
        assert found is not None
        assert found.id == id_
        by = himself(ming.id)
        stopped = [await identity.cancel_recovery(tx, ming.id, by=by, at=world.at, lang="en") for _ in range(2)]
        assert stopped == [True, False]
        assert await identity.open_recovery(tx, ming.id, at=world.at) is None
    world.clock.tick(DAY)
    assert await complete(world, id_, zone) == "recovery_over"
    assert not isinstance(await log_in(world, ming.phone), str), "the old password holds"
    assert any("was stopped" in text for text in await ming.texts())
    assert "recovery.cancel" in await actions(world, ming)


async def test_for_a_week_he_pays_no_more_than_level_one(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    async with world.db.tx() as tx:
        await tx.run("UPDATE identity.customer SET level = 2 WHERE id = %(id)s", id=ming.id)
    id_ = await asked(world, ming, zone)
    assert await bound_level(world, ming) == 2
    world.clock.tick(DAY)
    assert await complete(world, id_, zone) is None
    assert await bound_level(world, ming) == 1

    async def end() -> int:
        async with world.db.tx() as tx:
            return await recovery.end_caution(tx, at=world.at)

    world.clock.tick(timedelta(days=7) - timedelta(seconds=1))
    assert await end() == 0
    world.clock.tick(timedelta(seconds=1))
    assert await end() == 1
    assert await bound_level(world, ming) == 2


async def test_nobody_learns_who_is_a_customer(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    said: dict[str, list[Any]] = {}
    coded: dict[str, bool] = {}
    for name, phone, serial in (("his", ming.phone, 101), ("nobody's", NOBODYS, 101), ("other's", ming.phone, 102)):
        world.clock.tick(timedelta(days=2))
        id_ = await begin(world, phone, serial)
        wrong = [await confirm(world, id_, zone, "000000") for _ in range(6)]
        async with world.db.read() as tx:
            step = (await identity.find_recovery(tx, id_, browser_hash=CAFE, at=world.at)).step(world.at)
        said[name] = [*wrong, step]
        ((_, to, text),) = await sent_to(world, id_)
        assert to == phone
        coded[name] = CODE in text
    assert said["his"] == said["nobody's"] == said["other's"]
    assert said["his"] == ["code_wrong"] * 5 + ["code_locked", RecoveryStep.BEGUN]
    assert coded == {"his": True, "nobody's": False, "other's": False}


async def test_of_two_hundred_tries_at_once_one_sends_a_code_and_five_are_looked_at(world: World) -> None:
    ming = await customer(world)
    said = await asyncio.gather(*(begin(world, ming.phone) for _ in range(200)))
    refused = [one for one in said if isinstance(one, str)]
    assert (refused.count("code_too_soon"), refused.count("factor_locked"), len(said) - len(refused)) == (4, 195, 1)


async def test_of_two_hundred_codes_at_once_five_are_compared(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    id_ = await begin(world, ming.phone)
    said = await asyncio.gather(*(confirm(world, id_, zone, "000000") for _ in range(200)))
    assert (said.count("code_wrong"), said.count("code_locked")) == (5, 195)
    assert await confirm(world, id_, zone) == "code_locked", "the right one too"


async def test_a_form_that_comes_twice_at_once_begins_one(world: World) -> None:
    ming = await customer(world)
    form = world.id()
    first, second = await asyncio.gather(*(begin(world, ming.phone, form=form) for _ in range(2)))
    assert first == second
    assert await begin(world, ming.phone, form=form, browser=OTHER) == "recovery_over"
    assert len(await sent_to(world, first)) == 1


async def test_only_the_browser_that_began_goes_on_and_not_for_ever(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    id_ = await asked(world, ming, zone)
    world.clock.tick(DAY)
    assert await complete(world, id_, zone, browser=OTHER) == "recovery_over"
    world.clock.tick(timedelta(hours=72))
    assert await complete(world, id_, zone) == "recovery_over"
    late = await begin(world, ming.phone)
    world.clock.tick(timedelta(hours=1))
    assert await confirm(world, late, zone) == "recovery_over"


async def test_a_newer_one_takes_the_place_of_the_one_before(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    first = await asked(world, ming, zone)
    world.clock.tick(timedelta(hours=2))
    second = await asked(world, ming, zone)
    world.clock.tick(DAY - timedelta(hours=1))
    assert await complete(world, first, zone) == "recovery_over"
    assert await complete(world, second, zone) == "recovery_waits", "the waiting begins anew"


async def test_two_of_one_customer_that_are_confirmed_at_once_leave_one(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    first = await begin(world, ming.phone, code="100001")
    world.clock.tick(timedelta(minutes=2))
    second = await begin(world, ming.phone, code="100002", browser=OTHER)
    done = await asyncio.gather(
        confirm(world, first, zone, "100001"), confirm(world, second, zone, "100002", browser=OTHER)
    )
    assert done == [None, None]
    async with world.db.read() as tx:
        rows = await tx.rows("SELECT outcome FROM identity.recovery WHERE customer_id = %(id)s", id=ming.id)
    assert sorted(str(row[0]) for row in rows) == ["None", "replaced"]


async def test_a_month_later_nothing_is_known_of_it_but_the_audit(world: World, zone: ZoneInfo) -> None:
    ming = await customer(world)
    await asked(world, ming, zone)
    world.clock.tick(timedelta(days=31))
    async with world.db.tx() as tx:
        assert await recovery.forget_recoveries(tx, at=world.at) == 1
        assert await tx.rows("SELECT id FROM identity.recovery") == []
    assert "recovery.begin" in await actions(world, ming)
