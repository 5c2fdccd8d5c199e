"""A person names himself, the provider says whether it is so, and what he may do follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from tests.sandbox import identity_provider
from tests.sandbox.identity_provider import IdentityProvider, id_number
from tongbao import identity, vault
from tongbao.base import audit
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import CustomerKind, NewCustomer, VerificationState
from tongbao.identity.jobs import Verifier, verify_identities
from tongbao.identity.providers import ProviderAnswer, Said, connected
from tongbao.identity.verification import GIVES_UP, turn

if TYPE_CHECKING:
    from tests.identity.conftest import World


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with identity_provider.running(tmp_path_factory.mktemp("identity"), "--late-s", "3") as provider:
        yield provider


class Office:
    """The world with an asker of the provider; `asked` counts how often it was asked."""

    def __init__(self, world: World, way: Any) -> None:
        self.world = world
        self.way = way
        self.verifier = Verifier(world.db, world.clock, way)

    async def newcomer(self, kind: CustomerKind = CustomerKind.PERSON, level: int = 0) -> UUID:
        new = NewCustomer(id=self.world.id(), kind=kind, name="王小明", phone="+8613800138000")
        async with self.world.db.tx() as tx:
            await identity.register_customers(tx, [new], level=level, by=SYSTEM, at=self.world.at)
        return new.id

    async def ask(self, customer: UUID, number: str, *, id: UUID | None = None, name: str = "王小明") -> UUID:
        id_ = id or uuid4()  # another one than in the tests before: the provider remembers
        self.world.clock.tick(timedelta(seconds=1))
        by = self.world.bank
        async with self.world.db.tx() as tx:
            await identity.ask_verification(tx, customer, id=id_, name=name, id_number=number, by=by, at=self.world.at)
        return id_

    async def refused(self, customer: UUID, number: str, **more: Any) -> str:
        with pytest.raises(Refusal) as no:
            await self.ask(customer, number, **more)
        return no.value.code

    async def state(self, customer: UUID) -> tuple[str | None, int]:
        """(what became of the newest question, the customer's level)."""
        async with self.world.db.read() as tx:
            newest = (await identity.verification_of(tx, [customer])).get(customer)
            return newest and newest.state.value, (await identity.find_customers(tx, [customer]))[customer].level

    async def later(self, **step: int) -> None:
        self.world.clock.tick(timedelta(**step))
        await self.verifier.turn()


@pytest.fixture
async def office(world: World, provider: IdentityProvider) -> AsyncIterator[Office]:
    async with connected(provider.url, within_s=1) as way:
        yield Office(world, way)


async def test_name_and_number_belong_together_and_the_customer_rises_to_level_1(office: Office) -> None:
    customer = await office.newcomer()
    assert await office.state(customer) == (None, 0)
    await office.ask(customer, id_number(1))
    assert await office.state(customer) == ("asked", 0)
    assert await office.verifier.turn() == 1
    assert await office.state(customer) == ("verified", 1)
    assert await office.verifier.turn() == 0, "nothing is asked twice"
    async with office.world.db.read() as tx:
        done = [(entry.action, entry.principal_id) for entry in await audit.trail(tx, subject=str(customer))]
        (question,) = await identity.verifications(tx, customer)
    assert sorted(done) == [("verification.ask", office.world.bank.id), ("verification.verified", SYSTEM.id)]
    assert (question.state.is_open, question.decided_at) == (False, office.world.at)


async def test_a_number_that_is_not_his_leaves_him_where_he_is_until_he_asks_again(office: Office) -> None:
    customer = await office.newcomer()
    await office.ask(customer, id_number(901))
    await office.verifier.turn()
    assert await office.state(customer) == ("mismatch", 0)
    await office.ask(customer, id_number(2))
    await office.verifier.turn()
    assert await office.state(customer) == ("verified", 1)


@pytest.mark.parametrize(("serial", "then"), [(902, ("verified", 1)), (903, ("mismatch", 0))])
async def test_a_provider_that_takes_its_time_is_asked_again(
    office: Office, serial: int, then: tuple[str, int]
) -> None:
    customer = await office.newcomer()
    await office.ask(customer, id_number(serial))
    await office.verifier.turn()
    assert await office.state(customer) == ("pending", 0)
    assert await office.verifier.turn() == 0, "not before its time"
    await office.later(seconds=2)
    assert await office.state(customer) == ("pending", 0)
    await office.later(seconds=4)
    assert await office.state(customer) == then


@pytest.mark.parametrize("serial", [911, 912, 913, 915, 917])
async def test_an_answer_that_does_not_come_or_says_nothing_is_asked_for_again(
    office: Office, provider: IdentityProvider, serial: int
) -> None:
    customer, before = await office.newcomer(), provider.total()
    await office.ask(customer, id_number(serial))
    await office.verifier.turn()
    assert await office.state(customer) == ("asked", 0)
    await office.later(seconds=2)
    assert await office.state(customer) == ("verified", 1)
    assert provider.total() == before + 1, "one question, however often it was asked"


@pytest.mark.parametrize(("serial", "meanwhile"), [(904, "pending"), (914, "asked")])
async def test_after_a_day_without_an_answer_it_has_failed_and_may_be_asked_anew(
    office: Office, serial: int, meanwhile: str
) -> None:
    customer = await office.newcomer()
    await office.ask(customer, id_number(serial))
    await office.verifier.turn()
    await office.later(hours=23)
    assert await office.state(customer) == (meanwhile, 0)
    assert await office.refused(customer, id_number(3)) == "verification_open"
    await office.later(hours=1)
    assert await office.state(customer) == ("failed", 0)
    await office.ask(customer, id_number(3))
    await office.verifier.turn()
    assert await office.state(customer) == ("verified", 1)


async def test_a_provider_that_is_out_of_order_delays_and_decides_nothing(
    office: Office, provider: IdentityProvider
) -> None:
    customer = await office.newcomer()
    await office.ask(customer, id_number(4))
    provider.fault("down")
    try:
        await office.verifier.turn()
        await office.later(seconds=2)
    finally:
        provider.fault("none")
    assert await office.state(customer) == ("asked", 0)
    await office.later(seconds=4)
    assert await office.state(customer) == ("verified", 1)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "1",
        str(int(id_number(1)) ^ 1),  # the check digit is wrong
        "11010119900307001",
        "110101199013070018",  # no such month
        "000000199003070018",  # no such place
        "11010119900307001Q",
        "<script>alert(1)</script>",
        "1" * 10_000,
    ],
)
async def test_a_number_that_is_none_is_refused(office: Office, number: str) -> None:
    customer = await office.newcomer()
    assert await office.refused(customer, number) == "id_number_malformed"
    assert await office.state(customer) == (None, 0)


