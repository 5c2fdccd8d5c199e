"""Another telephone number: by himself after a day of which the old number hears, at once by an app, or by two of the bank's people."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyotp.totp import TOTP

from tests.identity.phone import sent_to
from tests.identity.test_customer_login import HOME, PASSWORD, customer, know, log_in
from tests.sandbox.identity_provider import id_number
from tongbao import identity, vault
from tongbao.base import approvals, audit
from tongbao.base.approvals import ApprovalState
from tongbao.base.principal import PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import Document, DocumentSeen, PendingLogin, customer_login, phone_change
from tongbao.identity.registration import himself

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World
    from tests.identity.test_registration import Applicant
    from tongbao.base.principal import Principal

CAFE, OTHER = b"c" * 32, b"o" * 32
CODE, NEW = "161803", "+8613900139000"
DAY = timedelta(hours=24)
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ZONE = Settings().zone


async def begin(world: World, who: UUID, phone: str = NEW, *, form: UUID | None = None, browser: bytes = CAFE) -> Any:
    """The change's id, or the code of a refusal."""
    form_id = form or world.id()

    async def work(tx: Any) -> Any:
        made: Any = {"browser_hash": browser, "code_id": world.id(), "code": CODE, "by": himself(who), "lang": "en"}
        return await identity.begin_phone_change(tx, world.id(), form_id, who, phone, **made, at=world.at)

    try:
        found = await world.db.retry(work)
    except Refusal as refusal:
        return refusal.code
    return found.code if isinstance(found, Refusal) else found


async def confirm(world: World, id: UUID, code: str = CODE, *, browser: bytes = CAFE) -> str | None:
    async def work(tx: Any) -> Any:
        asked: Any = {"browser_hash": browser, "zone": ZONE, "lang": "en"}
        return await identity.confirm_phone_change(tx, id, code, **asked, at=world.at)

    try:
        refusal = await world.db.retry(work)
    except Refusal as raised:
        refusal = raised
    return refusal.code if refusal else None


async def complete(world: World, id: UUID) -> bool:
    async with world.db.tx() as tx:
        return await identity.complete_phone_change(tx, id, at=world.at)


async def waiting(world: World, who: UUID, phone: str = NEW) -> UUID:
    """A change whose waiting begins now."""
    id_ = await begin(world, who, phone)
    assert await confirm(world, id_) is None
    return id_


async def phone_of(world: World, who: UUID) -> str:
    async with world.db.read() as tx:
        kept = await vault.own(tx, [vault.Kind.PHONE], by=himself(who))
    return kept[vault.Kind.PHONE]


async def actions(world: World, who: UUID) -> list[str]:
    async with world.db.read() as tx:
        return [one.action for one in await audit.trail(tx, subject=who)]


async def told(world: World, who: UUID, phone: str) -> list[str]:
    return [text for _, to, text in await sent_to(world, who) if to == phone]


async def test_after_a_day_the_new_number_holds_and_everything_open_is_closed(world: World) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    id_ = await waiting(world, ming.id)
    assert any("another telephone number. It holds from" in text for text in await told(world, ming.id, ming.phone))
    world.clock.tick(DAY - timedelta(seconds=1))
    assert not await complete(world, id_)
    assert await phone_of(world, ming.id) == ming.phone
    world.clock.tick(timedelta(seconds=1))
    assert [await complete(world, id_), await complete(world, id_)] == [True, False]
    assert await phone_of(world, ming.id) == NEW
    async with world.db.read() as tx:
        assert await identity.devices_of(tx, ming.id, at=world.at) == []
        assert await identity.cautious_until(tx, ming.id) == world.at + timedelta(days=7)
    assert any("is yours at the bank no more" in text for text in await told(world, ming.id, ming.phone))
    assert any("you can pay less" in text for text in await told(world, ming.id, NEW))
    assert await log_in(world, ming.phone) == "customer_login_refused", "the old number is nobody's"
    assert isinstance(await log_in(world, NEW, browser=HOME), PendingLogin), "his browser takes a code again"
    assert (await actions(world, ming.id)).count("phone.change") == 1


