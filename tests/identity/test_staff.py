"""Staff come in by password, are locked out by guessing, and are shut out at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tongbao import identity
from tongbao.base import audit
from tongbao.base.principal import SYSTEM, Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import NewStaff, Role, Session

if TYPE_CHECKING:
    from tests.identity.conftest import World

PASSWORD = "一匹马两匹马三匹马四匹马五匹马"
HASH = identity.hash_password(PASSWORD, bytes(16))


async def hire(world: World, username: str = "li.na", *roles: Role) -> identity.Staff:
    new = NewStaff(id=world.id(), username=username, name="李娜", roles=frozenset(roles or (Role.OPERATOR,)))
    async with world.db.tx() as tx:
        return (await identity.create_staff(tx, new, HASH, by=SYSTEM, at=world.at)).thing


async def log_in(
    world: World, password: str = PASSWORD, username: str = "li.na", *, app_code: str = "", needs_app: bool = False
) -> tuple[Session | Refusal, str]:
    token = world.token("staff")
    async with world.db.read() as tx:
        stored = await identity.password_of(tx, username)
    right = password == PASSWORD and stored is not None
    async with world.db.tx() as tx:
        answer = await identity.log_in(
            tx,
            username,
            password_is_right=right,
            session_id=world.id(),
            token=token,
            at=world.at,
            code=app_code,
            needs_app=needs_app,
        )
    return answer, str(token)


async def who(world: World, text: str) -> Principal:
    async with world.db.read() as tx:
        return await identity.authenticate(tx, text, at=world.at)


def code(answer: Any) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


def test_passwords_are_checked_by_hash() -> None:
    assert identity.verify_password(HASH, PASSWORD)
    assert not identity.verify_password(HASH, PASSWORD + "!")
    assert not identity.verify_password(None, PASSWORD)
    assert not identity.verify_password("not a hash", PASSWORD)
    assert not identity.verify_password(HASH, "\ud800")
    assert HASH.startswith("$argon2id$")


@pytest.mark.parametrize("password", ["short", "x" * 257, "Operator.Li.Na"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Refusal, match="password_weak"):
        identity.check_password(password, "operator.li.na")


async def test_staff_come_in_and_go_out(world: World) -> None:
    staff = await hire(world, "li.na", Role.OPERATOR, Role.AUDITOR)
    session, text = await log_in(world)
    assert isinstance(session, Session)
    assert session.staff == staff
    principal = await who(world, text)
    assert principal.id == staff.id
    assert {"customers:write", "audit:read"} <= principal.permissions
    assert principal.subject_id is None, "they act for no merchant or customer"
    async with world.db.tx() as tx:
        await identity.log_out(tx, text, by=principal, at=world.at)
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, text)
    async with world.db.read() as tx:
        assert [e.action for e in await audit.trail(tx, subject=staff.id)] == [
            "staff.log_out",
            "staff.log_in",
            "staff.create",
        ]


async def test_a_session_ends_by_idleness_and_by_age(world: World) -> None:
    await hire(world)
    _, idle = await log_in(world)
    world.clock.tick(timedelta(minutes=30))
    with pytest.raises(Refusal, match="key_expired"):
        await who(world, idle)
    _, busy = await log_in(world)
    for _ in range(20):
        world.clock.tick(timedelta(minutes=29))
        await who(world, busy)
    world.clock.tick(timedelta(minutes=20))
    with pytest.raises(Refusal, match="key_expired"):
        await who(world, busy)


@pytest.mark.parametrize("username", ["li.na", "nobody"])
async def test_guessing_locks_a_name_for_longer_each_time_whether_it_exists_or_not(world: World, username: str) -> None:
    await hire(world)
    for _ in range(5):
        assert code((await log_in(world, "wrong", username))[0]) == "login_refused"
    locked, _ = await log_in(world, PASSWORD, username)
    assert code(locked) == "login_locked", "the right password does not open a lock"
    assert locked.retry_after_s == 5  # pyright: ignore[reportAttributeAccessIssue]
    world.clock.tick(timedelta(seconds=5))
    assert code((await log_in(world, "wrong", username))[0]) == "login_refused"
    locked, _ = await log_in(world, "wrong", username)
    assert locked.retry_after_s == 10  # pyright: ignore[reportAttributeAccessIssue]
    world.clock.tick(timedelta(seconds=10))
    if username == "li.na":
        assert isinstance((await log_in(world))[0], Session)
        assert code((await log_in(world, "wrong"))[0]) == "login_refused", "the count has started anew"


async def test_many_guesses_at_once_are_counted_one_by_one(world: World) -> None:
    await hire(world)
    answers = await asyncio.gather(*(log_in(world, "wrong") for _ in range(12)))
    codes = [code(answer) for answer, _ in answers]
    assert (codes.count("login_refused"), codes.count("login_locked")) == (5, 7)


async def test_a_user_name_is_somebodys(world: World) -> None:
    staff = await hire(world)
    again = NewStaff(id=staff.id, username="li.na", name="李娜", roles=frozenset({Role.OPERATOR}))
    async with world.db.tx() as tx:
        assert (await identity.create_staff(tx, again, HASH, by=SYSTEM, at=world.at)).replayed
    with pytest.raises(Refusal, match="username_taken"):
        await hire(world, "li.na")


async def test_whoever_is_disabled_is_out_at_once(world: World) -> None:
    staff = await hire(world)
    _, text = await log_in(world)
    async with world.db.tx() as tx:
        gone = await identity.disable_staff(tx, staff.id, reason="left the bank", by=SYSTEM, at=world.at)
    assert gone.status == "disabled"
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, text)
    assert code((await log_in(world))[0]) == "login_refused"
    with pytest.raises(Refusal, match="staff_unknown"):
        async with world.db.tx() as tx:
            await identity.disable_staff(tx, UUID(int=9), reason="nobody", by=SYSTEM, at=world.at)


async def test_sessions_that_are_long_over_are_forgotten_and_the_others_stay(world: World) -> None:
    await hire(world)
    _, old = await log_in(world)
    await log_in(world, "wrong", "nobody")
    world.clock.tick(timedelta(days=90))
    _, new = await log_in(world)
    async with world.db.tx() as tx:
        assert await identity.forget_sessions(tx, before=world.at - timedelta(days=30)) == 2
    assert (await who(world, new)).kind == "staff"
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, old)
