"""Live traffic: many small stories, each step of which has an outcome that is known beforehand.

A step ends as success, as failure with a code, or unknown (no answer). Unknown steps are asked about later, by looking
the payment up or by repeating with the same id. What the bank acknowledges goes to the journal, for the auditor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic_ns, time_ns
from typing import Any

import msgspec

from tongbao_sim import faults, words
from tongbao_sim.chance import Chance
from tongbao_sim.city import CATEGORIES
from tongbao_sim.client import Client, NoAnswer, NotSent, Reply
from tongbao_sim.figures import Figures, Newest
from tongbao_sim.journal import Answered, Journal, Lie, Outcome, Sent, Verb
from tongbao_sim.keep import Kept
from tongbao_sim.pace import Pace, active

ANY_CODE: frozenset[str] = frozenset()
"""Any refusal will do."""
TICK_S = 0.01
RESOLVE_ATTEMPTS = 3
HELD = "held"
"""The state of a payment that a person of the bank looks at first: nobody knows yet what will come of it, and asking again does not help."""
MORE_THAN_IS_UNDER_WAY = 10_000_000
"""More fen than a payer can be about to receive."""
LEFT_IN_PURSE = 10_000
"""A payer whose purse would fall below this many fen tops up first."""


class AccountHere(msgspec.Struct, frozen=True):
    """An account of the city file. Nobody else may move money on it during a run."""

    id: str
    owner: str | None = None
    balance: int | None = None
    name: str | None = None


class MerchantHere(msgspec.Struct, frozen=True):
    """A merchant of the city file; `category` is a code of `city.CATEGORIES`."""

    id: str
    name: str | None = None
    category: str | None = None
    account: str | None = None


class CityFile(msgspec.Struct, frozen=True):
    """What the founder of a city writes down for the load: whom there is to pay and to be paid."""

    accounts: list[AccountHere]
    merchants: list[MerchantHere]
    currency: str = "CNY"
    kept: list[Kept] = []


class AnswerSeen(msgspec.Struct, frozen=True):
    """What the workload reads of an answer: of a payment or of a problem."""

    id: str | None = None
    state: str | None = None
    captured: int | None = None
    code: str | None = None


_BAD: tuple[tuple[str, dict[str, Any] | bytes, frozenset[str]], ...] = (
    ("no key", {}, frozenset(("idempotency_key_missing",))),
    ("zero", {"amount": 0}, frozenset(("amount_zero",))),
    ("negative", {"amount": -500}, frozenset(("amount_negative",))),
    ("enormous", {"amount": 2**53}, frozenset(("amount_too_large",))),
    ("text", {"amount": "100"}, frozenset(("amount_not_a_number", "invalid_field"))),
    ("unknown field", {"colour": "red"}, frozenset(("unknown_field",))),
    ("no such currency", {"currency": "XYZ"}, frozenset(("currency_unknown",))),
    ("other currency", {"currency": "USD"}, frozenset(("currency_mismatch",))),
    ("fraction", b'{"payer_account_id":"%s","merchant_id":"%s","amount":1.5,"currency":"CNY"}',
     frozenset(("amount_fractional",))),
    ("cut off", b'{"payer_account_id":"%s","merchant_id":"%s","amo', frozenset(("malformed_json",))),
)  # fmt: skip


class Ending(msgspec.Struct, frozen=True):
    """How a step ended; `state` is the payment's."""

    outcome: Outcome
    code: str | None = None
    state: str | None = None

    @property
    def ok(self) -> bool:
        return self.outcome == "success"


def _is_known(ending: Ending) -> bool:
    """Whether there is nothing to be found out by asking again."""
    return ending.outcome != "unknown" or ending.code == HELD


class Order(msgspec.Struct, frozen=True):
    """An order as it is sent, with what is needed to send it again."""

    sent: Sent
    path: str
    body: bytes


