"""Clearing's nouns: a batch and its positions, and how they are netted. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base.ids import derived, uuid7


class Kind(StrEnum):
    MERCHANT = "merchant"
    FEE_INCOME = "fee_income"
    ACQUIRER = "acquirer"


class State(StrEnum):
    """`counter`: the two sides of the bank itself, which nothing is paid to."""

    DRAWN = "drawn"
    CLEARED = "cleared"
    SETTLED = "settled"
    CARRIED = "carried"
    SUSPENSE = "suspense"
    COUNTER = "counter"


STATE_MOVES: Final[dict[State, frozenset[State]]] = {
    State.DRAWN: frozenset({State.CLEARED}),
    State.CLEARED: frozenset({State.SETTLED, State.CARRIED, State.SUSPENSE}),
    State.SETTLED: frozenset(),
    State.CARRIED: frozenset(),
    State.SUSPENSE: frozenset(),
    State.COUNTER: frozenset(),
}


class Batch(msgspec.Struct, frozen=True):
    id: UUID
    booking_date: date
    currency: str
    settle_on: date
    participants: int
    movements: int
    drawn_at: datetime
    cleared_at: datetime | None
    settled_at: datetime | None

    @property
    def state(self) -> str:
        if self.settled_at:
            return "settled"
        return "cleared" if self.cleared_at else "drawn"


class Movement(msgspec.Struct, frozen=True):
    """What moved for a merchant on a day, summed."""

    merchant_id: UUID
    currency: str
    takings_ledger_id: int
    settlement_ledger_id: int
    captures_minor: int = 0
    refunds_minor: int = 0
    covered_minor: int = 0
    fees_minor: int = 0
    count: int = 0


class Carried(msgspec.Struct, frozen=True):
    """A debt that an earlier batch could not collect."""

    id: UUID
    merchant_id: UUID
    currency: str
    takings_ledger_id: int
    settlement_ledger_id: int
    net_minor: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch owes a participant, or (below zero) is owed."""

    id: UUID
    batch_id: UUID
    kind: Kind
    participant_id: UUID | None = None
    takings_ledger_id: int | None = None
    settlement_ledger_id: int | None = None
    captures_minor: int = 0
    refunds_minor: int = 0
    covered_minor: int = 0
    fees_minor: int = 0
    carried_minor: int = 0
    net_minor: int
    state: State = State.DRAWN
    booked_on: date | None = None

    @property
    def takings_minor(self) -> int:
        """What the day left on the takings account."""
        return self.captures_minor - self.refunds_minor + self.covered_minor


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's position with the day it is of: what was or will be paid out for it."""

    id: UUID
    batch_id: UUID
    booking_date: date
    currency: str
    settle_on: date
    kind: Kind
    participant_id: UUID | None
    captures_minor: int
    refunds_minor: int
    covered_minor: int
    fees_minor: int
    carried_minor: int
    net_minor: int
    state: State
    booked_on: date | None


class TakingsLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant took on a day by one method, and what that cost. `covered_minor`: put in for refunds."""

    booking_date: date
    method: str
    currency: str
    captures: int
    captures_minor: int
    refunds: int
    refunds_minor: int
    covered_minor: int
    fees_minor: int


class TakingsDay(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant took on a day, and what that cost."""

    booking_date: date
    currency: str
    captures_minor: int
    refunds_minor: int
    covered_minor: int
    fees_minor: int

    @property
    def net_minor(self) -> int:
        """What the day's sales left, whatever was put in for refunds beyond them."""
        return self.captures_minor - self.refunds_minor - self.fees_minor


class TakingsMove(msgspec.Struct, frozen=True):
    """One of the movements that a merchant's day consists of: `kind` is capture, confirm, refund (below zero) or cover.

    Two movements may have one id: a refund and what covered it.
    """

    id: UUID
    payment_id: UUID
    kind: str
    method: str
    currency: str
    amount_minor: int
    fee_minor: int
    at: datetime


class SettlementStory(msgspec.Struct, frozen=True):
    """A settlement, the earlier ones whose debts it took over, and the later one that took over its own."""

    settlement: Settlement
    took_over: tuple[Settlement, ...]
    taken_over_by: Settlement | None


class Step(msgspec.Struct, frozen=True):
    """A step of the end of a day: when it was done and what came of it."""

    name: str
    done_at: datetime
    result: dict[str, Any]


