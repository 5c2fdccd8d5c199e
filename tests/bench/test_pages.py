"""How `tongbao bench pages` finds what it measures: by the app's routes and by links, on a site of five pages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx

from tongbao import app
from tongbao_bench import links, pages
from tongbao_sim.client import Reply

SITE: dict[str, tuple[int, str, str]] = {
    "/": (200, "text/html; charset=utf-8", '<a href="/list">list</a> <a href="https://elsewhere/">out</a>'),
    "/list": (
        200,
        "text/html",
        "<a href='/things/1'>1</a><a href='/things/2?tab=b#x'>2</a><a href='/things/3'>3</a>"
        "<a href='/things/4/file'>file</a><a href='/gone'>gone</a><a href='?page=2'>more</a>",
    ),
    "/things/1": (200, "text/html", '<a href="/list">back</a>'),
    "/things/2": (200, "text/html", '<a href="/things/9">broken</a>'),
    "/things/4/file": (200, "text/csv", "a,b"),
    "/moved": (303, "text/html", ""),
    "/hidden-start": (200, "text/html", "<a href='/things/2/parts/7'>part</a>"),
    "/things/2/parts/7": (500, "text/html", "oh"),
    "/live": (200, "text/event-stream", "data: 1\n\n"),
}
ROUTES = [
    SimpleNamespace(http_methods={method}, paths={path})
    for method, path in (
        ("GET", "/"),
        ("GET", "/list"),
        ("GET", "/moved"),
        ("GET", "/live"),
        ("POST", "/list"),
        ("GET", "/hidden-start"),
        ("GET", "/things/{id:uuid}"),
        ("GET", "/things/{id:uuid}/file"),
        ("GET", "/things/{id:uuid}/parts/{part:int}"),
        ("GET", "/nobody/{id:int}"),
    )
]


async def site(scope: Any, receive: Any, send: Any) -> None:
    status, kind, body = SITE.get(scope["path"], (404, "text/plain", "no"))
    headers = [(b"content-type", kind.encode())]
    if status == 303:
        headers.append((b"location", b"/hidden-start"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


async def follow(each: int) -> links.Found:
    transport = httpx.ASGITransport(app=site)
    async with httpx.AsyncClient(transport=transport, base_url="http://bank") as client:
        return await links.follow(client, links.templates(ROUTES), each=each)


async def test_pages_are_found_by_links_and_files_are_none() -> None:
    found = await follow(each=2)
    assert found.pages == {
        "/": ["/"],
        "/hidden-start": ["/hidden-start"],
        "/list": ["/list"],
        "/things/{id:uuid}": ["/things/1", "/things/2?tab=b"],
    }
    assert found.unreached == ["/nobody/{id:int}", "/things/{id:uuid}/parts/{part:int}"]


async def test_what_does_not_answer_is_named_with_the_page_that_leads_there() -> None:
    found = await follow(each=9)
    assert sorted(found.wrong, key=lambda wrong: wrong.url) == [
        links.Wrong("/gone", 404, "/list"),
        links.Wrong("/things/2/parts/7", 500, "/hidden-start"),
        links.Wrong("/things/3", 404, "/list"),
        links.Wrong("/things/9", 404, "/things/2?tab=b"),
    ]


def test_the_pages_of_the_app_are_known() -> None:
    known = links.templates(app.PAGES)
    assert links.place("/staff/board", known) == "/staff/board"
    assert links.place("/staff/no/such/page", known) is None


def test_the_document_names_the_slowest_and_what_failed() -> None:
    readings = pages.Readings()
    for took in (10.0, 20.0, 30.0):
        readings.page("/a", "/a", Reply(200, b"12345"), took)
        readings.page("/b", "/b", Reply(200, b"123"), took / 10)
        readings.json("/v1/x", Reply(200, b"{}"), 2.0)
    readings.page("/b", "/b?x=1", Reply(503, b""), 1.0)
    found = links.Found({"/a": ["/a"], "/b": ["/b", "/b?x=1"]}, [], [])
    said = pages.document(found, readings, {"payments_per_s": 200.0})
    assert (said["slowest"], said["slowest_p95_ms"], said["largest"], said["largest_bytes"]) == ("/a", 30.0, "/a", 5)
    assert said["times_json_p95"] == 15.0
    assert [(page["route"], page["samples"], page["p50_ms"]) for page in said["pages"]] == [
        ("/a", 3, 20.0),
        ("/b", 3, 2.0),
    ]
    assert said["errors"] == [{"url": "/b?x=1", "status": 503, "linked_from": "the measurement"}]
