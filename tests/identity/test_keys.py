"""API keys: what they may hold, how they are shown, how they end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tongbao import identity
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import KEY_PERMISSIONS, PERMISSIONS, ROLE_PERMISSIONS, KeyKind, NewKey, Role

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World


async def issue(world: World, by: Principal = SYSTEM, **what: Any) -> tuple[identity.ApiKey, str]:
    new = NewKey(**{"id": world.id(), "kind": KeyKind.BANK, **what})
    token = world.token(new.kind)
    async with world.db.tx() as tx:
        made = await identity.issue_key(tx, new, token, by=by, at=world.at)
    return made.thing, str(token)


async def who(world: World, text: str) -> Principal:
    async with world.db.read() as tx:
        return await identity.authenticate(tx, text, at=world.at)


async def rotate(world: World, key_id: UUID, new_id: UUID, by: Principal = SYSTEM) -> tuple[Any, str]:
    token = world.token()
    async with world.db.tx() as tx:
        made = await identity.rotate_key(
            tx, key_id, new_id=new_id, token=token, overlap=timedelta(hours=1), by=by, at=world.at
        )
    return made, str(token)


async def test_a_key_is_known_by_its_secret_and_stored_without_it(world: World) -> None:
    key, text = await issue(world, permissions=("customers:read",))
    principal = await who(world, text)
    assert (principal.id, principal.kind, principal.permissions) == (key.id, "bank", {"customers:read"})
    async with world.db.read() as tx:
        rows = await tx.rows("SELECT k::text FROM identity.api_key AS k")
    assert text.rpartition("_")[2] not in rows[0][0]
    assert text not in repr(world.token())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text.replace("tb_bank_", "tb_merchant_"),
        lambda text: text.replace("tb_bank_", "tb_staff_"),
        lambda text: text[:8] + "0" * 16 + text[24:],
        lambda text: text + "A",
        lambda _: "",
        lambda _: "tb_bank_通宝",
        lambda text: text + "\n",
    ],
)
async def test_what_is_not_the_key_is_refused(world: World, spoil: Any) -> None:
    _, text = await issue(world)
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, spoil(text))


async def test_a_key_expires_and_is_revoked(world: World) -> None:
    key, text = await issue(world, expires_at=world.at + timedelta(days=1))
    _, forever = await issue(world)
    assert (await who(world, text)).id == key.id
    world.clock.tick(timedelta(days=1))
    with pytest.raises(Refusal, match="key_expired"):
        await who(world, text)
    forever_id = (await who(world, forever)).id
    async with world.db.tx() as tx:
        gone = await identity.revoke_key(tx, forever_id, by=SYSTEM, at=world.at)
        assert gone.revoked_at == world.at
        assert await identity.revoke_key(tx, forever_id, by=SYSTEM, at=world.at + timedelta(1)) == gone
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, forever)


async def test_the_day_of_last_use_is_noted_once_a_day(world: World) -> None:
    key, text = await issue(world)
    await asyncio.gather(*(who(world, text) for _ in range(6)))
    async with world.db.read() as tx:
        assert (await identity.find_keys(tx, [key.id]))[key.id].last_used_on == world.at.date()


async def test_a_rotated_key_is_the_same_principal_and_the_old_one_ends_after_the_overlap(world: World) -> None:
    old, old_text = await issue(world, permissions=("payments:debit",))
    new_id = world.id()
    made, new_text = await rotate(world, old.id, new_id)
    assert not made.replayed
    assert await who(world, old_text) == await who(world, new_text)
    again, other_text = await rotate(world, old.id, new_id)
    assert again.replayed
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, other_text)
    with pytest.raises(Refusal, match="key_over"):
        await rotate(world, old.id, world.id())
    world.clock.tick(timedelta(hours=1))
    with pytest.raises(Refusal, match="key_expired"):
        await who(world, old_text)
    assert (await who(world, new_text)).id == old.id
    with pytest.raises(Refusal, match="key_unknown"):
        await rotate(world, world.id(), world.id())


async def test_a_key_is_made_once_and_its_secret_is_shown_once(world: World) -> None:
    new = NewKey(id=world.id(), kind=KeyKind.BANK)
    tokens = [world.token() for _ in range(8)]

    async def ask(token: identity.Token) -> Any:
        async with world.db.tx() as tx:
            return await identity.issue_key(tx, new, token, by=SYSTEM, at=world.at)

    outcomes = await asyncio.gather(*(ask(token) for token in tokens))
    assert sorted(o.replayed for o in outcomes) == [False] + [True] * 7
    opened = 0
    for token in tokens:
        with suppress(Refusal):
            await who(world, str(token))
            opened += 1
    assert opened == 1


async def test_a_merchants_key_can_never_debit(world: World) -> None:
    merchant = world.id()
    with pytest.raises(Refusal, match="permission_not_for_kind"):
        await issue(world, kind=KeyKind.MERCHANT, subject_id=merchant, permissions=("payments:debit",))
    key, text = await issue(world, kind=KeyKind.MERCHANT, subject_id=merchant)
    assert "payments:debit" not in key.permissions
    assert (await who(world, text)).subject_id == merchant
    with pytest.raises(Refusal, match="subject_needed"):
        await issue(world, kind=KeyKind.PARTNER)
    with pytest.raises(Refusal, match="subject_needed"):
        await issue(world, kind=KeyKind.BANK, subject_id=merchant)


async def test_a_key_gives_only_what_it_holds(world: World) -> None:
    weak = world.principal(permissions={"keys:write", "customers:read", "orders:write"})
    given, text = await issue(world, by=weak)
    assert given.permissions == weak.permissions
    with pytest.raises(Refusal, match="permission_not_yours"):
        await issue(world, by=weak, permissions=("payments:debit",))
    with pytest.raises(Refusal, match="permission_unknown"):
        await issue(world, by=weak, permissions=("money:print",))
    strong, _ = await issue(world)
    with pytest.raises(Refusal, match="permission_not_yours"):
        await rotate(world, strong.id, world.id(), by=await who(world, text))
    with pytest.raises(Refusal, match="expiry_past"):
        await issue(world, expires_at=world.at)
    admin = Principal(id=world.id(), kind=PrincipalKind.STAFF, permissions=ROLE_PERMISSIONS[Role.ADMIN])
    with pytest.raises(Refusal, match="takes_a_second_person"):
        await issue(world, by=admin)


async def test_keys_are_listed_newest_first(world: World) -> None:
    made = []
    for _ in range(5):
        made.append((await issue(world))[0].id)
        world.clock.tick(timedelta(seconds=1))
    merchant = world.id()
    its = (await issue(world, kind=KeyKind.MERCHANT, subject_id=merchant))[0]
    async with world.db.read() as tx:
        page = await identity.list_keys(tx, most=3)
        rest = await identity.list_keys(tx, before=page[-1].id)
        assert await identity.list_keys(tx, subject_id=merchant) == [its]
    assert [key.id for key in page + rest] == [its.id, *reversed(made)]


def test_every_permission_that_is_given_exists() -> None:
    for given in (*KEY_PERMISSIONS.values(), *ROLE_PERMISSIONS.values()):
        assert given <= set(PERMISSIONS)
    for role in Role:
        assert "payments:debit" not in ROLE_PERMISSIONS[role], "a payer is debited by himself or by a bank batch"
