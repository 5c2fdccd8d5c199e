"""Cards as their owner sees them: added with a code, offered first, charged, removed; a served bank, its worker and a network."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.http.conftest import ServedBank, clone, environment, founded, served
from tests.payments.me import Me, Page, visiting
from tests.sandbox.card_network import CardNetwork, card, running
from tongbao.base.embedded import Cluster
from tongbao.payments.me_card_pages import DONE_MESSAGES
from tongbao.web import i18n

WITHIN_S = 240
_phones = iter(range(13_700_000_000, 13_799_999_999))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardNetwork]:
    with running(tmp_path_factory.mktemp("cards")) as network:
        yield network


@pytest.fixture(scope="module")
async def bank(cluster: Cluster, template: str, network: CardNetwork) -> AsyncIterator[ServedBank]:
    with clone(cluster, template) as database:
        token = await founded(database)
        with working(database, network), served(database, TONGBAO_CARD_NETWORK=network.wire) as (_, port):
            bank = ServedBank(f"http://127.0.0.1:{port}", database, port)
            bank.tokens["bank"] = token
            async with bank.http:
                bank.shop = UUID((await bank.make("/v1/merchants", {"name": "兰州拉面"}))["id"])
                yield bank


@contextmanager
def working(database: str, network: CardNetwork) -> Iterator[None]:
    command = [sys.executable, "-m", "tongbao.cli", "work"]
    worker = subprocess.Popen(
        command, env=environment(database, TONGBAO_CARD_NETWORK=network.wire), start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


@pytest.fixture
async def li(bank: ServedBank) -> AsyncIterator[Me]:
    """With ¥1.00, reading Chinese."""
    async with visiting(bank, 100) as me:
        yield me


@pytest.fixture
async def ann(bank: ServedBank) -> AsyncIterator[Me]:
    async with visiting(bank, 100, lang="en", name="Ann Lee") as me:
        yield me


async def begin(me: Me, number: str, /, **other: Any) -> tuple[Page, dict[str, str], str]:
    """The answer to the form, what was sent, and the telephone."""
    phone = str(next(_phones))
    fields = (await me.get("/me/cards/new")).form("/me/cards/new")
    fields |= {"number": number, "expires": "11/28", "phone": phone, **other}
    return Page(await me.post("/me/cards/new", fields)), fields, f"+86{phone}"


async def bind(me: Me, network: CardNetwork, number: str) -> UUID:
    begun, fields, phone = await begin(me, number)
    assert begun.status == 303, begun.text
    place = f"/me/cards/{fields['id']}/code"
    assert begun.answer.headers["location"] == place
    answer = await me.post(place, {"code": network.code(phone)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/cards")
    return UUID(fields["id"])


async def ended(me: Me, id_: UUID | str) -> str:
    deadline, state = time.monotonic() + WITHIN_S, ""
    while time.monotonic() < deadline:
        state = (await me.api("GET", f"/v1/payments/{id_}")).json()["state"]
        if state in ("completed", "declined"):
            return state
        await asyncio.sleep(0.2)
    raise AssertionError(f"still {state}")


async def test_a_card_is_added_with_the_code_of_its_bank(li: Me, network: CardNetwork) -> None:
    empty = await li.get("/me/cards")
    assert (empty.status, empty.title) == (200, "我的银行卡")
    assert "您还没有绑定银行卡" in empty.text
    number = card()
    card_id = await bind(li, network, number)
    page = await li.get("/me/cards")
    for said in ("沙洲银行", f"**** {number[-4:]}", "11/28", "默认银行卡"):
        assert said in page.text, said
    assert number not in page.html
    assert number[-8:] not in page.html
    again = await li.post(f"/me/cards/{card_id}/code", {"code": "000000"})
    assert again.headers["location"] == "/me/cards", "the same form late changes nothing"


async def test_in_english_it_reads_as_well(ann: Me, network: CardNetwork) -> None:
    await bind(ann, network, card())
    page = await ann.get("/me/cards")
    assert page.title == "My bank cards"
    assert "Bank of the Sands" in page.text
    assert not any("一" <= c <= "鿿" for c in page.text.replace("简体中文", "").replace("中文", "")), page.text


async def test_the_same_form_twice_is_one_card(li: Me, network: CardNetwork) -> None:
    _, fields, phone = await begin(li, card())
    answers = await asyncio.gather(*(li.post("/me/cards/new", fields) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {303}
    place = f"/me/cards/{fields['id']}/code"
    await li.post(place, {"code": network.code(phone)})
    once_more = await li.post("/me/cards/new", fields)
    assert once_more.headers["location"] == "/me/cards", "it was added before"
    assert len((await li.api("GET", "/v1/cards")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("number", "", "请填写此项"),
        ("number", "9156000000000000", "卡号有误"),
        ("number", "9" * 41, "内容过长"),
        ("number", "<script>alert(1)</script>", "卡号有误"),
        ("number", "\u202e9156", "卡号有误"),
        ("number", "卡 kаrtа ９１５６", "卡号有误"),
        ("expires", "10/26", "该卡已过有效期"),
        ("expires", "13/99", "请按卡面填写有效期"),
        ("phone", "abc", "手机号"),
        ("name", "王" * 60, "内容过长"),
    ],
)
async def test_what_is_wrong_is_said_beside_it_and_kept(li: Me, field: str, typed: str, said: str) -> None:
    page, fields, _ = await begin(li, card(), **{field: typed})
    assert page.status == 422
    assert said in page.text, page.text
    kept = page.form("/me/cards/new")
    assert kept[field] == typed
    assert kept["id"] == fields["id"], "corrected, it is still the same card"
    assert "<script>alert" not in page.html


async def test_a_card_that_is_not_confirmed_is_refused_in_words(li: Me) -> None:
    page, _, _ = await begin(li, card("004"))
    assert page.status == 422
    assert "发卡银行未通过验证" in page.text
    assert "您还没有绑定银行卡" in (await li.get("/me/cards")).text


async def test_wrong_codes_are_counted_and_end_it(li: Me, network: CardNetwork) -> None:
    _, fields, phone = await begin(li, card())
    place, code = f"/me/cards/{fields['id']}/code", network.code(phone)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(5):
        page = Page(await li.post(place, {"code": wrong}))
        assert (page.status, "验证码有误" in page.text) == (422, True)
    page = Page(await li.post(place, {"code": code}))
    assert "验证码已输错五次" in page.text
    assert not page.asks(place)


async def test_money_comes_from_a_card(li: Me, network: CardNetwork) -> None:
    card_id = await bind(li, network, card())
    place = f"/me/cards/{card_id}/topup"
    fields = (await li.get(place)).form(place) | {"amount": "12.80"}
    answers = await asyncio.gather(*(li.post(place, fields) for _ in range(3)))
    assert {a.headers.get("location") for a in answers} == {f"/me/payments/{fields['id']}"}
    assert (await li.get(f"/me/payments/{fields['id']}")).status == 200
    assert await ended(li, fields["id"]) == "completed"
    assert await li.balance() == 100 + 1280, "three presses, one charge"
    page = Page(await li.post(place, {**fields, "id": str(uuid4()), "amount": "12.8000001"}))
    assert page.status == 422
    assert page.form(place)["amount"] == "12.8000001"


async def test_a_shop_is_paid_from_a_card_that_holds_what_the_account_does_not(li: Me, network: CardNetwork) -> None:
    card_id = await bind(li, network, card())
    page = await li.confirm(merchant=li.bank.shop, amount="30.00")
    fields = page.form("/me/pay")
    assert fields["card"] == str(card_id), "chosen already, for the account holds too little"
    assert "沙洲银行" in page.text
    assert "退款" in page.text
    done = await li.post("/me/pay", fields)
    assert done.status_code == 303, done.text
    assert await ended(li, fields["id"]) == "completed"
    assert await li.balance() == 100
    paid = (await li.api("GET", f"/v1/payments/{fields['id']}")).json()
    assert (paid["method"], paid["merchant_id"]) == ("card", str(li.bank.shop))
    seen = await li.get(f"/me/payments/{fields['id']}")
    assert "银行卡" in seen.text, seen.text


async def test_the_account_still_pays_where_no_card_is_chosen(li: Me, network: CardNetwork) -> None:
    await bind(li, network, card())
    fields = (await li.confirm(merchant=li.bank.shop, amount="0.50")).form("/me/pay")
    assert fields["card"] == ""
    await li.post("/me/pay", fields)
    assert await li.balance() == 50
    for wrong in (str(uuid4()), "nonsense"):
        fields = (await li.confirm(merchant=li.bank.shop, amount="0.20")).form("/me/pay")
        page = Page(await li.post("/me/pay", {**fields, "card": wrong}))
        assert page.status in (404, 422), page.text
    assert await li.balance() == 50


async def test_one_is_preferred_and_one_removed(li: Me, network: CardNetwork) -> None:
    one, two = await bind(li, network, card()), await bind(li, network, card())
    assert (await li.post(f"/me/cards/{two}/prefer", {"go": "1"})).status_code == 303
    assert [c["id"] for c in (await li.api("GET", "/v1/cards")).json()["items"]] == [str(two), str(one)]
    for _ in range(2):
        assert (await li.post(f"/me/cards/{two}/remove", {"go": "1"})).status_code == 303
    (left,) = (await li.api("GET", "/v1/cards")).json()["items"]
    assert (left["id"], left["is_default"]) == (str(one), True)
    for path in (f"/me/cards/{two}/topup", f"/me/cards/{two}/code", f"/me/cards/{uuid4()}/topup"):
        assert (await li.http.get(path)).status_code == 404


async def test_nobody_sees_or_touches_anothers_card(li: Me, ann: Me, network: CardNetwork) -> None:
    card_id = await bind(li, network, card())
    for path in ("prefer", "remove"):
        assert (await ann.post(f"/me/cards/{card_id}/{path}", {"go": "1"})).status_code == 404
    assert (await ann.http.get(f"/me/cards/{card_id}/topup")).status_code == 404
    async with visiting(li.bank, 0) as stranger:
        stranger.http.cookies.clear()
        for path in ("/me/cards", "/me/cards/new", f"/me/cards/{card_id}/topup"):
            assert (await stranger.http.get(path)).status_code == 303


def test_a_page_says_what_was_done_in_both_languages() -> None:
    for said in DONE_MESSAGES:
        assert i18n.say(said, "zh") != said


async def test_a_payment_under_way_says_so(li: Me, network: CardNetwork) -> None:
    card_id = await bind(li, network, card("014"))
    place = f"/me/cards/{card_id}/topup"
    fields = (await li.get(place)).form(place) | {"amount": "12.80"}
    await li.post(place, fields)
    page = await li.get(f"/me/payments/{fields['id']}")
    assert page.title in ("处理中", "待查"), page.title
    assert "等待答复" in page.text
    assert "已到账" not in page.text
    refused = Page(await li.post(f"/me/cards/{card_id}/remove", {"go": "1"}))
    assert (refused.status, "正在处理" in refused.text) == (409, True)