async def test_its_owner_stops_it_and_nothing_has_changed(world: World) -> None:
    ming = await customer(world)
    id_ = await waiting(world, ming.id)
    async with world.db.tx() as tx:
        assert await identity.open_phone_change(tx, ming.id) is not None
        by: Any = {"by": himself(ming.id), "at": world.at, "lang": "en"}
        assert [await identity.cancel_phone_change(tx, ming.id, **by) for _ in range(2)] == [True, False]
    world.clock.tick(DAY)
    assert not await complete(world, id_)
    assert await phone_of(world, ming.id) == ming.phone
    assert await confirm(world, id_) == "phone_change_over"
    assert any("what was asked for is stopped" in text for text in await told(world, ming.id, ming.phone))


async def test_a_new_password_ends_what_the_old_one_began(world: World) -> None:
    ming = await customer(world)
    id_ = await waiting(world, ming.id)
    world.clock.tick(timedelta(hours=1))
    async with world.db.tx() as tx:
        hashed = identity.hash_password("altogether another", b"s" * 16)
        await identity.set_password(tx, ming.id, hashed, by=himself(ming.id), at=world.at)
    world.clock.tick(DAY)
    assert not await complete(world, id_)
    assert await phone_of(world, ming.id) == ming.phone


async def with_app(world: World, ming: Applicant) -> None:
    async with world.db.tx() as tx:
        by: Any = {"by": himself(ming.id), "at": world.at}
        assert await identity.begin_totp(tx, ming.id, SEED, **by) is None
        assert await identity.confirm_totp(tx, ming.id, TOTP(SEED).at(world.at), **by) is None


async def show_app(world: World, ming: Applicant, code: str | None = None) -> bool | str:
    async with world.db.tx() as tx:
        found = await phone_change.show_app(tx, ming.id, code or TOTP(SEED).at(world.at), at=world.at)
    return found.code if isinstance(found, Refusal) else found


async def test_with_an_app_that_has_been_there_it_holds_at_once(world: World) -> None:
    ming = await customer(world)
    await with_app(world, ming)
    world.clock.tick(timedelta(minutes=5))
    assert await show_app(world, ming) is False, "set up a moment ago, perhaps by a thief"
    world.clock.tick(DAY)
    id_ = await begin(world, ming.id)
    assert await show_app(world, ming, "000000") == "factor_wrong"
    assert await show_app(world, ming) is True
    async with world.db.tx() as tx:
        await phone_change.strengthen(tx, id_, browser_hash=CAFE, at=world.at)
    assert await confirm(world, id_) is None
    assert await phone_of(world, ming.id) == NEW
    async with world.db.read() as tx:
        assert await identity.cautious_until(tx, ming.id) is not None


async def test_of_another_customers_number_nobody_learns_and_it_stays_his(world: World) -> None:
    ming, hua = await customer(world), await customer(world, "+8613700137000", 102)
    id_ = await begin(world, ming.id, hua.phone)
    assert not isinstance(id_, str), "the same answer as for a number that is free"
    assert not any(CODE in text for text in await told(world, ming.id, hua.phone))
    assert any("is a customer's already" in text for text in await told(world, ming.id, hua.phone))
    assert await begin(world, ming.id, ming.phone) == "phone_same"
    assert await begin(world, ming.id, form=world.id()) != id_
    assert await confirm(world, id_, browser=OTHER) == "phone_change_over", "another browser's is none"


async def test_of_two_who_want_one_number_one_gets_it(world: World) -> None:
    ming, hua = await customer(world), await customer(world, "+8613700137000", 102)
    first = await waiting(world, ming.id)
    world.clock.tick(timedelta(minutes=2))
    second = await waiting(world, hua.id)
    world.clock.tick(DAY)
    assert sorted(await asyncio.gather(complete(world, first), complete(world, second))) == [False, True]
    assert sorted([await phone_of(world, ming.id), await phone_of(world, hua.id)]).count(NEW) == 1


async def test_changes_that_come_to_nothing_are_five_and_then_wait(world: World) -> None:
    ming = await customer(world)
    found = [await begin(world, ming.id, f"+861390013900{n}") for n in range(7)]
    assert [one for one in found if isinstance(one, str)] == ["factor_locked"] * 2


