"""A bank small enough to read, at the far end of a real socket, that keeps its promises or breaks one on purpose."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import httptools

LIES = (
    "loses a payment",
    "posts twice",
    "posts twice and hides it in the balance",
    "shaves a fen off",
    "captures more than it says",
    "keeps a hold",
    "refunds without end",
    "answers differently the second time",
    "takes any id again",
    "moves money for what it refused",
)


class Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Bank:
    """`lie` is one of LIES; it is told once, on the `turn`-th occasion."""

    def __init__(self, people: int = 40, shops: int = 6, *, lie: str | None = None, turn: int = 3) -> None:
        assert lie is None or lie in LIES
        self.lie, self.turn, self.told = lie, turn, 0
        self.balance: Counter[str] = Counter({f"person-{i}": 500_000 for i in range(people)})
        self.held: Counter[str] = Counter()
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.payments: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[bytes, int, dict[str, Any]]] = {}
        self.shops = [f"shop-{i}" for i in range(shops)]
        self.operations: dict[str, list[dict[str, Any]]] = {}
        self.business_date = "2026-11-22"
        self.phase = ""
        """What it says once of the end of the day before; then that it is over. Empty: it does not know the question."""
        self.stall = 0
        """How many of the next requests are carried out but never answered."""
        self.busy = 0
        """How many of the next requests are turned away with 503."""
        self.holds = 0
        """How many of the next payments between people wait for a person of the bank."""
        self.shut = False
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Bank:
        self._server = await asyncio.get_running_loop().create_server(lambda: Line(self), "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    def city(self) -> dict[str, Any]:
        people = [{"id": a, "owner": a, "balance": b} for a, b in sorted(self.balance.items()) if a[0] == "p"]
        return {"accounts": people, "merchants": [{"id": shop, "category": "noodles"} for shop in self.shops]}

    def now_lie(self, lie: str) -> bool:
        if self.lie != lie:
            return False
        self.told += 1
        return self.told == self.turn

    # ---- routes

    def answer(self, method: str, path: str, key: str | None, body: bytes) -> tuple[int, dict[str, Any], bool]:
        try:
            if method == "GET":
                return 200, self._read(path.split("?")[0].split("/")[2:]), False
            return self._write(path.split("/")[2:], key, body)
        except Refused as no:
            return no.status, {"code": no.code, "status": no.status}, False

    def _read(self, path: list[str]) -> dict[str, Any]:
        match path:
            case ["business-day"]:
                return {"business_date": self.business_date}
            case ["business-day", "close"] if self.phase:
                self.phase, phase = "ended", self.phase
                return {"phase": phase}
            case ["payments"]:
                mine = [p for p in self.payments.values() if p["state"] == "authorised"]
                return {"items": [p | {"payer_account_id": p["payer"]} for p in mine]}
            case ["payments", id_, "timeline"] if id_ in self.payments:
                return {"steps": [{"what": "operation", "details": d} for d in self.operations.get(id_, ())]}
            case ["accounts", id_] if id_ in self.balance:
                balance, held = self.balance[id_], self.held[id_]
                return {"id": id_, "balance": balance, "held": held, "available": balance - held}
            case ["accounts", id_, "entries"] if id_ in self.balance:
                return {"items": self.entries.get(id_, [])[::-1], "next_cursor": None}
            case ["merchants", id_] if id_ in self.shops:
                self.balance[f"takings-{id_}"] += 0
                return {"id": id_, "takings_account_id": f"takings-{id_}"}
            case ["payments", id_] if id_ in self.payments:
                return self.payments[id_]
        raise Refused(404, "not_found")

    def _write(self, path: list[str], key: str | None, body: bytes) -> tuple[int, dict[str, Any], bool]:
        if key is None:
            raise Refused(400, "idempotency_key_missing")
        if key in self.answers and not self.now_lie("takes any id again"):
            known, status, answer = self.answers[key]
            if known != body:
                raise Refused(409, "id_reused")
            if self.now_lie("answers differently the second time"):
                return status, answer | {"captured": 1}, True
            return status, answer, True
        order = self._understand(body)
        try:
            if self.shut:
                raise Refused(409, "account_frozen")
            status, answer = 201, dict(self._act(path, key, order))
        except Refused as no:
            status, answer = no.status, {"code": no.code, "status": no.status}
        self.answers[key] = body, status, answer
        return status, answer, False

    def _understand(self, body: bytes) -> dict[str, Any]:
        try:
            order = json.loads(body)
        except ValueError:
            raise Refused(400, "malformed_json") from None
        if "colour" in order:
            raise Refused(422, "unknown_field")
        amount = order.get("amount", 1)
        if not isinstance(amount, int):
            raise Refused(422, "amount_fractional" if isinstance(amount, float) else "amount_not_a_number")
        if amount <= 0:
            raise Refused(422, "amount_negative" if amount else "amount_zero")
        if amount > 2**53 - 1:
            raise Refused(422, "amount_too_large")
        if order.get("currency", "CNY") != "CNY":
            raise Refused(422, "currency_unknown" if order["currency"] == "XYZ" else "currency_mismatch")
        return order

    def _act(self, path: list[str], key: str, order: dict[str, Any]) -> dict[str, Any]:
        match path:
            case ["topups"]:
                return self._pay(key, None, order["account_id"], order["amount"], manual=False)
            case ["payments"]:
                payee = order.get("payee_account_id") or f"takings-{order['merchant_id']}"
                manual = order.get("capture") == "manual"
                return self._pay(key, order["payer_account_id"], payee, order["amount"], manual=manual)
            case ["payments", id_, verb] if id_ in self.payments:
                payment = self.payments[id_]
                done = {
                    "capture": lambda: self._capture(key, payment, order["amount"], final=order["final"]),
                    "cancel": lambda: self._cancel(payment),
                    "refunds": lambda: self._refund(key, payment, order["amount"]),
                }[verb]()
                details = {"operation_id": key, "kind": verb.removesuffix("s"), "moved": order.get("amount")}
                self.operations.setdefault(id_, []).append(details | {"final": order.get("final")})
                return done
        raise Refused(404, "not_found")

    def _pay(self, id_: str, payer: str | None, payee: str, amount: int, *, manual: bool) -> dict[str, Any]:
        payment = {
            "id": id_, "state": "authorised", "amount": amount, "authorised": amount, "captured": 0, "refunded": 0,
            "payer": payer, "payee": payee,
        }  # fmt: skip
        self.payments[id_] = payment
        if payer is not None and self.balance[payer] - self.held[payer] < amount:
            payment |= {"state": "declined", "authorised": 0}
            if self.now_lie("moves money for what it refused"):
                self._move(id_, payer, payee, 1)
            raise Refused(402, "insufficient_funds")
        if manual and payer is not None:
            self.held[payer] += amount
            return payment
        if self.holds and payer is not None and payee in self.balance and payee not in self.shops:
            self.holds -= 1
            self.held[payer] += amount
            payment["state"] = "held"
            return payment
        if self.now_lie("loses a payment"):
            del self.payments[id_]
            return payment | {"state": "completed", "captured": amount}
        self._move(id_, payer, payee, amount)
        payment |= {"state": "completed", "captured": amount}
        if self.now_lie("posts twice"):
            self._move(f"{id_}.again", payer, payee, amount)
        if payer and self.now_lie("posts twice and hides it in the balance"):
            self._move(f"{id_}.again", payer, payee, amount)
            self._move(f"{id_}.back", payee, payer, amount)
        if payer and self.now_lie("shaves a fen off"):
            self.balance[payer] -= 1
        return payment

    def _capture(self, key: str, payment: dict[str, Any], amount: int, *, final: bool) -> dict[str, Any]:
        if payment["state"] != "authorised" or payment["captured"] + amount > payment["authorised"]:
            raise Refused(409, "capture_exceeds_authorised")
        self._move(key, payment["payer"], payment["payee"], amount)
        payment["captured"] += amount
        self.held[payment["payer"]] -= amount
        if final:
            if not self.now_lie("keeps a hold"):
                self.held[payment["payer"]] -= payment["authorised"] - payment["captured"]
            payment["state"] = "completed"
        if self.now_lie("captures more than it says"):
            payment["captured"] += 1
        return payment

    def _cancel(self, payment: dict[str, Any]) -> dict[str, Any]:
        if payment["state"] != "authorised" or payment["captured"]:
            raise Refused(409, "state_move_refused")
        payment["state"] = "cancelled"
        self.held[payment["payer"]] -= payment["amount"]
        return payment

    def _refund(self, key: str, payment: dict[str, Any], amount: int) -> dict[str, Any]:
        room = payment["captured"] - payment["refunded"]
        if amount > room and self.lie != "refunds without end":
            raise Refused(409, "refund_exceeds_captured")
        payment["refunded"] += amount
        self._move(key, payment["payee"], payment["payer"], amount)
        return payment

    def _move(self, transfer: str, debit: str | None, credit: str | None, amount: int) -> None:
        kind = "payment" if transfer.split(".")[0] in self.payments else "operation"
        for account, signed in ((debit, -amount), (credit, amount)):
            if account is None:
                continue
            self.balance[account] += signed
            self.entries.setdefault(account, []).append(
                {"amount": signed, "balance_after": self.balance[account], "transfer_id": transfer, "kind": kind}
            )


class Line(asyncio.Protocol):
    """One connection to the bank."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.transport: asyncio.Transport
        self._begin()

    def _begin(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.path, self.key, self.body = "", None, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"idempotency-key":
            self.key = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        bank, method = self.bank, self.parser.get_method().decode()
        if bank.busy:
            bank.busy -= 1
            self._reply(503, {"code": "busy"}, replayed=False)
            return
        status, answer, replayed = bank.answer(method, self.path, self.key, self.body)
        self.path, self.key, self.body = "", None, b""
        if bank.stall:
            bank.stall -= 1
            self.transport.abort()
            return
        self._reply(status, answer, replayed=replayed)

    def _reply(self, status: int, answer: dict[str, Any], *, replayed: bool) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head += "Idempotency-Replayed: true\r\n" if replayed else ""
        self.transport.write(head.encode() + b"\r\n" + body)
