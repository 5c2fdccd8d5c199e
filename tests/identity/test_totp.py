"""Codes of an authenticator app: each works once, in its window, and only for whom it was set up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyotp
import pytest
from pyotp.totp import TOTP

from tests.identity.phone import sent_to
from tongbao import identity
from tongbao.base import audit
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import FactorKind
from tongbao.identity.totp import matching_step

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World

STEP = timedelta(seconds=30)


def himself(customer_id: UUID) -> Principal:
    return Principal(id=customer_id, kind=PrincipalKind.CUSTOMER, subject_id=customer_id)


async def begin(world: World, customer_id: UUID, present: str = "") -> TOTP:
    """`present`: the code of the app that he has."""
    seed = identity.fresh_seed(world.chance.randbytes)
    async with world.db.tx() as tx:
        said = {"present": present, "by": himself(customer_id), "at": world.at}
        assert await identity.begin_totp(tx, customer_id, seed, **said) is None
    return TOTP(seed)


async def confirm(world: World, customer_id: UUID, code: str) -> str | None:
    async with world.db.tx() as tx:
        said = await identity.confirm_totp(tx, customer_id, code, by=himself(customer_id), at=world.at)
    return said.code if said else None


async def check(world: World, customer_id: UUID, code: str) -> str | None:
    async with world.db.tx() as tx:
        said = await identity.check_totp(tx, customer_id, code, at=world.at)
    return said.code if said else None


async def with_app(world: World) -> tuple[UUID, TOTP]:
    """A customer with an authenticator app whose present code is fresh."""
    customer = await world.customer()
    app = await begin(world, customer.id)
    assert await confirm(world, customer.id, app.at(world.at)) is None
    world.clock.tick(2 * STEP)
    return customer.id, app


async def test_an_app_is_set_up_by_one_of_its_codes(world: World) -> None:
    customer = await world.customer()
    app = await begin(world, customer.id)
    assert await check(world, customer.id, app.at(world.at)) == "factor_wrong", "it is not his yet"
    assert await confirm(world, customer.id, "000000") == "factor_wrong"
    assert await confirm(world, customer.id, app.at(world.at)) is None
    assert await check(world, customer.id, app.at(world.at)) == "code_used", "that code has served"
    assert await confirm(world, customer.id, app.at(world.at)) == "totp_not_begun", "and the offer is gone"
    async with world.db.read() as tx:
        (factor,) = (await identity.factors_of(tx, [customer.id]))[customer.id]
        trail = [(entry.action, entry.details) for entry in await audit.trail(tx, subject=customer.id)]
    assert factor.kind is FactorKind.TOTP
    assert ("factor.set", {"kind": "totp"}) in trail
    assert await sent_to(world, customer.id) == [
        ("security", "+8613800138000", "您的动态口令已设置或更改。如非本人操作，请立即联系银行。")
    ]


async def test_a_code_works_once_in_its_window(world: World) -> None:
    customer_id, app = await with_app(world)
    code = app.at(world.at)
    assert await check(world, customer_id, code) is None
    assert await check(world, customer_id, code) == "code_used"
    world.clock.tick(STEP)
    assert await check(world, customer_id, code) == "code_used", "in the next step too"
    assert await check(world, customer_id, app.at(world.at)) is None


async def test_an_earlier_code_is_no_good_after_a_later_one(world: World) -> None:
    customer_id, app = await with_app(world)
    earlier, now = app.at(world.at - STEP), app.at(world.at)
    assert await check(world, customer_id, now) is None
    assert await check(world, customer_id, earlier) == "code_used"


@pytest.mark.parametrize(
    ("steps", "answer"), [(-2, "factor_wrong"), (-1, None), (0, None), (1, None), (2, "factor_wrong")]
)
async def test_a_clock_may_be_off_by_one_step(world: World, steps: int, answer: str | None) -> None:
    customer_id, app = await with_app(world)
    world.clock.tick(2 * STEP)
    assert await check(world, customer_id, app.at(world.at + steps * STEP)) == answer


async def test_nobodys_code_opens_somebody_elses(world: World) -> None:
    mine, my_app = await with_app(world)
    hers, _ = await with_app(world)
    assert await check(world, hers, my_app.at(world.at)) == "factor_wrong"
    assert await check(world, mine, my_app.at(world.at)) is None
    assert await check(world, world.id(), my_app.at(world.at)) == "factor_wrong", (
        "nor that of somebody who does not exist"
    )


async def test_guessing_locks_it_and_the_right_code_does_not_open_a_lock(world: World) -> None:
    customer_id, app = await with_app(world)
    wrong = f"{(int(app.at(world.at)) + 1) % 10**6:06}"
    assert [await check(world, customer_id, wrong) for _ in range(6)] == ["factor_wrong"] * 5 + ["factor_locked"]
    assert await check(world, customer_id, app.at(world.at)) == "factor_locked"
    assert (await sent_to(world, customer_id))[-1][
        2
    ] == "您的动态口令已连续输错五次，暂时无法再试。如非本人操作，请立即联系银行。"
    world.clock.tick(timedelta(seconds=5))
    assert await check(world, customer_id, app.at(world.at)) is None


async def test_an_offer_lasts_ten_minutes(world: World) -> None:
    customer = await world.customer()
    app = await begin(world, customer.id)
    world.clock.tick(timedelta(minutes=10))
    assert await confirm(world, customer.id, app.at(world.at)) == "totp_not_begun"


async def test_a_new_app_takes_the_old_ones_place_once_it_is_confirmed(world: World) -> None:
    customer_id, old = await with_app(world)
    new = await begin(world, customer_id, old.at(world.at))
    world.clock.tick(STEP)
    assert await check(world, customer_id, old.at(world.at)) is None, "the old one works on"
    assert await confirm(world, customer_id, new.at(world.at)) is None
    world.clock.tick(2 * STEP)
    assert await check(world, customer_id, old.at(world.at)) == "factor_wrong"
    assert await check(world, customer_id, new.at(world.at)) is None


async def test_guessing_at_an_offer_is_locked_too(world: World) -> None:
    customer = await world.customer()
    app = await begin(world, customer.id)
    wrong = f"{(int(app.at(world.at)) + 1) % 10**6:06}"
    assert [await confirm(world, customer.id, wrong) for _ in range(5)] == ["factor_wrong"] * 5
    assert await confirm(world, customer.id, app.at(world.at)) == "factor_locked"


async def test_only_he_or_the_bank_sets_up_his_app(world: World) -> None:
    customer, stranger = await world.customer(), await world.customer("李娜")
    async with world.db.tx() as tx:
        with pytest.raises(Refusal, match="customer_unknown"):
            await identity.begin_totp(tx, customer.id, "A" * 32, by=himself(stranger.id), at=world.at)


async def test_the_seed_is_nowhere_in_the_database(world: World) -> None:
    customer = await world.customer()
    offered = await begin(world, customer.id)
    dump = await _dump(world)
    assert await confirm(world, customer.id, offered.at(world.at)) is None
    dump += await _dump(world)
    for form in (offered.secret, offered.secret.encode().hex(), offered.byte_secret().hex()):
        assert form not in dump
    assert dump.count(str(customer.id)) == 2


async def _dump(world: World) -> str:
    async with world.db.read() as tx:
        rows = await tx.rows(
            "SELECT to_jsonb(f)::text FROM identity.factor f UNION ALL SELECT to_jsonb(o)::text FROM identity.totp_offer o"
        )
    return "\n".join(row[0] for row in rows)


RFC_6238 = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
"""Appendix B with SHA-1; the last six of the eight digits."""


@pytest.mark.parametrize(("second", "code"), RFC_6238)
def test_codes_are_those_of_the_standard(second: int, code: str) -> None:
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    at = datetime.fromtimestamp(second, UTC)
    assert matching_step(seed, code, at) == second // 30
    assert matching_step(seed, code, at + 2 * STEP) is None


@pytest.mark.parametrize("code", ["", "28708", "2870822", "２８７０８２", "\ud800", "二八七零八二"])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    assert matching_step("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", code, datetime.fromtimestamp(59, UTC)) is None


def test_an_app_is_told_bank_and_holder() -> None:
    uri = identity.totp_uri("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", holder="138****8000", bank="通宝银行")
    app = pyotp.parse_uri(uri)
    assert (app.secret, app.issuer, app.name) == ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "通宝银行", "138****8000")
