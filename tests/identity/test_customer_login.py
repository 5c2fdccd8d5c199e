"""Customers come in with telephone and password, and a code where the browser is new; strangers learn nothing."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.identity.phone import sent_to
from tests.identity.test_registration import Applicant
from tests.sandbox.identity_provider import id_number
from tongbao import identity
from tongbao.base.refusal import Refusal
from tongbao.identity import PendingLogin, VisitorKind, VisitorSession
from tongbao.identity import customer_login as login
from tongbao.identity.registration import himself

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World

PASSWORD = "correct horse"
NOBODYS = "+8613900139099"
HOME, AWAY = b"h" * 32, b"a" * 32
CODE = "314159"


async def customer(world: World, phone: str = "+8613800138000", serial: int = 101) -> Applicant:
    """Who has registered in the browser HOME a while ago."""
    hashed = identity.hash_password(PASSWORD, secrets.token_bytes(16))
    ming = await Applicant(world, phone, HOME).become(password_hash=hashed, id_number=id_number(serial))
    world.clock.tick(timedelta(minutes=2))
    return ming


async def log_in(world: World, phone: str, password: str = PASSWORD, browser: bytes = AWAY, code: str = CODE) -> Any:
    """The session, the log-in that waits for its code, or the code of a refusal."""

    async def take(tx: Any) -> Any:
        return await login.try_password(tx, phone, at=world.at)

    guarded = await world.db.retry(take)
    if isinstance(guarded, Refusal):
        return guarded.code
    is_right = await asyncio.to_thread(identity.verify_password, guarded.stored, password)
    asked: dict[str, Any] = {"login_id": world.id(), "code_id": world.id(), "session_id": world.id(), "code": code}

    async def settle(tx: Any) -> Any:
        token = world.token(VisitorKind.CUSTOMER)
        where: Any = {"phone": phone, "browser_hash": browser, "token": token}
        return await login.log_in(tx, guarded, password_is_right=is_right, **where, **asked, at=world.at)

    found = await world.db.retry(settle)
    return found.code if isinstance(found, Refusal) else found


async def confirm(world: World, id: UUID, code: str = CODE, browser: bytes = AWAY, new: bytes = b"n" * 32) -> Any:
    async def work(tx: Any) -> Any:
        asked: Any = {"session_id": world.id(), "token": world.token(VisitorKind.CUSTOMER), "at": world.at}
        return await login.confirm_login(tx, id, code, browser_hash=browser, new_browser_hash=new, **asked)

    try:
        found = await world.db.retry(work)
    except Refusal as refusal:
        return refusal.code
    return found.code if isinstance(found, Refusal) else found


async def know(world: World, ming: Applicant, browser: bytes) -> None:
    async with world.db.tx() as tx:
        asked: Any = {"session_id": world.id(), "token": world.token(VisitorKind.CUSTOMER), "at": world.at}
        await login.enter_known(tx, ming.id, browser_hash=ming.browser, new_browser_hash=browser, **asked)


async def test_in_a_new_browser_the_code_comes_after_the_password(world: World) -> None:
    ming = await customer(world)
    waiting = await log_in(world, ming.phone)
    assert isinstance(waiting, PendingLogin)
    assert CODE in (await ming.texts())[-1]
    assert await confirm(world, waiting.id, "000000") == "code_wrong"
    session = await confirm(world, waiting.id)
    assert isinstance(session, VisitorSession)
    assert session.holder_id == ming.id
    assert await confirm(world, waiting.id) is None, "sent twice, let in once"


async def test_a_browser_that_was_confirmed_is_known_by_its_new_cookie_alone(world: World) -> None:
    ming = await customer(world)
    waiting = await log_in(world, ming.phone)
    assert isinstance(await confirm(world, waiting.id, new=b"n" * 32), VisitorSession)
    assert isinstance(await log_in(world, ming.phone, browser=b"n" * 32), VisitorSession)
    world.clock.tick(timedelta(minutes=2))
    assert isinstance(await log_in(world, ming.phone, browser=AWAY), PendingLogin), (
        "whoever put the old one there is not"
    )
    world.clock.tick(timedelta(days=181))
    assert isinstance(await log_in(world, ming.phone, browser=b"n" * 32), PendingLogin), "forgotten after half a year"


async def test_a_browser_is_known_for_one_customer_not_for_another(world: World) -> None:
    ming = await customer(world)
    fang = await customer(world, "+8613900139001", 102)
    await know(world, ming, HOME)
    assert isinstance(await log_in(world, ming.phone, browser=HOME), VisitorSession)
    assert isinstance(await log_in(world, fang.phone, browser=HOME), PendingLogin)


async def test_a_number_that_nobody_has_is_answered_and_locked_like_one_that_somebody_has(world: World) -> None:
    ming = await customer(world)
    said = {phone: [await log_in(world, phone, "wrong") for _ in range(7)] for phone in (ming.phone, NOBODYS)}
    assert said[ming.phone] == said[NOBODYS]
    assert said[NOBODYS] == ["customer_login_refused"] * 5 + ["factor_locked"] * 2
    assert await log_in(world, ming.phone) == "factor_locked", "a right one too"
    world.clock.tick(timedelta(seconds=5))
    assert isinstance(await log_in(world, ming.phone), PendingLogin)


async def test_many_tries_at_once_are_no_more_than_five(world: World) -> None:
    ming = await customer(world)
    said = await asyncio.gather(*(log_in(world, ming.phone, "wrong") for _ in range(12)))
    assert said.count("customer_login_refused") == 5


async def test_a_second_right_password_goes_on_with_the_code_that_was_sent(world: World) -> None:
    ming = await customer(world)
    first, second = await asyncio.gather(log_in(world, ming.phone), log_in(world, ming.phone))
    assert isinstance(first, PendingLogin)
    assert isinstance(second, PendingLogin)
    assert first.id == second.id
    assert sum(CODE in text for text in await ming.texts()) == 1


async def test_a_log_in_ends_after_ten_minutes_and_is_no_other_browsers(world: World) -> None:
    ming = await customer(world)
    waiting = await log_in(world, ming.phone)
    assert await confirm(world, waiting.id, browser=HOME) == "login_over"
    world.clock.tick(timedelta(minutes=10))
    assert await confirm(world, waiting.id) == "login_over"


async def test_another_code_for_a_log_in(world: World) -> None:
    ming = await customer(world)
    waiting = await log_in(world, ming.phone)

    async def again(code: str, code_id: UUID) -> str | None:
        async def work(tx: Any) -> None:
            asked: Any = {"browser_hash": AWAY, "code_id": code_id, "code": code, "at": world.at}
            await login.send_login_code_again(tx, waiting.id, **asked)

        try:
            await world.db.retry(work)
        except Refusal as refusal:
            return refusal.code
        return None

    assert await again("222333", world.id()) == "code_too_soon"
    world.clock.tick(timedelta(minutes=1))
    wish = world.id()
    assert await again("222333", wish) is None
    assert await again("444555", wish) is None, "the same form again sends nothing"
    assert [text for text in await ming.texts() if "444555" in text] == []
    assert await confirm(world, waiting.id) == "code_wrong"
    assert isinstance(await confirm(world, waiting.id, "222333"), VisitorSession)


async def test_whoever_shares_a_number_that_the_bank_wrote_down_is_found_by_his_password(world: World) -> None:
    one, _ = await world.customer("王小明"), await world.customer("王大明")
    hashed = identity.hash_password(PASSWORD, secrets.token_bytes(16))
    assert await log_in(world, "+8613800138000") == "customer_login_refused"
    async with world.db.tx() as tx:
        await identity.set_password(tx, one.id, hashed, by=himself(one.id), at=world.at)
    waiting = await log_in(world, "+8613800138000")
    assert isinstance(waiting, PendingLogin)
    assert waiting.customer_id == one.id
    assert any(CODE in text for _, _, text in await sent_to(world, one.id))
