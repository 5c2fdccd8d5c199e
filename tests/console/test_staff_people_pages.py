"""Staff let in, helped and shut out by their administrators; what they do for themselves: password, passkeys, sessions."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from tests.console.house import HOSTILE, House, Shown, opened
from tests.identity.authenticator import Authenticator
from tongbao import identity
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.identity import Role, Session, staff, staff_passkeys

PASSWORD = "一匹马两匹马三匹马四匹马"
BETTER = "五头牛六头牛七头牛八头牛"


@pytest.fixture
async def house(fresh_database: str) -> AsyncIterator[House]:
    async with opened(fresh_database) as house:
        yield house


async def hired(house: House, *roles: Role, username: str = "li.na", is_one_time: bool = False) -> str:
    """Somebody who is in the books, and logged in."""
    person = house.staff(*roles)
    new = identity.NewStaff(id=UUID(person), username=username, name="李娜", roles=frozenset(roles))
    hashed = identity.hash_password(PASSWORD, bytes(16))
    async with house.db.tx() as tx:
        await identity.create_staff(tx, new, hashed, by=SYSTEM, at=house.at, is_one_time=is_one_time)
    return person


async def comes_in(house: House, password: str, username: str = "li.na") -> Shown:
    return await house.send_form("/staff/login", {"username": username, "password": password}, None)


def drawn(page: Shown) -> str:
    found = re.search(r'id="secret">([^<]+)<', page.html)
    assert found, page.text
    return found[1]


async def test_a_colleague_is_let_in_by_two_and_sets_a_password_of_his_own(house: House) -> None:
    boss = house.staff(Role.ADMIN)
    form = {**(await house.look("/staff/people/new", boss)).hidden(), "username": "wang.wei", "name": "王伟"}
    form |= {"operator": "on", "reason": "begins on Monday"}
    proposed = await house.send_form("/staff/people/new", form, boss)
    assert (await house.send_form("/staff/people/new", form, boss)).to == proposed.to, "sent twice, he is one"
    assert "shut out" in (await house.look("/staff/people", boss)).text
    assert (await house.send_form(f"{proposed.to}/password", {"x": "1"}, boss)).status == 409, "nobody has agreed yet"
    assert "王伟" in (await house.look(proposed.to, boss)).text
    await house.agree(proposed)
    page = await house.send_form(f"{proposed.to}/password", {"x": "1"}, boss)
    assert page.headers["cache-control"] == "no-store"
    password = drawn(page)
    assert (await house.send_form(f"{proposed.to}/password", {"x": "1"}, boss)).status == 409, "it is drawn once"
    assert (await comes_in(house, password, "wang.wei")).to == "/staff/me", "he replaces it first"
    house.clock.tick(timedelta(days=1))
    assert (await comes_in(house, password, "wang.wei")).status == 401, "it lived a day"


async def test_a_password_that_the_bank_made_is_replaced_first(house: House) -> None:
    clerk = await hired(house, Role.OPERATOR, is_one_time=True)
    assert "Set your own password" in (await house.look("/staff/me", clerk)).text
    wrong = {"current": "not this one", "password": BETTER}
    assert (await house.send_form("/staff/me/password", wrong, clerk)).status == 401
    same = {"current": PASSWORD, "password": PASSWORD}
    assert "Choose another" in (await house.send_form("/staff/me/password", same, clerk)).text
    for weak in ("short", "password1234", "111111111111", *HOSTILE[5:]):
        shown = await house.send_form("/staff/me/password", {"current": PASSWORD, "password": weak}, clerk)
        assert shown.status == 422, weak
    done = await house.send_form("/staff/me/password", {"current": PASSWORD, "password": BETTER}, clerk)
    assert (done.to, done.said.startswith("Your password is changed.")) == ("/staff/me", True)
    house.clock.tick(timedelta(days=2))
    assert (await comes_in(house, PASSWORD)).status == 401
    assert (await comes_in(house, BETTER)).to == "/staff"


async def test_guesses_at_the_present_password_are_counted(house: House) -> None:
    clerk = await hired(house, Role.OPERATOR)
    tries = [{"current": f"guess number {n}", "password": BETTER} for n in range(7)]
    answers = [(await house.send_form("/staff/me/password", one, clerk)).status for one in tries]
    assert 429 in answers
    assert len(await house.audited("staff.password_change")) == 0


async def test_a_forgotten_password_takes_two_people_and_the_draw_is_the_proposer_s(house: House) -> None:
    boss, clerk = house.staff(Role.ADMIN), await hired(house, Role.OPERATOR)
    page = f"/staff/people/{clerk}"
    house.clock.tick(timedelta(minutes=1))
    ask = {"id": house.id(), "what": "identity.reset_password", "reason": "he has forgotten it"}
    proposed = await house.send_form(f"{page}/propose", ask, boss)
    await house.agree(proposed)
    assert (await comes_in(house, PASSWORD)).to == "/staff", "until it is drawn nothing has changed"
    assert (await house.send_form(f"{proposed.to}/password", {"x": "1"}, house.staff(Role.ADMIN))).status == 409
    password = drawn(await house.send_form(f"{proposed.to}/password", {"x": "1"}, boss))
    assert (await comes_in(house, PASSWORD)).status == 401
    assert (await comes_in(house, password)).to == "/staff/me"


async def test_roles_change_by_two_and_nobody_changes_his_own(house: House) -> None:
    boss = await hired(house, Role.ADMIN, username="boss")
    clerk = await hired(house, Role.OPERATOR)
    form = {"id": house.id(), "reason": "moves to accounting", "accountant": "on"}
    assert (await house.send_form(f"/staff/people/{boss}/roles", form, boss)).status == 409
    none = {"id": house.id(), "reason": "no role at all"}
    assert (await house.send_form(f"/staff/people/{clerk}/roles", none, boss)).status == 422
    proposed = await house.send_form(f"/staff/people/{clerk}/roles", form, boss)
    assert "Operator" in (await house.look(f"/staff/people/{clerk}", boss)).text
    await house.agree(proposed)
    assert "Accountant" in (await house.look(f"/staff/people/{clerk}", boss)).text


async def test_shut_out_at_once_and_let_in_by_two(house: House) -> None:
    boss, clerk = house.staff(Role.ADMIN), await hired(house, Role.OPERATOR)
    page = f"/staff/people/{clerk}"
    ask = {"id": house.id(), "what": "identity.enable_staff", "reason": "is back"}
    early = await house.send_form(f"{page}/propose", ask, boss)
    assert (early.status, "not shut out" in early.text) == (409, True)
    gone = await house.send_form(f"{page}/disable", {"id": house.id(), "reason": "left the bank"}, boss)
    assert gone.said.startswith("Shut out.")
    assert (await comes_in(house, PASSWORD)).status == 401
    proposed = await house.send_form(f"{page}/propose", ask, boss)
    await house.agree(proposed)
    assert (await comes_in(house, PASSWORD)).status == 401, "no password of before"
    assert (
        await comes_in(house, drawn(await house.send_form(f"{proposed.to}/password", {"x": "1"}, boss)))
    ).status == 303
    for path in (page, "/staff/people", "/staff/people/new"):
        assert (await house.look(path, house.staff(Role.OPERATOR))).status == 403


async def test_a_passkey_lets_in_alone_and_the_password_does_not_go_round_it(house: House) -> None:
    clerk, device = await hired(house, Role.OPERATOR), Authenticator()
    begin = {"name": "my key", "current": PASSWORD}
    assert (await house.send_form("/staff/me/passkeys", {**begin, "current": "wrong"}, clerk)).status == 401
    assert (await house.send_form("/staff/me/passkeys", begin, clerk)).to == "/staff/me/passkeys/new"
    page = await house.look("/staff/me/passkeys/new", clerk)
    assert (await house.send_form("/staff/me/passkeys/new", {"response": "{}"}, clerk)).status == 401
    found = re.search(r'data-options="([^"]+)"', page.html)
    assert found
    made = {"response": device.make(json.loads(unescape(found[1])))}
    assert (await house.send_form("/staff/me/passkeys/new", made, clerk)).said.startswith("The passkey is added.")
    assert "my key" in (await house.look("/staff/me/passkeys", clerk, lang="zh")).text
    assert (await comes_in(house, PASSWORD)).status == 401, "the password alone would set up another factor"
    let_in = await by_passkey(house, device)
    assert isinstance(let_in, Session)
    assert (str(let_in.staff.id), let_in.limited) == (clerk, False)
    again = await by_passkey(house, device, browser=b"c" * 32)
    assert isinstance(again, Refusal)
    assert again.code == "passkey_over", "another browser was asked nothing"
    listed = await house.look("/staff/me/passkeys", clerk)
    (one,) = [link for link in listed.links() if re.search(r"passkeys/[0-9a-f-]{36}$", link)]
    assert (await house.send_form(f"{one}/name", {"name": "old key"}, clerk)).said == "It has its new name."
    assert (await house.send_form(f"{one}/remove", {"current": PASSWORD}, clerk)).said.startswith("It is removed")
    gone = await by_passkey(house, device)
    assert isinstance(gone, Refusal)
    assert gone.code == "passkey_unknown"
    assert (await comes_in(house, PASSWORD)).to == "/staff"


async def by_passkey(house: House, device: Authenticator, browser: bytes | None = None) -> Session | Refusal:
    """What comes of showing it: asked in one browser, and shown in the same one unless told."""
    async with house.db.tx() as tx:
        asked = await staff_passkeys.begin_login(tx, b"b" * 32, b"a" * 32, house.settings, at=house.at)
        token = identity.fresh_token("staff", secrets.token_bytes)
        said: Any = {"session_id": house.id(), "token": token, "settings": house.settings, "at": house.at}
        hashed = browser or b"b" * 32
        return await staff.log_in_by_passkey(tx, device.sign(asked), browser_hash=hashed, **said)


async def test_he_sees_where_he_is_logged_in_and_ends_it(house: House) -> None:
    clerk = await hired(house, Role.OPERATOR)
    for _ in range(2):
        assert (await comes_in(house, PASSWORD)).status == 303
    page = await house.look("/staff/me/sessions", clerk)
    assert page.text.count("Another session") == 2
    done = await house.send_form("/staff/me/sessions", page.hidden(), clerk)
    assert done.said == "That session has ended."
    assert (await house.look("/staff/me/sessions", clerk)).text.count("Another session") == 1
    assert (
        await house.send_form("/staff/me/sessions", {"session": ""}, clerk)
    ).said == "All your other sessions have ended."
    assert "You are logged in nowhere else." in (await house.look("/staff/me/sessions", clerk)).text


async def test_what_makes_no_sense_is_refused_by_its_code(house: House) -> None:
    boss, clerk = house.staff(Role.ADMIN), await hired(house, Role.OPERATOR)
    for path, form, code in (
        (f"/staff/people/{clerk}/propose", {"what": "identity.enable_staff", "reason": "is back"}, "staff_active"),
        ("/staff/me/password", {"current": PASSWORD, "password": PASSWORD}, "password_same"),
    ):
        who = boss if "people" in path else clerk
        sent = {"id": house.id(), **form} if "people" in path else form
        kind = {one.code: one for one in identity.REFUSALS}[code]
        shown = await house.send_form(path, sent, who)
        assert (shown.status, kind.en in shown.text) == (kind.status, True)
    ask = {"id": house.id(), "what": "identity.reset_password", "reason": "he has forgotten it"}
    proposed = await house.send_form(f"/staff/people/{clerk}/propose", ask, boss)
    refused = {one.code: one for one in identity.REFUSALS}["nothing_to_draw"]
    early = await house.send_form(f"{proposed.to}/password", {"x": "1"}, boss)
    assert (early.status, refused.en in early.text) == (refused.status, True)
