"""A network of cards and the banks that issued them: takes purchases once for each id, sends owners their codes, takes back.

It is asked in ISO 8583 over TCP (`card_wire.py`), and by whoever tests over HTTP. What may go wrong is asked for by the three digits
before a card's last (`TRIGGERS`), or switched on for everybody (`POST /faults`). The README says what each does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final

import uvicorn

from tongbao_sandbox import card_wire
from tongbao_sandbox.card_wire import Fields, Malformed
from tongbao_sandbox.serving import SLOW_S, Answer, Fault, Receive, Service, Store, Wrong, as_json

OPENS_WITH: Final = 100_000_000
"""What every card has when it is first heard of, in minor units."""
ISSUERS: Final = {"915600": "沙洲银行", "915601": "港湾银行"}
CODE_TRIES: Final = 5

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS purchase (
    id TEXT PRIMARY KEY,
    card TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    response TEXT NOT NULL,
    reversed INTEGER NOT NULL,
    asked_about INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS purchase_by_card ON purchase (card, currency);
CREATE TABLE IF NOT EXISTS binding (
    id TEXT PRIMARY KEY, card TEXT NOT NULL, phone TEXT NOT NULL, code TEXT NOT NULL, tries INTEGER NOT NULL,
    response TEXT NOT NULL
);
"""

APPROVED, REFUSED, NOT_POSSIBLE, NO_CARD, NO_FUNDS, EXPIRED = "00", "05", "12", "14", "51", "54"
IN_PROGRESS, NOT_FOUND, FORMAT, WRONG_CODE, NO_MORE_TRIES, UNAVAILABLE, BROKEN = (
    "09",
    "25",
    "30",
    "55",
    "75",
    "91",
    "96",
)


class Trigger(Enum):
    """What a purchase with a card meets with; the two of binding, the question who owns it."""

    NOTHING = "nothing"
    NO_FUNDS = "declined 51"
    EXPIRED = "declined 54"
    NO_CARD = "declined 14"
    NOT_HIS = "binding declined 05: name or phone are not those of the card"
    NOT_TO_BIND = "binding declined 14"
    LATE = "done, answered late"
    ANSWER_LOST = "done, never answered"
    REQUEST_LOST = "not done the first time, never answered; done when it is repeated"
    ALWAYS_LOST = "never done, never answered"
    FAILS = "not done the first time, answered 96; done when it is repeated"
    FAILS_AFTER = "done, answered 91"
    GARBLED = "done, an answer that cannot be read"
    OTHER_AMOUNT = "done, an answer about another amount"
    REPEATED = "done, answered twice"
    IN_PROGRESS = "done, answered 09; who asks hears 09 twice, then that it is done"
    TAKEN_BACK = "done, never answered, then taken back by the network"
    REVERSAL_LOST = "done, its reversal done and not answered the first time"
    REVERSAL_ALWAYS_LOST = "done, its reversal never done and never answered"
    REVERSAL_REFUSED = "done, its reversal declined 12"


TRIGGERS: Final = {
    "001": Trigger.NO_FUNDS,
    "002": Trigger.EXPIRED,
    "003": Trigger.NO_CARD,
    "004": Trigger.NOT_HIS,
    "005": Trigger.NOT_TO_BIND,
    "011": Trigger.LATE,
    "012": Trigger.ANSWER_LOST,
    "013": Trigger.REQUEST_LOST,
    "014": Trigger.ALWAYS_LOST,
    "015": Trigger.FAILS,
    "016": Trigger.FAILS_AFTER,
    "017": Trigger.GARBLED,
    "018": Trigger.OTHER_AMOUNT,
    "019": Trigger.REPEATED,
    "020": Trigger.IN_PROGRESS,
    "021": Trigger.TAKEN_BACK,
    "022": Trigger.REVERSAL_LOST,
    "023": Trigger.REVERSAL_ALWAYS_LOST,
    "024": Trigger.REVERSAL_REFUSED,
}
"""By the three digits before a card's last, which is its check digit."""

