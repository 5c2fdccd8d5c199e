"""People become customers by themselves: three steps, one browser, and no way to learn who is a customer already."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.identity.called import called, names
from tests.identity.conftest import BANK_CODE
from tests.identity.phone import sent_to
from tests.sandbox.identity_provider import id_number
from tongbao import identity, vault
from tongbao.base.refusal import Refusal
from tongbao.identity import FactorKind, RegistrationStep, VerificationState, verification
from tongbao.identity import registration as registering
from tongbao.identity.phones import masked_phone, read_phone
from tongbao.identity.providers import Said

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World

PHONE = "+8613800138000"
BROWSER, OTHER_BROWSER = b"b" * 32, b"o" * 32
CODE = "271828"
WISH: dict[str, Any] = {
    "name": "李明",
    "id_number": id_number(101),
    "password_hash": "$argon2id$v=19$m=8,t=1,p=1$AA$AA",
}


class Applicant:
    """Somebody with a telephone and a browser who wants an account."""

    def __init__(self, world: World, phone: str = PHONE, browser: bytes = BROWSER) -> None:
        self.world, self.phone, self.browser = world, phone, browser
        self.form, self.id = world.id(), world.id()

    async def begin(self, code: str = CODE) -> str | None:
        world = self.world

        async def work(tx: Any) -> UUID:
            return await identity.begin_registration(
                tx,
                world.id(),
                self.form,
                self.phone,
                browser_hash=self.browser,
                code_id=world.id(),
                code=code,
                opened_at=world.at - timedelta(seconds=4),
                at=world.at,
            )

        try:
            self.id = await world.db.retry(work)
        except Refusal as refusal:
            return refusal.code
        return None

    async def confirm(self, code: str = CODE) -> str | None:
        async def work(tx: Any) -> Refusal | None:
            return await identity.confirm_phone(tx, self.id, code, browser_hash=self.browser, at=self.world.at)

        try:
            said = await self.world.db.retry(work)
        except Refusal as refusal:
            return refusal.code
        return said.code if said else None

    async def again(self, code: str, code_id: UUID | None = None) -> str | None:
        code_id = code_id or self.world.id()

        async def work(tx: Any) -> None:
            asked: Any = {"browser_hash": self.browser, "code_id": code_id, "code": code}
            await identity.send_code_again(tx, self.id, **asked, at=self.world.at)

        try:
            await self.world.db.retry(work)
        except Refusal as refusal:
            return refusal.code
        return None

    async def complete(self, **other: Any) -> str | bool:
        async def work(tx: Any) -> bool:
            wish = registering.Wish(**(WISH | other))
            where: Any = {"browser_hash": self.browser, "currency": "CNY", "bank_code": BANK_CODE}
            return await identity.complete_registration(tx, self.id, wish, **where, at=self.world.at)

        try:
            return await self.world.db.retry(work)
        except Refusal as refusal:
            return refusal.code

    async def step(self) -> RegistrationStep | str:
        async with self.world.db.read() as tx:
            try:
                asked: Any = {"browser_hash": self.browser, "at": self.world.at}
                return (await identity.find_registration(tx, self.id, **asked)).step
            except Refusal as refusal:
                return refusal.code

    async def texts(self) -> list[str]:
        return [text for _, _, text in await sent_to(self.world, self.id)]

    async def become(self, **other: Any) -> Applicant:
        assert await self.begin() is None
        assert await self.confirm() is None
        assert await self.complete(**other) is True
        return self


async def test_three_steps_make_a_customer_an_account_and_a_question(world: World) -> None:
    ming = Applicant(world)
    assert await ming.begin() is None
    ((kind, to, text),) = await sent_to(world, ming.id)
    assert (kind, to) == ("code", PHONE)
    assert CODE in text
    assert await ming.step() is RegistrationStep.BEGUN
    assert await ming.confirm("271829") == "code_wrong"
    assert await ming.confirm() is None
    assert await ming.step() is RegistrationStep.CONFIRMED
    assert await ming.complete() is True
    assert await ming.step() is RegistrationStep.COMPLETED

    async with world.db.read() as tx:
        customer = (await identity.find_customers(tx, [ming.id]))[ming.id]
        (account,) = await identity.accounts_of(tx, ming.id)
        question = (await identity.verification_of(tx, [ming.id]))[ming.id]
        factors = (await identity.factors_of(tx, [ming.id]))[ming.id]
        found = await vault.find(tx, vault.Kind.PHONE, "138 0013 8000")
        details = (await called(tx, ming.id))[ming.id]
    assert (details.name, details.phone, customer.level) == ("李明", PHONE, 0)
    assert (account.currency, account.status) == ("CNY", identity.Standing.OPEN)
    assert question.state is VerificationState.ASKED
    assert {factor.kind for factor in factors} == {FactorKind.PASSWORD, FactorKind.SMS}
    assert found == [ming.id]


async def test_each_step_sent_twice_is_done_once(world: World) -> None:
    ming = Applicant(world)
    assert await ming.begin() is None
    first = ming.id
    assert await ming.begin("111222") is None
    assert ming.id == first
    assert len(await ming.texts()) == 1
    assert await ming.confirm() is None
    assert await ming.confirm("000000") is None, "it is confirmed already"
    assert await ming.complete() is True
    assert await ming.complete(name="王芳") is False
    async with world.db.read() as tx:
        assert (await names(tx, [ming.id]))[ming.id] == "李明"
        assert len(await identity.accounts_of(tx, ming.id)) == 1


async def test_the_same_form_twice_at_once_begins_one(world: World) -> None:
    ming = Applicant(world)
    outcomes = await asyncio.gather(*(ming.begin() for _ in range(6)))
    assert set(outcomes) <= {None, "code_too_soon", "busy"}
    async with world.db.read() as tx:
        assert await tx.row("SELECT count(*) FROM identity.registration") == (1,)
        assert await tx.row("SELECT count(*) FROM notices.message") == (1,)


async def test_steps_are_taken_in_their_order_and_in_the_browser_that_began(world: World) -> None:
    ming = Applicant(world)
    assert await ming.begin() is None
    assert await ming.complete() == "phone_not_confirmed"
    assert await ming.confirm() is None
    thief = Applicant(world, browser=OTHER_BROWSER)
    thief.id = ming.id
    for said in (await thief.step(), await thief.confirm(), await thief.complete(), await thief.again("111222")):
        assert said == "registration_over"
    thief.form = ming.form
    assert await thief.begin() == "registration_over"
    world.clock.tick(timedelta(hours=1))
    assert await ming.complete() == "registration_over"


async def test_another_code_replaces_the_first_and_no_more_than_one_a_minute(world: World) -> None:
    ming = Applicant(world)
    assert await ming.begin() is None
    assert await ming.again("111222") == "code_too_soon"
    assert await Applicant(world).begin() == "code_too_soon", "the same telephone, whoever asks"
    world.clock.tick(timedelta(minutes=1))
    wish = world.id()
    assert await ming.again("111222", wish) is None
    assert await ming.again("333444", wish) is None, "the same form again sends nothing"
    assert [CODE in text or "111222" in text for text in await ming.texts()] == [True, True]
    assert await ming.confirm() == "code_wrong"
    assert await ming.confirm("111222") is None
    world.clock.tick(timedelta(minutes=1))
    assert await ming.again("555666") is None
    assert len(await ming.texts()) == 2, "confirmed: no code is needed"


async def test_of_a_customers_number_a_stranger_learns_nothing_and_its_owner_is_told(world: World) -> None:
    await Applicant(world).become()
    world.clock.tick(timedelta(minutes=1))
    stranger = Applicant(world, browser=OTHER_BROWSER)
    unknown = Applicant(world, phone="+8613900139000", browser=OTHER_BROWSER)
    for someone in (stranger, unknown):
        assert await someone.begin() is None
        assert await someone.step() is RegistrationStep.BEGUN
        assert [await someone.confirm("000000") for _ in range(6)] == ["code_wrong"] * 5 + ["code_locked"]
        assert await someone.again("111222") == "code_too_soon"
    (told,) = await stranger.texts()
    assert not re.search(r"\d{6}", told), "nobody gets a code"
    assert "登录" in told
    (sent,) = await unknown.texts()
    assert CODE in sent


async def test_a_number_that_the_banks_own_systems_wrote_down_is_known_too(world: World) -> None:
    await world.customer()
    ming = Applicant(world)
    assert await ming.begin() is None
    assert CODE not in (await ming.texts())[0]


async def test_two_registrations_of_one_number_make_one_customer(world: World) -> None:
    first, second = Applicant(world), Applicant(world, browser=OTHER_BROWSER)
    assert await first.begin() is None
    assert await first.confirm() is None
    world.clock.tick(timedelta(minutes=1))
    assert await second.begin() is None
    assert await second.confirm() is None
    outcomes = await asyncio.gather(first.complete(), second.complete(id_number=id_number(102)))
    assert sorted(map(str, outcomes)) == ["True", "phone_taken"]


async def test_somebody_elses_identity_number_is_refused_in_words_that_tell_nothing(world: World) -> None:
    owner = await Applicant(world).become()
    async with world.db.tx() as tx:
        lease = world.id()
        (question,) = await verification.take_due(tx, lease, world.at, most=5)
        await verification.book_answer(tx, question, Said.VERIFIED, at=world.at)
    world.clock.tick(timedelta(minutes=1))
    other = Applicant(world, phone="+8613900139000", browser=OTHER_BROWSER)
    assert await other.begin() is None
    assert await other.confirm() is None
    assert await other.complete() == "identity_unusable"
    assert await other.step() is RegistrationStep.CONFIRMED, "nothing was made"
    for _ in range(2):
        async with world.db.tx() as tx:
            await registering.tell_owner_of_identity(tx, WISH["id_number"], at=world.at)
    assert sum("身份证号" in text for text in await owner.texts()) == 1
    assert await other.complete(id_number=id_number(103)) is True


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"id_number": id_number(101)[:-1] + "0"}, "id_number_malformed"),
        ({"id_number": "1101"}, "id_number_malformed"),
        ({"name": "明"}, "person_name_malformed"),
        ({"name": "李明 \u202e"}, "person_name_malformed"),
        ({"name": "<b>李明</b>"}, "person_name_malformed"),
        ({"name": "R2 D2"}, "person_name_malformed"),
        ({"name": "李" * 51}, "person_name_malformed"),
    ],
)
async def test_what_is_malformed_makes_nothing(world: World, wrong: dict[str, str], code: str) -> None:
    ming = Applicant(world)
    assert await ming.begin() is None
    assert await ming.confirm() is None
    assert await ming.complete(**wrong) == code
    async with world.db.read() as tx:
        assert not await identity.find_customers(tx, [ming.id])
        assert not await vault.find(tx, vault.Kind.PHONE, PHONE)


@pytest.mark.parametrize("name", ["欧阳娜娜", "买买提·艾力", "Zoë O'Brien-Smith", "Nguyễn Văn A", "J. R. R. Tolkien"])
def test_names_of_every_script_are_names(name: str) -> None:
    assert registering.read_name(f"  {name} ") == name


async def test_forms_are_counted_and_come_to_an_end(world: World) -> None:
    ming = Applicant(world)
    assert await ming.begin() is None
    assert await ming.confirm() is None
    asked: Any = {"browser_hash": BROWSER, "at": world.at}
    for _ in range(identity.REGISTRATION_FORMS - 2):
        async with world.db.tx() as tx:
            await registering.count_form(tx, ming.id, **asked)
    assert await ming.complete() == "registration_over"


async def test_of_whoever_gives_up_nothing_stays_but_the_count(world: World) -> None:
    gone, ming = Applicant(world), Applicant(world, phone="+8613900139000", browser=OTHER_BROWSER)
    assert await gone.begin() is None
    await ming.become()
    world.clock.tick(timedelta(days=1, seconds=1))
    async with world.db.tx() as tx:
        assert await registering.forget_registrations(tx, at=world.at) == 1
    async with world.db.tx() as tx:
        assert await registering.forget_registrations(tx, at=world.at) == 0
    assert await gone.step() == "registration_over"
    async with world.db.read() as tx:
        rows = await tx.rows(
            "SELECT phone_sealed, phone_fingerprint, browser_hash FROM identity.registration WHERE id = %(id)s",
            id=gone.id,
        )
        (steps,) = [await registering.registration_steps(tx, since=world.at - timedelta(days=30))]
        with pytest.raises(Refusal):
            await vault.seal(tx, gone.id, b"x", bound="x", at=world.at)
    assert rows == [(None, None, None)]
    assert (steps.begun, steps.confirmed, steps.completed, steps.forms) == (2, 1, 1, 2)


async def test_steps_and_seconds_are_counted(world: World) -> None:
    for n, (to_code, to_end) in enumerate([(10, 20), (20, 40), (30, 200)]):
        one = Applicant(world, phone=f"+861390013900{n}")
        assert await one.begin() is None
        world.clock.tick(timedelta(seconds=to_code))
        assert await one.confirm() is None
        world.clock.tick(timedelta(seconds=to_end))
        assert await one.complete(id_number=id_number(110 + n)) is True
    since = world.at - timedelta(days=30)
    async with world.db.read() as tx:
        steps = await registering.registration_steps(tx, since=since)
        spread = await registering.registration_spread(tx, (60, 180), since=since)
        (day,) = await registering.registration_days(tx, since=since, zone="Asia/Shanghai")
    assert (steps.phone_ms, steps.code_ms, steps.rest_ms) == (4_000, 20_000, 40_000)
    assert spread == [1, 1, 1], "34, 64 and 234 seconds"
    assert (day.begun, day.completed, day.middle_ms) == (3, 3, 64_000)


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("13800138000", PHONE),
        ("138 0013-8000", PHONE),
        ("+86 138 0013 8000", PHONE),
        ("008613800138000", PHONE),
        ("１３８００１３８０００", PHONE),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_a_number_is_read_however_it_is_written(typed: str, phone: str) -> None:
    assert read_phone(typed) == phone


@pytest.mark.parametrize(
    "typed", ["", "12345", "23800138000", "+8612345678901", "1380013800٠", "138001380001", "+0123", "电话"]
)
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_phone(typed)
    assert refused.value.code == "phone_malformed"


def test_a_masked_number_keeps_its_ends() -> None:
    assert masked_phone(PHONE) == "138\u00a0****\u00a08000"
    assert masked_phone("+442079460958") == "+44\u00a0****\u00a00958"