async def test_a_number_may_be_typed_as_people_type(office: Office) -> None:
    customer = await office.newcomer()
    number = next(n for n in map(id_number, range(20, 60)) if n.endswith("X"))
    wide = "".join(chr(ord(digit) + 0xFEE0) if digit.isdigit() else digit for digit in number)
    await office.ask(customer, f" {wide[:6]} {wide[6:14]} {wide[14:17]}x ")
    async with office.world.db.tx() as tx:
        kinds = [vault.Kind.NAME, vault.Kind.ID_NUMBER]
        kept = await vault.read(tx, [customer], kinds, by=SYSTEM, reason="test", at=office.world.at)
    assert kept[customer] == {vault.Kind.NAME: "王小明", vault.Kind.ID_NUMBER: number}


async def test_one_number_is_of_one_customer(office: Office) -> None:
    first, second = await office.newcomer(), await office.newcomer()
    await office.ask(first, id_number(5))
    assert await office.refused(second, id_number(5)) == "id_number_taken"
    await office.verifier.turn()
    assert await office.refused(second, id_number(5).lower()) == "id_number_taken"
    assert await office.state(second) == (None, 0)


async def test_of_two_who_name_one_number_at_once_one_is_refused(office: Office) -> None:
    people = [await office.newcomer() for _ in range(4)]

    async def ask(customer: UUID) -> str:
        async def do(tx: Any) -> None:
            await identity.ask_verification(
                tx, customer, id=customer, name="王", id_number=id_number(6), by=SYSTEM, at=office.world.at
            )

        try:
            await office.world.db.retry(do)
        except Refusal as refusal:
            return refusal.code
        return "asked"

    said = await asyncio.gather(*map(ask, people))
    assert sorted(said) == ["asked", *["id_number_taken"] * 3]


async def test_whoever_names_somebody_elses_number_does_not_keep_him_out(office: Office) -> None:
    stranger, owner = await office.newcomer(), await office.newcomer()
    await office.ask(stranger, id_number(901))
    await office.verifier.turn()
    assert await office.state(stranger) == ("mismatch", 0)
    await office.ask(owner, id_number(901), name="李雷")
    assert await office.state(owner) == ("asked", 0)


