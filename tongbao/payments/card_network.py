"""The port to a network of cards, in ISO 8583:1987 over TCP: whose a card is, buy with it, and what became of that.

Each question has a connection of its own and a bound in time; no transaction is open while it is asked. Field 48 holds tagged
values (two digits, three of length): 01 the id of the transaction, which the network decides once; 02 name, 03 telephone number,
04 one-time code; 05 the response code of what is asked about, 06 `R` where it was taken back. What a card may have been charged for
a payment that came to nothing is taken back under the same id: 0400, and 0401 until it is answered.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import iso8583
import msgspec
import pycountry
from iso8583.specs import default_ascii

from tongbao import vault
from tongbao.base.db import Database
from tongbao.base.log import redacted
from tongbao.base.principal import SYSTEM
from tongbao.payments.model import RailSaid
from tongbao.payments.rails import WITHIN_S, RailAnswer
from tongbao.vault import PlainCard

_SPEC: Final[dict[str, Any]] = copy.deepcopy(default_ascii)
_SPEC["48"] |= {"data_enc": "utf-8"}
_CONNECT_S: Final = 3
_ANSWER_LARGEST: Final = 2048
_AMOUNT_LARGEST: Final = 10**12 - 1
_TROUBLE_LONGEST: Final = 200
_ORIGINAL: Final = "0200" + "0" * 38
"""Field 90 of a reversal: what kind of message is taken back. Which one, field 48 says."""

_APPROVED, _NOT_FOUND, _WRONG_CODE = "00", "25", "55"
_FINAL: Final = frozenset(
    [
        "01",
        "03",
        "04",
        "05",
        "12",
        "13",
        "14",
        "15",
        "33",
        "34",
        "36",
        "41",
        "43",
        "51",
        "54",
        "57",
        "58",
        "59",
        "61",
        "62",
        "65",
        "75",
    ]
)
"""Response codes (ISO 8583:1987, field 39) that say no for good; any other one leaves open what happened."""

Fields = dict[str, str]


class CardSaid(Enum):
    """What the network says about whose a card is."""

    YES = "yes"
    NO = "no"
    WRONG_CODE = "wrong_code"
    SILENT = "silent"


class _Heard(msgspec.Struct, frozen=True):
    """An answer, or why there is none; `sent`: the question may have got there."""

    fields: Fields | None = None
    tags: Fields = {}
    trouble: str = ""
    sent: bool = True

    @property
    def code(self) -> str:
        return self.fields["39"] if self.fields else ""


class CardNetwork:
    """The network at `tcp://host:port`, or `tls://host:port` for one that is not on this machine. Never raises for what it does.

    `moment` tells the time that a question is stamped with. `authorities`: a PEM file of those alone that may vouch for the network; empty:
    those that this machine trusts. Who is not vouched for by name is told nothing.
    """

    def __init__(
        self, url: str, moment: Callable[[], datetime], *, authorities: str = "", within_s: int = WITHIN_S
    ) -> None:
        parts = urlsplit(url)
        self._place = (parts.hostname or "", parts.port or 0)
        self._tls = ssl.create_default_context(cafile=authorities or None) if parts.scheme == "tls" else None
        self._moment = moment
        self._within_s = within_s
        self._traces: Iterator[int] = itertools.count()

    async def verify(self, id: UUID, card: PlainCard, name: str, phone: str) -> CardSaid:
        """Asks the issuer to send the owner a one-time code, if name and phone are those of the card. The same id: once."""
        fields = {**_of_card(card), "3": "330000", "4": "0" * 12, "49": "156"}
        return _verified(await self._ask("0100", id, fields, {"02": name, "03": phone}))

    async def prove(self, id: UUID, card: PlainCard, code: str) -> CardSaid:
        """Asks the issuer whether this is the code that it sent under this id."""
        fields = {**_of_card(card), "3": "330000", "4": "0" * 12, "49": "156"}
        return _verified(await self._ask("0100", id, fields, {"04": code}))

    async def purchase(self, id: UUID, card: PlainCard, amount_minor: int, currency: str) -> RailAnswer:
        """Buys with a card. The same id again is the same purchase: the card is charged once."""
        if amount_minor > _AMOUNT_LARGEST:
            return RailAnswer(RailSaid.DECLINED, "more than the network can say")
        money = _money(amount_minor, currency)
        heard = await self._ask("0200", id, {**_of_card(card), **money, "3": "000000"})
        if heard.fields is None:
            return RailAnswer(RailSaid.SILENT if heard.sent else RailSaid.NOT_SENT, heard.trouble)
        return _decided(heard.code, heard.fields, money)

    async def look_up(self, id: UUID, amount_minor: int, currency: str) -> RailAnswer:
        """Asks what became of a purchase. An answer about another amount is none."""
        money = _money(amount_minor, currency)
        heard = await self._ask("0600", id, {**money, "3": "000000"})
        if heard.fields is None:
            return RailAnswer(RailSaid.SILENT if heard.sent else RailSaid.NOT_SENT, heard.trouble)
        if heard.code == _NOT_FOUND:
            return RailAnswer(RailSaid.NEVER_SEEN)
        if heard.code != _APPROVED:
            return RailAnswer(RailSaid.SILENT, f"answer {heard.code}")
        if heard.tags.get("06") == "R":
            return RailAnswer(RailSaid.DECLINED, "taken back by the network")
        return _decided(heard.tags.get("05", ""), heard.fields, money)

    async def reverse(
        self, id: UUID, card: PlainCard | None, amount_minor: int, currency: str, *, again: bool
    ) -> RailAnswer:
        """Takes a purchase back, also one that never came. A card that is known no more is not named; the id says which purchase."""
        money = _money(amount_minor, currency)
        owner = {"2": card.number} if card is not None else {}
        fields = {**owner, **money, "3": "000000", "90": _ORIGINAL}
        heard = await self._ask("0401" if again else "0400", id, fields)
        if heard.fields is None:
            return RailAnswer(RailSaid.SILENT if heard.sent else RailSaid.NOT_SENT, heard.trouble)
        if heard.code == _NOT_FOUND:
            return RailAnswer(RailSaid.NEVER_SEEN)
        return _decided(heard.code, heard.fields, money)

    async def _ask(self, kind: str, id: UUID, fields: Fields, tags: Fields | None = None) -> _Heard:
        now = self._moment()
        question = {
            "t": kind,
            "7": now.strftime("%m%d%H%M%S"),
            "11": f"{next(self._traces) % 999_999 + 1:06d}",
            "37": _reference(id),
            "41": "TONGBAO1",
            "42": "TONGBAO BANK".ljust(15),
            **fields,
            "48": _tagged({"01": id.hex, **(tags or {})}),
        }
        sent = False
        try:
            async with asyncio.timeout(self._within_s):
                async with asyncio.timeout(min(_CONNECT_S, self._within_s)):
                    reader, writer = await asyncio.open_connection(*self._place, ssl=self._tls)
                sent = True
                try:
                    body = bytes(iso8583.encode(dict(question), _SPEC)[0])
                    writer.write(len(body).to_bytes(2) + body)
                    await writer.drain()
                    return _heard(await _message(reader), question, id)
                finally:
                    writer.close()
        except TimeoutError:
            return _Heard(trouble=f"no answer within {self._within_s} s", sent=sent)
        except Exception as failure:
            # Whatever an address or an answer can do to us, the question may have arrived once it was connected.
            words = redacted(f"{type(failure).__name__}: {failure}") if not sent else type(failure).__name__
            return _Heard(trouble=words[:_TROUBLE_LONGEST].replace("\x00", ""), sent=sent)


class CardRail:
    """The network as a rail: `account` is the token of a card that its owner has bound. `moment` tells when it was opened."""

    def __init__(self, network: CardNetwork, db: Database, moment: Callable[[], datetime]) -> None:
        self._network = network
        self._db = db
        self._moment = moment

    async def _card(self, account: str, reason: str) -> PlainCard | None:
        async with self._db.read() as tx:
            return await vault.open_card(tx, UUID(account), by=SYSTEM, reason=reason, at=self._moment())

    async def pull(self, id: UUID, account: str, amount_minor: int, currency: str) -> RailAnswer:
        card = await self._card(account, f"to ask the network for payment {id}")
        if card is None:
            return RailAnswer(RailSaid.NOT_SENT, "the card is not bound any more")
        return await self._network.purchase(id, card, amount_minor, currency)

    async def ask(self, id: UUID, amount_minor: int, currency: str) -> RailAnswer:
        return await self._network.look_up(id, amount_minor, currency)

    async def reverse(self, id: UUID, account: str, amount_minor: int, currency: str, *, again: bool) -> RailAnswer:
        card = await self._card(account, f"to have the network take back payment {id}")
        return await self._network.reverse(id, card, amount_minor, currency, again=again)


async def _message(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(2))
    if not 0 < length <= _ANSWER_LARGEST:
        raise ValueError("length")
    return await reader.readexactly(length)


def _heard(body: bytes, question: Fields, id: UUID) -> _Heard:
    """The answer to this question and to no other one. Raises ValueError or DecodeError."""
    fields: Fields = iso8583.decode(body, _SPEC)[0]
    tags = _tags(fields.get("48", ""))
    wanted = f"{question['t'][:2]}{int(question['t'][2]) + 1}0"
    same = all(fields.get(f) == question[f] for f in ("11", "37"))
    if fields["t"] != wanted or not same or tags.get("01") != id.hex or "39" not in fields:
        return _Heard(trouble="the answer is to another question")
    return _Heard(fields, tags)


def _decided(code: str, fields: Fields, money: Fields) -> RailAnswer:
    if any(fields.get(f) != value for f, value in money.items()):
        return RailAnswer(RailSaid.SILENT, "the answer is about another amount")
    if code == _APPROVED:
        return RailAnswer(RailSaid.ACCEPTED)
    if code in _FINAL:
        return RailAnswer(RailSaid.DECLINED, f"answer {code}")
    return RailAnswer(RailSaid.SILENT, f"answer {code}")


def _verified(heard: _Heard) -> CardSaid:
    if heard.code == _APPROVED:
        return CardSaid.YES
    if heard.code == _WRONG_CODE:
        return CardSaid.WRONG_CODE
    return CardSaid.NO if heard.code in _FINAL or heard.code == _NOT_FOUND else CardSaid.SILENT


def _of_card(card: PlainCard) -> Fields:
    return {"2": card.number, "14": card.expires_on.strftime("%y%m"), "22": "012", "25": "59"}


def _money(amount_minor: int, currency: str) -> Fields:
    found = pycountry.currencies.get(alpha_3=currency)
    assert found is not None, currency
    return {"4": f"{amount_minor:012d}", "49": found.numeric}


def _reference(id: UUID) -> str:
    """Twelve characters for people on the telephone; what tells purchases apart is the whole id in field 48."""
    digits, number = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", id.int
    return "".join(digits[number // 36**place % 36] for place in range(12))


def _tagged(values: Fields) -> str:
    return "".join(f"{tag}{len(value):03d}{value}" for tag, value in values.items())


def _tags(text: str) -> Fields:
    """What field 48 says. Raises ValueError."""
    found: Fields = {}
    while text:
        tag, length, rest = text[:2], int(text[2:5]), text[5:]
        if length < 0 or len(rest) < length:
            raise ValueError("field 48")
        found[tag], text = rest[:length], rest[length:]
    return found
