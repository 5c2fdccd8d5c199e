"""What is shown without word of it: masks, and to everybody what is his own."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.vault.house import AT, CLERK, WANG, House
from tongbao import vault
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.vault import Kind, Mask, Sealed


@pytest.mark.parametrize(
    ("kind", "text", "listed"),
    [
        (Kind.NAME, "李伟", "李*"),
        (Kind.NAME, "王小明", "王**"),
        (Kind.NAME, "王", "王*"),
        (Kind.NAME, "𠮷田", "𠮷*"),
        (Kind.NAME, "Ann Lee", "A*** L***"),
        (Kind.NAME, "", "*"),
        (Kind.PHONE, "+8613812341234", "138****1234"),
        (Kind.PHONE, "+442071838750", "+44****8750"),
        (Kind.ID_NUMBER, "11010519491231002X", "1101**********002X"),
        (Kind.SECRET, "JBSWY3DPEHPK3PXP", "****"),
        (Kind.MESSAGE, "730581 is your code", "****"),
    ],
)
def test_what_a_list_shows(kind: Kind, text: str, listed: str) -> None:
    assert vault.masked_text(kind, text) == listed


async def test_a_mask_leaves_no_word_and_nobody_in_full(house: House) -> None:
    wang, firm, stranger = await house.person(), await house.person({Kind.NAME: "兰州拉面"}), uuid4()
    async with house.db.tx() as tx:
        shown = await vault.masked(tx, [wang, firm, stranger], [Kind.NAME, Kind.PHONE], public={firm})
        others = await vault.masked(tx, [wang], [Kind.NAME], mask=Mask.OTHERS)
        assert await vault.masked(tx, [], [Kind.NAME]) == {}
    assert shown == {wang: {Kind.NAME: "王**", Kind.PHONE: "138****8000"}, firm: {Kind.NAME: "兰州拉面"}}
    assert others == {wang: {Kind.NAME: "*小明"}}
    assert house.sql("SELECT count(*) FROM vault.read_log") == [(0,)]


async def test_of_somebody_public_the_number_is_masked_all_the_same(house: House) -> None:
    wang = await house.person()
    async with house.db.tx() as tx:
        shown = await vault.masked(tx, [wang], tuple(Kind), public={wang})
    assert shown[wang] == {Kind.NAME: "王小明", Kind.PHONE: "138****8000", Kind.ID_NUMBER: "1101**********002X"}


async def test_what_is_his_own_he_reads_without_word_of_it(house: House) -> None:
    wang, other = await house.person(), await house.person({Kind.NAME: "李娜"})
    himself = Principal(id=wang, kind=PrincipalKind.CUSTOMER, subject_id=wang)
    async with house.db.tx() as tx:
        assert await vault.own(tx, tuple(Kind), by=himself) == WANG
        assert await vault.own(tx, tuple(Kind), by=CLERK) == {}, "a clerk acts for nobody"
        assert house.sql("SELECT count(*) FROM vault.read_log") == [(0,)]
        both = await vault.read(tx, [wang, other], [Kind.NAME], by=himself, reason="a page of two", at=AT)
    assert both == {wang: {Kind.NAME: "王小明"}, other: {Kind.NAME: "李娜"}}
    assert house.sql("SELECT subjects FROM vault.read_log") == [([other],)], "word of the other alone"


async def test_what_was_moved_to_somebody_else_is_not_shown_masked(house: House) -> None:
    wang, li = await house.person(), await house.person({Kind.NAME: "李娜"})
    house.sql(
        "UPDATE vault.datum d SET sealed = o.sealed FROM vault.datum o WHERE o.subject_id = %s AND o.kind = 'name'"
        " AND d.subject_id = %s",
        wang,
        li,
    )
    async with house.db.tx() as tx:
        with pytest.raises(Refusal, match="seal_broken"):
            await vault.masked(tx, [li], [Kind.NAME])


async def test_many_are_opened_at_once_and_those_that_do_not_open_hinder_none(house: House) -> None:
    wang, li, gone = uuid4(), uuid4(), uuid4()
    sealed = {one: await house.seal(one, str(one).encode()) for one in (wang, li, gone)}
    await house.erase(gone)
    things = [Sealed(subject_id=one, sealed=bytes_, bound="notices.message") for one, bytes_ in sealed.items()]
    things.append(Sealed(subject_id=wang, sealed=sealed[li], bound="notices.message"))
    things.append(Sealed(subject_id=wang, sealed=sealed[wang], bound="elsewhere"))
    things.append(Sealed(subject_id=wang, sealed=b"never sealed", bound="notices.message"))
    async with house.db.tx() as tx:
        opened = await vault.open_all(tx, things)
        assert await vault.open_all(tx, []) == []
    assert opened == [str(wang).encode(), str(li).encode(), None, None, None, None]
