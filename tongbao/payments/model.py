"""The nouns of a payment, its lifecycle and the table of allowed moves. Amounts are integers of minor units."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base.ids import NAMESPACE, derived
from tongbao.base.refusal import Refusal
from tongbao.identity import Sort

OUTSIDE: Final = derived(NAMESPACE, "payments.outside")
"""Stands as the payer of money that comes in from outside the bank."""


class State(StrEnum):
    CREATED = "created"
    CHALLENGED = "challenged"
    HELD = "held"
    AUTHORISED = "authorised"
    UNKNOWN = "unknown"
    COMPLETED = "completed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


MOVES: Final[dict[State, frozenset[State]]] = {
    State.CREATED: frozenset(
        {
            State.CHALLENGED,
            State.HELD,
            State.AUTHORISED,
            State.UNKNOWN,
            State.COMPLETED,
            State.DECLINED,
            State.CANCELLED,
        }
    ),
    State.CHALLENGED: frozenset(
        {
            State.CREATED,
            State.HELD,
            State.AUTHORISED,
            State.COMPLETED,
            State.DECLINED,
            State.CANCELLED,
            State.EXPIRED,
        }
    ),
    State.HELD: frozenset(
        {State.CREATED, State.AUTHORISED, State.COMPLETED, State.DECLINED, State.CANCELLED, State.EXPIRED}
    ),
    State.AUTHORISED: frozenset({State.AUTHORISED, State.COMPLETED, State.CANCELLED, State.EXPIRED}),
    State.UNKNOWN: frozenset({State.COMPLETED, State.DECLINED, State.CANCELLED}),
    State.COMPLETED: frozenset({State.COMPLETED}),
    State.DECLINED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}
"""From the left to any on the right. Where a part was captured and the rest let go, the payment is completed."""


class Kind(StrEnum):
    PAYMENT = "payment"
    TRANSFER = "transfer"
    TOPUP = "topup"
    SALARY = "salary"


class Capture(StrEnum):
    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Arrives(StrEnum):
    """When a transfer reaches the payee. Until then its payer may recall it."""

    NOW = "now"
    IN_TWO_HOURS = "in_two_hours"
    NEXT_DAY = "next_day"


class TransferHabit(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of how a customer transfers: when it arrives unless he says otherwise, and whom he looked up on his last day."""

    arrives: Arrives
    day: date
    looked_up: int


class Method(StrEnum):
    ACCOUNT = "account"
    QR = "qr"
    CARD = "card"
    API = "api"


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """The way in from outside: which rail, which account there, and after how many seconds the payment counts as stuck."""

    rail: str
    account: str
    within_s: int


class OrderSignature(msgspec.Struct, frozen=True, kw_only=True):
    """By which key of his device a payer has signed his order (`signed.said`), and until when that counts."""

    key_id: UUID
    signature: bytes
    nonce: str
    expires_at: datetime


