"""Verification as people meet it: over HTTP, on a customer's own page, and on the page that staff have of him."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.console.house import HOSTILE, House, Shown, opened
from tests.sandbox.identity_provider import id_number
from tongbao import identity
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import VISITOR_PERMISSIONS, KeyKind, Role, VisitorKind
from tongbao.identity.jobs import Verifier
from tongbao.identity.providers import ProviderAnswer, Said

PAGE = "/me/verification"


class Provider:
    """Answers what the test tells it to."""

    def __init__(self) -> None:
        self.said = Said.VERIFIED
        self.asked: list[tuple[str, str]] = []

    async def check(self, id: UUID, name: str, id_number: str) -> ProviderAnswer:
        self.asked.append((name, id_number))
        return ProviderAnswer(self.said)

    async def ask(self, id: UUID) -> ProviderAnswer:
        return ProviderAnswer(self.said)


class Customer:
    """Somebody's browser, and his API client."""

    def __init__(self, house: House, account: identity.Account) -> None:
        self.house = house
        self.id = account.customer_id
        self.token = f"customer-{account.customer_id}"
        permissions = VISITOR_PERMISSIONS[VisitorKind.CUSTOMER]
        house.keys[self.token] = Principal(
            id=self.id, kind=PrincipalKind.CUSTOMER, permissions=permissions, subject_id=self.id
        )

    def _headers(self, lang: str) -> dict[str, str]:
        return {"accept": "text/html", "cookie": f"tongbao_language={lang}; tongbao_customer={self.token}"}

    async def look(self, *, lang: str = "en") -> Shown:
        return Shown(await self.house.client.get(PAGE, headers=self._headers(lang)))

    async def send(self, *, lang: str = "en", **fields: str) -> Shown:
        data = {"id": str(uuid4()), "name": "王小明", "id_number": id_number(1), **fields}
        headers = {**self._headers(lang), "sec-fetch-site": "same-origin"}
        return Shown(await self.house.client.post(PAGE, data=data, headers=headers))


@pytest.fixture
async def house(fresh_database: str) -> AsyncIterator[House]:
    async with opened(fresh_database) as house:
        yield house


@pytest.fixture
async def newcomer(house: House) -> Customer:
    return Customer(house, await house.person(100_000, level=0))


async def turn(house: House, provider: Provider) -> int:
    return await Verifier(house.db, house.clock, provider).turn()


async def test_a_newcomer_shows_who_he_is_and_may_pay(house: House, newcomer: Customer) -> None:
    page = await newcomer.look()
    assert "level 0: not verified" in page.text
    assert "¥1,000.00" in page.text, "what the next level allows"
    asked = await newcomer.send(name=" 王小明 ")
    assert (asked.status, asked.to) == (303, PAGE)
    assert asked.said == "Thank you. The answer usually comes within a few seconds."
    waiting = await newcomer.look()
    assert "being verified" in waiting.text
    assert "<form" not in waiting.html.partition("<main")[2], "nothing to fill in meanwhile"
    provider = Provider()
    assert await turn(house, provider) == 1
    assert provider.asked == [("王小明", id_number(1))]
    done = await newcomer.look()
    assert "level 1: verified by name and number" in done.text
    assert id_number(1) not in done.html, "no page shows the number"


async def test_what_does_not_match_may_be_typed_anew_in_chinese_too(house: House, newcomer: Customer) -> None:
    provider = Provider()
    provider.said = Said.MISMATCH
    await newcomer.send()
    await turn(house, provider)
    page = await newcomer.look(lang="zh")
    assert "姓名与身份证号码不一致，请对照身份证重新填写。" in page.text
    assert "零级（未核实身份）" in page.text
    wrong = await newcomer.send(lang="zh", id_number="110101199003070017")
    assert wrong.status == 422
    assert "身份证号码有误，请逐位核对 18 位号码。" in wrong.text
    assert (await newcomer.send(lang="zh")).status == 303


