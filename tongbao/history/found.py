"""Founds a bank with a past: posts a stream of facts through the bank's own verbs, with the clock handed in.

Owns its transactions through the bank's own edges. Everything is made under the stream's ids, so a second run over the
same stream finds what is there and goes on behind it; days that are closed are passed by.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import TypeVar
from uuid import UUID

import msgspec

from tongbao import clearing, identity, ledger, merchants, payments, risk
from tongbao.base import days
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database, Limits, Tx
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.history import refusals as no
from tongbao.history import store
from tongbao.history.facts import (
    AccountFact,
    BalanceFact,
    DayEndFact,
    DayFact,
    Fact,
    FirmFact,
    Founded,
    OrderFact,
    PersonFact,
    ShopFact,
)
from tongbao.history.model import LARGEST_BATCH

_T = TypeVar("_T")

_HASTY = Limits(lock_ms=2_000, statement_ms=600_000, idle_ms=60_000)
"""Commits do not wait for the disk one by one: what a power cut takes is the end of the stream, and the next run has it."""
_HASTY.options += " -c synchronous_commit=off"

_SHOWN = 20
_REMEMBERED_EVERY = timedelta(hours=1)
"""Of the past: a worker is quicker, and founding would take a tenth longer."""
_PATIENCE = timedelta(seconds=20)
"""So long in all it waits for totals that transactions of others hold back; then it goes on without them."""
_PAUSE = timedelta(milliseconds=10)
_decode = msgspec.json.Decoder(Fact).decode


async def found(
    db: Database,
    clock: ManualClock,
    facts: AsyncIterable[bytes] | Iterable[bytes],
    settings: Settings,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    total: int = 0,
    within: timedelta = timedelta(minutes=30),
    judged_from: datetime | None = None,
) -> Founded:
    """Brings the whole stream in; `clock` stands at the end of it afterwards.

    Orders are posted in batches of at most 500 and of at most `within` of the past, at the moment of the last of them;
    refunds wait until somebody spends one or the day ends. What is older than `judged_from` risk is not asked about and knows nothing of. `total` is only handed on to `progress`. Refuses `fact_unreadable` for a line that is none and for a stream without end.
    """
    async with Database(db.url, size=3, limits=_HASTY, name="tongbao founding") as own:
        founding = _Founding(own, clock, settings, progress, total, within, judged_from)
        line = 0
        async for raw in _each(facts):
            line += 1
            try:
                fact = _decode(raw)
            except msgspec.DecodeError as error:
                raise no.FACT_UNREADABLE(f"line {line}: {error}") from None
            await founding.take(fact, raw)
        if not founding.ended:
            raise no.FACT_UNREADABLE(f"the stream stops after line {line}")
        await founding.check_balances()
        await founding.label()
    async with db.tx():
        # One commit that waits for the disk, and so for everything before it.
        return founding.done


async def _each(facts: AsyncIterable[bytes] | Iterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(facts, AsyncIterable):
        async for raw in facts:
            yield raw
        return
    for raw in facts:
        yield raw


class _Founding:
    def __init__(
        self,
        db: Database,
        clock: ManualClock,
        settings: Settings,
        progress: Callable[[int, int], None],
        total: int,
        within: timedelta,
        judged_from: datetime | None,
    ) -> None:
        self.done = Founded()
        self.ended = False
        self._db = db
        self._clock = clock
        self._settings = settings
        self._intake = payments.Intake(db, clock, settings)
        self._unjudged = payments.Intake(db, clock, msgspec.structs.replace(settings, risk="off"))
        self._judged_from = judged_from
        self._progress = progress
        self._total = total
        self._within = within
        self._customers: list[identity.NewCustomer] = []
        self._merchants: list[tuple[ShopFact, str]] = []
        self._accounts: list[identity.NewAccount] = []
        self._parts: list[tuple[str, UUID]] = []
        self._closed_through: date | None = None
        self._passing_by = False
        self._orders: list[tuple[OrderFact, payments.Order]] = []
        self._refunds: list[tuple[OrderFact, payments.Operation]] = []
        self._refunded_to: set[UUID] = set()
        self._since: datetime | None = None
        self._last: datetime | None = None
        self._balances: dict[UUID, int] = {}
        self._truths: list[risk.Truth] = []
        self._remembered: datetime | None = None
        self._patience = _PATIENCE
        self._ended_at: datetime | None = None

    async def take(self, fact: Fact, raw: bytes) -> None:
        if isinstance(fact, OrderFact):
            await self._take_order(fact, raw)
        elif isinstance(fact, PersonFact | FirmFact):
            self._take_customer(fact)
        elif isinstance(fact, ShopFact):
            self._merchants.append((fact, self._settings.currency))
            self._take_part(fact)
            self.done.shops += 1
        elif isinstance(fact, AccountFact):
            new = identity.NewAccount(id=fact.id, customer_id=fact.owner, currency=fact.currency)
            self._accounts.append(new)
            self.done.accounts += 1
        elif isinstance(fact, DayFact):
            await self._begin_day(fact.date)
        elif isinstance(fact, DayEndFact):
            await self._finish_day(fact.date)
        elif isinstance(fact, BalanceFact):
            self._balances[fact.account] = fact.balance
        else:
            await self._flush()
            self.ended = fact.orders == self.done.orders + self.done.passed_by

    def _take_customer(self, fact: PersonFact | FirmFact) -> None:
        is_person = isinstance(fact, PersonFact)
        kind = identity.CustomerKind.PERSON if is_person else identity.CustomerKind.FIRM
        phone = fact.phone if isinstance(fact, PersonFact) else None
        self._customers.append(identity.NewCustomer(id=fact.id, kind=kind, name=fact.name, phone=phone))
        if isinstance(fact, PersonFact):
            self._take_part(fact)
            self.done.people += 1
        else:
            self.done.firms += 1

    def _take_part(self, fact: PersonFact | ShopFact) -> None:
        if fact.part is not None:
            self._parts.append((fact.part, fact.id))

    # ---- days

    async def _begin_day(self, day: date) -> None:
        self._clock.set(self._midnight(day))
        async with self._db.tx() as tx:
            await days.found(tx, day)
            self._closed_through = (await days.current(tx)).closed_through
        self._passing_by = day <= self._closed_through
        await self._register(self._midnight(day))

    async def _finish_day(self, day: date) -> None:
        await self._flush()
        self._ended_at = self._midnight(day + timedelta(days=1))
        self._clock.set(self._ended_at)
        # The day that was closed last may have been interrupted behind its closing; ending it again does what is left.
        if self._closed_through is None or day >= self._closed_through:
            await clearing.end_of_day(self._db, self._clock, self._settings, through=day)
        self.done.days += 1

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self._settings.zone)

    # ---- who there is

    async def _register(self, at: datetime) -> None:
        """Whoever came since the last day, in the order in which they need each other."""
        code = self._settings.bank_code
        for chunk in _taken(self._customers):
            await self._in_tx(lambda tx, chunk=chunk: identity.register_customers(tx, chunk, by=SYSTEM, at=at))
        for chunk in _taken(self._accounts):
            await self._in_tx(
                lambda tx, chunk=chunk: identity.open_accounts(tx, chunk, by=SYSTEM, at=at, bank_code=code)
            )
        shops = [
            merchants.NewMerchant(
                id=shop.id,
                name=shop.name,
                currency=currency,
                customer_id=shop.owner,
                category=shop.category,
                place=_place(shop),
            )
            for shop, currency in self._merchants
        ]
        self._merchants.clear()
        for chunk in _taken(shops):
            await self._in_tx(
                lambda tx, chunk=chunk: merchants.register_merchants(tx, chunk, by=SYSTEM, at=at, bank_code=code)
            )
        for parts in _taken(self._parts):
            async with self._db.tx() as tx:
                await store.add_parts(tx, parts)

    async def _in_tx(self, work: Callable[[Tx], Awaitable[Sequence[object]]]) -> None:
        for outcome in await self._db.retry(work):
            if isinstance(outcome, Refusal):
                raise outcome

    # ---- orders

    async def _take_order(self, fact: OrderFact, raw: bytes) -> None:
        if fact.truth is not None and not self._is_old(fact.at) and fact.kind != "refund":
            self._truths.append(risk.Truth(payment_id=fact.id, what=fact.truth, at=fact.at, known_at=fact.known_at))
        if self._passing_by:
            self.done.passed_by += 1
            return
        if fact.payer in self._refunded_to or len(self._refunds) >= LARGEST_BATCH:
            await self._flush()
        elif len(self._orders) >= LARGEST_BATCH or fact.at - (self._since or fact.at) > self._within:
            await self._pay()
        self._last = fact.at
        digest = sha256(raw.rstrip()).digest()
        if fact.kind == "refund":
            self._refunds.append((fact, _refund(fact, digest)))
            if fact.payee is not None:
                self._refunded_to.add(fact.payee)
            return
        self._since = self._since or fact.at
        self._orders.append((fact, _order(fact, digest)))

    async def _flush(self) -> None:
        """Payments, then the refunds that have waited for them; until somebody spends a refund it may wait all day."""
        await self._pay()
        if not self._refunds:
            return
        assert self._last is not None
        self._clock.set(self._last)
        outcomes = await self._intake.ask_many("refund", [operation for _, operation in self._refunds])
        self._count([fact for fact, _ in self._refunds], outcomes)
        self._refunds.clear()
        self._refunded_to.clear()

    async def _pay(self) -> None:
        if not self._orders:
            return
        assert self._last is not None
        self._clock.set(self._last)
        intake = self._unjudged if self._is_old(self._last) else self._intake
        outcomes = await intake.pay_many([order for _, order in self._orders])
        self._count([fact for fact, _ in self._orders], outcomes)
        self._orders.clear()
        self._since = None
        if self._is_old(self._last):
            return
        if self._remembered is None or self._last >= self._remembered + _REMEMBERED_EVERY:
            await self._remember(self._last)

    def _is_old(self, at: datetime) -> bool:
        return self._judged_from is not None and at < self._judged_from

    async def _remember(self, at: datetime) -> None:
        """What risk has seen goes into its totals, as a worker does it while the bank is open."""
        self._remembered = at

        async def roll(tx: Tx) -> bool:
            return await risk.roll(tx, at=at)

        while True:
            while await self._db.retry(roll):
                pass
            async with self._db.read() as tx:
                if self._patience <= timedelta(0) or await risk.is_rolled(tx):
                    return
            self._patience -= _PAUSE
            await asyncio.sleep(_PAUSE.total_seconds())

    async def label(self) -> None:
        """Tells risk which of the payments were frauds, and labels those that are known by now."""
        at = self._ended_at
        if at is None:
            return
        await self._remember(at)
        async with self._db.tx() as tx:
            await risk.tell_truth(tx, self._truths)
            await risk.label_told(tx, by=SYSTEM, at=at)

    def _count(self, facts: Sequence[OrderFact], outcomes: Sequence[payments.Outcome]) -> None:
        for fact, outcome in zip(facts, outcomes, strict=True):
            said = outcome.refusal.code if outcome.refusal else "completed"
            self.done.orders += 1
            if outcome.refusal:
                self.done.refused += 1
            else:
                self.done.completed += 1
            if said != fact.expect:
                self.done.unexpected += 1
                if len(self.done.first_unexpected) < _SHOWN:
                    self.done.first_unexpected.append(f"{fact.id}: {said}, not {fact.expect}")
        self._progress(self.done.orders + self.done.passed_by, self._total)

    async def check_balances(self) -> None:
        """Where the stream says what accounts must hold: whether they do."""
        wanted = self._balances
        ids = iter(wanted)
        while chunk := list(islice(ids, LARGEST_BATCH)):
            async with self._db.read() as tx:
                found = await identity.find_accounts(tx, chunk)
                held = await ledger.accounts(tx, [account.ledger_id for account in found.values()])
            for id_ in chunk:
                account = found.get(id_)
                self.done.balances_checked += 1
                if account is None or held[account.ledger_id].balance_minor != wanted[id_]:
                    self.done.balances_off += 1


def _place(shop: ShopFact) -> merchants.Place | None:
    stands = shop.place
    return merchants.Place(stands.district, stands.latitude_e6, stands.longitude_e6) if stands else None


def _order(fact: OrderFact, digest: bytes) -> payments.Order:
    payer = payments.OUTSIDE if fact.kind == "topup" else fact.payer
    assert payer is not None
    return payments.Order(
        id=fact.id,
        principal_id=SYSTEM.id,
        request_hash=digest,
        payer_account_id=payer,
        payee_account_id=fact.payee,
        merchant_id=fact.merchant,
        amount_minor=fact.amount,
        currency=fact.currency,
        kind=payments.Kind(fact.kind),
        method=payments.Method(fact.method),
        agreed=True,
        reference=fact.reference,
        device=fact.device,
    )


def _refund(fact: OrderFact, digest: bytes) -> payments.Operation:
    assert fact.of is not None
    return payments.Operation(
        id=fact.id,
        payment_id=fact.of,
        principal_id=SYSTEM.id,
        request_hash=digest,
        amount_minor=fact.amount,
        reason=fact.reference,
    )


def _taken(rows: list[_T]) -> list[list[_T]]:
    """All of them in chunks, and the list empty."""
    chunks = [rows[start : start + LARGEST_BATCH] for start in range(0, len(rows), LARGEST_BATCH)]
    rows.clear()
    return chunks
