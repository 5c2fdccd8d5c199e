"""Names and telephone numbers: in the vault, masked in lists, read in full with a reason, moved there from rows of before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest

from tests.framework import framework
from tests.identity.called import called, names
from tongbao import identity, vault
from tongbao.base.jobs import JobContext
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.base.prove import Finding, prove
from tongbao.base.settings import Settings
from tongbao.identity import CustomerKind, KeyKind, NewCustomer, NewKey, NewStaff, Role, api, people
from tongbao.identity.jobs import JOBS
from tongbao.web.body import canonical_hash
from tongbao.web.door import Door

if TYPE_CHECKING:
    from tests.identity.conftest import World

LI, PHONE = "李伟", "+8613912345678"


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    token = world.token()
    async with world.db.tx() as tx:
        await identity.issue_key(tx, NewKey(id=world.id(), kind=KeyKind.BANK), token, by=SYSTEM, at=world.at)
    door = Door(api.authenticator(world.db, world.clock))
    provide = {"db": world.db, "clock": world.clock, "settings": Settings(), **api.provided()}
    app: Any = door.wrap(framework(api.ROUTES, door=door, provide=provide))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://127.0.0.1",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


async def register(world: World, *new: tuple[CustomerKind, str, str | None]) -> list[UUID]:
    wanted = [NewCustomer(id=world.id(), kind=kind, name=name, phone=phone) for kind, name, phone in new]
    async with world.db.tx() as tx:
        made = await identity.register_customers(tx, wanted, by=world.bank, at=world.at)
    assert all(isinstance(one, identity.Made) for one in made)
    return [one.id for one in wanted]


async def person(world: World, name: str = LI, phone: str | None = PHONE) -> UUID:
    return (await register(world, (CustomerKind.PERSON, name, phone)))[0]


async def of_before(world: World, count: int = 1, *, name: str = "王{n}", phone: str | None = None) -> list[UUID]:
    """Customers as a release wrote them that kept names in the clear."""
    ids = [world.id() for _ in range(count)]
    async with world.db.tx() as tx:
        for n, id_ in enumerate(ids):
            await tx.run(
                "INSERT INTO identity.customer (id, kind, name, phone, status, created_at)"
                " VALUES (%(id)s, 'person', %(name)s, %(phone)s, 'open', %(at)s)",
                id=id_,
                name=name.format(n=n),
                phone=phone or f"+8613{n:09d}",
                at=world.at,
            )
    return ids


async def move(world: World) -> None:
    (job,) = (one for one in JOBS if one.name == "identity.seal_people")
    await job.run(JobContext(world.db, world.clock, Settings(keyring="this process has one")))


async def left(world: World) -> tuple[int, int]:
    async with world.db.read() as tx:
        return await people.unsealed(tx)


async def word_of(world: World, subject_id: UUID) -> list[tuple[str, str]]:
    """Who read of somebody in full, and why."""
    async with world.db.read() as tx:
        return [(one.by_kind.value, one.reason) for one in await vault.readings(tx, subject_id=subject_id)]


async def test_what_somebody_is_called_stands_in_no_table_of_customers(world: World) -> None:
    li = await person(world)
    async with world.db.read() as tx:
        assert await tx.rows("SELECT name, phone FROM identity.customer") == [(None, None)]
        assert (await called(tx, li))[li] == identity.Details(name=LI, phone=PHONE)
    assert await left(world) == (0, 0)


async def test_a_list_is_masked_and_no_reading_of_anybody(world: World) -> None:
    ids = await register(
        world,
        (CustomerKind.PERSON, LI, PHONE),
        (CustomerKind.PERSON, "王小明", None),
        (CustomerKind.PERSON, "Ann Lee", "+442071838750"),
        (CustomerKind.FIRM, "兰州拉面", "+8613800138000"),
    )
    async with world.db.read() as tx:
        found = await identity.list_customers(tx)
        shown = await identity.masked_details(tx, found)
        seen = await identity.names_for_others(tx, found)
    assert [(shown[id_].name, shown[id_].phone) for id_ in ids] == [
        ("李*", "139****5678"),
        ("王**", None),
        ("A*** L***", "+44****8750"),
        ("兰州拉面", "138****8000"),
    ]
    assert [seen[id_] for id_ in ids] == ["*伟", "*小明", "A*** L***", "兰州拉面"]
    assert [await word_of(world, id_) for id_ in ids] == [[]] * 4


async def test_whoever_reads_in_full_leaves_word_and_who_reads_of_himself_does_not(world: World) -> None:
    li = await person(world)
    himself = Principal(id=li, kind=PrincipalKind.CUSTOMER, subject_id=li)
    async with world.db.read() as tx:
        found = await identity.find_customers(tx, [li])
        own = await identity.own_details(tx, found[li], by=himself)
        again = await identity.details_of(tx, found.values(), by=himself, reason="his own", at=world.at)
    assert own == again[li] == identity.Details(name=LI, phone=PHONE)
    assert await word_of(world, li) == []
    async with world.db.read() as tx:
        await identity.details_of(tx, found.values(), by=world.bank, reason="a call at the counter", at=world.at)
    assert await word_of(world, li) == [("bank", "a call at the counter")]


@pytest.mark.parametrize("text", [PHONE, "13912345678", "139 1234 5678", "0086-139-1234-5678"])
async def test_somebody_is_found_by_his_number_however_it_is_written(world: World, text: str) -> None:
    li = await person(world)
    await person(world, "王芳", "+8613800138000")
    async with world.db.read() as tx:
        assert [one.id for one in await identity.find_people(tx, phone=text)] == [li]


async def test_everybody_of_a_name_is_found_the_newest_first_and_nobody_of_a_part_of_it(world: World) -> None:
    first, second = await person(world), await person(world, phone=None)
    ann = await person(world, "Ann Lee")
    async with world.db.read() as tx:
        assert [one.id for one in await identity.find_people(tx, name=f" {LI} ")] == sorted(
            [first, second], reverse=True
        )
        assert [one.id for one in await identity.find_people(tx, name="ann  LEE")] == [ann]
        assert await identity.find_people(tx, name="李") == []
        assert await identity.find_people(tx) == []


async def test_rows_of_before_are_read_found_and_masked_as_all_others(world: World) -> None:
    (li,) = await of_before(world, name=LI, phone=PHONE)
    async with world.db.read() as tx:
        found = await identity.find_customers(tx, [li])
        assert (await identity.masked_details(tx, found.values()))[li] == identity.Details(
            name="李*", phone="139****5678"
        )
        assert (await identity.names_for_others(tx, found.values()))[li] == "*伟"
        assert (await called(tx, li))[li] == identity.Details(name=LI, phone=PHONE)
        assert [one.id for one in await identity.find_people(tx, name=LI)] == [li]
        assert [one.id for one in await identity.find_people(tx, phone=PHONE)] == [li]
    assert await left(world) == (1, 0)


async def test_rows_of_before_are_moved_while_they_are_read(world: World) -> None:
    ids = await of_before(world, 1_100)
    expected = {id_: f"王{n}" for n, id_ in enumerate(ids)}
    moved = asyncio.Event()

    async def look() -> int:
        looks = 0
        while not moved.is_set() or not looks:
            async with world.db.read() as tx:
                assert await names(tx, ids) == expected
                assert [one.id for one in await identity.find_people(tx, name="王7")] == [ids[7]]
            looks += 1
        return looks

    async def go() -> None:
        try:
            await move(world)
        finally:
            moved.set()

    looked, _ = await asyncio.gather(look(), go())
    assert looked
    assert await left(world) == (0, 0)
    async with world.db.read() as tx:
        assert await names(tx, ids) == expected
        assert [one.id for one in await identity.find_people(tx, phone="+8613000000042")] == [ids[42]]
    await move(world)
    assert await left(world) == (0, 0), "a second time there is nothing to do"


async def test_who_is_at_hand_to_somebody_is_moved_the_next_time(world: World) -> None:
    li, wang = await of_before(world, 2)
    async with world.db.tx() as tx:
        await identity.freeze_customer(tx, li, reason="for a moment", by=world.bank, at=world.at)
        await move(world)
        assert await left(world) == (1, 0)
    await move(world)
    assert await left(world) == (0, 0)
    async with world.db.read() as tx:
        assert await names(tx, [li, wang]) == {li: "王0", wang: "王1"}


async def test_what_the_vault_has_already_is_newer_and_stays(world: World) -> None:
    (li,) = await of_before(world, name="李明", phone=PHONE)
    async with world.db.tx() as tx:
        await vault.keep(tx, [vault.Datum(subject_id=li, kind=vault.Kind.NAME, text=LI)], at=world.at)
    await move(world)
    async with world.db.read() as tx:
        assert (await called(tx, li))[li] == identity.Details(name=LI, phone=PHONE)


async def test_what_was_asked_is_kept_as_a_hash_that_nobody_can_guess_and_is_replayed_after_the_move(
    world: World,
) -> None:
    new = NewCustomer(id=world.id(), kind=CustomerKind.PERSON, name=LI, phone=PHONE)
    guess = canonical_hash(new)

    async def ask() -> bool:
        async with world.db.tx() as tx:
            (made,) = await identity.register_customers(tx, [new], by=world.bank, at=world.at)
        assert isinstance(made, identity.Made), made
        return made.replayed

    async def kept() -> bytes:
        async with world.db.read() as tx:
            return bytes((await tx.rows("SELECT request_hash FROM identity.claim"))[0][0])

    assert not await ask()
    keyed = await kept()
    assert keyed != guess
    async with world.db.tx() as tx:  # as a release of before wrote it
        await tx.run("UPDATE identity.claim SET request_hash = %(hash)s WHERE true", hash=guess)
        await tx.run("UPDATE identity.customer SET name = %(name)s, phone = %(phone)s WHERE true", name=LI, phone=PHONE)
    assert await ask(), "the same request, before the move"
    await move(world)
    assert await kept() == keyed
    assert await ask(), "and after it"
    other = NewCustomer(id=new.id, kind=CustomerKind.PERSON, name="李娜", phone=PHONE)
    async with world.db.tx() as tx:
        (refused,) = await identity.register_customers(tx, [other], by=world.bank, at=world.at)
    assert getattr(refused, "code", None) == "id_reused"


async def wrong(world: World) -> list[Finding]:
    done = await prove(world.db, identity.CHECKS, world.clock)
    assert sum(check.rows for check in done) > 0
    return [finding for check in done for finding in check.findings]


@pytest.mark.parametrize("bent", ["lost in the vault", "never moved there"])
async def test_a_name_that_was_lost_is_found(world: World, bent: str) -> None:
    li, erased = await person(world), await person(world)
    (before,) = await of_before(world)
    async with world.db.tx() as tx:
        await vault.erase(tx, erased, by=SYSTEM, reason="he asked for it", at=world.at)
    assert await wrong(world) == []
    async with world.db.tx() as tx:
        if bent == "never moved there":
            li = before
            await tx.run("UPDATE identity.customer SET name = NULL, phone = NULL WHERE id = %(id)s", id=li)
        else:
            await tx.run("DELETE FROM vault.datum WHERE subject_id = %(id)s", id=li)
    (found,) = await wrong(world)
    assert (found.invariant, found.table, found.key) == ("I1", "identity.customer", f"id={li}")


async def test_names_of_staff_are_sealed_and_known_to_colleagues(world: World) -> None:
    new = NewStaff(id=world.id(), username="zhou.lan", name="周岚", roles=frozenset({Role.AUDITOR}))
    async with world.db.tx() as tx:
        made = await identity.create_staff(tx, new, "$argon2id$made-up", by=SYSTEM, at=world.at)
    assert made.thing.name == "周岚"
    async with world.db.tx() as tx:
        assert await tx.rows("SELECT name FROM identity.staff") == [(None,)]
        assert [one.name for one in await identity.list_staff(tx)] == ["周岚"]
        await tx.run("UPDATE identity.staff SET name = '周澜' WHERE true")
        await tx.run("DELETE FROM vault.datum WHERE subject_id = %(id)s", id=new.id)
    async with world.db.read() as tx:
        assert (await identity.find_staff(tx, [new.id]))[new.id].name == "周澜", "as a release of before wrote it"
    await move(world)
    assert await left(world) == (0, 0)
    async with world.db.read() as tx:
        assert (await identity.find_staff(tx, [new.id]))[new.id].name == "周澜"
    assert await word_of(world, new.id) == []
    assert "周" not in repr(made)
    assert "周" not in repr(new)


async def test_of_somebody_who_was_erased_nothing_is_shown(world: World) -> None:
    li = await person(world)
    async with world.db.tx() as tx:
        await vault.erase(tx, li, by=SYSTEM, reason="he asked for it", at=world.at)
    async with world.db.read() as tx:
        found = await identity.find_customers(tx, [li])
        assert (await identity.masked_details(tx, found.values()))[li] == identity.Details(name="****", phone=None)
        assert await identity.find_people(tx, name=LI) == []


async def test_a_bank_asks_for_people_by_name_and_number(world: World, http: httpx.AsyncClient) -> None:
    li = await person(world)
    by_name = (await http.get("/v1/customers", params={"name": LI})).json()["items"]
    by_phone = (await http.get("/v1/customers", params={"phone": "139 1234 5678"})).json()["items"]
    assert by_name == by_phone
    assert [(one["id"], one["name"], one["phone"]) for one in by_name] == [(str(li), "李*", "139****5678")]
    assert await word_of(world, li) == [], "a mask is no reading"
    assert (await http.get("/v1/customers", params={"name": "王芳"})).json()["items"] == []
    whole = (await http.get(f"/v1/customers/{li}")).json()
    assert (whole["name"], whole["phone"]) == (LI, PHONE)
    assert await word_of(world, li) == [("bank", "GET /v1/customers/{id}")]


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [({}, "nobody_asked_for"), ({"name": "  "}, "nobody_asked_for"), ({"phone": "12"}, "phone_malformed")],
)
async def test_who_asks_for_nobody_is_told(http: httpx.AsyncClient, asked: dict[str, str], refusal: str) -> None:
    answer = await http.get("/v1/customers", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, refusal)


async def test_a_customer_is_registered_frozen_and_thawed_under_his_name(world: World, http: httpx.AsyncClient) -> None:
    key = str(world.id())
    order = {"kind": "person", "name": LI, "phone": PHONE}
    made = await http.post("/v1/customers", json=order, headers={"Idempotency-Key": key})
    again = await http.post("/v1/customers", json=order, headers={"Idempotency-Key": key})
    assert (made.status_code, again.json()) == (201, made.json())
    assert (made.json()["name"], made.json()["phone"]) == (LI, PHONE)
    for what, status in (("freeze", "frozen"), ("unfreeze", "open")):
        path = f"/v1/customers/{made.json()['id']}/{what}"
        moved = await http.post(path, json={"reason": "a test of it"}, headers={"Idempotency-Key": str(world.id())})
        assert (moved.status_code, moved.json()["name"], moved.json()["status"]) == (200, LI, status)


def test_nobody_shows_in_a_repr() -> None:
    new = NewCustomer(id=UUID(int=1), kind=CustomerKind.PERSON, name=LI, phone=PHONE)
    for thing in (new, identity.Details(name=LI, phone=PHONE)):
        assert LI not in repr(thing)
        assert PHONE not in repr(thing)