async def test_the_form_twice_is_asked_once(house: House, newcomer: Customer) -> None:
    fields = (await newcomer.look()).hidden()
    first, second = await newcomer.send(**fields), await newcomer.send(**fields)
    assert (first.status, second.status) == (303, 303)
    assert await turn(house, Provider()) == 1
    assert (await newcomer.send()).status == 409
    async with house.db.read() as tx:
        assert len(await identity.verifications(tx, newcomer.id)) == 1


async def test_nobody_learns_here_whose_number_it_is(house: House, newcomer: Customer) -> None:
    owner = Customer(house, await house.person(level=0))
    await owner.send(id_number=id_number(7))
    await turn(house, Provider())
    assert (await asks(house, newcomer.id, {"name": "王", "id_number": id_number(7)})).code == "id_number_taken"
    tried = await newcomer.send(id_number=id_number(7))
    assert tried.status == 303
    assert "name and number do not match" in (await newcomer.look()).text
    body = {"name": "王", "id_number": id_number(7)}
    over_http = await asks(house, newcomer.id, body, by=newcomer.token)
    assert (over_http.status, over_http["state"]) == (201, "mismatch")
    provider = Provider()
    assert (await turn(house, provider), provider.asked) == (0, []), "nobody was asked, nothing was kept"
    for _ in range(3):
        await newcomer.send(id_number=id_number(7))
    assert (await newcomer.send(id_number=id_number(7))).status == 429


@pytest.mark.parametrize("typed", ["", " ", *HOSTILE])
async def test_what_people_type_is_read_or_refused(house: House, newcomer: Customer, typed: str) -> None:
    for answer in (await newcomer.send(id_number=typed), await newcomer.send(name=typed, id_number="1")):
        assert answer.status == 422
        assert "<script>alert(1)" not in answer.html
    assert await turn(house, Provider()) == 0


async def test_a_stranger_is_shown_the_door(house: House) -> None:
    answer = Shown(await house.client.get(PAGE, headers={"accept": "text/html"}))
    assert answer.status == 303


async def test_staff_see_what_became_of_it_and_raise_the_level(house: House, newcomer: Customer) -> None:
    provider = Provider()
    provider.said = Said.MISMATCH
    await newcomer.send()
    await turn(house, provider)
    page, staff = f"/staff/customers/{newcomer.id}", house.staff(Role.OPERATOR)
    shown = await house.look(page, staff)
    for said in ("level 0: not verified", "name and number do not match", "Raise the level"):
        assert said in shown.text
    assert id_number(1) not in shown.html
    assert "姓名与号码不一致" in (await house.look(page, staff, lang="zh")).text
    assert "level 0: not verified" in (await house.look("/staff/customers", staff)).text
    short = await house.send_form(f"{page}/level", {"id": house.id(), "level": "2", "why": ""}, staff)
    assert (short.status, "Please fill this in." in short.text) == (422, True)
    for level in ("1", "4", "x"):
        assert (
            await house.send_form(f"{page}/level", {"id": house.id(), "level": level, "why": "seen"}, staff)
        ).status == 422
    raised = await house.send_form(f"{page}/level", {"id": house.id(), "level": "3", "why": "passport seen"}, staff)
    assert (raised.status, raised.said) == (303, "Proposed. Another person decides.")
    assert "level 0: not verified" in (await house.look(page, staff)).text, "one person raises nobody"
    await house.agree(raised)
    again = await house.send_form(f"{page}/level", {"id": house.id(), "level": "2", "why": "passport seen"}, staff)
    assert again.status == 409
    after = await house.look(page, staff)
    assert "level 3: seen at the counter" in after.text
    assert "Raise the level" not in after.text, "there is no higher one"
    assert await house.audited("customer.level") == [(str(newcomer.id), "passport seen")]


