"""An app or a passkey is taken away at once where as much remains; else its owner hears of it, and has a day to stop it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.identity.phone import sent_to
from tests.identity.test_customer_login import customer
from tests.identity.test_phone_change import DAY, ZONE, actions, with_app
from tongbao import identity
from tongbao.base.refusal import Refusal
from tongbao.identity import FactorKind, removals
from tongbao.identity.registration import himself

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World
    from tests.identity.test_registration import Applicant


async def ask(world: World, ming: Applicant, *, shown: bool = False) -> bool | str:
    """Whether the app is gone by it, or the code of a refusal."""
    try:
        async with world.db.tx() as tx:
            asked: Any = {"id": world.id(), "shown": shown, "zone": ZONE, "by": himself(ming.id), "lang": "en"}
            return await removals.ask_removal(tx, ming.id, FactorKind.TOTP, **asked, at=world.at)
    except Refusal as refusal:
        return refusal.code


async def has_app(world: World, ming: Applicant) -> bool:
    async with world.db.read() as tx:
        return any(one.kind is FactorKind.TOTP for one in (await identity.factors_of(tx, [ming.id]))[ming.id])


async def waits(world: World, ming: Applicant) -> list[UUID]:
    async with world.db.read() as tx:
        return [one.id for one in await removals.open_removals(tx, ming.id)]


async def complete(world: World, id: UUID) -> bool:
    async with world.db.tx() as tx:
        return await removals.complete_removal(tx, id, at=world.at)


async def test_the_only_strong_one_goes_after_a_day_of_which_he_is_told(world: World) -> None:
    ming = await customer(world)
    await with_app(world, ming)
    assert [await ask(world, ming), await ask(world, ming)] == [False, False]
    (id_,) = await waits(world, ming)
    texts = [text for _, _, text in await sent_to(world, ming.id)]
    assert sum("asked to remove your authenticator app" in text for text in texts) == 1
    world.clock.tick(DAY - timedelta(seconds=1))
    assert not await complete(world, id_)
    assert await has_app(world, ming), "good until then"
    world.clock.tick(timedelta(seconds=1))
    assert [await complete(world, id_), await complete(world, id_)] == [True, False]
    assert not await has_app(world, ming)
    assert await ask(world, ming) == "factor_unknown"


async def test_who_shows_it_need_not_wait(world: World) -> None:
    ming = await customer(world)
    await with_app(world, ming)
    assert await ask(world, ming, shown=True) is True
    assert not await has_app(world, ming)


async def test_its_owner_stops_it(world: World) -> None:
    ming, hua = await customer(world), await customer(world, "+8613700137000", 102)
    await with_app(world, ming)
    await ask(world, ming)
    (id_,) = await waits(world, ming)
    async with world.db.tx() as tx:
        assert not await removals.stop_removal(tx, hua.id, id_, by=himself(hua.id), at=world.at), "it is not hers"
        said: Any = {"by": himself(ming.id), "at": world.at}
        assert [await removals.stop_removal(tx, ming.id, id_, **said) for _ in range(2)] == [True, False]
    world.clock.tick(DAY)
    assert not await complete(world, id_)
    assert await has_app(world, ming)
    assert "factor.remove_stopped" in await actions(world, ming.id)


async def test_an_app_that_took_its_place_meanwhile_stays(world: World) -> None:
    ming = await customer(world)
    await with_app(world, ming)
    await ask(world, ming)
    (id_,) = await waits(world, ming)
    world.clock.tick(timedelta(minutes=5))
    async with world.db.tx() as tx:
        await identity.remove_factor(tx, ming.id, FactorKind.TOTP, by=himself(ming.id), at=world.at)
    await with_app(world, ming)
    world.clock.tick(DAY)
    assert not await complete(world, id_)
    assert await has_app(world, ming)


async def test_who_has_an_app_shows_it_before_another_takes_its_place(world: World) -> None:
    ming = await customer(world)
    await with_app(world, ming)
    async with world.db.tx() as tx:
        found = await identity.begin_totp(tx, ming.id, "A" * 32, by=himself(ming.id), at=world.at)
    assert found is not None
    assert found.code == "factor_wrong"
