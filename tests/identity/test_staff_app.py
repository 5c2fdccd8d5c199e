"""Staff log in with two things: a password, and a code of an app."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pyotp import TOTP

from tests.identity.test_staff import hire, log_in
from tongbao import identity
from tongbao.base.principal import SYSTEM, Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import Session, staff_app

if TYPE_CHECKING:
    from tests.identity.conftest import World

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def shown(world: World, seed: str = SEED) -> str:
    return TOTP(seed).at(world.at)


async def who(world: World, text: str) -> Principal:
    async with world.db.tx() as tx:
        return await identity.authenticate(tx, text, at=world.at)


async def set_up(world: World, text: str, seed: str = SEED, *, current: str = "") -> Refusal | None:
    by = await who(world, text)
    async with world.db.tx() as tx:
        wrong = await staff_app.begin(tx, by, seed, code=current, at=world.at)
    if wrong is not None:
        return wrong
    async with world.db.tx() as tx:
        return await staff_app.confirm(tx, by, shown(world, seed), at=world.at)


async def test_who_has_none_may_set_one_up_and_nothing_else(world: World) -> None:
    await hire(world)
    session, text = await log_in(world, needs_app=True)
    assert isinstance(session, Session)
    assert session.limited
    assert (await who(world, text)).permissions == frozenset()
    assert await set_up(world, text) is None
    assert (await who(world, text)).permissions != frozenset(), "the same session goes on"
    world.clock.tick(timedelta(seconds=60))
    refused, _ = await log_in(world, needs_app=True)
    assert isinstance(refused, Refusal)
    assert refused.code == "login_refused", "the password alone is not enough, and nobody learns that it was right"
    again, _ = await log_in(world, needs_app=True, app_code=shown(world))
    assert isinstance(again, Session)
    assert not again.limited


async def test_a_code_lets_in_once_even_of_many_at_once(world: World) -> None:
    await hire(world)
    _, text = await log_in(world)
    assert await set_up(world, text) is None
    world.clock.tick(timedelta(seconds=60))
    answers = await asyncio.gather(*(log_in(world, app_code=shown(world)) for _ in range(20)))
    assert sum(isinstance(found, Session) for found, _ in answers) == 1


async def test_another_app_needs_a_code_of_the_present_one_and_ends_other_sessions(world: World) -> None:
    await hire(world)
    _, text = await log_in(world)
    _, elsewhere = await log_in(world)
    assert await set_up(world, text) is None
    with pytest.raises(Refusal):
        await who(world, elsewhere)
    other = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
    stolen = await set_up(world, text, other)
    assert stolen is not None
    assert stolen.code == "factor_wrong"
    world.clock.tick(timedelta(seconds=60))
    assert await set_up(world, text, other, current=shown(world)) is None


async def test_guessing_codes_locks(world: World) -> None:
    await hire(world)
    _, text = await log_in(world)
    by = await who(world, text)
    async with world.db.tx() as tx:
        await staff_app.begin(tx, by, SEED, code="", at=world.at)

    async def guess() -> str:
        async with world.db.tx() as tx:
            wrong = await staff_app.confirm(tx, by, "000000", at=world.at)
        assert wrong is not None
        return wrong.code

    codes = await asyncio.gather(*(guess() for _ in range(40)))
    assert sorted(codes) == ["factor_locked"] * 35 + ["factor_wrong"] * 5


async def test_who_has_lost_it_is_helped_by_somebody_else(world: World) -> None:
    made = await hire(world)
    _, text = await log_in(world)
    assert await set_up(world, text) is None
    by = await who(world, text)
    async with world.db.tx() as tx:
        with pytest.raises(Refusal) as refused:
            await identity.remove_staff_app(tx, made.id, reason="lost", by=by, at=world.at)
    assert refused.value.code == "not_yourself"
    async with world.db.tx() as tx:
        await identity.remove_staff_app(tx, made.id, reason="lost", by=SYSTEM, at=world.at)
    with pytest.raises(Refusal):
        await who(world, text)
    session, _ = await log_in(world, needs_app=True)
    assert isinstance(session, Session)
    assert session.limited
