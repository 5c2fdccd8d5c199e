"""Made-up people whom nobody has reason to read: in the vault like anybody, on no list, and whoever reads one is heard."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from stdnum.cn import ric

from tests.vault.house import AT, CLERK, DAY, House
from tongbao import identity, vault
from tongbao.base import audit, metrics
from tongbao.base.clock import ManualClock
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.base.prove import prove
from tongbao.base.refusal import Refusal
from tongbao.vault import Kind, MadeUp, Suite

KNOWN = (Kind.NAME, Kind.PHONE, Kind.ID_NUMBER)


async def planted(house: House, many: int = 3) -> list[MadeUp]:
    people = [vault.made_up(random.Random(n).randrange, uuid4(), DAY) for n in range(many)]
    async with house.db.tx() as tx:
        await vault.plant(tx, people, by=SYSTEM, at=AT)
    return people


async def alarms(house: House) -> list[audit.AuditEntry]:
    async with house.db.read() as tx:
        return [entry for entry in await audit.trail(tx, subject="vault.canary") if entry.action == "canary.read"]


async def watch(house: House) -> tuple[int, int]:
    async with house.db.read() as tx:
        found = await vault.canary_watch(tx)
    return found.planted, found.open


async def wrong(house: House) -> list[str]:
    done = await prove(house.db, vault.CHECKS, ManualClock(AT))
    return [finding.invariant for check in done for finding in check.findings]


def touched() -> float:
    return metrics.REGISTRY.get_sample_value("tongbao_canaries_touched_total") or 0


def test_a_canary_looks_like_anybody() -> None:
    people = [vault.made_up(random.Random(n).randrange, UUID(int=n), DAY) for n in range(500)]
    for one in people:
        assert ric.validate(one.id_number) == one.id_number
        assert 18 * 365 < (DAY - ric.get_birth_date(one.id_number)).days < 70 * 366
        assert one.phone.startswith("+861")
        assert len(one.phone) == 14
        assert 2 <= len(one.name) <= 3
        assert one.name not in repr(one)
        assert one.phone not in repr(one)
    assert len({one.id_number for one in people}) == 500


async def test_whoever_reads_one_is_heard(house: House) -> None:
    canary, *_ = await planted(house)
    wang, before = await house.person(), touched()
    assert await alarms(house) == []
    found = await house.read(wang, canary.id)
    assert found[canary.id] == {Kind.NAME: canary.name, Kind.PHONE: canary.phone, Kind.ID_NUMBER: canary.id_number}
    (alarm,) = await alarms(house)
    assert (alarm.principal_id, alarm.principal_kind, alarm.reason) == (CLERK.id, CLERK.kind, "the customer asked")
    assert alarm.details["canaries"] == [str(canary.id)]
    assert await watch(house) == (3, 1)
    assert touched() == before + 1
    async with house.db.read() as tx:
        (reading,) = await vault.canary_readings(tx)
        listed = {one.subject_id: one.readings for one in await vault.canaries(tx)}
    assert (reading.subject_id, reading.by_id, reading.reason) == (canary.id, CLERK.id, "the customer asked")
    assert listed[canary.id] == 1
    assert sum(listed.values()) == 1
    assert canary.name not in str([alarm, reading])


async def test_who_reads_everybody_else_is_not(house: House) -> None:
    await planted(house)
    wang, before = await house.person(), touched()
    await house.read(wang, uuid4())
    async with house.db.tx() as tx:
        assert await vault.masked(tx, [wang], KNOWN)
    assert (await alarms(house), touched()) == ([], before)
    assert await watch(house) == (3, 0)


async def test_a_reading_that_is_taken_back_is_counted_and_logged_all_the_same(
    house: House, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    canary, *_ = await planted(house)
    before = touched()
    with pytest.raises(InterruptedError):
        await read_and_take_back(house, canary.id)
    assert await alarms(house) == [], "rolled back"
    assert touched() == before + 1
    printed = capsys.readouterr()
    said = printed.out + printed.err + caplog.text  # whichever way this process logs
    assert "canary_touched" in said
    assert str(CLERK.id) in said
    assert canary.phone not in said


async def read_and_take_back(house: House, subject: UUID) -> None:
    async with house.db.tx() as tx:
        assert await vault.read(tx, [subject], KNOWN, by=CLERK, reason="quietly", at=AT)
        raise InterruptedError


async def test_a_mask_and_a_forged_owner_show_nothing_and_are_noticed(house: House) -> None:
    canary, *_ = await planted(house)
    wang, before = await house.person(), touched()
    async with house.db.read() as tx:
        assert set(await vault.masked(tx, [wang, canary.id], KNOWN)) == {wang}
    assert touched() == before + 1
    forged = Principal(id=canary.id, kind=PrincipalKind.CUSTOMER, subject_id=canary.id)
    async with house.db.read() as tx:
        assert await vault.own(tx, KNOWN, by=forged) == {}
    assert touched() == before + 2
    async with house.db.tx() as tx:
        await vault.read(tx, [canary.id], KNOWN, by=forged, reason="mine", at=AT)
    assert [entry.principal_id for entry in await alarms(house)] == [canary.id], "his own, he says"


async def test_it_is_in_no_search_and_no_list(house: House) -> None:
    """A customer may be called as a canary is, and have its telephone or identity number: he is found, and it is not."""
    canary, *_ = await planted(house)
    texts = {Kind.NAME: canary.name, Kind.PHONE: canary.phone, Kind.ID_NUMBER: canary.id_number}
    for kind, text in texts.items():
        assert await house.find(kind, text) == []
    real = await house.person(texts)
    for kind, text in texts.items():
        assert await house.find(kind, text) == [real]
    async with house.db.read() as tx:
        assert await identity.find_people(tx, name=canary.name) == []
        assert await identity.find_people(tx, phone=canary.phone) == []
    assert house.sql("SELECT count(*) FROM identity.customer WHERE id = %s", canary.id) == [(0,)]
    assert await alarms(house) == []


async def test_it_ends_when_somebody_says_what_came_of_it(house: House) -> None:
    canary, *_ = await planted(house)
    await house.read(canary.id)
    (first,) = await open_readings(house)
    await house.read(canary.id)
    async with house.db.tx() as tx:
        for nothing in ("", " x ", "x" * 2_001):
            with pytest.raises(Refusal, match="reading_needs_a_reason"):
                await vault.close_canary_readings(tx, first.id, by=CLERK, outcome=nothing, at=AT)
        assert await vault.close_canary_readings(tx, first.id, by=CLERK, outcome="a drill", at=AT) == 1
        assert await vault.close_canary_readings(tx, first.id, by=CLERK, outcome="a drill", at=AT) == 0
    assert await watch(house) == (3, 1), "what came meanwhile is still open"
    assert house.sql("SELECT outcome, closed_by FROM vault.canary_reading WHERE closed_at IS NOT NULL") == [
        ("a drill", CLERK.id)
    ]
    async with house.db.read() as tx:
        actions = [entry.action for entry in await audit.trail(tx, subject="vault.canary")]
    assert sorted(actions) == ["canary.close", "canary.plant", "canary.read", "canary.read"]


async def open_readings(house: House) -> list[vault.CanaryReading]:
    async with house.db.read() as tx:
        return await vault.canary_readings(tx)


async def test_proof_and_new_keys_treat_it_as_anybody(house: House) -> None:
    canary, *_ = await planted(house)
    before = touched()
    async with house.db.tx() as tx:
        await vault.rotate_kek(tx, by=SYSTEM, at=AT, suite=Suite.SM4_GCM)
    await vault.reencrypt(house.db, ManualClock(AT))
    assert await wrong(house) == []
    assert (touched(), await alarms(house)) == (before, []), "the bank's own work wakes nobody"
    assert (await house.read(canary.id))[canary.id][Kind.PHONE] == canary.phone
    assert await wrong(house) == []
    await house.erase(canary.id)
    async with house.db.read() as tx:
        (gone,) = [one for one in await vault.canaries(tx) if one.subject_id == canary.id]
    assert (gone.kept, gone.readings) == (False, 1)


BENT: dict[str, tuple[Any, ...]] = {
    "DELETE FROM vault.canary_reading": (),
    "UPDATE vault.canary_reading SET by_id = %s": (UUID(int=8),),
    "UPDATE vault.canary_reading SET at = %s": (AT - timedelta(days=1),),
}


@pytest.mark.parametrize("bent", BENT)
async def test_who_removes_the_alarm_is_found_by_the_proof(house: House, bent: str) -> None:
    canary, *_ = await planted(house)
    await house.read(canary.id)
    assert await wrong(house) == []
    house.sql(bent, *BENT[bent])
    assert await wrong(house) == ["V5"]
