"""HTTP/1.1 on the wire as uvicorn speaks it, with an end to a client that sends half a request and waits.

The door bounds the time in which a body arrives once a route reads it. What comes before, and what nobody reads, is bounded
here; else a few thousand silent connections are enough to shut a bank.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_WITHIN_S: Final = 10


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request is begun and does not become whole, and one that never begins."""

    _begun = False
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        # The base arms this timer only after a first answer.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._begun or (self.cycle is not None and not self.cycle.response_complete):
            self._in_time()
        elif self._late is None:
            self._late = self.loop.call_later(_WITHIN_S, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._begun = False
        super().on_message_complete()

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
