"""HTTP/1.1 on the wire as uvicorn speaks it, with an end to clients that keep the bank waiting, and an end without loss.

The door bounds the time in which a body arrives once a route reads it. What comes before, and what nobody reads, is bounded
here; else a few thousand silent connections are enough to shut a bank.

A process that is about to end says `Connection: close` in each answer. uvicorn would close at once every connection that
rests or whose request is half there; a payment may be on its way over it, and its payer would hear nothing.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tongbao.web import health

_WITHIN_S: Final = 10
_LINGER_S: Final = 2
_REST_S: Final = 1
"""For how long a connection that rests is kept when the server ends: its next request may be on the way."""


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request is begun and does not become whole, and one that never begins."""

    begun = False
    """A request has begun to arrive and is not whole."""
    leaving = False
    """The connection ends with its next answer, which says so."""
    certificate: bytes | None = None
    """SHA-256 of the certificate (DER) that the client showed and our authority for clients signed; None without."""
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self.leaving = health.draining()
        self.certificate = _shown(transport)
        _OPEN.add(self)
        self.transport = cast("asyncio.Transport", _Lingering(transport, self))
        # The base arms this timer only after a first answer.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        _OPEN.discard(self)
        self._in_time()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self.begun or (self.cycle is not None and not self.cycle.response_complete):
            self._in_time()
        elif self._late is None:
            self._late = self.loop.call_later(_WITHIN_S, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        self.begun = True
        super().on_message_begin()
        if self.certificate is not None:
            cast("dict[str, Any]", self.scope)["tongbao.certificate"] = self.certificate

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.leaving:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self.begun = False
        super().on_message_complete()

    def leave(self) -> None:
        """The answer that is under way, or else the next one, is the last."""
        self.leaving = True
        if self._answering():
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """The server ends: what is under way is answered, what is half there may become whole."""
        self.leave()
        if not self._answering() and not self.begun:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(_REST_S, self.timeout_keep_alive_handler)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _shown(transport: asyncio.Transport) -> bytes | None:
    """uvicorn does not tell an application who its client is by TLS; asked once a connection, when the handshake is done."""
    tls = transport.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return sha256(der).digest() if der else None


class _Lingering:
    """A transport that lets the client hear the answer before it closes.

    To close a socket with bytes in it that nobody read resets the connection, and an answer on its way is lost: a client
    that sends too large a body would never see why it was refused.
    """

    def __init__(self, inner: asyncio.Transport, protocol: BoundedHttp) -> None:
        self._inner = inner
        self._protocol = protocol
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, data: bytes) -> None:
        self._inner.write(data)

    def is_closing(self) -> bool:
        return self._ended or self._inner.is_closing()

    def close(self) -> None:
        if self.is_closing() or not self._protocol.begun or not self._inner.can_write_eof():
            self._inner.close()
            return
        self._ended = True
        self._inner.write_eof()
        self._protocol.flow.resume_reading()
        self._protocol.loop.call_later(_LINGER_S, self._inner.close)


_OPEN: Final[set[BoundedHttp]] = set()


def leave() -> None:
    """This process is about to end: each connection ends with its present or its next answer, so that clients move on."""
    for connection in tuple(_OPEN):
        connection.leave()
