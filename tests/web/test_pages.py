"""What a browser gets: who sees what in which language, under which headers, and how a page says no."""

from __future__ import annotations

import gzip
import re
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.page_house import DONE, LI, OWN, VISITS, application, browser
from tongbao.web import i18n, pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

HERE = "http://bank.example"


@pytest.fixture(scope="module")
def app() -> Any:
    return application()


@pytest.fixture
async def ann(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """At work, with a session of the staff's pages."""
    DONE.clear()
    async with browser(app, tongbao_session="ann") as client:
        yield client


@pytest.fixture
async def stranger(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app) as client:
        yield client


def zh(sentence: str) -> str:
    chinese = i18n.say(sentence, "zh")
    assert chinese != sentence
    return chinese


NOT_YOUR_ROLE = zh("Your role does not open this page. An administrator can give you another role.")
NO_SUCH_PAGE = zh("There is no such page. It may have moved, or the address was typed wrongly.")


def attribute(html: str, pattern: str) -> str:
    found = re.search(pattern, html)
    assert found, html
    return unescape(found[1])


# Language and theme.


@pytest.mark.parametrize(
    ("cookie", "accept", "tag"),
    [
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans-CN"),
        (None, "en-GB,en;q=0.9,zh;q=0.1", "en"),
        (None, "fr-FR", "zh-Hans-CN"),
        (None, "", "zh-Hans-CN"),
        ("en", "zh-CN", "en"),
        ("zh", "en", "zh-Hans-CN"),
        ("fr", "en", "en"),
        ("<script>", "zh", "zh-Hans-CN"),
    ],
)
async def test_the_reader_chooses_the_language_else_the_browser_does(
    ann: httpx.AsyncClient, cookie: str | None, accept: str, tag: str
) -> None:
    if cookie:
        ann.cookies.set("tongbao_language", cookie)
    answer = await ann.get("/staff/books", headers={"accept-language": accept})
    assert (answer.headers["content-language"], attribute(answer.text, r'<html lang="([^"]+)"')) == (tag, tag)
    assert ("记账" in answer.text or "账" in answer.text) is (tag == "zh-Hans-CN")


async def test_a_chosen_language_and_theme_are_remembered(ann: httpx.AsyncClient) -> None:
    for query, cookie in (("language=en", "tongbao_language=en"), ("theme=dark", "tongbao_theme=dark")):
        answer = await ann.get(f"/look?{query}&back=/staff/books?text=7")
        assert (answer.status_code, answer.headers["location"]) == (303, "/staff/books?text=7")
        assert answer.headers["set-cookie"].startswith(cookie)
        assert "HttpOnly" in answer.headers["set-cookie"]
    page = (await ann.get("/staff/books")).text
    assert 'lang="en"' in page
    assert 'data-theme="dark"' in page
    for query in ("language=fr", "theme=pink", "language=en%0d%0aset-cookie:x"):
        assert "set-cookie" not in (await ann.get(f"/look?{query}")).headers
    assert "data-theme" not in (await ann.get("/staff/books", headers={"cookie": "tongbao_session=ann"})).text


# What the reader may see.


async def test_the_menu_shows_what_the_reader_may_open(ann: httpx.AsyncClient) -> None:
    page = (await ann.get("/staff/books")).text
    assert re.findall(r'<li><a href="([^"]+)"', page) == ["/staff/books"]
    assert attribute(page, r'<a href="([^"]+)" aria-current="page"') == "/staff/books"
    assert "运行" not in page, "a group without an entry that the reader may open has no heading"


async def test_every_area_has_a_session_of_its_own(app: Any) -> None:
    async with browser(app, tongbao_customer="ann", tongbao_session="li") as client:
        answer = await client.get("/staff/books")
        assert answer.status_code == 303, f"{LI.kind} is no member of staff"
        assert answer.headers["location"].startswith("/staff/login?")


async def test_who_may_not_is_told_so(ann: httpx.AsyncClient) -> None:
    answer = await ann.get("/staff/keys")
    assert answer.status_code == 403
    assert NOT_YOUR_ROLE in answer.text
    assert 'href="/staff"' in answer.text


# Headers.


@pytest.mark.parametrize(
    "path", ["/open", "/staff/books", "/staff/keys", "/nowhere", "/accident?kind=bug", "/accident?kind=gone", "/open?x=%00"]
)  # fmt: skip
async def test_every_page_may_load_its_own_files_alone(ann: httpx.AsyncClient, path: str) -> None:
    answer = await ann.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == policy["connect-src"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert {"Cookie", "Accept-Language", "Accept-Encoding"} <= set(answer.headers["vary"].split(", "))
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|javascript:", answer.text)
    assert attribute(answer.text, r'<span class="id">([^<]+)') if answer.status_code >= 400 else True


@pytest.mark.parametrize(
    ("accepts", "small"),
    [("gzip, deflate, br", True), ("br;q=1, GZIP;q=0.5", True), ("identity", False), ("gzip;q=0", False), ("", False),
     ("deflate;q=1.0, gzip;q=0.000", False), ("xgzip", False)],
)  # fmt: skip
async def test_a_page_is_sent_small_to_whoever_can_read_it(app: Any, accepts: str, small: bool) -> None:
    sent: dict[str, Any] = {"body": b""}

    async def send(message: Any) -> None:
        sent.update(message, body=sent["body"] + message.get("body", b""))

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/open", "raw_path": b"/open", "query_string": b"", "client": None,
             "scheme": "http", "server": ("bank.example", 80), "root_path": "", "http_version": "1.1", "asgi": {"version": "3.0"},
             "headers": [(b"accept", b"text/html"), (b"accept-encoding", accepts.encode())]}  # fmt: skip
    await app(scope, receive, send)
    headers = dict(sent["headers"])
    assert (headers.get(b"content-encoding") == b"gzip") is small
    assert int(headers[b"content-length"]) == len(sent["body"])
    html = gzip.decompress(sent["body"]) if small else sent["body"]
    assert html.count(b"many words") == 500
    assert not small or len(sent["body"]) < len(html) // 3


# What people typed stays text.


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{{ 7 * 7 }}", "</title><b>", "%(name)s"]
)
async def test_what_was_typed_is_text(ann: httpx.AsyncClient, text: str) -> None:
    page = (await ann.get("/staff/books", params={"text": text})).text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert unescape(page).count(text) >= 3
    assert attribute(page, r'<p title="([^"]*)"') == text