async def test_the_same_question_twice_is_asked_once(office: Office) -> None:
    customer, other = await office.newcomer(), await office.newcomer()
    id_ = await office.ask(customer, id_number(7))
    await office.ask(customer, id_number(7), id=id_)
    assert await office.refused(other, id_number(8), id=id_) == "id_taken"
    assert await office.verifier.turn() == 1
    await office.ask(customer, id_number(7), id=id_)
    assert await office.verifier.turn() == 0
    async with office.world.db.read() as tx:
        assert len(await identity.verifications(tx, customer)) == 1


async def test_who_is_not_asked_about(office: Office) -> None:
    number = id_number(9)
    assert await office.refused(office.world.id(), number) == "customer_unknown"
    assert await office.refused(await office.newcomer(CustomerKind.FIRM), number) == "verification_for_persons"
    assert await office.refused(await office.newcomer(level=3), number) == "already_verified"
    leaver = await office.newcomer()
    async with office.world.db.tx() as tx:
        await identity.close_customer(tx, leaver, reason="left", by=SYSTEM, at=office.world.at)
    assert await office.refused(leaver, number) == "customer_closed"


async def test_names_and_numbers_are_not_tried_out_here(office: Office) -> None:
    customer = await office.newcomer()
    for _ in range(5):
        await office.ask(customer, id_number(901))
        await office.later(seconds=60)
    assert await office.state(customer) == ("mismatch", 0)
    assert await office.refused(customer, id_number(10)) == "verification_too_often"
    office.world.clock.tick(timedelta(hours=24))
    await office.ask(customer, id_number(10))
    await office.verifier.turn()
    assert await office.state(customer) == ("verified", 1)


async def test_what_was_erased_meanwhile_is_not_asked_about(office: Office, provider: IdentityProvider) -> None:
    customer, before = await office.newcomer(), provider.total()
    await office.ask(customer, id_number(11))
    async with office.world.db.tx() as tx:
        await vault.erase(tx, customer, by=SYSTEM, reason="asked for", at=office.world.at)
    await office.verifier.turn()
    assert (await office.state(customer), provider.total()) == (("failed", 0), before)