STEP_NAMES: Final = ("expire", "close", "trial_balance", "clear", "settle")
"""What the end of a day consists of, in order."""


class Phase(StrEnum):
    """Of a business day. `asked`: somebody wants it closed now; `ending`: some of its steps are done."""

    TO_COME = "to_come"
    OPEN = "open"
    ASKED = "asked"
    ENDING = "ending"
    ENDED = "ended"


class DayProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the end of a business day has come. `closes_at`: when its time is up, where days are timed."""

    day: date
    phase: Phase
    steps: tuple[Step, ...]
    to_do: tuple[str, ...]
    asked_by: UUID | None = None
    asked_at: datetime | None = None
    closes_at: datetime | None = None


class DayWatch(msgspec.Struct, frozen=True):
    """What decides whether a day is to be ended now. `asked`: the last day that was asked to be closed and is not ended."""

    open_date: date
    closed_through: date
    ended: date | None
    begun: date | None
    began_at: datetime | None
    asked: date | None

    @property
    def next_to_end(self) -> date:
        """The first day of which something is left to do. Days before the bank's first one need no end."""
        return self.ended + timedelta(1) if self.ended else min(self.begun or self.open_date, self.open_date)

    def due(self, at: datetime, every_s: int) -> date | None:
        """The day through which days are to be ended at `at`: as asked, or because the open one has lasted `every_s`."""
        if every_s and self.began_at is not None and at >= self.began_at + timedelta(seconds=every_s):
            return self.open_date
        return self.asked


class BatchDoesNotBalance(Exception):
    """The positions of a batch do not add up to zero: nothing is kept."""


def batch_id(day: date, currency: str) -> UUID:
    """The one id that a day's batch of a currency has; by day in an index."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return derived(uuid7(midnight, lambda _: 0), f"clearing {day} {currency}")


def settlement_id(batch: UUID, merchant_id: UUID) -> UUID:
    """The one id that a merchant's position in a batch has, and the transfer that settles it."""
    return derived(batch, f"settlement {merchant_id}")


def net(day: date, currency: str, moved: Iterable[Movement], carried: Iterable[Carried]) -> list[Position]:
    """A position for each merchant, one for the bank's fee income, and the acquirer's as the other side of all of them.

    A merchant gets what its takings account collected, less fees, less what it has owed from before. The positions add up to
    zero, or nothing is netted.
    """
    batch = batch_id(day, currency)
    debts: dict[UUID, int] = {}
    merchants: dict[UUID, Movement] = {m.merchant_id: m for m in moved if m.currency == currency}
    for debt in carried:
        if debt.currency == currency:
            debts[debt.merchant_id] = debts.get(debt.merchant_id, 0) + debt.net_minor
            merchants.setdefault(
                debt.merchant_id,
                Movement(debt.merchant_id, currency, debt.takings_ledger_id, debt.settlement_ledger_id),
            )
    positions = [_position(batch, m, debts.get(m.merchant_id, 0)) for m in merchants.values()]
    fees = sum(p.fees_minor for p in positions)
    collected = sum(p.takings_minor + p.carried_minor for p in positions)
    positions += [
        Position(id=derived(batch, kind.value), batch_id=batch, kind=kind, net_minor=net_minor, state=State.COUNTER)
        for kind, net_minor in ((Kind.FEE_INCOME, fees), (Kind.ACQUIRER, -collected))
    ]
    if sum(p.net_minor for p in positions):
        raise BatchDoesNotBalance(f"{day} {currency}")
    return positions


def _position(batch: UUID, moved: Movement, carried_minor: int) -> Position:
    return Position(
        id=settlement_id(batch, moved.merchant_id),
        batch_id=batch,
        kind=Kind.MERCHANT,
        participant_id=moved.merchant_id,
        takings_ledger_id=moved.takings_ledger_id,
        settlement_ledger_id=moved.settlement_ledger_id,
        captures_minor=moved.captures_minor,
        refunds_minor=moved.refunds_minor,
        covered_minor=moved.covered_minor,
        fees_minor=moved.fees_minor,
        carried_minor=carried_minor,
        net_minor=moved.captures_minor - moved.refunds_minor + moved.covered_minor - moved.fees_minor + carried_minor,
    )
