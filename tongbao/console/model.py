"""What staff look at that no single slice owns."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from tongbao.base.server import Archiver, Clocks, Slot, Writer
from tongbao.merchants import WebhookBacklog
from tongbao.payments import RailHealth, Switch
from tongbao.risk import RiskWatch
from tongbao.vault import CanaryWatch


class LineAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the ledger on its line. `account_id` and `number`: the customer's account, where one stands behind it."""

    id: int
    gl_line: str
    currency: str
    legal_entity: str
    branch: str
    state: int
    balance_minor: int
    held_minor: int
    floor_minor: int | None
    opened_at: datetime
    account_id: UUID | None
    number: str | None


class TransferHead(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    booking_date: date
    recorded_at: datetime
    forced: str | None
    reverses: UUID | None
    reason: str | None


class LedgerPlace(msgspec.Struct, frozen=True):
    """Where an account of the ledger stands; `number` where it is a customer's."""

    id: int
    gl_line: str
    number: str | None


class ClosedPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to `last_day` is closed for staff journals."""

    last_day: date
    closed_at: datetime
    closed_by: UUID


class WaitingPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that waits for `waits_for` and ends or moves on at `due_at`."""

    payment_id: UUID
    waits_for: str
    since: datetime
    due_at: datetime
    kind: str
    state: str
    amount_minor: int
    currency: str
    payer_account_id: UUID
    payee_account_id: UUID | None
    merchant_id: UUID | None


class HeldPayment(WaitingPayment, frozen=True, kw_only=True):
    """One that a person of the bank decides on; `taken_by`: who has taken it upon himself."""

    taken_by: UUID | None
    risk: int
    """0 to 100."""


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk of this machine that the bank writes to. `name`: data (of the database), archive (of its WAL), machine."""

    name: str
    path: str
    free_bytes: int
    total_bytes: int


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """`used` by application, `most` that clients may have together, `wanted`: what this machine may come to ask for."""

    used: dict[str, int]
    most: int
    wanted: int


class LatePayments(msgspec.Struct, frozen=True, kw_only=True):
    """Payments that are past their time, counted to 10,000."""

    waits_for: str
    many: int
    oldest_due_at: datetime


class DayReach(msgspec.Struct, frozen=True, kw_only=True):
    """How far the books are. None for `open_date`: the bank has no business day.

    `open_s`: since when the open day should have been closed; `unended_s`: since when the oldest day that is not settled
    should have been, both in seconds and 0 where all is in time. `ahead`: days by which the open day is ahead of the calendar.
    """

    calendar_date: date
    open_date: date | None
    unended: date | None = None
    open_s: int = 0
    unended_s: int = 0
    ahead: int = 0


class JobQueue(msgspec.Struct, frozen=True, kw_only=True):
    """`workers` alive within a minute; seconds since any was `seen`; how long the oldest job that is due waits."""

    workers: int
    seen_s: int | None
    due_s: int
    failing: tuple[str, ...]


class MessageQueue(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that no gateway has taken and how long the oldest waits; those that failed within an hour; whether a gateway is named."""

    waiting: int
    oldest_s: int
    failed: int
    has_gateway: bool


class HelpQueue(msgspec.Struct, frozen=True, kw_only=True):
    """Requests for help that wait for the bank, how many of them longer than was promised, and how long the oldest waits."""

    waiting: int
    late: int
    oldest_s: int


class HeldQueue(msgspec.Struct, frozen=True, kw_only=True):
    """Payments that wait for a person of the bank, counted to 10,000, how long the oldest waits, and how many of them (`late`) have
    waited for more than half of their time."""

    waiting: int
    oldest_s: int
    late: int = 0


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The newest migration of this version, those that the database lacks, and those that it has beyond them."""

    version: str
    missing: tuple[str, ...]
    unknown: tuple[str, ...]


class ConsumerLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far behind a consumer of events is. `oldest_s`: age of the oldest event that it has not read."""

    name: str
    unread: int
    oldest_s: int
    parked: int


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """How the bank is at one moment, by its own clock. None: the database did not say.

    `unknown` names the figures that it did not give in time; `trouble`: why it gave none at all, without secrets.
    """

    at: datetime
    env: str
    draining: bool
    disks: tuple[Disk, ...]
    trouble: str | None = None
    answer_ms: int = 0
    unknown: tuple[str, ...] = ()
    server: dict[str, str] | None = None
    clocks: Clocks | None = None
    schema: Schema | None = None
    connections: Connections | None = None
    writer: tuple[Writer, ...] | None = None
    """The oldest open transaction that has written; empty where there is none."""
    day: DayReach | None = None
    years_missing: tuple[int, ...] | None = None
    partitions_missing: dict[str, tuple[str, ...]] | None = None
    consumers: tuple[ConsumerLag, ...] | None = None
    late: tuple[LatePayments, ...] | None = None
    ahead_s: int | None = None
    """How far the newest payment lies ahead of this machine's clock."""
    webhooks: WebhookBacklog | None = None
    messages: MessageQueue | None = None
    help: HelpQueue | None = None
    held: HeldQueue | None = None
    jobs: JobQueue | None = None
    switches: tuple[Switch, ...] | None = None
    """Those that stop payments at present."""
    rails: tuple[RailHealth, ...] | None = None
    slots: tuple[Slot, ...] | None = None
    archiver: Archiver | None = None
    proof_s: int | None = None
    """Seconds since the books were last proved; None also where they never were."""
    canaries: CanaryWatch | None = None
    risk: RiskWatch | None = None
    """Indicators beyond a limit at present, and whether the rules are tightened."""


class Second(msgspec.Struct, frozen=True):
    """Payments made in one second. `volume_minor` counts what was paid or set aside, in the bank's currency."""

    at: datetime
    payments: int
    declined: int
    waiting: int
    volume_minor: int


class Newest(msgspec.Struct, frozen=True):
    """A payment as it streams in. Numbers of accounts are shown by their end."""

    id: UUID
    at: datetime
    kind: str
    method: str
    state: str
    refusal: str | None
    amount_minor: int
    currency: str
    payer: str | None
    payee: str | None
    merchant: str | None


class Decline(msgspec.Struct, frozen=True):
    id: UUID
    at: datetime
    refusal: str
    amount_minor: int
    currency: str
    payer: str | None
    merchant: str | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The board at one moment. Rates are of the last ten whole seconds, shares in thousandths of the last five minutes.

    `latency_ms`: half, 95 and 99 of 100 were answered within.
    """

    at: datetime
    day: date
    per_second: int
    payments_today: int
    volume_today_minor: int
    currency: str
    minute_payments: int
    minute_declined: int
    success_permille: int | None
    latency_ms: tuple[int, ...] | None
    seconds: tuple[Second, ...]
    newest: tuple[Newest, ...]
    declines: tuple[Decline, ...]


class Words(NamedTuple):
    """A sentence in both languages."""

    en: str
    zh: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A condition on a figure of the bank, and what it means. Severity `page` wakes somebody, `ticket` waits for morning.

    It holds where the worst value of `metric` (as `over` says) under labels that match `where`, for each value of the labels
    `by`, lies `beyond` the `bound`; of `each_machine` by itself where it is about machines. `promql` stands for all of these where only Prometheus has the figures. `says` and `do`
    may name the labels in `by`, as in `{consumer}`.
    """

    name: str
    severity: Literal["page", "ticket"]
    runbook: str
    for_s: int
    says: Words
    do: Words
    metric: str = ""
    over: Literal["max", "min"] = "max"
    by: tuple[str, ...] = ()
    where: dict[str, str] = {}
    each_machine: bool = False
    beyond: Literal[">", "<"] = ">"
    bound: Decimal = Decimal(0)
    promql: str = ""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `state` is ok, warn or fail; `advice` is empty where nothing is to be done.

    `runbook`: the page below docs/operating that says how to mend it, or what it is about.
    """

    name: str
    state: Literal["ok", "warn", "fail"]
    said: str
    advice: str
    name_zh: str
    said_zh: str
    advice_zh: str
    runbook: str
