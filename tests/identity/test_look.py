"""How a customer wants to see the bank is kept with him: the same on every device, until he is erased."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, Page, session_of, visiting
from tongbao import app, govern, identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.principal import PERMISSION_MISSING, SYSTEM, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import erase_store, preferences
from tongbao.identity.preference_model import ACTIONS, Home, Preferences, Theme, Tongue, TypeSize, in_order

LOOK = {"home": "large", "theme": "dark", "type": "usual", "language": "en"}


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """Reading Chinese in this browser."""
    async with visiting(served) as me:
        yield me


async def _on_another_device(me: Me, path: str) -> str:
    """What the page is like in a browser that knows nothing of him but his new session."""
    headers, cookies = {"Accept": "text/html"}, {COOKIE: await session_of(me.bank, me.customer)}
    async with httpx.AsyncClient(
        base_url=me.bank.url, headers=headers, cookies=cookies, trust_env=False, timeout=30
    ) as http:
        return (await http.get(path)).text


async def test_what_he_chose_holds_on_every_device_of_his(li: Me) -> None:
    assert "data-type" not in (await li.get("/me")).html
    answer = await li.post("/me/look", LOOK)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/look")
    at_once = await li.get("/me/look")
    assert 'lang="en" data-zone="Asia/Shanghai" data-theme="dark" data-type="large"' in at_once.html
    assert at_once.form("/me/look") == LOOK
    for path in ("/me", "/me/payments", "/me/help"):
        elsewhere = await _on_another_device(li, path)
        assert '<html lang="en"' in elsewhere, path
        assert 'data-theme="dark" data-type="large"' in elsewhere, path
        assert f'href="/me/help?from={path}"' in elsewhere, "help in sight"
    assert 'lang="zh-Hans-CN"' in (await li.get("/")).html, "the open pages are as the browser says"


async def test_nothing_said_is_as_the_device_says(li: Me) -> None:
    await li.post("/me/look", {**LOOK, "home": "young", "theme": "auto", "language": "auto"})
    page = await li.get("/me")
    assert 'lang="zh-Hans-CN"' in page.html
    assert "data-theme" not in page.html
    assert "data-type" not in page.html
    li.http.cookies.set("tongbao_theme", "dark")
    assert 'data-theme="dark"' in (await li.get("/me")).html


async def test_the_order_of_the_short_ways_is_his(li: Me) -> None:
    def short_ways(page: Page) -> list[str]:
        shown = page.html[page.html.index('class="quick"') :]
        return re.findall(r'href="([^"]+)"', shown[: shown.index("</ul>")])

    usual = [action.href for action in ACTIONS]
    assert short_ways(await li.get("/me")) == usual
    page = await li.get("/me/look")
    [moves] = [form for form in page.forms if form["action"] == "/me/look/order"]
    assert moves["method"] == "post"
    names = [action.name for action in ACTIONS]
    for _ in range(2):
        answer = await li.post("/me/look/order", {"actions": ",".join([names[0], names[2], names[1], *names[3:]])})
        assert answer.status_code == 303, "the same press twice is one"
    moved = [usual[0], usual[2], usual[1], *usual[3:]]
    assert short_ways(await li.get("/me")) == moved
    await li.post("/me/look", LOOK)
    assert short_ways(await li.get("/me")) == moved[:4], "another home keeps the order, and shows a few"


async def test_each_button_moves_one_short_way_up(li: Me) -> None:
    html = (await li.get("/me/look")).html
    names = [action.name for action in ACTIONS]
    for n in range(1, len(names)):
        order = [*names]
        order[n - 1], order[n] = order[n], order[n - 1]
        assert f'name="actions" value="{",".join(order)}"' in html


@pytest.mark.parametrize(
    "text", ["", "   ", "x" * 20_000, "<script>alert(1)</script>", "\u202e李明 محمد", "standard,large"]
)
async def test_what_is_no_look_is_answered_by_a_sentence_and_changes_nothing(li: Me, text: str) -> None:
    await li.post("/me/look", {**LOOK, "language": "zh"})
    for name in LOOK:
        answer = await li.post("/me/look", {**LOOK, name: text})
        assert answer.status_code == 422, name
        assert 'role="alert"' in answer.text
        assert "<script>alert" not in answer.text
    assert (await li.get("/me/look")).form("/me/look") == {**LOOK, "language": "zh"}
    answer = await li.post("/me/look/order", {"actions": text})
    assert answer.status_code == (422 if not text.strip() or len(text) > 500 else 303)
    assert (await li.get("/me/look")).status == 200


async def test_every_short_way_leads_to_a_page(li: Me) -> None:
    pages = {path for handler in app.PAGES for path in handler.paths if "GET" in handler.http_methods}
    assert {action.href for action in ACTIONS} <= pages
    for action in ACTIONS:
        assert (await li.get(action.href)).status == 200, action.name


def test_an_order_names_every_short_way_once() -> None:
    assert in_order([]) == ACTIONS
    (help_,) = (action for action in ACTIONS if action.name == "help")
    assert in_order(["help", "no such", "help"]) == (help_, *(action for action in ACTIONS if action != help_))


async def test_the_first_steps_are_shown_once(li: Me) -> None:
    page, steps = await li.get("/me"), ["您的钱在这里"]
    while any(said == "下一步" for said, _ in page.links):
        page = await li.get(next(href for said, href in page.links if said == "下一步"))
        steps.append(next(said for said in ("付款只需两步", "限额由您设定", "按您的习惯设置") if said in page.text))
    assert steps == ["您的钱在这里", "付款只需两步", "限额由您设定", "按您的习惯设置"]
    for _ in range(2):
        assert (await li.post("/me/tour", {})).headers["location"] == "/me"
    assert not (await li.get("/me", tour="2")).asks("/me/tour")
    assert 'action="/me/tour"' not in await _on_another_device(li, "/me")


@pytest.mark.parametrize("tour", ["0", "5", "x" * 2000, "<script>", "２"])
async def test_a_step_that_is_none_is_the_first(li: Me, tour: str) -> None:
    assert "您的钱在这里" in (await li.get("/me", tour=tour)).text


async def test_whoever_is_no_newcomer_is_shown_no_steps(li: Me) -> None:
    async with Database(li.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        wanted = "UPDATE identity.customer SET created_at = created_at - interval '31 days' WHERE id = %(id)s"
        await tx.run(wanted, id=li.customer)
    assert not (await li.get("/me")).asks("/me/tour")


async def test_the_look_of_one_is_nobody_else_s(li: Me) -> None:
    await li.post("/me/look", LOOK)
    async with visiting(li.bank, name="王强") as wang:
        assert 'lang="zh-Hans-CN"' in (await wang.get("/me")).html
        assert (
            await wang.http.post("/me/look", data=LOOK, headers={"Sec-Fetch-Site": "cross-site"})
        ).status_code == 403
        assert "data-type" not in (await wang.get("/me")).html
    answer = await httpx.AsyncClient(base_url=li.bank.url, trust_env=False).get(
        "/me/look", headers={"accept": "text/html"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/login?next=%2Fme%2Flook")


async def test_only_a_customer_chooses_and_what_he_chose_goes_with_him(li: Me) -> None:
    at = SystemClock().now()
    himself = Principal(id=li.customer, kind=PrincipalKind.CUSTOMER, subject_id=li.customer)
    chosen = {"home": Home.YOUNG, "theme": Theme.DARK, "type_": TypeSize.LARGE, "language": Tongue.EN}
    async with Database(li.bank.database, size=1, limits=BULK) as db:
        for nobody in (SYSTEM, Principal(id=uuid4(), kind=PrincipalKind.STAFF)):
            with pytest.raises(Refusal) as refused:
                async with db.tx() as tx:
                    await preferences.set_look(tx, nobody, **chosen)
            assert refused.value.kind is PERMISSION_MISSING
        async with db.tx() as tx:
            await preferences.set_look(tx, himself, **chosen)
            await preferences.set_actions(tx, himself, ["help"])
            await preferences.end_tour(tx, himself, at=at)
        async with db.tx() as tx:
            found = await identity.preferences_of(tx, li.customer)
            assert found == Preferences(
                home=Home.YOUNG,
                theme=Theme.DARK,
                type=TypeSize.LARGE,
                language=Tongue.EN,
                actions=in_order(["help"]),
                tour_is_over=True,
            )
            taken = await govern.export_person(tx, himself, at=at)
            assert taken["preferences"]["home"] == "young"
            assert taken["preferences"]["actions"][0] == "help"
        async with db.tx() as tx:
            await erase_store.drop_means(tx, [li.customer])
            assert await identity.preferences_of(tx, li.customer) == Preferences()