async def test_an_auditor_sees_levels_and_gives_none(house: House, newcomer: Customer) -> None:
    page, auditor = f"/staff/customers/{newcomer.id}", house.staff(Role.AUDITOR)
    shown = await house.look(page, auditor)
    assert ("level 0: not verified" in shown.text, "Raise the level" in shown.text) == (True, False)
    assert (await house.send_form(f"{page}/level", {"level": "3", "why": "seen"}, auditor)).status == 403


# Over HTTP.


async def asks(house: House, customer: UUID, body: dict[str, Any], **more: Any) -> Any:
    return await house.post(f"/v1/customers/{customer}/verifications", body, **more)


async def test_the_bank_asks_and_sees_what_became_of_it(house: House, newcomer: Customer) -> None:
    key, body = house.id(), {"name": "王小明", "id_number": id_number(2)}
    first, again = await asks(house, newcomer.id, body, key=key), await asks(house, newcomer.id, body, key=key)
    assert (first.status, first["state"], again.status, again.replayed) == (201, "asked", 201, True)
    assert first.body == again.body
    assert set(first.body) == {"id", "customer_id", "state", "asked_at", "decided_at"}
    assert (await asks(house, newcomer.id, body)).code == "verification_open"
    await turn(house, Provider())
    listed = await house.get(f"/v1/customers/{newcomer.id}/verifications")
    assert [one["state"] for one in listed.body] == ["verified"]
    assert (await house.get(f"/v1/customers/{newcomer.id}"))["level"] == 1
    assert (await asks(house, newcomer.id, body)).code == "already_verified"
    levels = await house.get("/v1/levels")
    assert [one["level"] for one in levels.body] == [0, 1, 2, 3]
    assert levels.body[3] == {"level": 3, "name": "counter", "per_payment": None, "per_day": None}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "王小明", "id_number": "110101199003070017"}, "id_number_malformed"),
        ({"name": " ", "id_number": id_number(3)}, "invalid_field"),
        ({"name": "王小明"}, "missing_field"),
        ({"name": "王小明", "id_number": "1" * 41}, "invalid_field"),
    ],
)
async def test_what_cannot_be_asked(house: House, newcomer: Customer, body: dict[str, Any], code: str) -> None:
    answer = await asks(house, newcomer.id, body)
    assert (answer.status, answer.code) == (422, code)


async def test_a_customer_asks_about_himself_alone(house: House, newcomer: Customer) -> None:
    other = await house.person(level=0)
    body = {"name": "王小明", "id_number": id_number(4)}
    assert (await asks(house, newcomer.id, body, by=newcomer.token)).status == 201
    assert (await asks(house, other.customer_id, body, by=newcomer.token)).code == "customer_unknown"
    path = f"/v1/customers/{other.customer_id}/verifications"
    assert (await house.get(path, by=newcomer.token)).code == "customer_unknown"
    level = {"level": 3, "reason": "because"}
    refused = await house.send("POST", f"/v1/customers/{newcomer.id}/level", level, by=newcomer.token)
    assert refused.code == "permission_missing"
    merchant = house.principal(KeyKind.MERCHANT, house.id())
    assert (await asks(house, newcomer.id, body, by=merchant)).code == "permission_missing"


async def test_the_bank_gives_a_level(house: House, newcomer: Customer) -> None:
    path = f"/v1/customers/{newcomer.id}/level"
    given = await house.send("POST", path, {"level": 2, "reason": "documents seen"})
    assert (given.status, given["level"]) == (200, 2)
    assert (await house.send("POST", path, {"level": 2, "reason": "again"})).code == "level_not_higher"
    assert (await house.send("POST", path, {"level": 1, "reason": "less"})).code == "level_not_given"
    unknown = await house.send("POST", f"/v1/customers/{house.id()}/level", {"level": 3, "reason": "who"})
    assert unknown.code == "customer_unknown"
    assert (await house.get(f"/v1/customers/{house.id()}/verifications")).code == "customer_unknown"
