"""The nouns of codes that payers show: a code, what a shop takes by it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec


class ShownCode(msgspec.Struct, frozen=True, kw_only=True):
    """A payer's code as he sees it himself, without its digits. `payment_id`: what it was used for."""

    id: UUID
    account_id: UUID
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    payment_id: UUID | None = None


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """What a shop takes by a payer's code. `payment_id` is the payment's; `is_paid_for`: the payment exists, however it stands."""

    payment_id: UUID
    code_id: UUID
    merchant_id: UUID
    terminal_id: UUID
    request_hash: bytes
    customer_id: UUID
    account_id: UUID
    device_known: bool
    collected_at: datetime
    is_paid_for: bool = False