_DECLINED: Final = {Trigger.NO_FUNDS: NO_FUNDS, Trigger.EXPIRED: EXPIRED, Trigger.NO_CARD: NO_CARD}
_ECHOED: Final = ("3", "4", "7", "11", "37", "41", "42", "49")


def trigger_of(card: str) -> Trigger:
    return TRIGGERS.get(card[-4:-1], Trigger.NOTHING)


class Books(Store):
    """Purchases and cards to be bound. Every write is on the disk before anybody is answered."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "cards", SCHEMA)

    def purchase(self, id: str) -> tuple[str, str, int, str, str, int, int] | None:
        row = self.one("SELECT * FROM purchase WHERE id = ?", id)
        return (row[0], row[1], row[2], row[3], row[4], row[5], row[6]) if row else None

    def book(self, id: str, card: str, amount: int, currency: str, response: str, *, taken_back: bool = False) -> str:
        """Decides and books, unless this id was booked before: then that is the answer."""
        if response == APPROVED and self.spent(card, currency) + amount > OPENS_WITH:
            response = NO_FUNDS
        self.rows(
            "INSERT INTO purchase VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (id) DO NOTHING",
            *(id, card, amount, currency, response, taken_back),
        )
        booked = self.purchase(id)
        assert booked is not None
        return REFUSED if booked[5] and not taken_back else booked[4]

    def spent(self, card: str, currency: str) -> int:
        query = (
            "SELECT coalesce(sum(amount), 0) FROM purchase"
            " WHERE card = ? AND currency = ? AND response = '00' AND NOT reversed"
        )
        return self.rows(query, card, currency)[0][0]

    def take_back(self, id: str, card: str, amount: int, currency: str) -> None:
        """Also what has not come yet: a purchase that comes after its reversal is refused."""
        self.rows(
            "INSERT INTO purchase VALUES (?, ?, ?, ?, '05', 1, 0) ON CONFLICT (id) DO UPDATE SET reversed = 1",
            *(id, card, amount, currency),
        )

    def asked_about(self, id: str) -> int:
        """Counts this time; how often."""
        query = "UPDATE purchase SET asked_about = asked_about + 1 WHERE id = ? RETURNING asked_about"
        return self.rows(query, id)[0][0]

    def totals(self) -> dict[str, dict[str, int]]:
        query = (
            "SELECT currency, count(*), sum(amount) FROM purchase"
            " WHERE response = '00' AND NOT reversed GROUP BY currency"
        )
        return {currency: {"purchases": count, "amount": amount} for currency, count, amount in self.rows(query)}

    def binding(self, id: str) -> tuple[str, str, str, str, int, str] | None:
        row = self.one("SELECT * FROM binding WHERE id = ?", id)
        return (row[0], row[1], row[2], row[3], row[4], row[5]) if row else None

    def code_of(self, phone: str) -> str | None:
        row = self.one("SELECT code FROM binding WHERE phone = ? AND code <> '' ORDER BY rowid DESC LIMIT 1", phone)
        return row[0] if row else None


class Network(Service):
    """The network. One process; nothing waits between a request's decision and its booking. `send` delivers an SMS."""

    def __init__(self, folder: Path, send: Callable[[str, str, str], None], *, late_s: int = 15) -> None:
        self._books = Books(folder)
        super().__init__(self._books, late_s=late_s)
        self._send = send
        self._sending: set[asyncio.Task[None]] = set()

    def inside(self, method: str, path: str, query: dict[str, str]) -> Answer | None:
        if (method, path) == ("GET", "/totals"):
            return as_json(200, self._books.totals())
        if method == "GET" and path.startswith("/codes/"):
            return as_json(200, {"code": self._books.code_of(path.removeprefix("/codes/"))})
        return None

    async def answer(self, method: str, path: str, receive: Receive) -> Answer | None:
        raise Wrong(404, "there is no such thing here")

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the other side goes away or says what is no message."""
        try:
            while (asked := await card_wire.hear(reader)) is not None:
                if self.fault is Fault.DOWN:
                    break
                for message in await self._answers(asked):
                    writer.write(message)
                    await writer.drain()
        except (Malformed, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answers(self, asked: Fields) -> list[bytes]:
        """What is said to one message; nothing where it is to go unanswered."""
        try:
            answer = {
                "0100": self._verify,
                "0200": self._purchase,
                "0400": self._take_back,
                "0401": self._take_back,
                "0420": self._take_back,
                "0600": self._look_up,
                "0800": lambda _asked: {"39": APPROVED},
            }[asked["t"]](asked)
        except (KeyError, ValueError, Malformed):
            answer = {"39": FORMAT}
        if answer is None or self.fault is Fault.LOSE:
            return []
        if self.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        wait = answer.pop("wait", None)
        if wait:
            await asyncio.sleep(self.late_s)
        raw, twice = answer.pop("raw", None), answer.pop("twice", None)
        if raw:
            return [len(raw).to_bytes(2) + raw.encode()]
        response = f"{asked['t'][:2]}{int(asked['t'][2]) + 1}0"
        message = {"t": response, **{f: asked[f] for f in (*_ECHOED, "48") if f in asked}, **answer}
        return [card_wire.said(message)] * (2 if twice else 1)

    def _verify(self, asked: Fields) -> Fields | None:
        """Amount 0: whose card is it? Sends its owner a code; with a code: is it that one?"""
        tags = card_wire.tags(asked["48"])
        id_, card = tags["01"], asked["2"]
        known = self._books.binding(id_)
        if "04" in tags:
            return {"39": self._compared(known, tags["04"])}
        if known is not None:
            return {"39": known[5] if known[1] == card else REFUSED}
        trigger = trigger_of(card)
        response = {Trigger.NOT_HIS: REFUSED, Trigger.NOT_TO_BIND: NO_CARD}.get(trigger, APPROVED)
        if card[:6] not in ISSUERS:
            response = NO_CARD
        code = f"{secrets.randbelow(10**6):06d}" if response == APPROVED else ""
        phone = tags["03"]
        self._books.rows("INSERT INTO binding VALUES (?, ?, ?, ?, 0, ?)", id_, card, phone, code, response)
        if code:
            text = (
                f"【{ISSUERS[card[:6]]}】您正在绑定尾号{card[-4:]}的银行卡，验证码{code}，5分钟内有效，请勿告诉他人。"
            )
            task = asyncio.create_task(asyncio.to_thread(self._send, f"card-{id_}", phone, text))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return {"39": response}

    def _compared(self, known: tuple[str, str, str, str, int, str] | None, code: str) -> str:
        if known is None or not known[3]:
            return NOT_FOUND
        if known[4] >= CODE_TRIES:
            return NO_MORE_TRIES
        if secrets.compare_digest(known[3], code):
            return APPROVED
        self._books.rows("UPDATE binding SET tries = tries + 1 WHERE id = ?", known[0])
        return WRONG_CODE

    def _purchase(self, asked: Fields) -> Fields | None:
        id_, card = card_wire.tags(asked["48"])["01"], asked["2"]
        amount, currency = int(asked["4"]), asked["49"]
        known = self._books.purchase(id_)
        if known is not None and known[1:4] != (card, amount, currency):
            return {"39": REFUSED}
        trigger, times = trigger_of(card), self._books.times_seen(id_)
        if trigger is Trigger.ALWAYS_LOST or (trigger is Trigger.REQUEST_LOST and times == 1):
            return None
        if trigger is Trigger.FAILS and times == 1:
            return {"39": BROKEN}
        decided = APPROVED if card[:6] in ISSUERS else NO_CARD
        taken_back = trigger is Trigger.TAKEN_BACK
        response = self._books.book(id_, card, amount, currency, _DECLINED.get(trigger, decided), taken_back=taken_back)
        if trigger is Trigger.ANSWER_LOST or taken_back:
            return None
        if trigger is Trigger.IN_PROGRESS:
            return {"39": IN_PROGRESS}
        return self._told(trigger, response, amount, is_first=known is None)

    def _told(self, trigger: Trigger, response: str, amount: int, *, is_first: bool) -> Fields:
        told = {"39": response, "38": "SANDBX"} if response == APPROVED else {"39": response}
        match trigger:
            case Trigger.LATE if is_first:
                return {**told, "wait": "yes"}
            case Trigger.FAILS_AFTER:
                return {"39": UNAVAILABLE}
            case Trigger.GARBLED:
                return {"raw": "0210 no bitmap"}
            case Trigger.OTHER_AMOUNT:
                return {**told, "4": f"{amount * 100:012d}"}
            case Trigger.REPEATED:
                return {**told, "twice": "yes"}
            case _:
                return told

    def _look_up(self, asked: Fields) -> Fields:
        """What became of a purchase."""
        id_ = card_wire.tags(asked["48"])["01"]
        known = self._books.purchase(id_)
        if known is None:
            return {"39": NOT_FOUND}
        response = known[4]
        if trigger_of(known[1]) is Trigger.IN_PROGRESS and self._books.asked_about(id_) <= 2:
            response = IN_PROGRESS
        tags = {"01": id_, "05": response, **({"06": "R"} if known[5] else {})}
        return {"39": APPROVED, "4": f"{known[2]:012d}", "49": known[3], "48": card_wire.tagged(tags)}

    def _take_back(self, asked: Fields) -> Fields | None:
        """Once for each id, however often it is said; a purchase is found by its id, also where the card is not named."""
        id_ = card_wire.tags(asked["48"])["01"]
        known = self._books.purchase(id_)
        card, times = known[1] if known else asked.get("2", ""), self._books.times_seen(f"reversal of {id_}")
        amount, currency = int(asked["4"]), asked["49"]
        if known is not None and known[2:4] != (amount, currency):
            return {"39": NOT_POSSIBLE}
        match trigger_of(card):
            case Trigger.REVERSAL_ALWAYS_LOST:
                return None
            case Trigger.REVERSAL_REFUSED:
                return {"39": NOT_POSSIBLE}
            case trigger:
                self._books.take_back(id_, card, amount, currency)
                return None if trigger is Trigger.REVERSAL_LOST and times == 1 else {"39": APPROVED}


def sms_to(url: str) -> Callable[[str, str, str], None]:
    """Hands an SMS to a gateway such as the sandbox's own, or to nobody where there is no URL."""

    def send(id: str, phone: str, text: str) -> None:
        if not url:
            return
        body = json.dumps({"id": id, "to": phone, "text": text}).encode()
        request = urllib.request.Request(f"{url}/messages", body, {"content-type": "application/json"})
        with suppress(OSError):  # the code is asked for again; nobody's card hangs on a gateway
            urllib.request.urlopen(request, timeout=10).close()

    return send


