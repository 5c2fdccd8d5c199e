"""What staff look at that no single slice owns."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec


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
