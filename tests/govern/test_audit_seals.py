"""The audit under seal: an entry that was changed, slipped in or taken away is found, and so is a seal that was."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

import pytest

from tongbao import govern, vault
from tongbao.base import audit, settings, writers
from tongbao.base.jobs import JobContext, run_now
from tongbao.base.prove import Finding, prove
from tongbao.base.refusal import Refusal
from tongbao.govern import audit_seals, jobs
from tongbao.govern.jobs import JOBS

if TYPE_CHECKING:
    from tests.console.house import House

(SEAL,) = [job for job in JOBS if job.name == "govern.seal_audit"]


async def did(house: House, what: str, *, times: int = 1) -> None:
    async with house.db.tx() as tx:
        for _ in range(times):
            await audit.record(tx, house.bank, what, house.id(), at=house.at, reason="三个字", details={"n": 1})


async def seal(house: House) -> None:
    await run_now(SEAL, JobContext(db=house.db, clock=house.clock, settings=settings.load()))


async def wrong(house: House, *, full: bool = True) -> list[Finding]:
    done = await prove(house.db, govern.CHECKS, house.clock, full=full)
    return [finding for check in done for finding in check.findings]


async def bend(house: House, sql: LiteralString) -> None:
    async with house.db.tx() as tx:
        assert await tx.run(sql) > 0


@pytest.fixture(autouse=True)
def nobody_in_the_air(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else writes to this bank: the seconds in which a number that was drawn gets into its transaction need not pass."""
    monkeypatch.setattr(jobs, "_IN_THE_AIR_S", 0)


@pytest.fixture
async def sealed(house: House) -> House:
    """Three stretches under seal, and an entry that waits for the next minute."""
    for what in ("first.act", "second.act", "third.act"):
        await did(house, what, times=3)
        await seal(house)
    await did(house, "fourth.act")
    assert await wrong(house) == []
    return house


@pytest.mark.parametrize(
    "bent",
    [
        "UPDATE base.audit SET action = 'other.act' WHERE action = 'second.act'",
        "UPDATE base.audit SET reason = NULL WHERE action = 'second.act'",
        "UPDATE base.audit SET details = '{\"n\": 2}' WHERE action = 'second.act'",
        "UPDATE base.audit SET principal_id = gen_random_uuid() WHERE action = 'second.act'",
        "UPDATE base.audit SET subject = subject || ' ' WHERE action = 'second.act'",
        "UPDATE base.audit SET recorded_at = recorded_at - interval '1 microsecond' WHERE action = 'second.act'",
        "DELETE FROM base.audit WHERE action = 'second.act'",
        "INSERT INTO base.audit (id, booking_date, recorded_at, principal_id, principal_kind, action, subject, details)"
        " OVERRIDING SYSTEM VALUE SELECT id, booking_date, recorded_at, principal_id, principal_kind, 'second.act', subject, details"
        " FROM base.audit WHERE action = 'second.act'",
        "DELETE FROM govern.audit_seal WHERE through = (SELECT max(id) FROM base.audit WHERE action = 'second.act')",
        "UPDATE govern.audit_seal SET seal = sha256(seal) WHERE through = (SELECT max(id) FROM base.audit WHERE action = 'second.act')",
    ],
)
async def test_what_was_bent_is_named(sealed: House, bent: LiteralString) -> None:
    await bend(sealed, bent)
    found = await wrong(sealed)
    assert {(finding.invariant, finding.table) for finding in found} == {("G3", "base.audit")}
    async with sealed.db.read() as tx:
        (row,) = await tx.rows(
            "SELECT min(id), max(id) FROM base.audit WHERE action IN ('second.act', 'other.act', 'third.act')"
        )
    stretches = [[int(part) for part in finding.key.removeprefix("id=").split(" to ")] for finding in found]
    assert all(row[0] - 3 <= begins and through <= row[1] for begins, through in stretches)


async def test_what_was_proved_once_is_looked_at_again_by_a_full_proof(sealed: House) -> None:
    assert await wrong(sealed, full=False) == []
    await bend(sealed, "UPDATE base.audit SET reason = 'another' WHERE action = 'first.act'")
    assert await wrong(sealed, full=False) == []
    assert len(await wrong(sealed)) == 1
    assert len(await wrong(sealed, full=False)) == 1, "it is found again until it is explained"


async def test_entries_are_sealed_once_and_only_those_that_are_there(house: House) -> None:
    await seal(house)
    async with house.db.read() as tx:
        before = await tx.rows("SELECT through, entries, seal FROM govern.audit_seal ORDER BY through")
    await seal(house)
    await did(house, "an.act", times=2)
    async with house.db.tx() as tx:
        newest = await audit_seals.newest(tx)
        done = await audit_seals.seal_next(tx, newest, at=house.at)
        assert done is not None
        assert (done.through, done.entries) == (newest, 2)
        assert await audit_seals.seal_next(tx, newest, at=house.at) is None
    async with house.db.read() as tx:
        after = await tx.rows("SELECT through, entries, seal FROM govern.audit_seal ORDER BY through")
    assert after[:-1] == before


async def test_many_entries_are_many_stretches(house: House) -> None:
    await did(house, "an.act", times=2_100)
    await seal(house)
    async with house.db.read() as tx:
        sizes = [row[0] for row in await tx.rows("SELECT entries FROM govern.audit_seal ORDER BY through")]
    assert sizes[:2] == [1_000, 1_000]
    assert sum(sizes) >= 2_100
    assert await wrong(house) == []


async def test_whoever_still_writes_is_waited_for(house: House) -> None:
    """An entry whose number is lower than one that is there already, and that is written later."""
    await did(house, "before.act")
    async with house.db.tx() as slow:
        await audit.record(slow, house.bank, "slow.act", "it", at=house.at)
        await did(house, "fast.act")
        assert not await writers.have_ended(house.db, within_s=0)
    assert await writers.have_ended(house.db, within_s=60)
    await seal(house)
    assert await wrong(house) == []


async def test_without_the_keys_nothing_is_sealed_and_nothing_is_said_to_hold(
    sealed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.use(None)
    monkeypatch.delenv("TONGBAO_KEYRING")
    with pytest.raises(Refusal, match="keyring_missing"):
        await wrong(sealed)
