"""A member of staff's own page, who may do what, and who has read what: over HTTP, as people at work meet them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from pyotp import TOTP

from tests.console.house import HOSTILE, House, opened
from tongbao import identity
from tongbao.base.principal import SYSTEM
from tongbao.identity import PERMISSIONS, ROLE_PERMISSIONS, SECOND_PERSON, Role

_AN_HOUR = timedelta(hours=1)


@pytest.fixture
async def house(fresh_database: str) -> AsyncIterator[House]:
    async with opened(fresh_database) as house:
        yield house


async def _hired(house: House) -> str:
    """Somebody who is in the books, and not only logged in."""
    clerk = house.staff(Role.OPERATOR)
    new = identity.NewStaff(id=UUID(clerk), username="li.na", name="李娜", roles=frozenset({Role.OPERATOR}))
    async with house.db.tx() as tx:
        hashed = identity.hash_password("一匹马两匹马三匹马四匹马", bytes(16))
        await identity.create_staff(tx, new, hashed, by=SYSTEM, at=house.at)
    return clerk


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_matrix_is_what_is_enforced(house: House, lang: str) -> None:
    page = await house.look("/staff/roles", house.staff(Role.OPERATOR), lang=lang)
    rows = re.findall(r'<th scope="row"><code>([a-z:]+)</code></th>(.*?)</tr>', page.html)
    shown = {name: [bool(cell.strip()) for cell in re.findall(r"<td>(.*?)</td>", cells)] for name, cells in rows}
    held = {name: [name in ROLE_PERMISSIONS[role] for role in Role] for name in PERMISSIONS}
    assert shown == {name: [*held[name], name in SECOND_PERSON] for name in PERMISSIONS}, "the last column: two people"


async def test_an_app_is_set_up_by_its_own_code(house: House) -> None:
    clerk = await _hired(house)
    before = await house.look("/staff/me", clerk)
    assert "Show me a key" in before.text
    early = await house.send_form("/staff/me/app/code", {"code": "123456"}, clerk)
    assert early.status == 409
    assert (await house.send_form("/staff/me/app", {"current": ""}, clerk)).to == "/staff/me"
    page = await house.look("/staff/me", clerk)
    found = re.search(r'<span class="id">([A-Z2-7]{32})</span>', page.html)
    assert found
    wrong = await house.send_form("/staff/me/app/code", {"code": "000000"}, clerk)
    assert wrong.status == 401
    for hostile in HOSTILE:
        assert (await house.send_form("/staff/me/app/code", {"code": hostile}, clerk)).status in (401, 422, 429)
    house.clock.tick(_AN_HOUR)
    assert (await house.send_form("/staff/me/app", {"current": ""}, clerk)).status == 303
    seed = re.search(r'<span class="id">([A-Z2-7]{32})</span>', (await house.look("/staff/me", clerk)).html)
    assert seed
    right = await house.send_form("/staff/me/app/code", {"code": TOTP(seed[1]).at(house.at)}, clerk)
    assert right.said.startswith("Your authenticator app is set up.")
    assert "Code that your present app shows" in (await house.look("/staff/me", clerk)).text


async def test_who_reads_a_customer_in_full_is_written_down(house: House) -> None:
    person = await house.person()
    clerk = house.staff(Role.OPERATOR)
    assert "王小明" in (await house.look(f"/staff/customers/{person.customer_id}", clerk)).text
    listed = await house.look(f"/staff/readings?subject={person.customer_id}", house.staff(Role.AUDITOR))
    assert clerk[-8:] in listed.text
    assert "王小明" not in listed.text
    assert (await house.look("/staff/readings", clerk)).status == 403
    assert (await house.look(f"/staff/readings?reader={clerk}", house.staff(Role.AUDITOR), lang="zh")).status == 200
