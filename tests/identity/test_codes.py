"""One-time codes: for one purpose, one person, once, for five minutes and five tries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.identity.phone import sent_to
from tongbao import identity, vault
from tongbao.base.refusal import Refusal
from tongbao.identity import Checked, CodePurpose

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World

PHONE = "+8613800138000"
CODE = "271828"


async def ask(
    world: World, subject_id: UUID, *, code_id: UUID | None = None, phone: str = PHONE, **other: Any
) -> tuple[UUID, Refusal | None]:
    """A code for a log-in, unless something else is said."""
    new_id = code_id or world.id()
    wanted: dict[str, Any] = {"purpose": CodePurpose.LOGIN, "code": CODE} | other
    async with world.db.tx() as tx:
        said = await identity.new_code(tx, id=new_id, subject_id=subject_id, phone=phone, at=world.at, **wanted)
    return new_id, said


async def check(
    world: World, code_id: UUID, code: str = CODE, purpose: CodePurpose = CodePurpose.LOGIN, **other: Any
) -> Checked | str:
    async with world.db.tx() as tx:
        found = await identity.check_code(tx, code_id, code, purpose=purpose, at=world.at, **other)
    return found.code if isinstance(found, Refusal) else found


async def test_a_code_says_whose_it_is_and_which_telephone_it_went_to(world: World) -> None:
    customer = await world.customer()
    code_id, said = await ask(world, customer.id)
    assert said is None
    async with world.db.read() as tx:
        (fingerprint,) = await vault.fingerprint(tx, vault.Kind.PHONE, ["138 0013 8000"])
    assert await check(world, code_id) == Checked(subject_id=customer.id, phone_fingerprint=fingerprint)
    assert await check(world, code_id) == "code_used"


async def test_a_code_is_good_for_five_minutes(world: World) -> None:
    late, _ = await ask(world, world.id())
    world.clock.tick(timedelta(minutes=5) - timedelta(microseconds=1))
    in_time, _ = await ask(world, world.id(), phone="+8613800138001")
    assert isinstance(await check(world, late), Checked)
    world.clock.tick(timedelta(minutes=5))
    assert await check(world, in_time) == "code_expired"


async def test_a_code_is_good_for_five_tries(world: World) -> None:
    code_id, _ = await ask(world, world.id())
    assert [await check(world, code_id, "271829") for _ in range(6)] == ["code_wrong"] * 5 + ["code_locked"]
    assert await check(world, code_id) == "code_locked", "the right one comes too late"


async def test_the_last_try_may_be_the_right_one(world: World) -> None:
    code_id, _ = await ask(world, world.id())
    assert [await check(world, code_id, "271829") for _ in range(4)] == ["code_wrong"] * 4
    assert isinstance(await check(world, code_id), Checked)


@pytest.mark.parametrize("purpose", [p for p in CodePurpose if p is not CodePurpose.LOGIN])
async def test_a_code_for_another_purpose_is_none(world: World, purpose: CodePurpose) -> None:
    code_id, _ = await ask(world, world.id())
    for _ in range(6):
        assert await check(world, code_id, purpose=purpose) == "code_wrong"
    assert isinstance(await check(world, code_id), Checked), "and spends no try of its owner's"


async def test_a_code_of_another_person_is_none(world: World) -> None:
    mine, hers = await world.customer(), await world.customer("李娜")
    code_id, _ = await ask(world, hers.id)
    other_id, _ = await ask(world, mine.id, phone="+8613800138001", code="161803")
    for _ in range(6):
        assert await check(world, code_id, subject_id=mine.id) == "code_wrong"
    assert await check(world, other_id) == "code_wrong", "her digits do not open my code"
    assert await check(world, code_id, subject_id=hers.id) == await _whole(world, hers.id)


async def _whole(world: World, subject_id: UUID) -> Checked:
    async with world.db.read() as tx:
        (fingerprint,) = await vault.fingerprint(tx, vault.Kind.PHONE, [PHONE])
    return Checked(subject_id=subject_id, phone_fingerprint=fingerprint)


@pytest.mark.parametrize(
    "code", ["", "27182", "2718281", "２７１８２８", "271828\x00", " 271828", "二七一八二八", "a" * 4000]
)
async def test_what_is_no_code_is_wrong(world: World, code: str) -> None:
    code_id, _ = await ask(world, world.id())
    assert await check(world, code_id, code) == "code_wrong"
    assert await check(world, world.id(), CODE) == "code_wrong", "nor is there one with this id"


async def test_a_new_code_ends_the_one_before(world: World) -> None:
    subject = world.id()
    first, _ = await ask(world, subject)
    to_pay, _ = await ask(world, subject, purpose=CodePurpose.PAY, phone="+8613800138001")
    world.clock.tick(timedelta(minutes=1))
    second, said = await ask(world, subject, code="314159")
    assert said is None
    assert await check(world, first) == "code_expired"
    assert isinstance(await check(world, second, "314159"), Checked)
    assert isinstance(await check(world, to_pay, purpose=CodePurpose.PAY), Checked), "of another purpose it ends none"


async def test_one_a_minute_and_ten_a_day_for_a_telephone_whoever_asks(world: World) -> None:
    _, first = await ask(world, world.id())
    assert first is None
    for _ in range(9):
        world.clock.tick(timedelta(seconds=59))
        _, soon = await ask(world, world.id(), purpose=CodePurpose.REGISTER)
        assert soon is not None
        assert (soon.code, soon.retry_after_s) == ("code_too_soon", 1)
        world.clock.tick(timedelta(seconds=1))
        _, said = await ask(world, world.id())
        assert said is None
    world.clock.tick(timedelta(minutes=1))
    _, enough = await ask(world, world.id())
    assert enough is not None
    assert (enough.code, enough.retry_after_s) == ("code_too_soon", 24 * 3600 - 600), "a day after the first of the ten"
    _, said = await ask(world, world.id(), phone="+8613800138001")
    assert said is None, "another telephone waits for nobody"
    world.clock.tick(timedelta(seconds=24 * 3600 - 600))
    assert (await ask(world, world.id()))[1] is None


async def test_the_same_id_again_sends_nothing_more(world: World) -> None:
    subject, code_id = world.id(), world.id()
    await ask(world, subject, code_id=code_id)
    _, again = await ask(world, subject, code_id=code_id, code="999999")
    assert again is None
    assert len(await sent_to(world, subject)) == 1
    assert isinstance(await check(world, code_id), Checked), "the code that was sent is the one that counts"
    with pytest.raises(Refusal, match="id_reused"):
        await ask(world, world.id(), code_id=code_id)


TEXTS = [
    (CodePurpose.REGISTER, "zh", "您正在申请开户，验证码 271828，5 分钟内有效。请勿告知他人，银行工作人员不会向您索取。如非本人操作，请忽略本短信。"),
    (CodePurpose.LOGIN, "zh", "您正在登录，验证码 271828，5 分钟内有效。请勿告知他人，银行工作人员不会向您索取。如非本人操作，请立即联系银行。"),
    (CodePurpose.PAY, "zh", "您正在付款，验证码 271828，5 分钟内有效。请勿告知他人，银行工作人员不会向您索取。如非本人操作，请立即联系银行。"),
    (CodePurpose.RECOVER, "zh", "您正在找回账户，验证码 271828，5 分钟内有效。请勿告知他人，银行工作人员不会向您索取。如非本人操作，请立即联系银行。"),
    (
        CodePurpose.REGISTER,
        "en",
        "271828 is your code to open an account, good for 5 minutes. Never pass it on: nobody at the bank will ask you for it. "
        "If you did not ask for it, ignore it.",
    ),
    (
        CodePurpose.LOGIN,
        "en",
        "271828 is your code to log in, good for 5 minutes. Never pass it on: nobody at the bank will ask you for it. "
        "If you did not ask for it, tell the bank at once.",
    ),
    (
        CodePurpose.PAY,
        "en",
        "271828 is your code to confirm a payment, good for 5 minutes. Never pass it on: nobody at the bank will ask you for it. "
        "If you are not paying, tell the bank at once.",
    ),
    (
        CodePurpose.RECOVER,
        "en",
        "271828 is your code to regain access to your account, good for 5 minutes. Never pass it on: nobody at the bank will ask "
        "you for it. If you did not ask for it, tell the bank at once.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("purpose", "lang", "text"), TEXTS)
async def test_the_message_says_what_the_code_is_for(world: World, purpose: CodePurpose, lang: str, text: str) -> None:
    subject = world.id()
    await ask(world, subject, purpose=purpose, lang=lang)
    assert await sent_to(world, subject) == [("code", PHONE, text)]


async def test_neither_code_nor_telephone_is_in_the_database(world: World) -> None:
    subject = world.id()
    code_id, _ = await ask(world, subject)
    await check(world, code_id, "161803")
    async with world.db.read() as tx:
        tables = await tx.rows(
            "SELECT to_jsonb(c)::text FROM identity.code c UNION ALL SELECT to_jsonb(m)::text FROM notices.message m"
        )
    dump = "\n".join(row[0] for row in tables)
    assert str(code_id) in dump
    for secret in (CODE, "161803", "13800138000", "您正在登录"):
        assert secret not in dump
        assert secret.encode().hex() not in dump
