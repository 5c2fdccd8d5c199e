"""Customers and merchants' people come in, are who they are, and leave."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tongbao import identity
from tongbao.base import audit
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import KEY_PERMISSIONS, KeyKind, Product, Standing, VisitorKind

if TYPE_CHECKING:
    from tests.identity.conftest import World


async def come_in(world: World, holder: UUID, kind: VisitorKind = VisitorKind.CUSTOMER) -> str:
    """The token of a new session."""
    token = world.token(kind)
    async with world.db.tx() as tx:
        session = await identity.open_session(
            tx, kind, holder, session_id=world.id(), token=token, by=SYSTEM, at=world.at
        )
    assert (session.kind, session.holder_id) == (kind, holder)
    return str(token)


async def who(world: World, text: str) -> Principal:
    async with world.db.read() as tx:
        return await identity.authenticate(tx, text, at=world.at)


async def freeze(world: World, account: identity.Account, by: Principal) -> identity.Account:
    async with world.db.tx() as tx:
        return await identity.freeze_account(tx, account.id, reason="the telephone is gone", by=by, at=world.at)


async def test_a_customer_is_himself_whenever_he_comes_in(world: World) -> None:
    customer = await world.customer()
    first = await who(world, await come_in(world, customer.id))
    assert (first.id, first.subject_id, first.kind) == (customer.id, customer.id, PrincipalKind.CUSTOMER)
    assert first.permissions == {"me:read", "me:pay"}
    again = await who(world, await come_in(world, customer.id))
    assert (again.id, again.subject_id) == (first.id, first.subject_id), "what he asks again is a replay"
    assert again.session_id != first.session_id


async def test_whoever_is_in_the_shop_may_do_what_its_key_may(world: World) -> None:
    shop = world.id()
    principal = await who(world, await come_in(world, shop, VisitorKind.SHOP))
    assert (principal.id, principal.subject_id, principal.kind) == (shop, shop, PrincipalKind.MERCHANT)
    assert principal.permissions == KEY_PERMISSIONS[KeyKind.MERCHANT]


async def test_he_leaves_and_the_audit_knows_when(world: World) -> None:
    customer = await world.customer()
    text, other = await come_in(world, customer.id), await come_in(world, customer.id)
    principal = await who(world, text)
    for _ in range(2):
        async with world.db.tx() as tx:
            await identity.end_session(tx, text, by=principal, at=world.at)
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, text)
    assert (await who(world, other)).id == principal.id, "the session on his other device goes on"
    async with world.db.read() as tx:
        trail = await audit.trail(tx, subject=customer.id)
    assert [(entry.action, entry.principal_id) for entry in trail] == [
        ("session.end", customer.id),
        ("session.open", SYSTEM.id),
        ("session.open", SYSTEM.id),
    ]
    assert trail[0].details["session_id"] == trail[2].details["session_id"]


async def test_every_session_of_one_holder_ends_at_once(world: World) -> None:
    customer, shop = await world.customer(), world.id()
    his = [await come_in(world, customer.id) for _ in range(3)]
    others = [await come_in(world, shop, VisitorKind.SHOP), await come_in(world, (await world.customer()).id)]
    async with world.db.tx() as tx:
        ended = await identity.end_sessions(
            tx, VisitorKind.CUSTOMER, customer.id, reason="lost telephone", by=world.bank, at=world.at
        )
    assert ended == 3
    for text in his:
        with pytest.raises(Refusal, match="invalid_key"):
            await who(world, text)
    for text in others:
        assert (await who(world, text)).id != customer.id
    async with world.db.read() as tx:
        (newest, *_) = await audit.trail(tx, subject=customer.id)
    assert (newest.action, newest.reason, newest.details["sessions"]) == ("session.end", "lost telephone", 3)


async def test_a_session_ends_by_idleness_and_by_age(world: World) -> None:
    customer = await world.customer()
    idle = await come_in(world, customer.id)
    world.clock.tick(timedelta(minutes=30))
    with pytest.raises(Refusal, match="key_expired"):
        await who(world, idle)
    busy = await come_in(world, customer.id)
    for _ in range(20):
        world.clock.tick(timedelta(minutes=29))
        await who(world, busy)
    world.clock.tick(timedelta(minutes=20))
    with pytest.raises(Refusal, match="key_expired"):
        await who(world, busy)


async def test_a_token_opens_its_own_session_only(world: World) -> None:
    text = await come_in(world, (await world.customer()).id)
    kind, public_id, secret = text.removeprefix("tb_").split("_", 2)
    other = await come_in(world, world.id(), VisitorKind.SHOP)
    assert kind == "customer"
    for forged in (
        f"tb_shop_{public_id}_{secret}",
        f"tb_staff_{public_id}_{secret}",
        f"tb_merchant_{public_id}_{secret}",
        f"tb_customer_{public_id}_{other.rpartition('_')[2][-43:]}",
        f"tb_customer_{'0' * 16}_{secret}",
        text[:-1],
        f"tb_visitor_{public_id}_{secret}",
    ):
        with pytest.raises(Refusal, match="invalid_key"):
            await who(world, forged)


async def test_nobody_comes_in_as_a_customer_who_does_not_exist(world: World) -> None:
    with pytest.raises(Refusal, match="customer_unknown"):
        await come_in(world, world.id())


async def test_whoever_is_frozen_or_has_left_may_still_look(world: World) -> None:
    customer = await world.customer()
    text = await come_in(world, customer.id)
    async with world.db.tx() as tx:
        await identity.freeze_customer(tx, customer.id, reason="a court asks", by=world.bank, at=world.at)
    assert "me:read" in (await who(world, text)).permissions
    gone = await world.customer()
    async with world.db.tx() as tx:
        await identity.close_customer(tx, gone.id, reason="moved away", by=world.bank, at=world.at)
    assert "me:read" in (await who(world, await come_in(world, gone.id))).permissions


async def test_sessions_that_are_long_over_are_forgotten_and_the_others_stay(world: World) -> None:
    customer = await world.customer()
    old = await come_in(world, customer.id)
    world.clock.tick(timedelta(days=90))
    new = await come_in(world, customer.id)
    async with world.db.tx() as tx:
        assert await identity.forget_sessions(tx, before=world.at - timedelta(days=30)) == 1
    assert (await who(world, new)).id == customer.id
    with pytest.raises(Refusal, match="invalid_key"):
        await who(world, old)


async def test_what_is_ones_own_is_no_key_s_and_no_role_s(world: World) -> None:
    assert not set(identity.OWN_PERMISSIONS) & set(identity.PERMISSIONS)
    assert not any(set(identity.OWN_PERMISSIONS) & held for held in KEY_PERMISSIONS.values())
    assert not any(set(identity.OWN_PERMISSIONS) & held for held in identity.ROLE_PERMISSIONS.values())
    new = identity.NewKey(id=world.id(), kind=KeyKind.BANK, permissions=("me:pay",))
    with pytest.raises(Refusal, match="permission_unknown"):
        async with world.db.tx() as tx:
            await identity.issue_key(tx, new, world.token(), by=SYSTEM, at=world.at)


async def test_a_customer_freezes_his_own_account_and_no_other(world: World) -> None:
    account, other = await world.account(), await world.account()
    me = await who(world, await come_in(world, account.customer_id))
    assert (await freeze(world, account, me)).effective is Standing.FROZEN
    for stranger in (other, await world.account()):
        with pytest.raises(Refusal, match="account_not_found"):
            await freeze(world, stranger, me)
        async with world.db.read() as tx:
            assert (await identity.find_accounts(tx, [stranger.id]))[stranger.id].effective is Standing.OPEN
    async with world.db.read() as tx:
        (entry, *_) = await audit.trail(tx, subject=account.id)
    assert (entry.action, entry.principal_kind, entry.reason) == (
        "account.freeze",
        PrincipalKind.CUSTOMER,
        "the telephone is gone",
    )


async def test_a_shop_s_takings_are_frozen_by_the_bank_alone(world: World) -> None:
    owner = await world.customer()
    new = identity.NewAccount(id=world.id(), customer_id=owner.id, currency="CNY", product=Product.TAKINGS)
    async with world.db.tx() as tx:
        (made,) = await identity.open_accounts(tx, [new], by=world.bank, at=world.at, bank_code="90001")
    assert isinstance(made, identity.Made)
    with pytest.raises(Refusal, match="permission_missing"):
        await freeze(world, made.thing, await who(world, await come_in(world, owner.id)))
    assert (await freeze(world, made.thing, world.bank)).effective is Standing.FROZEN