class OrderShown(msgspec.Struct, frozen=True, kw_only=True):
    """What a payer's right signature over his order shows: `evidence` is JSON, with the order as it was signed."""

    key_id: UUID
    sorts: frozenset[Sort]
    instruction_hash: bytes
    evidence: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An instruction as it arrives: well formed, by a known principal, under an id that is its own for ever."""

    id: UUID
    principal_id: UUID
    request_hash: bytes
    payer_account_id: UUID
    payee_account_id: UUID | None
    amount_minor: int
    currency: str
    kind: Kind = Kind.PAYMENT
    merchant_id: UUID | None = None
    order_id: UUID | None = None
    capture: Capture = Capture.AUTOMATIC
    arrives: Arrives = Arrives.NOW
    method: Method = Method.ACCOUNT
    confirm: bool = False
    agreed: bool = False
    """The payer has said yes beforehand, once for all (a standing order): he is not asked again."""
    hold_s: int | None = None
    reference: str | None = None
    device: str | None = None
    payer_id: UUID | None = None
    """Set where a customer asks for himself: the account that pays must be his."""
    device_known: bool = False
    """Of a customer who asks for himself: his session is in a browser that is known and past its cool-off."""
    over: Over | None = None
    """Set where another bank must send the money before it is credited here."""
    signature: OrderSignature | None = None
    """Set where the payer has signed the order beforehand."""


class Payment(msgspec.Struct):
    """A payment as its row says. Mutable: inside a verb it is the working copy."""

    id: UUID
    kind: str
    principal_id: UUID
    request_hash: bytes
    payer_account_id: UUID
    payee_account_id: UUID | None
    merchant_id: UUID | None
    order_id: UUID | None
    amount_minor: int
    currency: str
    capture: str
    arrives: str
    method: str
    reference: str | None
    device: str | None
    created_at: datetime
    state: str
    refusal: str | None
    authorised_minor: int
    captured_minor: int
    refunded_minor: int
    disputed_minor: int
    settled_minor: int
    fee_minor: int
    at_once_minor: int
    at_once_fee_minor: int
    booking_date: date
    decided_at: datetime | None
    due_at: datetime | None
    sequence: int
    rail: str | None
    """The other bank that the money comes in from."""

    def move(self, state: State) -> None:
        """Changes the lifecycle state; AssertionError where the table of moves does not allow it."""
        assert state in MOVES[State(self.state)], f"{self.id}: {self.state} to {state}"
        self.state = state.value


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was verified: its name, whether it passed, and what was compared with what."""

    check: str
    passed: bool
    value: int | str | None = None
    bound: int | str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What became of one order or operation: the payment with its checks, or a refusal; and whether it is a replay."""

    payment: Payment | None
    checks: tuple[Check, ...] = ()
    refusal: Refusal | None = None
    replayed: bool = False
    answer: dict[str, Any] | None = None


class HoldsFor(msgspec.Struct, frozen=True, kw_only=True):
    """How long money stays set aside: until it is taken, unless the order says less; and until a person of the bank has decided."""

    capture: timedelta
    person: timedelta


NO_HOLDS: Final = HoldsFor(capture=timedelta(0), person=timedelta(0))
"""For verbs that set no more money aside than is already."""


class Limits(msgspec.Struct, frozen=True):
    """What an account may spend; None: no such limit. Amounts in minor units."""

    per_payment_minor: int | None = None
    per_day_minor: int | None = None
    per_month_minor: int | None = None
    per_day_count: int | None = None
    per_month_count: int | None = None

    def stricter(self, other: Limits) -> Limits:
        """The lower of each pair."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Limits(*(min((v for v in pair if v is not None), default=None) for pair in pairs))


class LevelLimits(msgspec.Struct, frozen=True):
    """What an account may pay because of how well the bank knows its customer; None: no such bound. At level 0 nothing."""

    level: int
    per_payment_minor: int | None
    per_day_minor: int | None

    @property
    def limits(self) -> Limits:
        return Limits(per_payment_minor=self.per_payment_minor, per_day_minor=self.per_day_minor)


class Counted(msgspec.Struct, frozen=True):
    """A payer's counters under their lock, and all that bounds what may be added to them."""

    spending: Spending
    limits: Limits
    may_pay: bool
    """Whether the customer may pay at all."""
    level: LevelLimits


class Spending(msgspec.Struct):
    """What an account has spent on a day and in a month. Mutable: the working copy under its lock."""

    account_id: UUID
    day: date
    day_minor: int
    day_count: int
    month: date
    month_minor: int
    month_count: int

    def roll(self, day: date) -> None:
        """Starts a new day or month where `day` lies in one."""
        if day > self.day:
            self.day, self.day_minor, self.day_count = day, 0, 0
        month = day.replace(day=1)
        if month > self.month:
            self.month, self.month_minor, self.month_count = month, 0, 0

    def add(self, amount_minor: int, count: int) -> None:
        self.day_minor += amount_minor
        self.day_count += count
        self.month_minor += amount_minor
        self.month_count += count


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked of a payment after it was submitted, under an id of its own."""

    id: UUID
    payment_id: UUID
    principal_id: UUID
    request_hash: bytes
    merchant_id: UUID | None = None
    """Set where a merchant asks: the payment must be this merchant's."""
    payer_id: UUID | None = None
    """Set where a customer asks for himself: the account that pays must be his."""
    amount_minor: int | None = None
    final: bool = False
    reason: str | None = None


class RailVerb(StrEnum):
    """What a rail is asked: to send the money, what became of that, or to take back what may have been charged."""

    PULL = "pull"
    ASK = "ask"
    REVERSE = "reverse"


