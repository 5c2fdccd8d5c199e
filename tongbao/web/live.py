"""Live parts of pages: server-sent events (WHATWG HTML, section 9.2), from one source a process to everybody who looks.

A source is asked once for all of its readers, however many there are; a reader who is slow misses states, never order.
A stream ends by itself after a while and when the process is about to end: browsers come back, through the door again.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

from litestar.response import Stream

from tongbao.base import log
from tongbao.base.batch import OVERLOADED
from tongbao.web import health
from tongbao.web.site import Export

_T = TypeVar("_T")

MOST_READERS: Final = 200
"""Streams that one process keeps open for one source; beyond it: come back later."""
LASTS_S: Final = 600
SOON_S: Final = 0.4
"""Between two looks where a reader shall see what happened within a second."""
_BEAT_S: Final = 15
_AGAIN_MS: Final = 2000

logger = log.get(__name__)


class Source(Generic[_T]):
    """Asks `look` every `every_s` seconds while somebody reads, and hands each answer to all of them.

    What `look` raises is an answer too: `None`, which says that the bank cannot see itself just now.
    """

    def __init__(
        self, name: str, look: Callable[[], Awaitable[_T]], *, every_s: float = 1, within_s: float = 3
    ) -> None:
        self._name = name
        self._look = look
        self._every_s = every_s
        self._within_s = within_s
        # Weak, so that a stream that broke off before it began leaves no reader behind.
        self._readers: weakref.WeakSet[Reader[_T]] = weakref.WeakSet()
        self._asking: asyncio.Task[None] | None = None

    def read(self) -> Reader[_T]:
        """Each state as it comes, for ever. Refuses `overloaded` where too many read already."""
        if len(self._readers) >= MOST_READERS:
            raise OVERLOADED(retry_after_s=10)
        reader: Reader[_T] = Reader(self._readers.discard)
        self._readers.add(reader)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return reader

    async def _ask(self) -> None:
        while self._readers:
            state: _T | None = None
            try:
                async with asyncio.timeout(self._within_s):
                    state = await self._look()
            except Exception as error:
                logger.warning("live_source_failed", source=self._name, error=type(error).__name__)
            for reader in list(self._readers):
                reader.tell(state)
            await asyncio.sleep(self._every_s)


class Reader(Generic[_T]):
    """One who looks: the newest state that he has not seen yet."""

    def __init__(self, leave: Callable[[Reader[_T]], None]) -> None:
        self._leave = leave
        self._newest: asyncio.Queue[_T | None] = asyncio.Queue(maxsize=1)

    def tell(self, state: _T | None) -> None:
        if self._newest.full():
            self._newest.get_nowait()
        self._newest.put_nowait(state)

    async def next(self) -> _T | None:
        return await self._newest.get()

    def leave(self) -> None:
        """At once and without waiting, for whoever is cancelled may wait for nothing any more."""
        self._leave(self)


def stream(states: Reader[_T], render: Callable[[_T | None], Mapping[str, str]]) -> Stream:
    """A stream of events: `render` turns a state into the HTML of each event's name; what has not changed is not sent."""
    return Export(
        _events(states, render),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _events(states: Reader[_T], render: Callable[[_T | None], Mapping[str, str]]) -> AsyncIterator[bytes]:
    sent: dict[str, str] = {}
    loop = asyncio.get_running_loop()
    over = loop.time() + LASTS_S
    following = asyncio.ensure_future(states.next())
    ending = asyncio.ensure_future(health.until_draining())
    try:
        yield b"retry: %d\n\n" % _AGAIN_MS
        while (left_s := over - loop.time()) > 0:
            await asyncio.wait({following, ending}, timeout=min(_BEAT_S, left_s), return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                return
            if not following.done():
                yield b": alive\n\n"
                continue
            for name, html in render(following.result()).items():
                if sent.get(name) != html:
                    sent[name] = html
                    yield _event(name, html)
            following = asyncio.ensure_future(states.next())
    finally:
        ending.cancel()
        following.cancel()
        states.leave()


def _event(name: str, html: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode()
