"""A table on a page: what stands in its cells, what scripts sort by, and what surrounds it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html import unescape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from litestar import get
from markupsafe import escape

from tests.web.page_house import application, browser
from tongbao.web import bidi, pages, tables
from tongbao.web.listing import Linked, Listing, Marked, cell, figure, mark
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import open_to_all
from tongbao.web.tables import Column

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tongbao.base.say import Lang

ZONE = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 22, 16, 30, 5, tzinfo=UTC)
STATES = {"held": "waits"}


def word(state: str, lang: Lang) -> str:
    return STATES.get(state, state) if lang == "en" else "等待"


COLUMNS = (
    Column("who", "Who", "户名"),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency", signed=True),
    Column("currency", "Currency", "币种"),
    Column("n", "Payments", "笔数", tables.COUNT),
    Column("day", "Day", "日期", tables.DATE),
    Column("at", "At", "时间", tables.MOMENT),
    Column("clock", "Clock", "时刻", tables.TIME),
    Column("state", "State", "状态", words=word),
)
ROW: tuple[Any, ...] = (
    Linked("李明", "/staff/customers/7?a=1&b=2"),
    -123450,
    "JPY",
    12345,
    date(2026, 11, 22),
    AT,
    AT,
    Marked("held"),
)
TABLE = Listing(columns=COLUMNS, rows=[ROW, (None,) * 2 + ("CNY",) + (None,) * 5], hidden=("currency",))


def said(place: int, lang: Lang = "en", value: Any = ...) -> str:
    """As a template puts it into the page."""
    return str(escape(cell(COLUMNS[place], ROW[place] if value is ... else value, ROW, TABLE, ZONE, lang)))


def test_a_cell_says_its_value_to_people() -> None:
    assert said(0) == '<a href="/staff/customers/7?a=1&amp;b=2">李明</a>'
    assert said(1) == "JPY -123,450"
    assert said(1, value=5) == "JPY +5"
    assert said(3) == "12,345"
    assert (said(4), said(4, "zh")) == ("22 Nov 2026", "2026年11月22日")
    assert said(5, "zh") == '<time datetime="2026-11-22T16:30:05+00:00">2026年11月23日 00:30:05</time>'
    assert said(6) == '<time datetime="2026-11-22T16:30:05+00:00" class="clock">00:30:05</time>'
    assert said(7) == '<span class="state" data-mark="‖">waits</span>'
    assert said(7, value="held") == "waits"
    assert [said(place, value=None) for place in range(8)] == [""] * 8


def test_scripts_sort_by_plain_figures() -> None:
    plain = [figure(column, value, ROW, TABLE) for column, value in zip(COLUMNS, ROW, strict=True)]
    assert plain == ["", "-123450", "", "12345", "2026-11-22", AT.isoformat(), AT.isoformat(), ""]
    assert figure(COLUMNS[1], 5, (None, 5, "KWD"), TABLE) == "0.005"
    assert figure(COLUMNS[3], Linked(7, "/x"), ROW, TABLE) == "7"
    assert figure(COLUMNS[1], None, ROW, TABLE) == ""


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "&amp;", "{{ 7 }}"])
def test_a_cell_is_text(text: str) -> None:
    for value in (text, Linked(text, "/x"), Linked("x", f"/{text}"), Marked(text)):
        for place in (0, 7):
            html = said(place, value=value)
            assert "<script" not in html
            assert "<img" not in html
            assert text in unescape(html) or place == 7
    assert 'data-mark="·"' in said(7, value=Marked(text))


RIGHT_TO_LEFT = ["שלום", "محمد علي", "李明 (עברית)", "invoice\u202efdp.exe", "a\u2069\u202eb\u2066", "\u200fx"]


@pytest.mark.parametrize("text", RIGHT_TO_LEFT)
def test_a_name_from_right_to_left_stays_in_its_cell(text: str) -> None:
    plain = re.sub("[\u202a-\u202e\u2066-\u2069]", "", text)
    assert said(0, value=text) == f"<bdi>{plain}</bdi>"
    assert said(0, value=Linked(text, "/x")) == f'<a href="/x"><bdi>{plain}</bdi></a>'
    assert bidi.shown(text) == f"\u2068{plain}\u2069"


@pytest.mark.parametrize("text", ["", "Li Ming", "李明", "ÅÉ", "👩‍👩‍👧", "ไทย", "¥1,234.50"])
def test_everything_else_is_left_as_it_is(text: str) -> None:
    assert bidi.shown(text) == bidi.isolated(text) == text


def test_what_turns_text_around_never_comes_through() -> None:
    """Nor can it end its isolation, whatever stands in it."""
    for text in RIGHT_TO_LEFT:
        inside = str(bidi.shown(text))[1:-1]
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", inside)


def test_every_state_has_a_mark() -> None:
    assert mark("completed") == "✓"
    assert mark("whatever") == mark(None) == "·"


# In a page.


@get("/list", guards=[open_to_all])
async def list_page(request: PageRequest) -> Page:
    wanted = request.query_params.get("table", "rows")
    shown = {
        "rows": Listing(columns=COLUMNS, rows=TABLE.rows, hidden=("currency",), caption="Newest first", files=("csv", "xlsx"),
                        next_cursor="abc=", row_ids=("r1", "r2"), foot=("Sum", 5, "CNY", *[None] * 5)),
        "none": Listing(columns=COLUMNS, rows=[], empty="Nobody yet."),
        "chart": Listing(columns=(COLUMNS[4], COLUMNS[3]), rows=[(date(2026, 11, 22), 3)], chart="line"),
        "live": Listing(columns=COLUMNS, rows=TABLE.rows, live="newest"),
        "long": Listing(columns=(Column("said", "Said", "内容", long=True), COLUMNS[3]), rows=[("Never pass a code on.", 3)]),
    }[wanted]  # fmt: skip
    facts = [("Name", request.query_params.get("name", "")), ("None", None), ("Zero", 0)]
    return pages.show(request, "listed", table=shown, facts=facts)


@pytest.fixture
async def reader() -> AsyncIterator[httpx.AsyncClient]:
    template = (
        '{% extends "web/layout.html" %}{% import "web/parts.html" as parts with context %}{% import "web/forms.html" as f with context %}'
        '{% block title %}t{% endblock %}{% block main %}{{ f.filters([("find", "Find", "search", none), ("state", "State", "", [("a<b", "A")])]) }}'
        "{{ parts.listing(table) }}{{ parts.facts(facts) }}{% endblock %}"
    )
    async with browser(application(list_page, templates={"listed": template}), tongbao_language="en") as client:
        yield client


async def test_a_list_in_a_page(reader: httpx.AsyncClient) -> None:
    html = (await reader.get("/list?find=%3Cb%3E&state=a%3Cb&cursor=x&page=7")).text
    assert re.findall(r"<th scope=\"col\"[^>]*>([^<]+)", html) == [
        "Who",
        "Amount",
        "Payments",
        "Day",
        "At",
        "Clock",
        "State",
    ]
    assert "JPY -123,450" in html
    assert '<tr id="r1">' in html
    assert 'data-v="-123450"' in html
    assert "<caption>Newest first</caption>" in html
    assert re.search(r"<tfoot>.*Sum.*¥5|<tfoot>.*\+¥0\.05", html, re.DOTALL)
    links = [
        unescape(link) for link in re.findall(r'<nav class="pager.*?</nav>', html, re.DOTALL)[0].split('href="')[1:]
    ]
    back, following, csv, xlsx = (link.split('"')[0] for link in links)
    assert back == "/list?find=%3Cb%3E&state=a%3Cb&page=7"
    assert following == "/list?find=%3Cb%3E&state=a%3Cb&cursor=abc%3D&page=7"
    assert (csv, xlsx) == (f"{back}&format=csv", f"{back}&format=xlsx")
    assert 'value="&lt;b&gt;"' in html, "a filter shows what it filters by"
    assert '<option value="a&lt;b" selected>' in html


async def test_a_list_without_rows_says_so(reader: httpx.AsyncClient) -> None:
    html = (await reader.get("/list?table=none")).text
    assert '<div class="empty"><p>Nobody yet.</p></div>' in html
    assert "<table" not in html
    assert 'class="pager' not in html


async def test_a_chart_stands_above_its_table(reader: httpx.AsyncClient) -> None:
    html = (await reader.get("/list?table=chart")).text
    assert '<figure class="chart" data-chart="line"><details open>' in html
    assert '<td class="date" data-v="2026-11-22">' in html
    assert '<td class="number" data-v="3">3</td>' in html


async def test_a_column_of_sentences_stays_wide_enough_to_read(reader: httpx.AsyncClient) -> None:
    html = (await reader.get("/list?table=long")).text
    assert '<td class="text long">Never pass a code on.</td><td class="number"' in html


async def test_rows_may_be_brought_by_a_stream(reader: httpx.AsyncClient) -> None:
    assert '<tbody sse-swap="newest">' in (await reader.get("/list?table=live")).text


async def test_facts_are_text_in_its_own_direction(reader: httpx.AsyncClient) -> None:
    html = (await reader.get("/list", params={"name": "<b>שלום\u202e"})).text
    assert "<dt>Name</dt><dd><bdi>&lt;b&gt;שלום</bdi></dd>" in html
    assert "<dt>None</dt>" not in html
    assert "<dt>Zero</dt><dd>0</dd>" in html