class Watchful:
    """A provider that is asked while the test looks on."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.asked = 0
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def check(self, id: UUID, name: str, id_number: str) -> ProviderAnswer:
        self.asked += 1
        self.reached.set()
        await self.go_on.wait()
        return ProviderAnswer(self.said)

    async def ask(self, id: UUID) -> ProviderAnswer:
        raise AssertionError("nothing is pending")


async def test_nobody_waits_for_the_database_while_the_provider_is_asked(world: World) -> None:
    way = Watchful(Said.VERIFIED)
    office = Office(world, way)
    customer = await office.newcomer()
    await office.ask(customer, id_number(12))
    asking = asyncio.create_task(office.verifier.turn())
    await way.reached.wait()
    async with world.db.read() as tx:
        rows = await tx.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                             "AND state LIKE 'idle in transaction%%'")  # fmt: skip
    assert rows == [(0,)]
    assert await office.verifier.turn() == 0, "another worker leaves it alone"
    way.go_on.set()
    assert await asking == 1
    assert (await office.state(customer), way.asked) == (("verified", 1), 1)


async def test_a_worker_that_died_while_asking_is_replaced_and_its_late_answer_changes_nothing(world: World) -> None:
    slow, quick = Watchful(Said.MISMATCH), Watchful(Said.VERIFIED)
    quick.go_on.set()
    office = Office(world, slow)
    customer = await office.newcomer()
    await office.ask(customer, id_number(13))
    dying = asyncio.create_task(office.verifier.turn())
    await slow.reached.wait()
    world.clock.tick(timedelta(seconds=30))
    assert await Verifier(world.db, world.clock, quick).turn() == 1
    assert await office.state(customer) == ("verified", 1)
    slow.go_on.set()
    await dying
    assert await office.state(customer) == ("verified", 1)


async def test_the_workers_part_runs_until_it_is_told_to_stop(office: Office, provider: IdentityProvider) -> None:
    customer = await office.newcomer()
    await office.ask(customer, id_number(14))
    for settings in (Settings(), Settings(identity_provider=f"{provider.url}/")):
        stop = asyncio.Event()
        running = asyncio.create_task(verify_identities(office.world.db, office.world.clock, settings, stop))
        if settings.identity_provider:
            while (await office.state(customer))[0] != "verified":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        else:
            assert await office.state(customer) == ("asked", 0)
        stop.set()
        await running
    async with office.world.db.read() as tx:
        assert await identity.verifications_waiting(tx) == (0, None)


async def test_a_clerk_raises_a_level_and_nobody_lowers_it(office: Office) -> None:
    world, customer = office.world, await office.newcomer()

    async def raise_(level: int) -> int:
        async with world.db.tx() as tx:
            raised = await identity.raise_level(tx, customer, level, reason="passport seen", by=world.bank, at=world.at)
        return raised.level

    for level in (-1, 0, 1, 4):
        with pytest.raises(Refusal, match="level_not_given"):
            await raise_(level)
    assert await raise_(2) == 2
    with pytest.raises(Refusal, match="level_not_higher"):
        await raise_(2)
    assert await raise_(3) == 3
    assert (await office.state(customer))[1] == 3
    async with world.db.read() as tx:
        newest = (await audit.trail(tx, subject=str(customer)))[0]
    assert (newest.action, newest.reason, newest.details) == ("customer.level", "passport seen", {"from": 2, "to": 3})


async def test_an_answer_that_comes_after_the_counter_lowers_nobody(office: Office) -> None:
    customer = await office.newcomer()
    await office.ask(customer, id_number(15))
    async with office.world.db.tx() as tx:
        await identity.raise_level(tx, customer, 3, reason="seen", by=office.world.bank, at=office.world.at)
    await office.verifier.turn()
    assert await office.state(customer) == ("verified", 3)


async def test_below_the_counter_a_customer_has_one_account(office: Office) -> None:
    world, customer = office.world, await office.newcomer()

    async def open_account() -> Any:
        new = identity.NewAccount(id=world.id(), customer_id=customer, currency="CNY")

        async def do(tx: Any) -> Any:
            (made,) = await identity.open_accounts(tx, [new], by=world.bank, at=world.at, bank_code="90001")
            return made

        return await world.db.retry(do)

    opened = await asyncio.gather(open_account(), open_account(), open_account())
    assert sorted(made.code if isinstance(made, Refusal) else "made" for made in opened) == [
        "level_too_low",
        "level_too_low",
        "made",
    ]
    async with world.db.tx() as tx:
        await identity.raise_level(tx, customer, 3, reason="seen", by=world.bank, at=world.at)
    assert isinstance(await open_account(), identity.Made)


async def test_levels_rise_and_their_limits_with_them(world: World) -> None:
    async with world.db.read() as tx:
        found = await identity.levels(tx)
    assert [level.level for level in found] == [0, 1, 2, 3]
    assert (found[0].per_payment_minor, found[0].per_day_minor) == (0, 0)
    assert (found[3].per_payment_minor, found[3].per_day_minor) == (None, None)
    days = [level.per_day_minor or 0 for level in found[:3]]
    assert days == sorted(set(days))
    assert (await world.customer()).level == identity.FULL_LEVEL, "whom the bank itself registers was seen"


def test_what_follows_from_an_answer() -> None:
    from datetime import UTC, datetime

    at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    some = UUID(int=1)
    asked = identity.Verification(
        id=some, customer_id=some, state=VerificationState.PENDING, asked_at=at, decided_at=None, tries=20
    )
    again = turn(asked, Said.NEVER_SEEN, at)
    assert (again.state, again.tries) == (VerificationState.ASKED, 21)
    assert again.next_at == at + timedelta(minutes=5), "the longest pause"
    assert turn(asked, Said.SILENT, at).state is VerificationState.PENDING
    assert turn(asked, Said.SILENT, at + GIVES_UP).state is VerificationState.FAILED
    assert turn(asked, Said.VERIFIED, at + 2 * GIVES_UP).state is VerificationState.VERIFIED
    assert turn(asked, Said.NOBODY, at).next_at is None


def test_a_question_shows_no_name(tmp_path: Path) -> None:
    from tongbao.identity.verification import Question

    some = UUID(int=1)
    asked = identity.Verification(
        id=some,
        customer_id=some,
        state=VerificationState.ASKED,
        asked_at=None,
        decided_at=None,
        tries=0,  # pyright: ignore[reportArgumentType]
    )
    assert "王小明" not in repr(Question(asked, some, ("王小明", id_number(1))))
