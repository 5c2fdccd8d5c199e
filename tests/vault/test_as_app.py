"""A whole little bank whose processes own nothing and see no table of the vault."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace
from psycopg.errors import InsufficientPrivilege

from tests.base.test_roles import as_app
from tests.merchants.market import MONDAY, SETTINGS
from tests.payments.town import opened
from tests.payments.wallet import Wallet, card_network
from tests.sandbox.card_network import CardNetwork, card
from tests.vault.house import AT, CLERK, DAY, House
from tongbao import clearing, ledger, payments, vault
from tongbao.base import days, roles
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database
from tongbao.base.jobs import JobContext, run_now
from tongbao.base.prove import prove
from tongbao.console.jobs import JOBS
from tongbao.payments import ways
from tongbao.payments.jobs import Caller
from tongbao.vault import Kind, Suite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["card_network"]


@pytest.fixture
async def bank(fresh_database: str, card_network: CardNetwork, tmp_path: Path) -> AsyncIterator[Wallet]:
    roles.give(fresh_database)
    settings = replace(SETTINGS, card_network=card_network.wire)
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(opened(as_app(fresh_database), settings))
        vault.use(vault.Keyring.create(tmp_path / "keyring", town.at))
        stack.callback(vault.use, None)
        town.chance = Random(uuid4().int)
        connected = await stack.enter_async_context(ways.connected(town.db, town.clock.now, settings, within_s=1))
        yield Wallet(town, card_network, [Caller(town.db, town.clock, settings, connected)])


@pytest.fixture
async def house(fresh_database: str, tmp_path: Path) -> AsyncIterator[House]:
    """The vault alone, by the bank's role; `sql` looks as the owner."""
    roles.give(fresh_database)
    keyring = vault.Keyring.create(tmp_path / "keyring", AT)
    vault.use(keyring)
    async with Database(as_app(fresh_database), size=2) as db:
        async with db.tx() as tx:
            await days.found(tx, DAY)
        yield House(db, fresh_database, keyring)
    vault.use(None)


async def test_a_little_bank_lives_a_day(bank: Wallet, fresh_database: str) -> None:
    town = bank.town
    li, wang = await bank.comes(), await town.person(50_000)
    shop = await town.shop()
    await town.sell(shop, wang, 1_800)
    assert (await town.pay(wang.id, li.id, 20_000)).refusal is None
    card_id = await bank.bind(li, card())
    await bank.ends((await bank.top_up(li, card_id, 1_000))["id"])
    assert await town.balance(li.id) == 21_000

    async with town.db.tx() as tx:
        found = await vault.read(tx, [wang.customer_id], [Kind.NAME], by=CLERK, reason="he called", at=town.at)
    assert found == {wang.customer_id: {Kind.NAME: "王小明"}}
    town.clock.set(town.at.replace(hour=16, minute=30))
    (ended,) = await clearing.end_of_day(town.db, town.clock, town.settings)
    assert ended.open_date == MONDAY + timedelta(1)
    assert await town.balance(shop.settlement_account_id) > 0

    context = JobContext(db=town.db, clock=town.clock, settings=town.settings)
    for job in JOBS:
        await run_now(job, context)
    checks = (*ledger.CHECKS, *payments.CHECKS, *clearing.CHECKS, *vault.CHECKS)
    done = await prove(town.db, checks, town.clock, full=True)
    assert [finding for check in done for finding in check.findings] == []
    with psycopg.connect(fresh_database) as owner:
        log = owner.execute("SELECT verb, by_id, kinds, reason FROM vault.read_log WHERE verb = 'read' ORDER BY id")
        reasons = log.fetchall()
    assert ("read", CLERK.id, ["name"], "he called") in reasons
    assert any(kinds == ["card"] for _, _, kinds, _ in reasons), "a card that its network was asked about"