async def try_in(world: World, phone: str, serial: int, password: str = PASSWORD) -> str | UUID | None:
    """As the page of whoever cannot log in does it."""

    async def take(tx: Any) -> Any:
        return await customer_login.try_password(tx, phone, at=world.at)

    guarded = await world.db.retry(take)
    if isinstance(guarded, Refusal):
        return guarded.code
    is_right = await asyncio.to_thread(identity.verify_password, guarded.stored, password)

    async def settle(tx: Any) -> Any:
        shown: Any = {"password_is_right": is_right, "phone": phone, "id_number": id_number(serial)}
        owner = await phone_change.owner_of(tx, guarded, **shown)
        wrong = await identity.settle_attempt(tx, guarded, owner is not None, at=world.at)
        return wrong.code if wrong else owner

    return await world.db.retry(settle)


async def test_who_cannot_log_in_shows_number_password_and_identity_together(world: World) -> None:
    ming = await customer(world)
    assert await try_in(world, ming.phone, 102) == "factor_wrong", "a wrong identity number is a wrong try"
    assert await try_in(world, ming.phone, 101, "something else") == "factor_wrong"
    assert await try_in(world, "+8613900139099", 101) == "factor_wrong", "nobody has this number"
    assert await try_in(world, ming.phone, 101) == ming.id


async def test_two_hundred_tries_at_once_are_five(world: World) -> None:
    ming = await customer(world)
    found = await asyncio.gather(*(try_in(world, ming.phone, 102) for _ in range(200)))
    assert (found.count("factor_wrong"), found.count("factor_locked")) == (5, 195)


def clerk(world: World) -> Principal:
    return world.principal(PrincipalKind.STAFF, {"customers:write", "approvals:decide"})


async def propose(
    world: World, who: UUID, by: Principal, *, id: UUID | None = None, phone: str = NEW, **seen: Any
) -> Any:
    """The proposal, or the code of a refusal."""
    looked = DocumentSeen(
        **{"document": Document.IDENTITY_CARD, "ends": id_number(101)[-4:], "face_compared": True, **seen}
    )

    async def work(tx: Any) -> Any:
        said: Any = {"id": id or world.id(), "reason": "he stands before me", "caution_days": 7, "at": world.at}
        return await identity.propose_phone(tx, by, who, phone, looked, **said)

    try:
        return await world.db.retry(work)
    except Refusal as refusal:
        return refusal.code


async def decide(world: World, id: UUID, by: Principal) -> str | None:
    async def work(tx: Any) -> None:
        state = ApprovalState.APPROVED
        await approvals.decide(tx, by, identity.PHONE_KINDS, id=id, state=state, at=world.at, reason="looked at")

    try:
        await world.db.retry(work)
    except Refusal as refusal:
        return refusal.code
    return None


async def test_a_clerk_proposes_and_another_one_decides(world: World) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    one, two, id_ = clerk(world), clerk(world), world.id()
    filed = await propose(world, ming.id, one, id=id_)
    assert (await propose(world, ming.id, one, id=id_)).id == filed.id, "the same form twice"
    assert NEW not in str(filed.payload)
    facts = dict(identity.phone_facts(filed, "en"))
    assert (facts["New telephone number"], facts["Document"]) == ("139 **** 9000", "Identity card")
    assert await phone_of(world, ming.id) == ming.phone
    assert await decide(world, id_, one) == "second_person_needed"
    assert await decide(world, id_, two) is None
    assert await phone_of(world, ming.id) == NEW
    assert len(await told(world, ming.id, ming.phone)) > 0
    async with world.db.read() as tx:
        assert await identity.devices_of(tx, ming.id, at=world.at) == []
        assert await identity.cautious_until(tx, ming.id) == world.at + timedelta(days=7)


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ({"face_compared": False}, "face_not_compared"),
        ({"ends": "0000"}, "document_not_his"),
        ({"phone": "+8613700137000"}, "phone_of_another"),
        ({"phone": "+8613800138000"}, "phone_same"),
    ],
)
async def test_what_the_clerk_must_look_at_is_looked_at(world: World, seen: dict[str, Any], code: str) -> None:
    ming = await customer(world)
    await customer(world, "+8613700137000", 102)
    assert await propose(world, ming.id, clerk(world), **seen) == code
    assert await propose(world, ming.id, world.bank) == "permission_missing", "no key does it"
