"""The port to a provider of identity checks, and the adapter that speaks to it by HTTP.

A provider decides a check once for each id however often it is asked, and says what became of an id. It may be slow, silent or
gone: what it said is never guessed. No transaction is open while it is asked, and neither names nor numbers reach a log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final, Literal, Protocol
from uuid import UUID

import httpx
import msgspec

from tongbao.base import outside

WITHIN_S: Final = 10
"""What one question may take in all."""


class Said(StrEnum):
    """What a provider said, and how one comes to have no answer of it."""

    VERIFIED = "verified"
    MISMATCH = "mismatch"
    PENDING = "pending"
    """It has the question and has not decided."""
    NEVER_SEEN = "never_seen"
    SILENT = "silent"
    """No answer that can be read: it may have the question."""
    NOBODY = "nobody"
    """It was not asked: what the bank knew of this person was erased."""


class ProviderAnswer(msgspec.Struct, frozen=True):
    """What a provider said; `trouble` is what stood in the way of an answer, in our words."""

    said: Said
    trouble: str | None = None


class IdentityProvider(Protocol):
    """What every provider can do. Neither raises: what goes wrong is an answer too."""

    async def check(self, id: UUID, name: str, id_number: str) -> ProviderAnswer:
        """Asks whether a name and an identity number belong together. The same id again is the same question."""
        ...

    async def ask(self, id: UUID) -> ProviderAnswer:
        """Asks what became of a question; `never_seen` where it never arrived there."""
        ...


class _Check(msgspec.Struct, frozen=True):
    """The provider's answer, as far as we read it."""

    id: UUID
    status: Literal["verified", "mismatch", "pending", "never_seen"]


class HttpProvider:
    """`POST /checks` and `GET /checks/{id}` of a provider."""

    def __init__(self, client: httpx.AsyncClient, url: str, *, within_s: int = WITHIN_S) -> None:
        self._client = client
        self._url = url
        self._within_s = within_s

    async def check(self, id: UUID, name: str, id_number: str) -> ProviderAnswer:
        body = {"id": str(id), "name": name, "id_number": id_number}
        return await self._said(self._client.build_request("POST", f"{self._url}/checks", json=body), id, 200)

    async def ask(self, id: UUID) -> ProviderAnswer:
        # A 404 is the provider's only if it names the question: any other comes from somebody on the way.
        return await self._said(self._client.build_request("GET", f"{self._url}/checks/{id}"), id, 200, 404)

    async def _said(self, request: httpx.Request, id: UUID, *statuses: int) -> ProviderAnswer:
        heard = await outside.ask(self._client, request, within_s=self._within_s)
        if heard.status is None:
            return ProviderAnswer(Said.SILENT, heard.trouble)
        if heard.status not in statuses:
            return ProviderAnswer(Said.SILENT, f"status {heard.status}")
        try:
            check = msgspec.json.decode(heard.body, type=_Check)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ProviderAnswer(Said.SILENT, "the answer cannot be read")
        if check.id != id or (heard.status == 404) != (check.status == "never_seen"):
            return ProviderAnswer(Said.SILENT, "the answer is about something else")
        return ProviderAnswer(Said(check.status))


@asynccontextmanager
async def connected(url: str, *, within_s: int = WITHIN_S) -> AsyncIterator[IdentityProvider]:
    """A way to the provider that the settings name."""
    async with outside.client(within_s) as client:
        yield HttpProvider(client, url, within_s=within_s)