async def test_everything_the_vault_does_it_does_without_its_tables(house: House) -> None:
    people = [await house.person() for _ in range(3)]
    sealed = await house.seal(people[0], b"a letter")
    assert await house.open(people[0], sealed) == b"a letter"
    assert sorted(await house.find(Kind.PHONE, "13800138000")) == sorted(people)
    async with house.db.tx() as tx:
        assert len(await vault.masked(tx, people, [Kind.NAME])) == 3
        await vault.rotate_kek(tx, by=CLERK, at=AT, suite=Suite.SM4_GCM)
    await house.erase(people[2])
    assert await vault.reencrypt(house.db, ManualClock(AT)) > 0
    assert house.sql("SELECT DISTINCT get_byte(sealed, 1) FROM vault.datum") == [(2,)]
    async with house.db.read() as tx:
        assert {one.verb for one in await vault.readings(tx)} == {"erase"}
        assert {one.verb for one in await vault.readings(tx, in_bulk=True)} == {"reseal"}
        assert (await vault.status(tx)).left == 0


async def test_nobody_reads_past_the_log(house: House) -> None:
    """By the functions as well as by the verbs: without a reader, a reason or a moment nothing comes out."""
    wang = await house.person()
    wanted = f"'{{{wang}}}', '{{name}}', NULL"
    for who, kind, why, at in (
        ("NULL", "'staff'", "'asked'", "now()"),
        (f"'{CLERK.id}'", "NULL", "'asked'", "now()"),
        (f"'{CLERK.id}'", "'staff'", "NULL", "now()"),
        (f"'{CLERK.id}'", "'staff'", "'   '", "now()"),
        (f"'{CLERK.id}'", "'staff'", "'asked'", "NULL"),
    ):
        with psycopg.connect(house.db.url) as conn, pytest.raises(psycopg.IntegrityError):
            conn.execute(f"SELECT sealed FROM vault.read_data({wanted}, {who}, {kind}, {why}, {at})".encode())
    assert house.sql("SELECT count(*) FROM vault.read_log") == [(0,)]
    with psycopg.connect(house.db.url, autocommit=True) as conn:
        given = conn.execute(
            f"SELECT sealed FROM vault.read_data({wanted}, '{CLERK.id}', 'staff', 'asked', now())".encode()
        )
        assert len(given.fetchall()) == 1
    assert house.sql("SELECT by_id, subjects, reason FROM vault.read_log") == [(CLERK.id, [wang], "asked")]


async def test_a_canary_sings_for_whoever_calls_the_function_himself(house: House) -> None:
    made_up = vault.made_up(Random(1).randrange, uuid4(), DAY)
    async with house.db.tx() as tx:
        await vault.plant(tx, [made_up], by=CLERK, at=AT)
    with psycopg.connect(house.db.url, autocommit=True) as conn:
        conn.execute(
            "SELECT 1 FROM vault.read_data(ARRAY[%s]::uuid[], '{name}', NULL, %s, 'staff', 'curious', %s)",
            [made_up.id, CLERK.id, AT + timedelta(hours=1)],
        )
    assert house.sql("SELECT subject_id, reason FROM vault.canary_reading") == [(made_up.id, "curious")]


async def test_what_is_proved_or_sealed_again_is_on_record_too(house: House) -> None:
    await house.person()
    with psycopg.connect(house.db.url, autocommit=True) as conn:
        walked = f"'{UUID(int=0)}', '', 100, '{CLERK.id}', 'staff', now()"
        assert len(conn.execute(f"SELECT 1 FROM vault.data_to_prove({walked})".encode()).fetchall()) == 3
        for suites in ("{1,2}", "{1}", "{2}"):
            again = conn.execute(f"SELECT 1 FROM vault.data_to_reseal('{suites}', {walked})".encode())
            assert again.fetchall() == [], "nothing is of another cipher than the one in force"
        with pytest.raises(InsufficientPrivilege):
            conn.execute("SELECT 1 FROM vault.datum")
    (row,) = house.sql("SELECT verb, by_id, reason FROM vault.read_log")
    assert row[:2] == ("prove", CLERK.id)
    assert row[2].startswith("3 after")


async def test_secrets_are_not_shown_by_masks(house: House) -> None:
    wang = await house.person({Kind.NAME: "王小明", Kind.SECRET: "hush"})
    async with house.db.tx() as tx:
        assert await vault.masked(tx, [wang], tuple(Kind)) == {wang: {Kind.NAME: "王**"}}
