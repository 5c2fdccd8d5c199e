"""The port to a gateway that sends messages, and the adapter that speaks to it by HTTP.

A gateway sends a message once for each id however often it is asked, and says what became of an id. It may be slow, silent or
gone. No transaction is open while it is asked, and neither numbers nor texts reach a log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Literal, Protocol
from uuid import UUID

import httpx
import msgspec

from tongbao.base import outside
from tongbao.notices.model import Channel, Said

WITHIN_S: Final = 10
"""What one question may take in all."""


class Answer(msgspec.Struct, frozen=True):
    """What a gateway said; `trouble` is what stood in the way of an answer, in our words."""

    said: Said
    trouble: str | None = None


class Gateway(Protocol):
    """What every way to a person can do. Neither raises: what goes wrong is an answer too."""

    async def send(self, id: UUID, to: str, text: str) -> Answer:
        """Asks to send a message. The same id again is the same message: a person gets one."""
        ...

    async def ask(self, id: UUID) -> Answer:
        """Asks what became of a message; `never_seen` where it never arrived there."""
        ...


Gateways = Mapping[Channel, Gateway]


class _Report(msgspec.Struct, frozen=True):
    """The gateway's answer, as far as we read it."""

    id: UUID
    status: Literal["taken", "delivered", "undelivered", "refused", "never_seen"]


class HttpGateway:
    """`POST /messages` and `GET /messages/{id}` of a gateway."""

    def __init__(self, client: httpx.AsyncClient, url: str, *, within_s: int = WITHIN_S) -> None:
        self._client = client
        self._url = url
        self._within_s = within_s

    async def send(self, id: UUID, to: str, text: str) -> Answer:
        body = {"id": str(id), "to": to, "text": text}
        return await self._said(self._client.build_request("POST", f"{self._url}/messages", json=body), id, 200)

    async def ask(self, id: UUID) -> Answer:
        # A 404 is the gateway's only if it names the message: any other comes from somebody on the way.
        return await self._said(self._client.build_request("GET", f"{self._url}/messages/{id}"), id, 200, 404)

    async def _said(self, request: httpx.Request, id: UUID, *statuses: int) -> Answer:
        heard = await outside.ask(self._client, request, within_s=self._within_s)
        if heard.status is None:
            return Answer(Said.SILENT if heard.may_have_arrived else Said.NOT_SENT, heard.trouble)
        if heard.status not in statuses:
            return Answer(Said.SILENT, f"status {heard.status}")
        try:
            report = msgspec.json.decode(heard.body, type=_Report)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Answer(Said.SILENT, "the answer cannot be read")
        if report.id != id or (heard.status == 404) != (report.status == "never_seen"):
            return Answer(Said.SILENT, "the answer is about something else")
        return Answer(Said(report.status))


@asynccontextmanager
async def connected(urls: Mapping[Channel, str], *, within_s: int = WITHIN_S) -> AsyncIterator[Gateways]:
    """A way to the gateway of each channel that has one."""
    async with outside.client(within_s) as client:
        yield {channel: HttpGateway(client, url, within_s=within_s) for channel, url in urls.items()}
