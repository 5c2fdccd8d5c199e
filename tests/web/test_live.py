"""Live parts: one question for all who look, and nobody who looks can hold anything up."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from litestar import get

from tests.web.page_house import application
from tongbao.base.refusal import Refusal
from tongbao.web import health, live
from tongbao.web.site import open_to_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEADLINE_S = 30


@pytest.fixture(autouse=True)
def _not_draining() -> Any:
    yield
    health.drain(False)


class World:
    """What is looked at: it counts who asks, and answers with that, or with trouble."""

    def __init__(self) -> None:
        self.asked = 0
        self.trouble: Exception | None = None
        self.hangs = False

    async def look(self) -> int:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble:
            raise self.trouble
        return self.asked


def source(world: World, *, within_s: float = 3) -> live.Source[int]:
    return live.Source("test", world.look, every_s=0.01, within_s=within_s)


async def newest(states: live.Reader[int]) -> int | None:
    async with asyncio.timeout(DEADLINE_S):
        return await states.next()


async def until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_everybody_reads_the_same_answer() -> None:
    world = World()
    board = source(world)
    readers = [board.read() for _ in range(50)]
    seen = await asyncio.gather(*(newest(reader) for reader in readers))
    assert len(set(seen)) == 1
    assert world.asked <= 3, "one question, whoever many look"
    [reader.leave() for reader in readers]
    asked = world.asked
    await until(lambda: board._asking and board._asking.done())
    assert world.asked <= asked + 1, "where nobody looks, nobody asks"
    again = board.read()
    assert await newest(again) == world.asked, "whoever comes later is told too"
    again.leave()


async def test_who_is_slow_misses_states_but_never_their_order() -> None:
    world = World()
    board = source(world)
    slow, quick = board.read(), board.read()
    seen = [await newest(quick) for _ in range(10)]
    late = await newest(slow)
    assert [*seen, late] == sorted([*seen, late], key=lambda n: n or 0), "the newest, not the oldest"
    slow.leave()
    quick.leave()


async def test_no_more_may_read_than_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_READERS", 2)
    board = source(World())
    first, second = board.read(), board.read()
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            board.read()
        assert (refused.value.kind.status, refused.value.retry_after_s) == (429, 10)
    first.leave()
    third = board.read()
    assert await newest(third)
    second.leave()
    third.leave()


async def test_a_stream_that_broke_off_before_it_began_leaves_nobody_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_READERS", 1)
    board = source(World())
    board.read()
    gc.collect()
    board.read().leave()


async def test_trouble_is_an_answer_and_passes() -> None:
    world = World()
    board = source(world, within_s=0.05)
    states = board.read()
    assert await newest(states)
    for trouble in (RuntimeError("database gone"), TimeoutError()):
        world.trouble = trouble
        async with asyncio.timeout(DEADLINE_S):
            while await newest(states) is not None:
                pass
    world.trouble, world.hangs = None, True
    assert await newest(states) is None or await newest(states) is None, "who never answers is not waited for"
    world.hangs = False
    async with asyncio.timeout(DEADLINE_S):
        while await newest(states) is None:
            pass
    states.leave()


# The stream itself, as the server sends it.

WORLD = World()
BOARD = source(WORLD)


def draw(state: int | None) -> dict[str, str]:
    if state == 10**9:
        raise RuntimeError("no such picture")
    return {"state": "<p>\n" + ("gone" if state is None else "there") + "</p>", "count": str(state)}


@get("/stream", guards=[open_to_all])
async def stream() -> Any:
    return live.stream(BOARD.read(), draw)


class Browser:
    """What a browser does with a stream: reads it, or goes away."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.ended = False
        self.gone = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)
            if self.ended:  # which servers tell an application like this
                self.gone.set()

    async def receive(self) -> Any:
        if not self.gone.is_set() and not hasattr(self, "_asked"):
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def events(self) -> list[str]:
        return [
            part.split("\n")[0].removeprefix("event: ")
            for part in self.body.decode().split("\n\n")
            if part.startswith("event: ")
        ]


