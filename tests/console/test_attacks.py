"""What looks like an attack is counted where nobody waits for it, written down in one statement, and shown to whoever is on watch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.console.house import House
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database
from tongbao.base.jobs import JobContext
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.settings import Settings
from tongbao.console import Attacks, jobs, store
from tongbao.console.attacks import KINDS, MANY, Tally, kind_of, source_of
from tongbao.identity import Role
from tongbao.web.door import Visit

AT = datetime(2026, 11, 23, 1, 30, 17, tzinfo=UTC)
STAFF = Principal(id=UUID(int=7), kind=PrincipalKind.STAFF, permissions=frozenset())


def visit(
    code: str | None,
    status: int = 401,
    *,
    address: str | None = "203.0.113.77",
    by: Principal | None = None,
    injection: bool = False,
) -> Visit:
    return Visit(
        request_id="r",
        method="POST",
        path="/login",
        status=status,
        duration_s=0.01,
        principal=by,
        code=code,
        address=address,
        injection=injection,
    )


async def counted(db: Database) -> dict[tuple[str, str], int]:
    async with db.read() as tx:
        return {(one.source, one.kind): one.visits for one in await store.attack_sources(tx, AT - timedelta(1), 100)}


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("login_refused", 401, "guessing"),
        ("customer_login_refused", 401, "guessing"),
        ("code_wrong", 401, "guessing"),
        ("code_too_soon", 429, "codes"),
        ("tries_limited", 429, "stuffing"),
        ("codes_limited", 429, "codes"),
        ("rate_limited", 429, "flood"),
        ("invalid_key", 401, "keys"),
        ("session_stolen", 401, "stolen"),
        ("signature_replayed", 401, "signatures"),
        ("permission_missing", 403, "rights"),
        ("account_not_found", 404, "searching"),
        (None, 404, "searching"),
        ("nul_character", 400, "malformed"),
        ("insufficient_funds", 422, None),
        ("missing_key", 401, None),
        (None, 200, None),
    ],
)
def test_what_looks_like_an_attack_is_told_by_its_refusal(code: str | None, status: int, kind: str | None) -> None:
    assert kind_of(visit(code, status)) == kind


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("customer_login_refused", 401, "injection"),
        ("account_not_found", 404, "injection"),
        (None, 422, "injection"),
        ("tries_limited", 429, "stuffing"),
        ("rate_limited", 429, "flood"),
    ],
)
def test_a_command_in_a_refused_text_is_an_injection_unless_nobody_looked_at_it(
    code: str | None, status: int, kind: str
) -> None:
    assert kind_of(visit(code, status, injection=True)) == kind


async def test_every_kind_that_is_told_can_be_written_down(fresh_database: str) -> None:
    at = AT.replace(second=0)
    async with Database(fresh_database, size=1) as db:
        await db.retry(lambda tx: store.count_attacks(tx, {(at, kind, "203.0.113.*"): 1 for kind in KINDS}))
        assert await counted(db) == {("203.0.113.*", kind): 1 for kind in KINDS}


def test_the_network_is_kept_and_never_the_address() -> None:
    assert source_of(visit("invalid_key")) == "203.0.113.*"
    assert source_of(visit("invalid_key", address="2001:db8:1:2::9")) == "2001:db8:1:*"
    assert source_of(visit("invalid_key", address=None)) == "unknown"
    assert source_of(visit("permission_missing", by=STAFF)) == f"staff:{STAFF.id}"


def test_a_flood_from_everywhere_is_counted_and_takes_no_more_room() -> None:
    tally = Tally(most=10)
    for n in range(1_000):
        tally.add(AT, "keys", f"10.0.{n}.*")
    taken = tally.take()
    assert len(taken) == 11
    assert sum(taken.values()) == 1_000
    assert taken[(AT.replace(second=0), "keys", MANY)] == 990


async def test_what_was_heard_is_added_to_what_stands_there(fresh_database: str) -> None:
    async with Database(fresh_database, size=2) as db:
        for _ in range(2):
            attacks = Attacks(db, ManualClock(AT), every_s=60)
            for _ in range(5):
                attacks.hear(visit("login_refused"))
            attacks.hear(visit("nul_character", 400, by=STAFF))
            attacks.hear(visit(None, 200))
            await attacks.close()
        assert await counted(db) == {("203.0.113.*", "guessing"): 10, (f"staff:{STAFF.id}", "malformed"): 2}


async def test_nothing_is_lost_while_the_database_is_away(fresh_database: str) -> None:
    async with Database(fresh_database, size=1) as away:
        pass
    attacks = Attacks(away, ManualClock(AT), every_s=1)
    attacks.hear(visit("invalid_key"))
    await attacks.close()
    async with Database(fresh_database, size=1) as db:
        assert await counted(db) == {}
        attacks._db = db
        await attacks._write()
        assert await counted(db) == {("203.0.113.*", "keys"): 1}


async def test_it_is_forgotten_after_ninety_days(fresh_database: str) -> None:
    clock = ManualClock(AT)
    async with Database(fresh_database, size=2) as db:
        lines = {(AT.replace(second=0) - timedelta(days=n), "keys", "unknown"): 1 for n in (1, 89, 91, 200)}
        await db.retry(lambda tx: store.count_attacks(tx, lines))
        await jobs.forget_attacks(JobContext(db, clock, Settings()))
        async with db.read() as tx:
            (left,) = await store.attack_sources(tx, AT - timedelta(days=400), 10)
        assert left.visits == 2


async def test_whoever_is_on_watch_sees_how_many_and_from_where(house: House) -> None:
    operator = house.staff(Role.OPERATOR)
    assert "Nothing in the last day looks like an attack." in (await house.look("/staff/attacks", operator)).text
    at = house.clock.now().replace(second=0, microsecond=0)
    lines = {
        (at, "guessing", "203.0.113.*"): 1_234,
        (at - timedelta(hours=2), "rights", f"staff:{STAFF.id}"): 7,
        (at - timedelta(days=2), "keys", "198.51.100.*"): 99,
    }
    await house.db.retry(lambda tx: store.count_attacks(tx, lines))
    page = await house.look("/staff/attacks", operator)
    assert page.status == 200
    for said in ("203.0.113.*", "1,234", "Guessing of passwords", "Doing what one may not", "staff 00000007"):
        assert said in page.text, said
    assert "198.51.100.*" not in page.text, "the last day alone"
    assert f"/staff/readings?reader={STAFF.id}" in page.links()
    zh = await house.look("/staff/attacks", operator, lang="zh")
    for kind in ("guessing", "rights"):
        assert KINDS[kind][1] in zh.text


async def test_who_may_not_look_does_not(house: House) -> None:
    assert (await house.look("/staff/attacks", house.staff(Role.ACCOUNTANT))).status == 403
