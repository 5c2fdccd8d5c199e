"""A customer's devices: known by a code, trusted after a day, seen by him and logged out by him."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.identity.test_customer_login import AWAY, HOME, confirm, customer, know, log_in
from tongbao import identity
from tongbao.base import audit
from tongbao.base.prove import prove
from tongbao.base.refusal import Refusal
from tongbao.identity import PendingLogin, Seen, VisitorKind, VisitorSession
from tongbao.identity.registration import forget_rows, himself
from tongbao.web.browser import coarse_name, coarse_place

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World
    from tests.identity.test_registration import Applicant
    from tongbao.base.principal import Principal

NEW = b"n" * 32
DAY = timedelta(hours=24)
PHONE_CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1"


async def enter(world: World, ming: Applicant, device_id: UUID | None) -> str:
    """The token of a session in a device."""
    token = world.token(VisitorKind.CUSTOMER)
    made: Any = {"session_id": world.id(), "token": token, "device_id": device_id, "by": himself(ming.id)}
    async with world.db.tx() as tx:
        await identity.open_session(tx, VisitorKind.CUSTOMER, ming.id, **made, at=world.at)
    return str(token)


async def who(world: World, text: str) -> Principal:
    async with world.db.tx() as tx:
        return await identity.authenticate(tx, text, at=world.at)


async def devices(world: World, ming: Applicant) -> list[identity.Device]:
    async with world.db.read() as tx:
        return await identity.devices_of(tx, ming.id, at=world.at)


async def log_out(world: World, ming: Applicant, device_id: UUID) -> int:
    async with world.db.tx() as tx:
        return await identity.log_out_device(tx, ming.id, device_id, by=himself(ming.id), at=world.at, lang="en")


async def test_a_new_device_is_trusted_after_a_day_and_he_is_told_of_it_at_once(world: World) -> None:
    ming = await customer(world)
    waiting = await log_in(world, ming.phone)
    session = await confirm(world, waiting.id)
    assert isinstance(session, VisitorSession)
    assert any("新设备" in text for text in await ming.texts())
    token = await enter(world, ming, session.device_id)
    assert (await who(world, token)).device_id is None, "it cools off"
    (device,) = await devices(world, ming)
    assert device.trusted_from == world.at + DAY
    world.clock.tick(DAY)
    later = await who(world, await enter(world, ming, session.device_id))
    assert later.device_id == session.device_id == device.id


async def test_logging_in_again_in_a_known_device_does_not_cool_it_off_anew(world: World) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    (before,) = await devices(world, ming)
    world.clock.tick(DAY)
    session = await log_in(world, ming.phone, browser=HOME)
    assert isinstance(session, VisitorSession)
    (after,) = await devices(world, ming)
    assert (after.id, after.trusted_from) == (before.id, before.trusted_from)
    assert after.seen_at == world.at
    assert (await who(world, await enter(world, ming, session.device_id))).device_id == before.id


async def test_whoever_logs_a_device_out_ends_what_is_open_in_it_and_nothing_else(world: World) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    (home,) = await devices(world, ming)
    away = await confirm(world, (await log_in(world, ming.phone)).id, new=NEW)
    here, there = await enter(world, ming, home.id), await enter(world, ming, away.device_id)
    assert await log_out(world, ming, away.device_id) == 2, "the one that he came in by and another"
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, there)
    assert (await who(world, here)).subject_id == ming.id
    assert [one.id for one in await devices(world, ming)] == [home.id]
    assert any("logged out of your account" in text for text in await ming.texts())
    told = len(await ming.texts())
    assert await log_out(world, ming, away.device_id) == 0, "the same wish again"
    assert len(await ming.texts()) == told
    async with world.db.read() as tx:
        (entry,) = [one for one in await audit.trail(tx, subject=ming.id) if one.action == "device.log_out"]
    assert entry.details == {"device_id": str(away.device_id), "sessions": 2}


async def test_a_device_that_was_logged_out_needs_a_code_and_cools_off_anew(world: World) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    (home,) = await devices(world, ming)
    world.clock.tick(DAY)
    await log_out(world, ming, home.id)
    waiting = await log_in(world, ming.phone, browser=HOME)
    assert isinstance(waiting, PendingLogin)
    again = await confirm(world, waiting.id, browser=HOME, new=NEW)
    assert again.device_id == home.id, "the same browser under its new cookie"
    (device,) = await devices(world, ming)
    assert device.trusted_from == world.at + DAY


async def test_nobody_logs_out_or_sees_somebody_elses_device(world: World) -> None:
    ming, fang = await customer(world), await customer(world, "+8613900139001", 102)
    await know(world, ming, HOME)
    (home,) = await devices(world, ming)
    assert await devices(world, fang) == []
    with pytest.raises(Refusal, match="device_unknown"):
        await log_out(world, fang, home.id)
    assert [one.id for one in await devices(world, ming)] == [home.id]


async def test_logged_out_everywhere_no_browser_is_known_any_more(world: World) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    token = await enter(world, ming, None)
    async with world.db.tx() as tx:
        by, reason = himself(ming.id), "lost the telephone"
        assert await identity.log_out_everywhere(tx, ming.id, reason=reason, by=by, at=world.at) == 2
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, token)
    assert await devices(world, ming) == []
    assert isinstance(await log_in(world, ming.phone, browser=HOME), PendingLogin)


async def test_a_device_that_was_not_seen_for_half_a_year_is_forgotten(world: World) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    world.clock.tick(timedelta(days=181))
    assert await devices(world, ming) == []
    async with world.db.tx() as tx:
        await forget_rows(tx, at=world.at, browsers_before=world.at - timedelta(days=180))
        assert await tx.rows("SELECT id FROM identity.device") == []


async def test_what_is_shown_of_a_device_is_coarse(world: World) -> None:
    ming = await customer(world)
    async with world.db.tx() as tx:
        seen = Seen(coarse_name(PHONE_CHROME), coarse_place("203.0.113.77"))
        await identity.know_device(tx, ming.id, AWAY, seen=seen, trusted_from=world.at, at=world.at)
    (device,) = await devices(world, ming)
    assert (device.name, device.place) == ("Chrome · Android", "203.0.113.*")


def test_names_and_places_hold_nothing_that_tells_one_reader_from_another() -> None:
    assert coarse_name(IPHONE) == "Safari · iPhone"
    assert coarse_name("Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36 Edg/126.0") == "Edge · Windows"
    assert coarse_name("李明 <script>") == ""
    assert coarse_place("2001:db8:7:9::1") == "2001:db8:7:*"
    assert coarse_place("::ffff:203.0.113.77") == "203.0.113.*"
    assert coarse_place("testclient") == ""


async def test_a_session_that_is_in_somebody_elses_device_is_found(world: World) -> None:
    ming, fang = await customer(world), await customer(world, "+8613900139001", 102)
    await know(world, ming, HOME)
    (home,) = await devices(world, ming)
    (check,) = [one for one in identity.CHECKS if "I2" in one.invariants]
    await enter(world, ming, home.id)
    (before,) = await prove(world.db, [check], world.clock)
    assert (before.rows, before.findings) == (2, []), "the one that he came in by and this one"
    await enter(world, fang, home.id)
    (after,) = await prove(world.db, [check], world.clock)
    (found,) = after.findings
    assert (found.invariant, found.table, found.found) == ("I2", "identity.session", f"one of {ming.id}")
