"""What clients send and see, as JSON. Amounts are integers of minor units."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from tongbao.base.approvals import ApprovalState
from tongbao.payments.model import Arrives, Capture, Every, Method, RailSaid
from tongbao.payments.resolve import Resolution
from tongbao.payments.timeline import Step
from tongbao.payments.view import PaymentView
from tongbao.web.body import Amount, AmountOrZero, Body, Currency, Reason

Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=140, examples=["午餐"])]
Device = Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["android-7f3a"])]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=31 * 86_400, description="Seconds.", examples=[86_400])]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000, examples=[20])]


class OrderProof(Body, frozen=True, kw_only=True):
    """The payer's signature over the order, by a key of his device: then he is not asked again where one way is enough.

    Signed is the JSON of RFC 8785 with the members `type` ("tongbao.order/1"), `payment_id` (the `Idempotency-Key`),
    `payer_account_id`, `payee_account_id`, `merchant_id`, `order_id` (null where there is none), `amount_minor`, `currency`,
    `capture`, `arrives`, `method`, `reference`, `nonce` and `expires_at` (to the microsecond, in UTC, as
    2026-11-22T09:30:00.000000Z).
    """

    key_id: UUID
    signature: Annotated[
        str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{60,1400}$", description="In base64url, without padding.")
    ]
    nonce: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{16,64}$", examples=["q83vEjRWeJCrze8SNFZ4kA"])]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True, description="At most 15 minutes from now.")]


class PaymentOrder(Body, frozen=True, kw_only=True):
    """Who pays whom how much. Either `payee_account_id` or `merchant_id`."""

    payer_account_id: UUID
    amount: Amount
    currency: Currency
    payee_account_id: UUID | None = None
    merchant_id: UUID | None = None
    order_id: UUID | None = None
    """The merchant's order that is paid."""
    capture: Capture = Capture.AUTOMATIC
    """`manual` sets the money aside until it is captured, at most for `hold_s` seconds."""
    method: Method = Method.ACCOUNT
    reference: Reference | None = None
    device: Device | None = None
    confirm: Literal["none", "explicit"] = "none"
    """`explicit`: nothing moves before the payer has confirmed."""
    arrives: Arrives = Arrives.NOW
    """When a transfer reaches the payee; until then its payer may recall it."""
    hold_s: Seconds | None = None
    proof: OrderProof | None = None


class BatchOrder(PaymentOrder, frozen=True, kw_only=True):
    """A payment order under an id of its own."""

    id: UUID


class Batch(Body, frozen=True, kw_only=True):
    orders: Annotated[list[BatchOrder], msgspec.Meta(min_length=1, max_length=10_000)]


class BatchOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`status` as the payment alone would have been answered; `state` of a payment that was made, `code` of a refusal."""

    id: UUID
    status: int
    state: str | None = None
    code: str | None = None
    field: str | None = None
    replayed: bool = False


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    outcomes: list[BatchOutcome]


class TopUpOrder(Body, frozen=True, kw_only=True):
    account_id: UUID
    amount: Amount
    currency: Currency
    reference: Reference | None = None
    rail: Annotated[str, msgspec.Meta(max_length=31, examples=["sandbox"])] | None = None
    """The other bank that must send the money first; without one it is credited at once."""
    outside_account: (
        Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9-]{4,34}$", examples=["6222020200112233445"])] | None
    ) = None
    """The account over there; only with `rail`."""


class CaptureOrder(Body, frozen=True, kw_only=True):
    amount: Amount | None = None
    """All that is left, unless told."""
    final: bool = False
    """Lets go what is left after this."""


class RefundOrder(Body, frozen=True, kw_only=True):
    amount: Amount | None = None
    """All that is left, unless told."""
    reason: Reason | None = None


class NoOrder(Body, frozen=True, kw_only=True):
    """Nothing needs to be said."""


class ResolutionOrder(Body, frozen=True, kw_only=True):
    """What somebody has found out about money that another bank was asked for."""

    outcome: Resolution
    reason: Reason


class ResolutionView(msgspec.Struct, frozen=True, kw_only=True):
    """What one person proposed; `id` is the proposal's, for `POST /v1/approvals/{id}/approve` by another."""

    id: UUID
    payment_id: UUID
    outcome: Resolution
    state: ApprovalState
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    expires_at: datetime


class RailReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the rail said just now: `said` is accepted, declined, never_seen, silent or not_sent; `payment` is as it is after it."""

    rail: str
    said: RailSaid
    reason: str | None
    duration_ms: int
    payment: PaymentView
    actions: tuple[str, ...]


class TimelineView(msgspec.Struct, frozen=True, kw_only=True):
    payment: PaymentView
    steps: tuple[Step, ...]


class LimitsOrder(Body, frozen=True, kw_only=True):
    """Every limit anew; what is left out or null is no limit."""

    per_payment: AmountOrZero | None = None
    per_day: AmountOrZero | None = None
    per_month: AmountOrZero | None = None
    count_per_day: Count | None = None
    count_per_month: Count | None = None


class BankLimitsOrder(LimitsOrder, frozen=True, kw_only=True):
    reason: Reason


class Why(Body, frozen=True, kw_only=True):
    reason: Reason


class LimitsView(msgspec.Struct, frozen=True, kw_only=True):
    per_payment: int | None
    per_day: int | None
    per_month: int | None
    count_per_day: int | None
    count_per_month: int | None


class UsedView(msgspec.Struct, frozen=True, kw_only=True):
    """`left` null: no such limit."""

    used: int
    left: int | None


class AccountLimitsView(msgspec.Struct, frozen=True, kw_only=True):
    """`limits` is what counts: the lowest of `bank`, `own` and what the customer's `level` allows (level 3: anything)."""

    account_id: UUID
    currency: str
    limits: LimitsView
    bank: LimitsView
    of_this_account: bool
    own: LimitsView
    level: int
    day: date
    amount_today: UsedView
    count_today: UsedView
    amount_this_month: UsedView
    count_this_month: UsedView


class BankLimitView(msgspec.Struct, frozen=True, kw_only=True):
    customer_kind: str
    currency: str
    limits: LimitsView


class PayrollProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that will not be paid, by reason."""

    code: str
    title: str
    title_zh: str
    lines: int


class PayrollView(msgspec.Struct, frozen=True, kw_only=True):
    """`total` is the money of the lines that can be paid, `paid` of those that were. Failures: `/v1/payrolls/{id}/lines`."""

    id: UUID
    state: str
    payer_account_id: UUID
    currency: str
    lines: int
    payable: int
    total: int
    duplicates: int
    problems: list[PayrollProblem]
    lines_paid: int
    paid: int
    lines_failed: int
    lines_skipped: int
    created_at: datetime
    confirmed_at: datetime | None
    completed_at: datetime | None


class PayrollLineView(msgspec.Struct, frozen=True, kw_only=True):
    line: int
    account_number: str
    account_id: UUID | None
    amount: int | None
    reference: str | None
    duplicate_of: int | None
    state: str
    code: str | None
    """Why the line was not paid, or will not be."""
    payment_id: UUID | None


class PayrollConfirmation(Body, frozen=True, kw_only=True):
    duplicates: Literal["refuse", "skip", "pay"] = "refuse"
    """What is done with lines that say the same as an earlier one."""


class ScheduleOrder(Body, frozen=True, kw_only=True):
    """A payment on a date, or again and again. The 31st falls on the last day of a shorter month."""

    payer_account_id: UUID
    amount: Amount
    currency: Currency
    every: Every
    starts_on: date
    ends_on: date | None = None
    payee_account_id: UUID | None = None
    merchant_id: UUID | None = None
    reference: Reference | None = None


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """`next_on` is the date that is due next; `try_on`, when it is tried: later after a failure."""

    id: UUID
    state: str
    payer_account_id: UUID
    payee_account_id: UUID | None
    merchant_id: UUID | None
    amount: int
    currency: str
    every: str
    starts_on: date
    ends_on: date | None
    next_on: date | None
    try_on: date | None
    failures: int
    reference: str | None
    created_at: datetime


class ScheduleRunView(msgspec.Struct, frozen=True, kw_only=True):
    due_on: date
    tried_on: date
    payment_id: UUID
    state: str
    code: str | None
    run_at: datetime
