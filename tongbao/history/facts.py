"""The stream of a city's past, a JSON document a line, in the order in which it happened. Fields not named here are passed by."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec


class PersonFact(msgspec.Struct, frozen=True, tag_field="fact", tag="person"):
    """`part`, here and of a shop: who plays which part in the guided walk of a demo."""

    id: UUID
    name: str
    phone: str | None = None
    part: str | None = None


class FirmFact(msgspec.Struct, frozen=True, tag_field="fact", tag="firm"):
    id: UUID
    name: str


class PlaceFact(msgspec.Struct, frozen=True):
    """Where a shop stands: its district, latitude and longitude (WGS 84) in millionths of a degree."""

    district: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    latitude_e6: Annotated[int, msgspec.Meta(ge=-90_000_000, le=90_000_000)]
    longitude_e6: Annotated[int, msgspec.Meta(ge=-180_000_000, le=180_000_000)]


class ShopFact(msgspec.Struct, frozen=True, tag_field="fact", tag="shop"):
    """`owner` is a firm."""

    id: UUID
    name: str
    owner: UUID
    category: str | None = None
    part: str | None = None
    place: PlaceFact | None = None


class AccountFact(msgspec.Struct, frozen=True, tag_field="fact", tag="account"):
    """`owner` is a person or a firm."""

    id: UUID
    owner: UUID
    currency: str


class DayFact(msgspec.Struct, frozen=True, tag_field="fact", tag="day"):
    date: date


class OrderFact(msgspec.Struct, frozen=True, gc=False, tag_field="fact", tag="order"):
    """`payer` and `payee` are accounts, `merchant` a shop, `of` the payment that is refunded.

    `truth`: what kind of fraud it is, where it is one; `known_at`: since when somebody knows, None: nobody ever does.
    """

    id: UUID
    at: datetime
    kind: Literal["topup", "payment", "transfer", "salary", "refund"]
    amount: int
    currency: str
    expect: str
    reference: str | None = None
    payer: UUID | None = None
    payee: UUID | None = None
    merchant: UUID | None = None
    method: Literal["account", "qr", "card", "api"] = "account"
    of: UUID | None = None
    device: str | None = None
    truth: str | None = None
    known_at: datetime | None = None


class DayEndFact(msgspec.Struct, frozen=True, tag_field="fact", tag="day_end"):
    date: date


class BalanceFact(msgspec.Struct, frozen=True, tag_field="fact", tag="balance"):
    """What an account must hold when everything has been posted."""

    account: UUID
    balance: int


class EndFact(msgspec.Struct, frozen=True, tag_field="fact", tag="end"):
    """`orders`: how many there were; a stream that was cut off has no such line."""

    orders: int


Fact = (
    PersonFact | FirmFact | ShopFact | AccountFact | DayFact | OrderFact | DayEndFact | BalanceFact | EndFact
)  # fmt: skip


class Founded(msgspec.Struct, kw_only=True):
    """What has been brought in. `unexpected`: orders that ended otherwise than the stream said; the first few are named.

    `passed_by` are orders of days that an earlier run has closed.
    """

    people: int = 0
    firms: int = 0
    shops: int = 0
    accounts: int = 0
    days: int = 0
    orders: int = 0
    completed: int = 0
    refused: int = 0
    passed_by: int = 0
    unexpected: int = 0
    first_unexpected: list[str] = []
    balances_checked: int = 0
    balances_off: int = 0