async def test_text_that_runs_from_right_to_left_moves_nothing_beside_it(ann: httpx.AsyncClient) -> None:
    turned = "invoice\u202efdp.exe"
    page = (await ann.get("/staff/books", params={"text": turned})).text
    assert "\u202e" not in page.split("</h1>")[0], "what turns text around is not shown"
    for text in ("שלום", "محمد علي", turned, "a\u2069\u202eb"):
        plain = re.sub("[\u202a-\u202e\u2066-\u2069]", "", text)
        page = unescape((await ann.get("/staff/books", params={"text": text})).text)
        assert f"<h1>\u2068{plain}\u2069</h1>" in page
        assert f"，\u2068{plain}\u2069" in page or f"\u2068{plain}\u2069" in page.split("<p title")[1].split(">", 1)[1]
    typed = await ann.post("/staff/books", data={"id": "7", "name": turned}, headers=OWN)
    assert attribute(typed.text, r'name="name"[^>]* value="([^"]*)"') == turned, "a field keeps what was typed"


# How a page says no.


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nowhere", 404, NO_SUCH_PAGE),
        ("/staff/books/", 200, "books"),
        ("/things/7", 404, NO_SUCH_PAGE),
        ("/staff/keys", 403, NOT_YOUR_ROLE),
        ("/accident?kind=bug", 500, "先核实结果"),
        ("/accident?kind=gone", 503, "稍"),
        ("/open?x=%00", 400, "NUL"),
        ("/open?x=%ff", 400, "UTF-8"),
        ("/static/nothing.css", 404, NO_SUCH_PAGE),
        ("//evil.example/%2e%2e/etc/passwd", 404, NO_SUCH_PAGE),
        ("/staff/books%00", 400, "NUL"),
    ],
)
async def test_a_refusal_is_a_page_that_says_what_to_do(
    ann: httpx.AsyncClient, path: str, status: int, says: str
) -> None:
    answer = await ann.get(HERE + path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert says in answer.text
    assert "secret" not in answer.text
    if status >= 400:
        assert 'role="alert"' in answer.text
        assert attribute(answer.text, r'class="id">([^<]+)') == answer.headers["x-request-id"]
    for link in re.findall(r'href="([^"]+)"', answer.text):
        assert urlsplit(urljoin(HERE, unescape(link))).netloc == "bank.example", link


async def test_english_readers_are_refused_in_english(ann: httpx.AsyncClient) -> None:
    ann.cookies.set("tongbao_language", "en")
    for path in ("/nowhere", "/open?x=%00", "/accident?kind=gone"):
        answer = await ann.get(path)
        assert "That did not work" in answer.text
        assert not re.search("[\u4e00-\u9fff]", answer.text.replace("中文", "")), path


async def test_a_wrong_method_names_the_right_ones(ann: httpx.AsyncClient) -> None:
    answer = await ann.put("/staff/books", headers=OWN)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert "不支持" in answer.text


async def test_programs_are_refused_as_programs(ann: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    for client, path, code in (
        (stranger, "/v1/things", "missing_key"),
        (ann, "/v1/nowhere", "not_found"),
        (ann, "/v1/things?x=%00", "nul_character"),
    ):
        answer = await client.get(path)
        assert answer.headers["content-type"] == "application/problem+json", "even to a browser"
        assert answer.json()["code"] == code
    plain = await ann.get("/nowhere", headers={"accept": "*/*"})
    assert plain.json()["code"] == "not_found"


# The way in.


async def test_who_is_not_logged_in_is_sent_to_the_door_and_back(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/staff/books?text=%E9%80%9A%26%3D")
    place = urlsplit(answer.headers["location"])
    assert (answer.status_code, place.path) == (303, "/staff/login")
    assert parse_qs(place.query)["next"] == ["/staff/books?" + "text=%E9%80%9A%26%3D"]
    stranger.cookies.set("tongbao_session", "old")
    assert (await stranger.get("/staff/books")).headers["location"].startswith("/staff/login?next=")


async def test_a_form_sent_after_the_session_ended_does_nothing(stranger: httpx.AsyncClient) -> None:
    DONE.clear()
    form = {"id": "018f3c3e-7c1e-7000-8000-000000000001", "name": "Li"}
    for token in (None, "old", "nobody"):
        stranger.cookies.clear()
        if token:
            stranger.cookies.set("tongbao_session", token)
        answer = await stranger.post("/staff/books", data=form, headers=OWN)
        assert answer.status_code == 401
        assert (
            zh("Your session has ended. Nothing was done. Log in again, then send the form once more.") in answer.text
        )
        assert "Authorization" not in answer.text, "a person has no key"
        assert "www-authenticate" not in answer.headers, "no browser asks for a name and a password of its own"
        assert 'href="/staff/login"' in answer.text
    assert not DONE


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "http://evil.example"},
        {"sec-fetch-site": "same-site", "origin": "http://other.bank.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {},
    ],
)
async def test_a_form_of_another_site_does_nothing(ann: httpx.AsyncClient, headers: dict[str, str]) -> None:
    form = {"id": "018f3c3e-7c1e-7000-8000-000000000001", "name": "Li"}
    answer = await ann.post("/staff/books", data=form, headers=headers)
    assert answer.status_code == 403
    said = "This form did not come from a page of the bank, so nothing was done. Open the page again and send the form from there."
    assert zh(said) in answer.text
    assert not DONE
    open_ = await ann.post("/open", data={"a": "1"}, headers=headers)
    assert open_.status_code == (403 if headers else 303), "where no session is needed, a program may post too"


EVIL = ["//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example",
        "/\n/evil.example", "", "evil.example", "///evil.example", " //evil.example", "http:/evil.example", "/x\r\nset-cookie: a=b",
        "data:text/html,x"]  # fmt: skip
OURS = ["/staff", "/staff/books?date=2026-11-22&x=%2F%2F", "/%2f%2fevil.example", "/%5cevil.example", "/通宝?x=é"]


@pytest.mark.parametrize("address", [*EVIL, *OURS])
async def test_nobody_is_sent_off_the_site(stranger: httpx.AsyncClient, address: str) -> None:
    for path in ("/to?address=", "/look?back="):
        answer = await stranger.get(path + quote(address, safe=""))
        assert answer.status_code == 303
        to = answer.headers["location"]
        assert to.isascii()
        assert urlsplit(urljoin(HERE, to)).netloc == "bank.example"
        assert (to == "/") is (address in EVIL)
        assert "set-cookie" not in answer.headers


@given(st.text(max_size=12))
def test_no_address_at_all_leads_off_the_site(text: str) -> None:
    for address in (text, f"/{text}", f"//{text}"):
        to = pages.local(address)
        assert to == "/" or (to == address and not to.startswith(("//", "/\\")))
        parts = urlsplit(urljoin(HERE, to.replace("\\", "/")))
        assert parts.netloc == "bank.example"


# Said once.


async def test_what_was_done_is_said_once(ann: httpx.AsyncClient) -> None:
    form = {"id": "018f3c3e-7c1e-7000-8000-000000000001", "name": "Li"}
    answer = await ann.post("/staff/books", data=form, headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/books?text=done")
    assert [done.name for done in DONE] == ["Li"]
    first = await ann.get("/staff/books?text=done")
    assert f'role="status"><p>{i18n.say("Rejected. Nothing was done.", "zh")}</p>' in first.text
    assert 'role="status"' not in (await ann.get("/staff/books?text=done")).text


@pytest.mark.parametrize(
    "said", ["Send your password to 12345", "<b>Rejected. Nothing was done.</b>", "Rejected", "%(name)s", "%FF", ""]
)
async def test_only_the_bank_itself_says_something(ann: httpx.AsyncClient, said: str) -> None:
    ann.cookies.set("tongbao_said", quote(said))
    answer = await ann.get("/staff/books")
    assert answer.status_code == 200
    assert 'role="status"' not in answer.text


# The headers of a page alone.


async def test_the_headers_of_a_page_may_be_asked_for_alone(
    ann: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    VISITS.clear()
    head, page = await ann.head("/staff/books"), await ann.get("/staff/books")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == page.headers["content-type"]
    assert int(head.headers["content-length"]) > 1000
    assert [visit.method for visit in VISITS] == ["HEAD", "GET"]
    assert (await stranger.head("/staff/books")).status_code == 303
    assert (await stranger.head("/nowhere")).status_code == 404
    assert (await stranger.head("/v1/things")).status_code == 401
    assert (await ann.head("/static/nothing")).content == b""
