"""The edge in front of the verbs: gathers what arrives into batches, reads facts, judges, and owns the transactions."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from tongbao import ledger, risk
from tongbao.base import days, metrics, tracing
from tongbao.base.batch import ITEM_FAILED, Batcher, halving
from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.base.ids import derived
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.payments import assess, store
from tongbao.payments.arrive import arrive
from tongbao.payments.assess import Assessed
from tongbao.payments.cancel import cancel
from tongbao.payments.capture import capture
from tongbao.payments.confirm import confirm
from tongbao.payments.expire import expire
from tongbao.payments.facts import Facts, FactsReader
from tongbao.payments.held import refuse
from tongbao.payments.judge import judge
from tongbao.payments.model import OUTSIDE, HoldsFor, Operation, Order, Outcome
from tongbao.payments.policy import Policy, Situation
from tongbao.payments.rail_answered import (
    rail_accepted,
    rail_declined,
    rail_kept,
    rail_never_received,
    rail_reversed,
    rail_silent,
)
from tongbao.payments.recall import recall
from tongbao.payments.refund import refund
from tongbao.payments.signed import Signatures
from tongbao.payments.submit import submit

log = structlog.get_logger(__name__)

BULK = 500
"""Items that bulk work commits at a time."""

VERBS: dict[str, Callable[..., Awaitable[list[Outcome]]]] = {
    "arrive": arrive,
    "cancel": cancel,
    "capture": capture,
    "confirm": confirm,
    "expire": expire,
    "rail_accepted": rail_accepted,
    "rail_declined": rail_declined,
    "rail_kept": rail_kept,
    "rail_never_received": rail_never_received,
    "rail_reversed": rail_reversed,
    "rail_silent": rail_silent,
    "recall": recall,
    "refund": refund,
    "refuse": refuse,
}


class Intake:
    """One a process. `pay` and `ask` wait for a place in the next batch; the bulk ways commit in chunks of their own."""

    def __init__(self, db: Database, clock: Clock, settings: Settings) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._holds_for = HoldsFor(
            capture=timedelta(days=settings.hold_days), person=timedelta(minutes=settings.held_minutes)
        )
        self._zone = settings.zone
        self._facts = FactsReader(db)
        self._signatures = Signatures(db)
        self._rules = risk.RulesInForce(time.perf_counter_ns)
        self._models = risk.ModelsInForce(time.perf_counter_ns)
        self._orders: Batcher[Order, Outcome] = Batcher(
            self._submit,
            failed=_failed,
            keys=_keys,
            contended=self._contended,
            largest=settings.batch_largest,
            in_flight=settings.batch_in_flight,
            room=settings.batch_room,
        )
        self._asked: Batcher[tuple[str, Operation], Outcome] = Batcher(
            self._operate,
            failed=_failed,
            largest=settings.batch_largest,
            in_flight=settings.batch_in_flight,
            room=settings.batch_room,
        )

    @property
    def waiting(self) -> int:
        return self._orders.waiting + self._asked.waiting

    async def pay(self, order: Order) -> Outcome:
        """One order among those that arrive now. Refuses `overloaded` and `busy` without a trace."""
        return await self._orders.submit(order)

    async def ask(self, verb: str, operation: Operation) -> Outcome:
        """One of VERBS on one payment. Refuses `overloaded` and `busy` without a trace."""
        return await self._asked.submit((verb, operation))

    async def pay_many(self, orders: Sequence[Order]) -> list[Outcome]:
        """Many orders, an outcome each, committed in chunks: not atomic."""
        outcomes: list[Outcome] = []
        for start in range(0, len(orders), BULK):
            chunk = list(orders[start : start + BULK])
            outcomes += map(_as_outcome, await halving(self._submit, chunk, _failed))
        return outcomes

    async def ask_many(self, verb: str, operations: Sequence[Operation]) -> list[Outcome]:
        """One of VERBS on many payments, committed in chunks: not atomic."""
        outcomes: list[Outcome] = []
        for start in range(0, len(operations), BULK):
            chunk = [(verb, operation) for operation in operations[start : start + BULK]]
            outcomes += map(_as_outcome, await halving(self._operate, chunk, _failed))
        return outcomes

    async def end_due(self) -> int:
        """Expires what is due and hands over delayed transfers whose time has come; how many were ended. Idempotent."""
        ended = 0
        while True:
            at = self._clock.now()
            async with self._db.read() as tx:
                due = await store.due(tx, at, BULK)
            done = 0
            for verb in ("arrive", "expire"):
                wanted = [i for i, waits_for in due if (waits_for == "arrival") == (verb == "arrive")]
                outcomes = await self.ask_many(verb, [_by_the_bank(verb, i, at) for i in wanted])
                done += sum(outcome.refusal is None for outcome in outcomes)
            ended += done
            if len(due) < BULK or done == 0:
                return ended

    async def drain(self) -> None:
        """Takes nothing new and waits until all that was taken has its answer."""
        await self._orders.drain()
        await self._asked.drain()

    async def _submit(self, orders: list[Order]) -> list[Outcome]:
        at = self._clock.now()
        facts = await self._facts.read(orders, at, days.local_day(at, self._zone))
        known = await self._facts.situations(orders, at, self._zone)
        shown = await self._signatures.check(orders, facts.owners, at)
        assessed = await self._assess(orders, facts, known, at)
        judgements = [
            judge(
                order,
                self._settings.confirm_above_minor,
                known.get(order.id),
                secrets.token_bytes(32) if order.id in known else None,
                shown.get(order.id),
                assessed.judged.get(order.id) if assessed else None,
            )
            for order in orders
        ]
        with _measured("orders", len(orders), self._orders.waiting):
            async with self._db.tx() as tx:
                done = await submit(
                    tx,
                    orders,
                    judgements,
                    facts,
                    at=at,
                    zone=self._zone,
                    holds_for=self._holds_for,
                    assessed=assessed,
                )
        states = Counter(outcome.payment.state for outcome in done if outcome.payment and not outcome.replayed)
        for state, count in states.items():
            metrics.PAYMENTS.labels(state).inc(count)
        return done

    async def _assess(
        self, orders: list[Order], facts: Facts, known: Mapping[UUID, tuple[Policy, Situation]], at: datetime
    ) -> Assessed | None:
        asked = assess.asked(orders, facts, at, self._zone) if self._settings.risk == "on" else {}
        if not asked:
            return None
        async with self._db.read() as tx:
            rules = await self._rules.rules(tx, at=at)
            models = await self._models.models(tx, at=at)
            seen = await risk.recall(tx, list(asked.values()), risk.CATALOGUE, at_s=int(at.timestamp()))
        assessed = assess.assess(asked, seen, rules, orders, facts, known, at=at, zone=self._zone, models=models)
        fenced, left_out = self._rules.newly_fenced(), self._models.newly_fenced()
        if fenced or left_out:
            async with self._db.tx() as tx:
                await risk.report(tx, fenced, at=at)
                await risk.report_models(tx, left_out, at=at)
        return assessed

    async def _operate(self, asked: list[tuple[str, Operation]]) -> list[Outcome]:
        at = self._clock.now()
        facts = await self._facts_of({operation.payment_id for _, operation in asked}, at)
        outcomes: dict[int, Outcome] = {}
        for verb in sorted({verb for verb, _ in asked}):
            places = [i for i, (wanted, _) in enumerate(asked) if wanted == verb]
            with _measured(verb, len(places), self._asked.waiting):
                async with self._db.tx() as tx:
                    done = await VERBS[verb](
                        tx,
                        [asked[i][1] for i in places],
                        facts,
                        at=at,
                        zone=self._zone,
                        holds_for=self._holds_for,
                    )
            outcomes.update(zip(places, done, strict=True))
        return [outcomes[i] for i in range(len(asked))]

    async def _facts_of(self, payment_ids: set[UUID], at: datetime) -> Facts:
        async with self._db.read() as tx:
            payments = (await store.payments(tx, payment_ids)).values()
        ends = {p.payer_account_id for p in payments} | {p.payee_account_id for p in payments if p.payee_account_id}
        return await self._facts.of_payments(
            ends,
            {p.merchant_id for p in payments if p.merchant_id},
            {p.currency for p in payments if p.payer_account_id == OUTSIDE or p.rail is not None},
            at,
            days.local_day(at, self._zone),
        )

    async def _contended(self, orders: list[Order]) -> set[Hashable]:
        """Which of the orders' ends a stranger has locked."""
        at = self._clock.now()
        facts = await self._facts.read(orders, at, days.local_day(at, self._zone))
        ends: dict[int, set[Hashable]] = {}
        for order in orders:
            merchant = facts.merchants.get(order.merchant_id) if order.merchant_id else None
            payee = merchant.takings_account_id if merchant else order.payee_account_id
            for key, account in zip(_keys(order), (order.payer_account_id, payee), strict=True):
                if account is not None and account in facts.accounts:
                    ends.setdefault(facts.accounts[account][0], set()).add(key)
        async with self._db.tx() as tx:
            held = await ledger.contended(tx, ends)
        return {key for account in held for key in ends[account]}


