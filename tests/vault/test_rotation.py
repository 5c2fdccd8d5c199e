"""New keys while the bank runs: nothing is lost, nobody waits, and in the end nothing is under an old key."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.vault.house import AT, CLERK, WANG, House
from tongbao import vault
from tongbao.base.clock import ManualClock
from tongbao.base.jobs import JobContext
from tongbao.base.prove import prove
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.vault import Kind, Suite
from tongbao.vault.jobs import JOBS


async def rotate(house: House, suite: Suite | None = None) -> int:
    async with house.db.tx() as tx:
        return await vault.rotate_kek(tx, by=CLERK, at=AT, suite=suite)


async def reencrypt(house: House, *, days: int = 0, chunk: int = 500) -> int:
    return await vault.reencrypt(house.db, ManualClock(AT + timedelta(days=days)), chunk=chunk)


async def status(house: House) -> vault.Status:
    async with house.db.read() as tx:
        return await vault.status(tx)


async def findings(house: House) -> list[str]:
    done = await prove(house.db, vault.CHECKS, ManualClock(AT))
    return [finding.invariant for check in done for finding in check.findings]


async def test_a_new_kek_takes_over_key_by_key(house: House) -> None:
    people = [await house.person() for _ in range(7)]
    sealed = await house.seal(people[0], b"482913")
    before = house.sql("SELECT sealed FROM vault.datum ORDER BY subject_id, kind")
    assert await rotate(house) == 2
    new = await house.person()
    assert [(kek.id, kek.keys) for kek in (await status(house)).keks] == [(1, 7), (2, 1)]
    assert await house.read(*people) == dict.fromkeys(people, WANG), "before anything is sealed again"
    assert await reencrypt(house, chunk=3) == 7
    assert [(kek.id, kek.keys) for kek in (await status(house)).keks] == [(1, 0), (2, 8)]
    assert await reencrypt(house) == 0
    assert await house.read(*people, new) == dict.fromkeys([*people, new], WANG)
    assert await house.open(people[0], sealed) == b"482913"
    assert before == house.sql(
        "SELECT sealed FROM vault.datum WHERE subject_id <> %s ORDER BY subject_id, kind", new
    ), "only keys were wrapped again"
    await reencrypt(house, days=2)
    assert [kek.id for kek in (await status(house)).keks] == [2], "the old kek is gone"
    assert await findings(house) == []
    assert house.sql("SELECT action, subject FROM base.audit WHERE action LIKE 'vault.%%'") == [
        ("vault.rotate_kek", "2")
    ]


@pytest.mark.parametrize("suite", [Suite.SM4_GCM])
async def test_another_cipher_takes_over_datum_by_datum(house: House, suite: Suite) -> None:
    people = [await house.person() for _ in range(7)]
    sealed = await house.seal(people[0], b"482913")
    await rotate(house, suite)
    late = await house.person()
    assert (await status(house)).data == {"AES-256-GCM": 21, suite.value: 3}
    assert await reencrypt(house, chunk=4) == 7 + 21
    found = await status(house)
    assert (found.data, found.left) == ({suite.value: 24}, 0)
    assert await house.read(*people, late) == dict.fromkeys([*people, late], WANG)
    assert sorted(await house.find(Kind.NAME, "王小明")) == sorted([*people, late])
    assert await house.open(people[0], sealed) == b"482913", "what others keep opens under the old key"
    again = await house.seal(people[0], b"482913")
    assert (sealed[1], again[1]) == (1, 2)
    assert await findings(house) == []
    await house.erase(people[0])
    for gone in (sealed, again):
        with pytest.raises(Refusal, match="subject_erased"):
            await house.open(people[0], gone)
    await rotate(house, Suite.AES_256_GCM)
    await reencrypt(house)
    assert (await status(house)).data == {"AES-256-GCM": 21}
    assert await house.read(*people[1:], late) == dict.fromkeys([*people[1:], late], WANG)


async def test_a_new_root_key_takes_over(house: House) -> None:
    people = [await house.person() for _ in range(3)]
    await rotate(house)
    old = house.keyring.active()
    house.keyring.prepare(AT)
    new = house.keyring.activate_newest()
    assert await house.read(*people) == dict.fromkeys(people, WANG)
    await reencrypt(house)
    assert house.sql("SELECT DISTINCT root_id FROM vault.kek UNION SELECT root_id FROM vault.index_key") == [(new,)]
    assert new != old
    vault.use(vault.Keyring.open(house.keyring.path))
    assert await house.read(*people) == dict.fromkeys(people, WANG)
    assert sorted(await house.find(Kind.NAME, "王小明")) == sorted(people)
    assert (await status(house)).left == 0
    assert await findings(house) == []


async def test_two_who_rotate_at_once_make_one_new_key(house: House) -> None:
    await house.person()
    assert await asyncio.gather(rotate(house), rotate(house)) in ([2, 2], [2, 3], [3, 2])
    keks = (await status(house)).keks
    assert [kek.retired_at is None for kek in keks] == [False] * (len(keks) - 1) + [True]


async def test_rotation_under_traffic_loses_nothing_and_refuses_nobody(house: House) -> None:
    """Everybody keeps, reads, seals and opens while keys and ciphers change again and again underneath."""
    people = [await house.person() for _ in range(10)]
    stop, asked = asyncio.Event(), 0

    async def customer(number: int) -> None:
        nonlocal asked
        round_ = 0
        while not stop.is_set() or round_ < 5:
            round_ += 1
            known = {Kind.NAME: f"王{number}-{round_}", Kind.PHONE: f"1380013{number:02}{round_ % 100:02}"}
            await house.keep(people[number], known)
            sealed = await house.seal(people[number], b"482913")
            assert {**(await house.read(people[number]))[people[number]], **known} == (
                await house.read(people[number])
            )[people[number]]
            assert people[number] in await house.find(Kind.NAME, known[Kind.NAME])
            assert await house.open(people[number], sealed) == b"482913"
            asked += 1

    async def keys() -> None:
        for suite in (None, Suite.SM4_GCM, None, Suite.AES_256_GCM, Suite.SM4_GCM):
            await rotate(house, suite)
            house.keyring.prepare(AT)
            house.keyring.activate_newest()
            await reencrypt(house, chunk=3)
        stop.set()

    await asyncio.gather(keys(), *(customer(n) for n in range(10)))
    assert asked >= 50
    await reencrypt(house, chunk=3)
    found = await status(house)
    assert (found.left, set(found.data)) == (0, {"SM4-GCM"})
    assert await findings(house) == []


async def test_what_is_broken_holds_nobody_up(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    people = [await house.person({Kind.NAME: "王小明"}) for _ in range(5)]
    house.sql("UPDATE vault.datum SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1) WHERE subject_id = %s", people[0])  # fmt: skip
    house.sql("UPDATE vault.subject_key SET wrapped = set_byte(wrapped, 30, get_byte(wrapped, 30) # 1) WHERE subject_id = %s", people[1])  # fmt: skip
    await rotate(house, Suite.SM4_GCM)
    await reencrypt(house, chunk=2)
    whole = people[2:]
    assert await house.read(*whole) == {one: {Kind.NAME: "王小明"} for one in whole}
    assert (await status(house)).data == {"AES-256-GCM": 2, "SM4-GCM": 3}
    assert sorted(await findings(house)) == ["V2", "V2", "V4"]


async def test_the_job_does_it_and_leaves_a_bank_without_a_keyring_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.person()
    await rotate(house)
    context = JobContext(house.db, ManualClock(AT), Settings(keyring=str(house.keyring.path)))
    (job,) = JOBS
    vault.use(None)
    monkeypatch.delenv("TONGBAO_KEYRING")
    await job.run(JobContext(house.db, ManualClock(AT), Settings()))
    vault.use(house.keyring)
    assert (await status(house)).left == 1
    await job.run(context)
    assert (await status(house)).left == 0


async def test_one_who_is_erased_while_his_data_are_sealed_again_stays_erased(house: House) -> None:
    for round_ in range(10):
        people = [await house.person() for _ in range(8)]
        await rotate(house, Suite.SM4_GCM if round_ % 2 == 0 else Suite.AES_256_GCM)
        await asyncio.gather(reencrypt(house, chunk=2), *(house.erase(one) for one in people))
        assert house.sql("SELECT count(*) FROM vault.subject_key WHERE wrapped IS NOT NULL") == [(0,)]
        assert house.sql("SELECT count(*) FROM vault.datum") == [(0,)]


async def test_an_erased_person_is_not_brought_back(house: House) -> None:
    wang, li = await house.person(), uuid4()
    await house.erase(wang)
    await house.erase(li)
    await rotate(house, Suite.SM4_GCM)
    await reencrypt(house)
    assert house.sql("SELECT count(*) FROM vault.subject_key WHERE wrapped IS NOT NULL") == [(0,)]
    assert (await status(house)).erased == 2
