"""The port to another bank, and the adapter that speaks to it by HTTP.

A rail sends money to us when it is asked to, once for each id however often it is asked, and says what became of an id. It
may be slow, silent or gone: what it said is never guessed. No transaction is open while it is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Literal, Protocol, runtime_checkable
from uuid import UUID

import httpx
import msgspec

from tongbao.base import outside
from tongbao.payments.model import RailSaid

WITHIN_S: Final = 10
"""What one question may take in all."""
_REASON_LONGEST: Final = 200


class RailAnswer(msgspec.Struct, frozen=True):
    """What a rail said, and its own words for it."""

    said: RailSaid
    reason: str | None = None


class Rail(Protocol):
    """What every way to another bank can do. Neither raises: what goes wrong is an answer too."""

    async def pull(self, id: UUID, account: str, amount_minor: int, currency: str) -> RailAnswer:
        """Asks for money of an account over there. The same id again is the same request: money moves once."""
        ...

    async def ask(self, id: UUID, amount_minor: int, currency: str) -> RailAnswer:
        """Asks what became of a request; `never_seen` where it never arrived. An answer about another amount is none."""
        ...


@runtime_checkable
class Reversible(Protocol):
    """A rail that takes back what it may have charged: a network of cards."""

    async def reverse(self, id: UUID, account: str, amount_minor: int, currency: str, *, again: bool) -> RailAnswer:
        """Takes a request back, whether or not it ever arrived; `accepted` where it is not charged any more. `again`: it was told before."""
        ...


Rails = Mapping[str, Rail]


class _Debit(msgspec.Struct, frozen=True):
    """The other bank's answer, as far as we read it."""

    id: UUID
    status: Literal["accepted", "declined", "pending"]
    amount: int
    currency: str
    reason: str | None = None


class _NeverSeen(msgspec.Struct, frozen=True):
    """Whose answer a 404 is: one that does not name the request comes from somebody on the way."""

    id: UUID
    status: Literal["never_seen"]


class HttpRail:
    """`POST /debits` and `GET /debits/{id}` of another bank."""

    def __init__(self, client: httpx.AsyncClient, url: str, *, within_s: int = WITHIN_S) -> None:
        self._client = client
        self._url = url
        self._within_s = within_s

    async def pull(self, id: UUID, account: str, amount_minor: int, currency: str) -> RailAnswer:
        body = {"id": str(id), "account": account, "amount": amount_minor, "currency": currency}
        request = self._client.build_request("POST", f"{self._url}/debits", json=body)
        return await self._said(request, id, amount_minor, currency, may_be_unknown=False)

    async def ask(self, id: UUID, amount_minor: int, currency: str) -> RailAnswer:
        request = self._client.build_request("GET", f"{self._url}/debits/{id}")
        return await self._said(request, id, amount_minor, currency, may_be_unknown=True)

    async def _said(
        self, request: httpx.Request, id: UUID, amount_minor: int, currency: str, *, may_be_unknown: bool
    ) -> RailAnswer:
        heard = await outside.ask(self._client, request, within_s=self._within_s)
        if heard.status is None:
            return RailAnswer(RailSaid.SILENT if heard.may_have_arrived else RailSaid.NOT_SENT, heard.trouble)
        if heard.status == 404 and may_be_unknown and _is_never_seen(heard.body, id):
            return RailAnswer(RailSaid.NEVER_SEEN)
        if heard.status != 200:
            return RailAnswer(RailSaid.SILENT, f"status {heard.status}")
        return _read(heard.body, id, amount_minor, currency)


def _read(body: bytes, id: UUID, amount_minor: int, currency: str) -> RailAnswer:
    try:
        debit = msgspec.json.decode(body, type=_Debit)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return RailAnswer(RailSaid.SILENT, "the answer cannot be read")
    if (debit.id, debit.amount, debit.currency) != (id, amount_minor, currency):
        return RailAnswer(RailSaid.SILENT, f"the answer is about {debit.currency} {debit.amount} of {debit.id}")
    reason = (debit.reason or "")[:_REASON_LONGEST].replace("\x00", "") or None
    if debit.status == "pending":
        return RailAnswer(RailSaid.SILENT, "not decided yet")
    return RailAnswer(RailSaid.ACCEPTED if debit.status == "accepted" else RailSaid.DECLINED, reason)


def _is_never_seen(body: bytes, id: UUID) -> bool:
    try:
        return msgspec.json.decode(body, type=_NeverSeen).id == id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


@asynccontextmanager
async def connected(urls: Mapping[str, str], *, within_s: int = WITHIN_S) -> AsyncIterator[Rails]:
    """A way to each of the rails that the settings name, with connections of its own."""
    async with AsyncExitStack() as stack:
        rails: dict[str, Rail] = {}
        for name, url in urls.items():
            client = outside.client(within_s)
            rails[name] = HttpRail(await stack.enter_async_context(client), url, within_s=within_s)
        yield rails