@contextmanager
def _measured(batch: str, items: int, waiting: int) -> Iterator[None]:
    """One batch from its start to its commit, for metrics and traces."""
    metrics.BATCH_SIZE.labels(batch).observe(items)
    metrics.WAITING.labels(batch).set(waiting)
    with metrics.BATCH_SECONDS.labels(batch).time(), tracing.span("payments batch", batch=batch, items=items):
        yield


def _keys(order: Order) -> tuple[Hashable, Hashable]:
    return order.payer_account_id, order.merchant_id or order.payee_account_id


def _by_the_bank(verb: str, payment_id: UUID, at: datetime) -> Operation:
    """An operation that the bank asks for itself; one try a moment, so that a refusal does not stand for ever."""
    return Operation(
        id=derived(payment_id, f"{verb} {at.isoformat()}"),
        payment_id=payment_id,
        principal_id=SYSTEM.id,
        request_hash=b"",
        final=True,
    )


def _failed(item: object, error: Exception) -> Outcome:
    order = item[1] if isinstance(item, tuple) else item
    log.error("item_failed", id=str(getattr(order, "id", None)), error=repr(error), exc_info=error)
    return Outcome(None, refusal=ITEM_FAILED())


def _as_outcome(outcome: Outcome | Exception) -> Outcome:
    if isinstance(outcome, Refusal):
        return Outcome(None, refusal=outcome)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