@asynccontextmanager
async def looking(app: Any, method: str = "GET") -> AsyncIterator[tuple[Browser, asyncio.Task[None]]]:
    browser = Browser()
    scope = {"type": "http", "method": method, "path": "/stream", "raw_path": b"/stream", "query_string": b"", "client": None,
             "scheme": "http", "server": ("bank.example", 80), "root_path": "", "http_version": "1.1", "asgi": {"version": "3.0"},
             "headers": [(b"accept", b"text/event-stream"), (b"host", b"bank.example")]}  # fmt: skip
    running = asyncio.create_task(app(scope, browser.receive, browser.send))
    try:
        yield browser, running
    finally:
        browser.gone.set()
        browser.reads.set()
        with suppress(Exception):
            await asyncio.wait_for(running, DEADLINE_S)


@pytest.fixture(scope="module")
def app() -> Any:
    return application(stream)


async def test_a_stream_says_what_has_changed(app: Any) -> None:
    async with looking(app) as (browser, running):
        await until(lambda: browser.events.count("count") >= 3)
        assert browser.status == 200
        assert browser.headers[b"content-type"].startswith(b"text/event-stream")
        assert browser.headers[b"cache-control"] == b"no-store"
        assert browser.body.startswith(b"retry: 2000\n\n")
        assert b"event: state\ndata: <p>\ndata: there</p>\n\n" in browser.body
        assert browser.events.count("state") == 1, "what has not changed is not sent"
        browser.gone.set()
        await asyncio.wait_for(running, DEADLINE_S)
    await until(lambda: not len(BOARD._readers))


async def test_who_goes_away_frees_the_place(app: Any) -> None:
    async with looking(app) as (one, running), looking(app) as (other, _):
        await until(lambda: one.events and other.events)
        assert len(BOARD._readers) == 2
        one.gone.set()
        await asyncio.wait_for(running, DEADLINE_S)
        assert len(BOARD._readers) == 1
        count = len(other.events)
        await until(lambda: len(other.events) > count + 2)
    await until(lambda: not len(BOARD._readers))


async def test_who_does_not_read_holds_nobody_up(app: Any) -> None:
    async with looking(app) as (stuck, _), looking(app) as (other, _):
        await until(lambda: stuck.events)
        stuck.reads.clear()
        count = len(other.events)
        await until(lambda: len(other.events) > count + 10)
        assert len(BOARD._readers) == 2
    await until(lambda: not len(BOARD._readers))


async def test_a_stream_ends_when_the_process_is_about_to(app: Any) -> None:
    async with looking(app) as (browser, running):
        await until(lambda: browser.events)
        health.drain()
        await asyncio.wait_for(running, DEADLINE_S)
        assert browser.ended
    async with looking(app) as (late, running):
        await asyncio.wait_for(running, DEADLINE_S)
        assert late.ended, "nor does one begin"
    await until(lambda: not len(BOARD._readers))


async def test_a_stream_ends_by_itself_after_a_while(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LASTS_S", 0.1)
    async with looking(app) as (browser, running):
        await asyncio.wait_for(running, DEADLINE_S)
        assert browser.ended
        assert browser.events
    await until(lambda: not len(BOARD._readers))


async def test_trouble_and_its_end_are_shown(app: Any) -> None:
    async with looking(app) as (browser, _):
        await until(lambda: b"there" in browser.body)
        WORLD.trouble = RuntimeError("database gone")
        await until(lambda: b"gone" in browser.body)
        WORLD.trouble = None
        await until(lambda: browser.body.count(b"there") == 2)


async def test_a_picture_that_cannot_be_drawn_ends_the_stream_and_frees_the_place(app: Any) -> None:
    async with looking(app) as (browser, running):
        await until(lambda: browser.events)
        WORLD.asked = 10**9 - 1
        with pytest.raises(Exception, match="response started"):
            await asyncio.wait_for(asyncio.shield(running), DEADLINE_S)
        WORLD.asked = 0
    await until(lambda: not len(BOARD._readers))


async def test_too_many_are_told_when_to_come_back(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_READERS", 1)
    async with looking(app) as (first, _):
        await until(lambda: first.events)
        async with looking(app) as (second, running):
            await asyncio.wait_for(running, DEADLINE_S)
            assert (second.status, second.headers[b"retry-after"]) == (429, b"10")
    await until(lambda: not len(BOARD._readers))


async def test_the_headers_of_a_stream_alone_hold_nothing_open(app: Any) -> None:
    async with looking(app, "HEAD") as (browser, running):
        await asyncio.wait_for(running, DEADLINE_S)
        assert (browser.status, browser.body, browser.ended) == (200, b"", True)
    await until(lambda: not len(BOARD._readers))