class RailSaid(StrEnum):
    """What a rail said. `silent`: no answer that says anything, so it may have happened; `not_sent`: it never heard us."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    NEVER_SEEN = "never_seen"
    SILENT = "silent"
    NOT_SENT = "not_sent"

    @property
    def is_answer(self) -> bool:
        return self not in (RailSaid.SILENT, RailSaid.NOT_SENT)


class RailParcel(msgspec.Struct, frozen=True):
    """What a rail is asked about one payment. `sent_at`: when a request to send the money may have left before this one.

    `tries`: how often in a row there was no answer to go on with. `is_over`: the payment came to nothing, and what it was charged for is
    taken back.
    """

    payment_id: UUID
    rail: str
    account: str
    amount_minor: int
    currency: str
    due_at: datetime | None
    verb: RailVerb
    tries: int
    sent_at: datetime | None
    lease: UUID | None
    is_over: bool = False


class RailCall(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a rail was asked, and what it said. `asked_by`: who asked by hand."""

    verb: RailVerb
    at: datetime
    duration_ms: int
    said: RailSaid
    reason: str | None = None
    asked_by: UUID | None = None


class AccountLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one account on a day: the bank's limits, the customer's own, and what of them is used."""

    account_id: UUID
    currency: str
    customer_kind: str
    of_this_account: bool
    """The bank has set `bank` for this account alone; else it is that of everybody of this kind and currency."""
    bank: Limits
    own: Limits
    level: LevelLimits
    spending: Spending

    @property
    def effective(self) -> Limits:
        return self.bank.stricter(self.own).stricter(self.level.limits)


class BankLimit(msgspec.Struct, frozen=True):
    """The bank's limits for one kind of customer in one currency."""

    customer_kind: str
    currency: str
    limits: Limits


class Scope(StrEnum):
    """What a switch stops, as it is told first: a kind of payment, a merchant, a country's merchants, a method."""

    KIND = "kind"
    MERCHANT = "merchant"
    COUNTRY = "country"
    METHOD = "method"


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """A kill switch as it was last thrown, by whom and why; version 0: never. `key`: a kind, a merchant's id, a country, a method."""

    scope: Scope
    key: str
    stopped: bool
    """As it was thrown; `stops` says whether it still does."""
    since: datetime | None = None
    by: UUID | None = None
    reason: str | None = None
    until: datetime | None = None
    version: int = 0

    def stops(self, at: datetime) -> bool:
        """Whether payments are stopped at this moment: a stop with an end is over by itself."""
        return self.stopped and (self.until is None or self.until > at)


class PayrollState(StrEnum):
    PREVIEW = "preview"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Payroll(msgspec.Struct, frozen=True):
    id: UUID
    principal_id: UUID
    request_hash: bytes
    payer_account_id: UUID
    currency: str
    state: str
    created_at: datetime
    confirmed_at: datetime | None
    completed_at: datetime | None


class PayrollLine(msgspec.Struct, frozen=True):
    """A line of the file, and what became of it. `problem`: the code of why it will not be paid."""

    line: int
    account_number: str
    account_id: UUID | None
    amount_minor: int | None
    reference: str | None
    problem: str | None
    duplicate_of: int | None
    state: str = "waiting"
    refusal: str | None = None
    payment_id: UUID | None = None


class Every(StrEnum):
    ONCE = "once"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class ScheduleState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    ENDED = "ended"


SCHEDULE_MOVES: Final[dict[ScheduleState, frozenset[ScheduleState]]] = {
    ScheduleState.ACTIVE: frozenset({ScheduleState.PAUSED, ScheduleState.CANCELLED, ScheduleState.ENDED}),
    ScheduleState.PAUSED: frozenset({ScheduleState.ACTIVE, ScheduleState.CANCELLED}),
    ScheduleState.CANCELLED: frozenset(),
    ScheduleState.ENDED: frozenset(),
}


class Schedule(msgspec.Struct, frozen=True):
    """A payment for later, or again and again. Dates are days of the bank's zone."""

    id: UUID
    principal_id: UUID
    request_hash: bytes
    payer_account_id: UUID
    payee_account_id: UUID | None
    merchant_id: UUID | None
    amount_minor: int
    currency: str
    reference: str | None
    every: str
    starts_on: date
    ends_on: date | None
    next_on: date | None
    try_on: date | None
    failures: int
    state: str
    sequence: int
    created_at: datetime


class ScheduleRun(msgspec.Struct, frozen=True):
    """One try: for which date, on which day, and what came of it."""

    due_on: date
    tried_on: date
    payment_id: UUID
    state: str
    refusal: str | None
    run_at: datetime