class Workload:
    """`run` sends at the given pace until told to stop; `settle` finds out what is still unknown."""

    def __init__(
        self, client: Client, city: CityFile, balances: dict[str, int], journal: Journal, figures: Figures, seed: int
    ) -> None:
        self.client, self.city, self.journal, self.figures = client, city, journal, figures
        self.chance = Chance(seed)
        self.purse = dict(balances)
        """What each account can surely spend: money on its way out has left, money on its way in has not arrived."""
        self.unresolved: list[Order] = []
        self.running: set[asyncio.Task[None]] = set()
        self.minute = Pace.START_MINUTE
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(AnswerSeen).decode
        self._payers = [a.id for a in city.accounts]
        self._names = {a.id: a.name or a.owner or a.id for a in city.accounts} | {
            m.id: m.name or m.id for m in city.merchants
        }
        self._prices = {c.code: c.goods for c in CATEGORIES}
        self._shops: dict[str, list[str]] = {}
        for merchant in city.merchants:
            self._shops.setdefault(merchant.category or "", []).append(merchant.id)
        self._stories = self._table_of_stories()
        if len(self._payers) < 2 or not city.merchants:
            raise ValueError("the city file must name at least two accounts and one merchant")

    def _table_of_stories(self) -> list[Callable[[], Awaitable[None]]]:
        shares = (
            (60, self._shopping), (14, self._transfer), (5, self._manual), (3, self._manual_given_up),
            (2, self._left_open), (4, self._refunded), (2, self._over_refunded), (3, self._repeated),
            (1, self._sent_at_once_twice), (1, self._id_used_again), (1, self._too_dear), (2, self._bad_order),
            (1, self._reply_dropped), (1, self._slow_line), (1, self._early_refund),
        )  # fmt: skip
        return [story for share, story in shares for _ in range(share)]

    # ---- the beat

    async def run(
        self, pace: Pace, stop: asyncio.Event, *, seconds: int | None, most_in_flight: int, begun_us: int = 0
    ) -> int:
        """Begin stories when they are due; what is late by more than `most_in_flight` is given up and counted.

        Returns how many microseconds of the city's day have passed, for the next call's `begun_us`.
        """
        start_ns = monotonic_ns()
        begun = pace.due(begun_us)
        while not stop.is_set():
            elapsed_us = (monotonic_ns() - start_ns) // 1000
            if seconds is not None and elapsed_us >= seconds * 1_000_000:
                break
            self.minute = pace.minute(begun_us + elapsed_us)
            due = pace.due(begun_us + elapsed_us)
            room = max(0, most_in_flight - len(self.running))
            for _ in range(min(due - begun, room)):
                self._begin(self.chance.pick(self._stories))
            self.figures.count["held_back"] += max(0, due - begun - room)
            begun = due
            await asyncio.sleep(TICK_S)
        return begun_us + (monotonic_ns() - start_ns) // 1000

    def _begin(self, story: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(story())
        self.figures.stories[getattr(story, "__name__", "story").strip("_")] += 1
        self.running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self.figures.surprise(f"a story broke off: {type(problem).__name__}: {problem}")

    async def settle(self, within_s: int = 30) -> int:
        """Wait for what is under way, then ask about what is unknown. Returns how many steps stay unknown."""
        if self.running:
            await asyncio.wait(set(self.running), timeout=within_s)
        deadline = monotonic_ns() + within_s * 1_000_000_000
        while self.unresolved and monotonic_ns() < deadline:
            orders, self.unresolved = self.unresolved, []
            await asyncio.gather(*(self._resolve(order) for order in orders))
            if self.unresolved:
                await asyncio.sleep(0.5)
        return len(self.unresolved)

    # ---- stories

    async def _shopping(self) -> None:
        payer, shop, amount, what = await self._purchase()
        await self._pay(payer, amount, merchant=shop, reference=what, method="qr")

    async def _transfer(self) -> None:
        amount = 50 * self.chance.between(20, 400)
        payer = await self._payer(amount)
        await self._pay(payer, amount, payee=self._somebody_else(payer), reference=self.chance.pick(words.GIFTS))

    async def _manual(self) -> None:
        """A taxi or a hotel: reserve, take a part, take another, the last one final. Never more than was reserved."""
        payer, shop, amount, what = await self._purchase(at_least=300)
        id_, ending = await self._pay(payer, amount, merchant=shop, reference=what, manual=True)
        if not ending.ok:
            return
        first = self.chance.between(1, amount // 2)
        if not (await self._capture(id_, payer, shop, first, final=False)).ok:
            return
        left = amount - first
        await self._capture(id_, payer, shop, left + 1, final=True, expect="failure")
        last = self.chance.between(1, left)
        ending = await self._capture(id_, payer, shop, last, final=True)
        if ending.ok:
            self.purse[payer] += left - last

    async def _manual_given_up(self) -> None:
        payer, shop, amount, what = await self._purchase()
        id_, ending = await self._pay(payer, amount, merchant=shop, reference=what, manual=True)
        if not ending.ok:
            return
        step = self._step("cancel", id_, 0, payer=payer, merchant=shop)
        if (await self._ask(step, f"/v1/payments/{id_}/cancel", {})).ok:
            self.purse[payer] += amount
            await self._capture(id_, payer, shop, 1, final=True, expect="failure")

    async def _left_open(self) -> None:
        """A hold that stays: the money is still there, but it cannot be spent."""
        payer, shop, amount, what = await self._purchase()
        await self._pay(payer, amount, merchant=shop, reference=what, manual=True)

    async def _refunded(self) -> None:
        payer, shop, amount, what = await self._purchase(at_least=300)
        id_, ending = await self._pay(payer, amount, merchant=shop, reference=what)
        if not ending.ok:
            return
        first = self.chance.between(1, amount // 2)
        if (await self._refund(id_, payer, shop, first)).ok and self.chance.one_in(2):
            await self._refund(id_, payer, shop, self.chance.between(1, amount - first))

    async def _over_refunded(self) -> None:
        """Two refunds of sixty of a payment of a hundred, at the same moment: one of them at most."""
        payer, shop, amount, what = await self._purchase(at_least=300)
        id_, ending = await self._pay(payer, amount, merchant=shop, reference=what)
        if not ending.ok:
            return
        part = amount * 6 // 10
        steps = [lambda: self._refund(id_, payer, shop, part, expect="unknown") for _ in range(2)]
        endings = await faults.out_of_order(self.chance, steps)
        if all(e.ok for e in endings):
            self.journal.add(Lie(id=id_, what=f"two refunds of {part} of a payment of {amount} both succeeded"))
        elif all(e.outcome == "failure" for e in endings):
            self.figures.surprise(f"both of two refunds of {part} of {amount} were refused: {endings[0].code}")

    async def _repeated(self) -> None:
        """A phone that missed the answer sends the order again."""
        payer, shop, amount, what = await self._purchase()
        await self._pay(payer, amount, merchant=shop, reference=what, then=self._send_again)

    async def _send_again(self, order: Order, first: Reply) -> None:
        reply = await self._send(order)
        if reply is not None:
            self._compare(order, first, reply)

    async def _sent_at_once_twice(self) -> None:
        payer, shop, amount, what = await self._purchase()
        order = self._order(payer, amount, merchant=shop, reference=what)
        self.journal.add(order.sent)
        wire = self.client.wire("POST", order.path, order.body, order.sent.id)
        replies = [r for r in await faults.send_twice(self.client, wire) if isinstance(r, Reply) and r.status < 500]
        replies = [r for r in replies if r.status not in (409, 425, 429)]
        if len(replies) == 2:
            self._compare(order, *replies)
        self._close(order, self._read(order, replies[0] if replies else None))

    async def _id_used_again(self) -> None:
        """The same id for another order: it must be refused, and the first order stays what it was."""
        payer, shop, amount, what = await self._purchase()
        id_, ending = await self._pay(payer, amount, merchant=shop, reference=what)
        if not ending.ok:
            return
        body = {"payer_account_id": payer, "merchant_id": shop, "amount": amount + 1, "currency": self.city.currency}
        ending = await self._probe(id_, self._encode(body))
        if ending.ok:
            self.journal.add(Lie(id=id_, what="another order was accepted under the same id"))
        else:
            self._judge("id used again", ending, "failure", frozenset(("id_reused",)))

    async def _too_dear(self) -> None:
        """More than there can be; a limit may be the first to say so."""
        payer = self.chance.pick(self._payers)
        amount = 2 * max(0, self.purse[payer]) + MORE_THAN_IS_UNDER_WAY
        await self._pay(payer, amount, merchant=self._shop()[0], reference=words.TOO_DEAR, expect="failure")

    async def _bad_order(self) -> None:
        payer, shop = self.chance.pick(self._payers), self._shop()[0]
        name, change, codes = self.chance.pick(_BAD)
        if isinstance(change, bytes):
            body = change % ((payer.encode(), shop.encode()))
        else:
            order = {"payer_account_id": payer, "merchant_id": shop, "amount": 100, "currency": self.city.currency}
            body = self._encode(order | change)
        id_ = self._id()
        ending = await self._probe(None if name == "no key" else id_, body)
        if ending.ok:
            self.journal.add(Lie(id=id_, what=f"a bad order ({name}) was accepted"))
        else:
            self._judge(name, ending, "failure", codes)

    async def _reply_dropped(self) -> None:
        payer, shop, amount, what = await self._purchase()
        order = self._order(payer, amount, merchant=shop, reference=what)
        self.journal.add(order.sent)
        wire = self.client.wire("POST", order.path, order.body, order.sent.id)
        with suppress(NotSent):
            await faults.drop_the_reply(self.client, wire, self.chance.below(20) / 1000)
        self._close(order, self._read(order, None))
        await asyncio.sleep(self.chance.between(200, 1500) / 1000)
        if order in self.unresolved:
            self.unresolved.remove(order)
            await self._resolve(order)

    async def _slow_line(self) -> None:
        payer, shop, amount, what = await self._purchase()
        order = self._order(payer, amount, merchant=shop, reference=what)
        self.journal.add(order.sent)
        wire = self.client.wire("POST", order.path, order.body, order.sent.id)
        try:
            reply = await faults.send_slowly(self.client, wire)
        except (NotSent, NoAnswer):
            reply = None
        self._close(order, self._read(order, reply))

    async def _early_refund(self) -> None:
        """Messages overtake each other: the refund is there before the payment and must be refused.

        One that got no answer may not have arrived: asked again behind the payment, it is right to succeed.
        """
        payer, shop, amount, what = await self._purchase()
        order = self._order(payer, amount, merchant=shop, reference=what)
        if (await self._refund(order.sent.id, payer, shop, amount, expect="unknown")).ok:
            self.figures.surprise("the refund of a payment that was not there succeeded")
        await self._hand_in(order)

    # ---- steps

    async def _purchase(self, at_least: int = 1) -> tuple[str, str, int, str]:
        """Who buys where, for how much, what; the money is set aside."""
        shop, category = self._shop()
        goods = self._prices.get(category)
        good = self.chance.pick(goods) if goods else None
        amount = good.low + good.step * self.chance.peak((good.high - good.low) // good.step + 1) if good else 0
        amount = max(at_least, amount or self.chance.between(200, 9900))
        return await self._payer(amount), shop, amount, good.name if good else "消费"

    def _shop(self) -> tuple[str, str]:
        """A shop that is likely to have a customer at this time of the city's day."""
        open_now = [(code, weight) for code, weight in active(self.minute).items() if code in self._shops]
        code = self.chance.pick(tuple(self._shops))
        place = self.chance.below(sum(weight for _, weight in open_now)) if open_now else 0
        for here, weight in open_now:
            place -= weight
            if place < 0:
                code = here
                break
        return self.chance.pick(self._shops[code]), code

    async def _payer(self, amount: int) -> str:
        """Somebody who can pay it, after a top-up if nobody is found at once. The amount leaves the purse."""
        payer = self.chance.pick(self._payers)
        for _ in range(3):
            if self.purse[payer] >= amount + LEFT_IN_PURSE:
                break
            payer = self.chance.pick(self._payers)
        if self.purse[payer] < amount:
            await self._topup(payer, (amount // 10_000 + 10) * 10_000)
        self.purse[payer] -= amount
        return payer

    def _somebody_else(self, payer: str) -> str:
        payee = self.chance.pick(self._payers)
        return payee if payee != payer else self._payers[self._payers.index(payer) - 1]

    async def _topup(self, account: str, amount: int) -> None:
        id_ = self._id()
        sent = Sent(id=id_, verb="topup", payment=id_, amount=amount, expect="success", payee=account)
        body = {"account_id": account, "amount": amount, "currency": self.city.currency}
        await self._hand_in(Order(sent, "/v1/topups", self._encode(body)))

    async def _pay(
        self,
        payer: str,
        amount: int,
        *,
        merchant: str | None = None,
        payee: str | None = None,
        reference: str | None = None,
        manual: bool = False,
        method: str | None = None,
        expect: Outcome = "success",
        codes: frozenset[str] = ANY_CODE,
        then: Callable[[Order, Reply], Awaitable[None]] | None = None,
    ) -> tuple[str, Ending]:
        order = self._order(
            payer,
            amount,
            merchant=merchant,
            payee=payee,
            reference=reference,
            manual=manual,
            method=method,
            expect=expect,
        )
        return order.sent.id, await self._hand_in(order, codes, then)

    def _order(
        self,
        payer: str,
        amount: int,
        *,
        merchant: str | None = None,
        payee: str | None = None,
        reference: str | None = None,
        manual: bool = False,
        method: str | None = None,
        expect: Outcome = "success",
    ) -> Order:
        id_ = self._id()
        sent = Sent(
            id=id_,
            verb="pay",
            payment=id_,
            amount=amount,
            expect=expect,
            payer=payer,
            payee=payee,
            merchant=merchant,
            manual=manual,
        )
        body = {"payer_account_id": payer, "amount": amount, "currency": self.city.currency}
        body |= {"merchant_id": merchant} if merchant else {"payee_account_id": payee}
        body |= {"reference": reference} if reference else {}
        body |= {"capture": "manual"} if manual else {}
        body |= {"method": method} if method else {}
        return Order(sent, "/v1/payments", self._encode(body))

    async def _capture(
        self, payment: str, payer: str, shop: str, amount: int, *, final: bool, expect: Outcome = "success"
    ) -> Ending:
        step = self._step("capture", payment, amount, payer=payer, merchant=shop, final=final, expect=expect)
        return await self._ask(step, f"/v1/payments/{payment}/capture", {"amount": amount, "final": final})

    async def _refund(self, payment: str, payer: str, shop: str, amount: int, *, expect: Outcome = "success") -> Ending:
        """`expect` unknown: the bank may say yes or no."""
        step = self._step("refund", payment, amount, payer=payer, merchant=shop, expect=expect)
        body = {"amount": amount, "reason": self.chance.pick(words.REFUND_REASONS)}
        ending = await self._ask(step, f"/v1/payments/{payment}/refunds", body)
        if ending.ok:
            self.purse[payer] += amount
        return ending

    def _step(
        self,
        verb: Verb,
        payment: str,
        amount: int,
        *,
        payer: str,
        merchant: str,
        final: bool = False,
        expect: Outcome = "success",
    ) -> Sent:
        return Sent(
            id=self._id(),
            verb=verb,
            payment=payment,
            amount=amount,
            expect=expect,
            payer=payer,
            merchant=merchant,
            final=final,
        )

    async def _ask(self, step: Sent, path: str, body: dict[str, Any]) -> Ending:
        return await self._hand_in(Order(step, path, self._encode(body)))

    async def _hand_in(
        self,
        order: Order,
        codes: frozenset[str] = ANY_CODE,
        then: Callable[[Order, Reply], Awaitable[None]] | None = None,
    ) -> Ending:
        """Journal, send, read, journal."""
        self.journal.add(order.sent)
        reply = await self._send(order)
        ending = self._read(order, reply)
        self._close(order, ending, codes)
        if then is not None and reply is not None and ending.outcome != "unknown":
            await then(order, reply)
        return ending

    async def _send(self, order: Order) -> Reply | None:
        begun = monotonic_ns()
        try:
            reply = await self.client.request("POST", order.path, order.body, order.sent.id)
        except (NotSent, NoAnswer):
            return None
        self.figures.answered((monotonic_ns() - begun) // 1000)
        return reply

    async def _probe(self, id_: str | None, body: bytes) -> Ending:
        """Send what must be refused; nothing of it belongs into the journal."""
        begun = monotonic_ns()
        try:
            reply = await self.client.request("POST", "/v1/payments", body, id_)
        except (NotSent, NoAnswer):
            return Ending("unknown")
        self.figures.answered((monotonic_ns() - begun) // 1000)
        return self._understand(reply)

    def _read(self, order: Order, reply: Reply | None) -> Ending:
        """Also writes it to the journal."""
        ending = Ending("unknown", "no_answer") if reply is None else self._understand(reply)
        if ending.ok and order.sent.verb == "pay" and ending.state not in ("completed", "authorised"):
            self.figures.surprise(f"payment {order.sent.id} was accepted but is {ending.state}")
        self.journal.add(
            Answered(id=order.sent.id, outcome=ending.outcome, status=reply.status if reply else 0, code=ending.code)
        )
        return ending

    def _understand(self, reply: Reply) -> Ending:
        try:
            seen = self._decode(reply.body)
        except msgspec.DecodeError:
            seen = AnswerSeen()
        if seen.state == HELD:
            return Ending("unknown", HELD)
        if 200 <= reply.status < 300:
            return Ending("success", None, seen.state)
        # Only a decision is final. The door's "not now" and the bank's own accidents leave the outcome open.
        if reply.status >= 500 or reply.status in (408, 425, 429):
            return Ending("unknown", seen.code or str(reply.status))
        return Ending("failure", seen.code or str(reply.status))

    def _close(self, order: Order, ending: Ending, codes: frozenset[str] = ANY_CODE) -> None:
        """The purse and the figures after a step has ended."""
        sent = order.sent
        if ending.outcome == "unknown":
            self.figures.count["unknown"] += 1
            self.figures.codes[ending.code or "unknown"] += 1
            if ending.code != HELD:
                self.unresolved.append(order)
            return
        self._judge(sent.verb, ending, sent.expect, codes)
        if ending.ok and sent.verb in ("pay", "topup"):
            self.figures.count["payments"] += 1
            if sent.payee is not None:
                self.purse[sent.payee] += sent.amount
            self._show(sent)
        elif not ending.ok and sent.verb == "pay" and sent.expect == "success" and sent.payer is not None:
            self.purse[sent.payer] += sent.amount

    def _judge(self, what: str, ending: Ending, expect: Outcome, codes: frozenset[str]) -> None:
        if ending.outcome == "unknown":
            return
        if ending.code:
            self.figures.codes[ending.code] += 1
        if expect not in ("unknown", ending.outcome):
            self.figures.surprise(f"{what}: expected {expect}, was {ending.outcome} {ending.code or ''}".strip())
        elif ending.outcome == "failure" and codes and ending.code not in codes:
            self.figures.surprise(f"{what}: refused with {ending.code}, expected {' or '.join(sorted(codes))}")
        else:
            self.figures.count["as_expected"] += 1

    def _compare(self, order: Order, first: Reply, second: Reply) -> None:
        if (first.status, first.body) != (second.status, second.body):
            self.journal.add(Lie(id=order.sent.id, what=f"two answers to one id: {first.status} and {second.status}"))

    async def _resolve(self, order: Order) -> None:
        """Look the payment up, or repeat with the same id; by chance, since both must lead to the same."""
        if order.sent.verb == "pay" and self.chance.one_in(2):
            ending = await self._look_up(order)
            if ending is not None:
                self.journal.add(Answered(id=order.sent.id, outcome=ending.outcome, code=ending.code))
                self.figures.count["resolved"] += 1
                self._close(order, ending)
                return
        for attempt in range(RESOLVE_ATTEMPTS):
            reply = await self._send(order)
            if reply is not None and _is_known(self._understand(reply)):
                self.figures.count["resolved"] += 1
                self._close(order, self._read(order, reply))
                return
            await asyncio.sleep(0.2 * 2**attempt)
        self.unresolved.append(order)

    async def _look_up(self, order: Order) -> Ending | None:
        """None when the bank does not know it (yet) or does not answer: then the order has to be repeated."""
        try:
            reply = await self.client.request("GET", f"/v1/payments/{order.sent.id}")
        except (NotSent, NoAnswer):
            return None
        if reply.status != 200:
            return None
        state = self._decode(reply.body).state
        if state == HELD:
            return Ending("unknown", HELD)
        if state in ("completed", "authorised"):
            return Ending("success", None, state)
        return Ending("failure", state) if state == "declined" else None

    def _show(self, sent: Sent) -> None:
        name = self._names.get
        self.figures.newest = Newest(
            id=sent.id,
            kind=sent.verb if sent.merchant or sent.verb == "topup" else "transfer",
            amount=sent.amount,
            currency=self.city.currency,
            payer=name(sent.payer) if sent.payer else None,
            payee=name(sent.payee or sent.merchant or ""),
        )

    def _id(self) -> str:
        return self.chance.uuid7(time_ns() // 1_000_000)
