"""What is known of a person is kept, read with a reason, found and forgotten, and cannot be read without the keys."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.vault.house import AT, CLERK, WANG, House
from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.vault import Datum, Kind


async def test_what_is_kept_is_read_again(house: House) -> None:
    wang, li = await house.person(), await house.person({Kind.NAME: "李娜", Kind.SECRET: "JBSWY3DPEHPK3PXP"})
    assert await house.read(wang, li) == {
        wang: WANG,
        li: {Kind.NAME: "李娜", Kind.SECRET: "JBSWY3DPEHPK3PXP"},
    }
    assert await house.read(wang, li, kinds=(Kind.SECRET,)) == {li: {Kind.SECRET: "JBSWY3DPEHPK3PXP"}}
    await house.keep(wang, {Kind.NAME: "王大明"})
    assert (await house.read(wang))[wang] == {**WANG, Kind.NAME: "王大明"}
    assert await house.read(uuid4()) == {}, "a stranger"


async def test_of_two_of_a_kind_the_last_counts(house: House) -> None:
    wang = uuid4()
    async with house.db.tx() as tx:
        await vault.keep(tx, [Datum(subject_id=wang, kind=Kind.NAME, text=t) for t in ("王小明", "王大明")], at=AT)
        await vault.keep(tx, [], at=AT)
    assert await house.read(wang) == {wang: {Kind.NAME: "王大明"}}
    assert await house.find(Kind.NAME, "王小明") == []


async def test_many_people_cost_as_many_statements_as_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.person()
    rows, asked = Tx.rows, list[str]()

    async def counted(tx: Tx, query: Any, **params: Any) -> Any:
        asked.append(query)
        return await rows(tx, query, **params)

    monkeypatch.setattr(Tx, "rows", counted)
    counts: list[int] = []
    for many in (1, 300):
        data = [Datum(subject_id=uuid4(), kind=Kind.PHONE, text=f"1380013{n:04}") for n in range(many)]
        async with house.db.tx() as tx:
            await vault.keep(tx, data, at=AT)
        counts.append(len(asked))
        await house.read(*(datum.subject_id for datum in data))
        asked.clear()
    assert counts[0] == counts[1] <= 6


async def test_nothing_is_in_the_clear(house: House) -> None:
    wang = await house.person({**WANG, Kind.MESSAGE: "您的验证码是 482913"})
    sealed = await house.seal(wang, b"482913")
    await house.find(Kind.PHONE, "138 0013 8000")
    stored = b"".join(
        bytes(str(row), "utf-8") + b"".join(bytes(cell) for cell in row if isinstance(cell, bytes | memoryview))
        for table in ("kek", "index_key", "subject_key", "datum", "read_log")
        for row in house.sql(f"SELECT * FROM vault.{table}")
    )
    for clear in (*WANG.values(), "13800138000", "482913", "验证码"):
        assert clear.encode() not in stored + sealed
    for root in house.keyring.roots:
        assert root.secret not in stored


async def test_the_same_text_is_sealed_differently_each_time(house: House) -> None:
    wang, other = await house.person(), await house.person()
    assert await house.seal(wang, b"1") != await house.seal(wang, b"1")
    assert len({bytes(row[0]) for row in house.sql("SELECT sealed FROM vault.datum WHERE kind = 'name'")}) == 2
    assert sorted(await house.find(Kind.NAME, "王小明")) == sorted([wang, other])


@pytest.mark.parametrize(
    ("kind", "kept", "asked"),
    [
        (Kind.PHONE, "+8613800138000", "138 0013 8000"),
        (Kind.PHONE, "13800138000", "0086-138-0013-8000"),
        (Kind.PHONE, "13800138000", "１３８００１３８０００"),
        (Kind.PHONE, "13800138000", "8613800138000"),
        (Kind.PHONE, "+852 5123 4567", "0085251234567"),
        (Kind.ID_NUMBER, "11010519491231002X", "110105 19491231 002x"),
        (Kind.NAME, "Anna  MÜLLER", "anna müller"),
        (Kind.NAME, "ﾘ ﾅ", "リ ナ"),
    ],
)
async def test_people_are_found_however_it_is_written(house: House, kind: Kind, kept: str, asked: str) -> None:
    person = await house.person({kind: kept})
    await house.person({other: text for other, text in WANG.items() if other is not kind})
    assert await house.find(kind, asked) == [person]
    assert (await house.read(person))[person] == {kind: kept}, "kept as it was written"
    async with house.db.tx() as tx:
        one, two, another = await vault.fingerprint(tx, kind, [kept, asked, kept + "7"])
    assert one == two != another
    assert len(one) == 32


async def test_a_number_of_another_country_is_another_number(house: House) -> None:
    await house.person({Kind.PHONE: "+8613800138000"})
    assert await house.find(Kind.PHONE, "+1 380 013 8000") == []
    assert await house.find(Kind.NAME, "+8613800138000") == [], "and a number is no name"


async def test_nobody_is_found_by_a_secret(house: House) -> None:
    await house.person({Kind.SECRET: "JBSWY3DPEHPK3PXP", Kind.MESSAGE: "hello"})
    assert await house.find(Kind.SECRET, "JBSWY3DPEHPK3PXP") == []
    assert house.sql("SELECT count(*) FROM vault.datum WHERE fingerprint IS NOT NULL") == [(0,)]


async def test_every_reading_is_on_record(house: House) -> None:
    wang = await house.person()
    stranger = uuid4()
    await house.read(wang, stranger, kinds=(Kind.PHONE, Kind.NAME))
    rows = house.sql("SELECT at, verb, by_id, by_kind, subjects, kinds, reason FROM vault.read_log")
    assert rows == [(AT, "read", CLERK.id, "staff", sorted([wang, stranger]), ["name", "phone"], "the customer asked")]


async def test_the_log_is_read_by_person_and_by_reader(house: House) -> None:
    wang, li = await house.person(), await house.person()
    await house.read(wang, li, kinds=(Kind.NAME,))
    await house.read(wang, kinds=(Kind.PHONE,))
    await house.erase(li)
    async with house.db.read() as tx:
        newest_first = await vault.readings(tx)
        assert [(r.verb, r.subjects) for r in newest_first] == [
            ("erase", [li]),
            ("read", [wang]),
            ("read", sorted([wang, li])),
        ]
        assert await vault.readings(tx, below=newest_first[0].id, most=1) == newest_first[1:2]
        assert await vault.readings(tx, subject_id=wang) == newest_first[1:]
        assert await vault.readings(tx, by_id=CLERK.id, subject_id=li) == [newest_first[0], newest_first[2]]
        assert await vault.readings(tx, by_id=uuid4()) == []


async def test_nothing_is_read_or_erased_without_a_reason(house: House) -> None:
    wang = await house.person()
    for verb in (
        lambda tx: vault.read(tx, [wang], [Kind.NAME], by=CLERK, reason=" ", at=AT),
        lambda tx: vault.erase(tx, wang, by=CLERK, reason="", at=AT),
    ):
        with pytest.raises(Refusal) as no:
            async with house.db.tx() as tx:
                await verb(tx)
        assert no.value.code == "reading_needs_a_reason"
    assert house.sql("SELECT count(*) FROM vault.read_log") == [(0,)]


async def test_who_is_erased_is_gone_for_good(house: House) -> None:
    wang, li = await house.person(), await house.person()
    sealed = await house.seal(wang, b"482913")
    kept = house.sql("SELECT sealed, key_version FROM vault.datum WHERE subject_id = %s AND kind = 'name'", wang)
    await house.erase(wang)
    await house.erase(wang)
    assert await house.read(wang, li) == {li: WANG}
    assert await house.find(Kind.PHONE, WANG[Kind.PHONE]) == [li]
    for again in (
        house.open(wang, sealed),
        house.seal(wang, b"more"),
        house.keep(wang, {Kind.NAME: "王小明"}),
    ):
        with pytest.raises(Refusal) as no:
            await again
        assert no.value.code == "subject_erased"
    house.sql(
        "INSERT INTO vault.datum VALUES (%s, 'name', %s, %s, decode(repeat('00', 32), 'hex'), now())",
        wang, kept[0][1], kept[0][0],
    )  # fmt: skip
    with pytest.raises(Refusal, match="subject_erased"):
        await house.read(wang)
    assert [row[0] for row in house.sql("SELECT verb FROM vault.read_log WHERE %s = ANY(subjects) ORDER BY id", wang)][
        :2
    ] == ["erase", "erase"]


async def test_a_stranger_who_is_erased_stays_unknown(house: House) -> None:
    stranger = uuid4()
    await house.erase(stranger)
    with pytest.raises(Refusal, match="subject_erased"):
        await house.keep(stranger, WANG)


async def test_one_who_is_being_erased_is_not_kept_at_the_same_moment(house: House) -> None:
    """Whoever keeps something read the key before it was destroyed, and writes after: nothing may be left."""
    for _ in range(20):
        wang = await house.person()
        outcomes = await asyncio.gather(
            house.erase(wang), *(house.keep(wang, {Kind.NAME: f"王{n}"}) for n in range(5)), return_exceptions=True
        )
        assert outcomes[0] is None
        assert {type(o) for o in outcomes[1:]} <= {type(None), Refusal}
        assert house.sql("SELECT count(*) FROM vault.datum WHERE subject_id = %s", wang) == [(0,)]


async def test_the_first_ten_who_come_to_a_new_vault_use_one_key(house: House) -> None:
    people = await asyncio.gather(*(house.person() for _ in range(10)))
    assert await house.read(*people) == dict.fromkeys(people, WANG)
    assert house.sql("SELECT count(*) FROM vault.kek") == [(1,)]
    assert len(await house.find(Kind.NAME, "王小明")) == 10


async def test_two_who_make_a_persons_key_at_once_make_one(house: House) -> None:
    await house.person()
    wang = uuid4()
    await asyncio.gather(*(house.keep(wang, {kind: text}) for kind, text in WANG.items()))
    assert await house.read(wang) == {wang: WANG}
    assert house.sql("SELECT count(*) FROM vault.subject_key WHERE subject_id = %s", wang) == [(1,)]


async def test_a_key_that_was_rolled_back_is_not_remembered(house: House) -> None:
    wang = uuid4()

    async def keep_and_fail() -> None:
        async with house.db.tx() as tx:
            await vault.keep(tx, [Datum(subject_id=wang, kind=Kind.NAME, text="王小明")], at=AT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keep_and_fail()
    assert house.sql("SELECT count(*) FROM vault.kek") == [(0,)]
    await house.keep(wang, WANG)
    vault.use(vault.Keyring.open(house.keyring.path))
    assert await house.read(wang) == {wang: WANG}


def _every_byte(sealed: bytes) -> list[bytes]:
    return [sealed[:n] + bytes([sealed[n] ^ bit]) + sealed[n + 1 :] for n in range(len(sealed)) for bit in (1, 128)]


async def test_a_changed_byte_is_found_wherever_it_is(house: House) -> None:
    wang = await house.person()
    sealed = await house.seal(wang, b"482913")
    async with house.db.tx() as tx:
        for bent in (*_every_byte(sealed), sealed[:-1], sealed + b"\0", b"", sealed[:20]):
            with pytest.raises(Refusal, match="seal_broken"):
                await vault.open_sealed(tx, wang, bent, bound="notices.message")
        assert await vault.open_sealed(tx, wang, sealed, bound="notices.message") == b"482913"
    (row,) = house.sql("SELECT sealed FROM vault.datum WHERE kind = 'phone'")
    for bent in _every_byte(bytes(row[0]))[::9]:
        house.sql("UPDATE vault.datum SET sealed = %s WHERE kind = 'phone'", bent)
        with pytest.raises(Refusal, match="seal_broken"):
            await house.read(wang)


async def test_what_is_moved_does_not_open(house: House) -> None:
    wang, li = await house.person(), await house.person({Kind.NAME: "李娜"})
    sealed = await house.seal(wang, b"482913")
    for subject, bound in ((li, "notices.message"), (wang, "identity.code"), (uuid4(), "notices.message")):
        with pytest.raises(Refusal, match="seal_broken"):
            await house.open(subject, sealed, bound)
    house.sql(
        "UPDATE vault.datum d SET sealed = o.sealed FROM vault.datum o WHERE o.subject_id = %s AND o.kind = 'name'"
        " AND d.subject_id = %s AND d.kind = 'phone'",
        wang, wang,
    )  # fmt: skip
    with pytest.raises(Refusal, match="seal_broken"):
        await house.read(wang)
    house.sql("UPDATE vault.subject_key k SET wrapped = o.wrapped FROM vault.subject_key o WHERE k.subject_id = %s AND o.subject_id = %s", li, wang)  # fmt: skip
    with pytest.raises(Refusal, match="seal_broken"):
        await house.read(li)


async def test_without_a_keyring_the_vault_stays_shut(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    wang = await house.person()
    sealed = await house.seal(wang, b"1")
    vault.use(None)
    monkeypatch.delenv("TONGBAO_KEYRING")
    for verb in (
        house.read(wang),
        house.keep(wang, WANG),
        house.find(Kind.NAME, "x"),
        house.open(wang, sealed),
        house.seal(wang, b"2"),
    ):
        with pytest.raises(Refusal) as no:
            await verb
        assert no.value.code == "keyring_missing"
        assert "tongbao vault init" in no.value.kind.en
    await house.erase(wang)
    assert house.sql("SELECT count(*) FROM vault.datum") == [(0,)], "forgetting needs no key"


async def test_another_keyring_opens_nothing(house: House, tmp_path: object) -> None:
    wang = await house.person()
    other = vault.Keyring.create(house.keyring.path.with_name("other"), AT)
    vault.use(other)
    with pytest.raises(Refusal, match="keyring_lacks_key"):
        await house.read(wang)


async def test_a_key_that_was_lost_is_not_replaced_by_another(house: House) -> None:
    """Nobody would be found any more, and nobody would notice."""
    wang = await house.person()
    for lost, verb in (
        ("DELETE FROM vault.index_key", lambda: house.find(Kind.NAME, "王小明")),
        ("UPDATE vault.kek SET retired_at = made_at", lambda: house.seal(wang, b"1")),
    ):
        house.sql(lost)
        with pytest.raises(Refusal) as no:
            await verb()
        assert no.value.code == "keyring_lacks_key"


async def test_the_tables_refuse_what_is_not_sealed(house: House) -> None:
    wang = await house.person()
    for bent, constraint in (
        ("UPDATE vault.datum SET sealed = '\\x00'", "datum_sealed"),
        ("UPDATE vault.datum SET fingerprint = NULL", "datum_is_found_by_its_kind"),
        ("UPDATE vault.subject_key SET wrapped = NULL, destroyed_at = made_at", "living_key_is_wrapped"),
        ("UPDATE vault.subject_key SET wrapped = NULL, kek_id = NULL", "destroyed_key_is_gone"),
        (f"DELETE FROM vault.subject_key WHERE subject_id = '{wang}'", "datum_has_its_key"),
        ("INSERT INTO vault.kek SELECT id + 1, suite, root_id, wrapped, made_at FROM vault.kek", "one_kek_wraps"),
    ):
        with pytest.raises(psycopg.errors.IntegrityError) as no:
            house.sql(bent)
        assert no.value.diag.constraint_name == constraint


def test_what_is_shown_of_a_datum_is_not_its_text() -> None:
    datum = Datum(subject_id=UUID(int=1), kind=Kind.NAME, text="王小明")
    assert "王" not in f"{datum} {datum!r} {[datum]}"
