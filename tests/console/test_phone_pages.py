"""Another telephone number by staff: the clerk says what he looked at, a colleague decides, and only then does it hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.console.house import HOSTILE
from tests.console.test_people_pages import registered
from tests.sandbox.identity_provider import id_number
from tongbao import vault
from tongbao.identity import Role
from tongbao.identity.registration import himself

if TYPE_CHECKING:
    from uuid import UUID

    from tests.console.house import House, Shown

NEW, MASKED = "13700137000", "137 **** 7000"
SEEN = {
    "phone": NEW,
    "document": "identity_card",
    "ends": id_number(101)[-4:],
    "face": "compared",
    "reason": "he stands before me",
}


async def customer(house: House) -> UUID:
    li = await registered(house)
    async with house.db.tx() as tx:
        card = vault.Datum(subject_id=li, kind=vault.Kind.ID_NUMBER, text=id_number(101))
        await vault.keep(tx, [card], at=house.at)
    return li


def at(li: UUID) -> str:
    return f"/staff/customers/{li}/phone"


async def phone_of(house: House, li: UUID) -> str:
    async with house.db.read() as tx:
        kept = await vault.own(tx, [vault.Kind.PHONE], by=himself(li))
    return kept[vault.Kind.PHONE]


async def propose(house: House, li: UUID, by: str, **changed: str) -> Shown:
    page = await house.look(at(li), by)
    return await house.send_form(at(li), {**page.hidden(), **SEEN, **changed}, by)


async def test_one_proposes_and_it_holds_when_a_colleague_has_agreed(house: House) -> None:
    li, clerk = await customer(house), house.staff(Role.OPERATOR)
    page = await house.look(at(li), clerk)
    assert ("139****5678" in page.text.replace(" ", "").replace("\u00a0", ""), page.status) == (True, 200)
    form = {**page.hidden(), **SEEN}
    first, again = await house.send_form(at(li), form, clerk), await house.send_form(at(li), form, clerk)
    assert (first.status, first.to) == (303, again.to), "the same form twice proposes once"
    second = house.staff(Role.ACCOUNTANT)
    shown = await house.look(f"/staff/approvals/{page.hidden()['id']}", second)
    for fact in (MASKED, "Identity card", SEEN["ends"], "compared by the clerk", SEEN["reason"]):
        assert fact in shown.text.replace("\u00a0", " "), fact
    assert NEW not in shown.html, "a colleague needs no number in full"
    assert await phone_of(house, li) == "+8613912345678", "nothing has changed yet"
    await house.agree(first)
    assert await phone_of(house, li) == f"+86{NEW}"
    assert [reason for _, reason in await house.audited("phone.change")] == [SEEN["reason"]]


@pytest.mark.parametrize(
    ("changed", "status", "field", "said"),
    [
        ({"face": ""}, 422, "face", "picture"),
        ({"ends": "0000"}, 409, "ends", "document"),
        ({"ends": "12 3"}, 422, "ends", "Four digits or capital letters"),
        ({"phone": "13912345678"}, 409, "phone", "telephone number"),
        ({"phone": "12345"}, 422, "phone", "telephone number"),
        ({"document": "library_card"}, 422, "document", ""),
        ({"reason": ""}, 422, "reason", ""),
    ],
)
async def test_what_was_not_looked_at_is_not_proposed(
    house: House, changed: dict[str, str], status: int, field: str, said: str
) -> None:
    li, clerk = await customer(house), house.staff(Role.OPERATOR)
    answer = await propose(house, li, clerk, **changed)
    assert answer.status == status, answer.text
    assert f'id="e-{field}"' in answer.html
    assert said in answer.text
    for name in ("phone", "ends", "reason"):
        assert f'value="{changed.get(name, SEEN[name])}"' in answer.html, "what was typed stays"
    assert await phone_of(house, li) == "+8613912345678"
    assert await house.audited("approval.propose") == []


@pytest.mark.parametrize("typed", HOSTILE)
async def test_what_nobody_means_is_refused_in_words(house: House, typed: str) -> None:
    li, clerk = await customer(house), house.staff(Role.OPERATOR)
    for name in ("phone", "ends", "document"):
        answer = await propose(house, li, clerk, **{name: typed})
        assert answer.status == 422
        assert "<script>alert" not in answer.html


async def test_the_door_is_shut_to_whoever_may_not(house: House) -> None:
    li = await customer(house)
    assert (await house.look(at(li), None)).to.startswith("/staff/login?next=")
    for role in (Role.AUDITOR, Role.ADMIN):
        assert (await house.look(at(li), house.staff(role))).status == 403
        assert (await house.send_form(at(li), {**SEEN, "id": str(house.id())}, house.staff(role))).status == 403
    clerk = house.staff(Role.OPERATOR)
    assert (await house.look(at(house.id()), clerk)).status == 404
    assert "新手机号" in (await house.look(at(li), clerk, lang="zh")).text