def add_to(parts: Any) -> None:
    """The subcommand `cards`."""
    cards = parts.add_parser("cards", help="a network of cards of other banks, in ISO 8583")
    cards.add_argument("--port", type=int, required=True, help="on 127.0.0.1, for whoever tests")
    cards.add_argument("--wire-port", type=int, required=True, help="on 127.0.0.1, for banks: ISO 8583")
    cards.add_argument("--data", type=Path, required=True, help="folder of its books; they survive a restart")
    cards.add_argument("--sms", default="", help="URL of the gateway by which issuers send codes")
    cards.add_argument("--late-s", type=int, default=15, help="how late a late answer comes; 15 unless told")
    cards.set_defaults(act=_serve)


def _serve(options: argparse.Namespace) -> int:
    network = Network(options.data, sms_to(options.sms.rstrip("/")), late_s=options.late_s)
    sys.stderr.write(f"tongbao_sandbox: a card network at 127.0.0.1:{options.wire_port}\n")
    try:
        asyncio.run(_both(network, options.port, options.wire_port))
    finally:
        network.close()
    return 0


async def _both(network: Network, port: int, wire_port: int) -> None:
    config = uvicorn.Config(
        network.application,  # pyright: ignore[reportArgumentType]
        host="127.0.0.1",
        port=port,
        interface="asgi3",
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    async with await asyncio.start_server(network.connected, "127.0.0.1", wire_port):
        await uvicorn.Server(config).serve()
