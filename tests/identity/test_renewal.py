"""The secret of a session is replaced while somebody is in; whoever comes back with an old one has stolen it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.http.conftest import bank
from tests.identity.phone import sent_to
from tests.identity.test_registration_pages import Browser, me
from tongbao import identity
from tongbao.base import audit
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.identity import Token, VisitorKind, api
from tongbao.identity.sessions import renew_session

if TYPE_CHECKING:
    from uuid import UUID

    from tests.http.conftest import ServedBank
    from tests.identity.conftest import World

__all__ = ["bank", "me"]

QUARTER = timedelta(minutes=15)
COOKIE = "tongbao_customer"


async def come_in(world: World, holder: UUID, kind: VisitorKind = VisitorKind.CUSTOMER) -> Token:
    token = world.token(kind)
    async with world.db.tx() as tx:
        await identity.open_session(tx, kind, holder, session_id=world.id(), token=token, by=SYSTEM, at=world.at)
    return token


async def renew(world: World, token: Token) -> Token | None:
    """The one that is offered in its place."""
    fresh = Token(token.kind, token.public_id, world.token(token.kind).secret)
    async with world.db.tx() as tx:
        return fresh if await renew_session(tx, str(token), fresh, at=world.at) else None


async def show(world: World, token: Token) -> str:
    """ "in", or the code of a refusal, as the door hears it."""
    try:
        await api.authenticator(world.db, world.clock)(str(token))
    except Refusal as refusal:
        return refusal.code
    return "in"


async def renewed(world: World, token: Token) -> Token:
    """The next one, shown once."""
    world.clock.tick(QUARTER)
    fresh = await renew(world, token)
    assert fresh is not None
    assert await show(world, fresh) == "in"
    return fresh


async def actions(world: World, holder: UUID) -> list[str]:
    async with world.db.read() as tx:
        return [one.action for one in await audit.trail(tx, subject=holder)]


async def test_the_old_one_is_good_for_a_minute_once_the_new_one_was_shown(world: World) -> None:
    ming = await world.customer()
    old = await come_in(world, ming.id)
    assert await renew(world, old) is None, "too young"
    world.clock.tick(QUARTER)
    fresh = await renew(world, old)
    assert fresh is not None
    world.clock.tick(timedelta(minutes=3))
    assert await show(world, old) == "in", "nobody has shown the new one yet: the answer may have been lost"
    assert await show(world, fresh) == "in"
    assert await show(world, old) == "in", "what was under way"
    world.clock.tick(timedelta(minutes=1))
    assert await show(world, fresh) == "in"


async def test_an_old_one_that_comes_back_later_ends_the_session_for_both_and_the_owner_is_told(world: World) -> None:
    ming = await world.customer()
    old = await come_in(world, ming.id)
    other = await come_in(world, ming.id)
    fresh = await renewed(world, old)
    world.clock.tick(timedelta(minutes=1))
    assert [await show(world, old) for _ in range(2)] == ["session_stolen", "invalid_key"], "it is ended once"
    assert await show(world, fresh) == "invalid_key"
    assert await show(world, other) == "in", "the session on his other device goes on"
    assert (await actions(world, ming.id)).count("session.stolen") == 1
    assert len(await sent_to(world, ming.id)) == 1


async def test_one_from_long_ago_ends_it_as_well(world: World) -> None:
    ming = await world.customer()
    first = await come_in(world, ming.id)
    second = await renewed(world, first)
    third = await renewed(world, second)
    assert await show(world, third) == "in"
    assert await show(world, first) == "session_stolen"
    assert await show(world, third) == "invalid_key"


async def test_a_wrong_secret_ends_nothing(world: World) -> None:
    ming = await world.customer()
    token = await renewed(world, await come_in(world, ming.id))
    guess = Token(token.kind, token.public_id, world.token(token.kind).secret)
    assert await show(world, guess) == "invalid_key"
    assert await show(world, token) == "in"
    assert "session.stolen" not in await actions(world, ming.id)


async def test_an_answer_that_was_lost_is_made_good_by_another_offer(world: World) -> None:
    ming = await world.customer()
    old = await come_in(world, ming.id)
    world.clock.tick(QUARTER)
    lost = await renew(world, old)
    assert lost is not None
    assert await renew(world, old) is None, "not again at once"
    world.clock.tick(timedelta(minutes=1))
    fresh = await renew(world, old)
    assert fresh is not None
    assert await show(world, fresh) == "in"
    assert await show(world, lost) == "session_stolen", "whoever has the lost one has taken it from the wire"
    assert await show(world, fresh) == "invalid_key"


async def test_of_many_requests_at_once_one_gets_a_new_secret_and_nobody_is_thrown_out(world: World) -> None:
    ming = await world.customer()
    old = await come_in(world, ming.id)
    world.clock.tick(QUARTER)
    offers = [one for one in await asyncio.gather(*(renew(world, old) for _ in range(20))) if one]
    assert len(offers) == 1
    said = await asyncio.gather(*(show(world, one) for one in (offers[0], old) * 10))
    assert set(said) == {"in"}


async def test_a_session_lasts_no_longer_by_it_and_one_that_ended_gets_no_new_secret(world: World) -> None:
    ming = await world.customer()
    token = await come_in(world, ming.id)
    for _ in range(39):
        token = await renewed(world, token)
    world.clock.tick(QUARTER)
    assert await renew(world, token) is None
    assert await show(world, token) == "key_expired"
    async with world.db.read() as tx:
        row = await tx.row("SELECT cardinality(spent_hashes) FROM identity.session")
    assert row == (20,), "the oldest are forgotten"


async def test_a_shop_s_people_are_renewed_too_and_staff_are_not(world: World) -> None:
    shop = world.id()
    await renewed(world, await come_in(world, shop, VisitorKind.SHOP))
    assert await api.renewer(world.db, world.clock)(str(world.token("staff"))) is None


async def test_a_browser_is_given_the_new_cookie_with_a_page(me: Browser, bank: ServedBank) -> None:
    await me.register()
    before = me.http.cookies[COOKIE]
    thief = Browser(bank)
    thief.http.cookies.set(COOKIE, before)
    await me.sql("UPDATE identity.session SET started_at = started_at - interval '20 minutes'")
    answer = await me.http.get("/me")
    assert answer.status_code == 200
    assert me.http.cookies[COOKIE] != before
    (made,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(COOKIE)]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(made.split("; "))
    for path in ("/me", "/me/safety"):
        assert (await me.http.get(path)).status_code == 200
    await me.sql("UPDATE identity.session SET renewed_at = renewed_at - interval '2 minutes'")
    async with thief.http:
        for browser in (thief, me):
            # The door remembers an answer for two seconds.
            for _ in range(300):
                if (await browser.http.get("/me")).status_code == 303:
                    break
                await asyncio.sleep(0.2)
    assert (await me.http.get("/me")).headers["location"].startswith("/me/login")


@pytest.mark.parametrize("path", ["/me/login", "/register", "/staff/login"])
async def test_who_is_not_logged_in_is_given_no_session(me: Browser, path: str) -> None:
    answer: Any = await me.http.get(path)
    assert not [one for one in answer.headers.get_list("set-cookie") if one.startswith("tongbao_customer")]
