"""The merchants' nouns: a merchant and its fee plan, an order and its states, a webhook endpoint and its deliveries."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from tongbao.base.countries import HOME
from tongbao.merchants import fees

_T = TypeVar("_T")


class Made(msgspec.Struct, Generic[_T], frozen=True):
    """What an id stands for; `replayed` when it had been made before."""

    thing: _T
    replayed: bool = False


class MerchantStatus(StrEnum):
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


MERCHANT_MOVES: Final[dict[MerchantStatus, frozenset[MerchantStatus]]] = {
    MerchantStatus.OPEN: frozenset({MerchantStatus.SUSPENDED, MerchantStatus.CLOSED}),
    MerchantStatus.SUSPENDED: frozenset({MerchantStatus.OPEN, MerchantStatus.CLOSED}),
    MerchantStatus.CLOSED: frozenset(),
}


class Place(msgspec.Struct, frozen=True):
    """Where a shop stands: its district, and latitude and longitude (WGS 84) in millionths of a degree."""

    district: str
    latitude_e6: int
    longitude_e6: int


class NewMerchant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`customer_id` None: a firm of the same name is registered for it."""

    id: UUID
    name: str
    currency: str
    customer_id: UUID | None = None
    category: str | None = None
    country: str = HOME
    """Where it sells, ISO 3166-1 alpha-2."""
    place: Place | None = None
    """Where its shop stands; None where it only sells online."""


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """Money collects on the takings account during the day and is paid out, net of fees, to the settlement account."""

    id: UUID
    name: str
    category: str | None
    customer_id: UUID
    status: MerchantStatus
    currency: str
    takings_account_id: UUID
    takings_ledger_id: int
    settlement_account_id: UUID
    settlement_ledger_id: int
    created_at: datetime
    plan: fees.FeePlan
    country: str = HOME
    place: Place | None = None

    @property
    def takes_payments(self) -> bool:
        return self.status is MerchantStatus.OPEN

    def fee(self, method: str, amount_minor: int) -> int:
        """The fee of a payment of which `amount_minor` was captured in all, in minor units of the merchant's currency."""
        return fees.fee(self.plan, method, self.currency, amount_minor)

    def fee_of_next(self, method: str, captured_minor: int, more_minor: int) -> int:
        """The fee of capturing `more_minor` when `captured_minor` was captured before: the parts add up to the whole's."""
        return fees.fee_of_next(self.plan, method, self.currency, captured_minor, more_minor)


class OrderState(StrEnum):
    OPEN = "open"
    PAYING = "paying"
    AUTHORISED = "authorised"
    PAID = "paid"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_CLAIMED = frozenset({OrderState.PAYING, OrderState.AUTHORISED, OrderState.PAID})

ORDER_MOVES: Final[dict[OrderState, frozenset[OrderState]]] = {
    OrderState.OPEN: _CLAIMED | {OrderState.CANCELLED, OrderState.EXPIRED},
    OrderState.PAYING: frozenset({OrderState.OPEN, OrderState.AUTHORISED, OrderState.PAID}),
    OrderState.AUTHORISED: frozenset(
        {OrderState.OPEN, OrderState.PAID, OrderState.PARTLY_REFUNDED, OrderState.REFUNDED}
    ),
    OrderState.PAID: frozenset(
        {OrderState.OPEN, OrderState.PAYING, OrderState.AUTHORISED, OrderState.PARTLY_REFUNDED, OrderState.REFUNDED}
    ),
    OrderState.PARTLY_REFUNDED: frozenset({OrderState.REFUNDED}),
    # More is captured of a payment that was refunded in full so far.
    OrderState.REFUNDED: frozenset({OrderState.PARTLY_REFUNDED}),
    OrderState.CANCELLED: frozenset(),
    OrderState.EXPIRED: frozenset(),
}


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: UUID
    merchant_id: UUID
    amount_minor: int
    currency: str
    description: str | None = None
    expires_at: datetime


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant asks to be paid for. `payment_id`: the payment that has claimed it, `payment_sequence`: its last
    event that was followed."""

    id: UUID
    merchant_id: UUID
    amount_minor: int
    currency: str
    description: str | None
    state: OrderState
    payment_id: UUID | None
    captured_minor: int
    refunded_minor: int
    created_at: datetime
    expires_at: datetime
    changed_at: datetime
    payment_sequence: int = 0

    def as_made(self) -> Order:
        """The order as it was when it had just been made."""
        return msgspec.structs.replace(
            self,
            state=OrderState.OPEN,
            payment_id=None,
            captured_minor=0,
            refunded_minor=0,
            changed_at=self.created_at,
            payment_sequence=0,
        )

    def state_at(self, at: datetime) -> OrderState:
        """An open order is over at its time, whether the job has run or not."""
        return OrderState.EXPIRED if self.state is OrderState.OPEN and at >= self.expires_at else self.state


class OrderClaim(NamedTuple):
    """A payment that wants an order. `becomes`: where the order stands until the payment's first event says better. A shop
    hands goods over for `paid`, so only a payment that captures at once, if it is not refused, may say that."""

    order_id: UUID
    merchant_id: UUID
    payment_id: UUID
    amount_minor: int
    currency: str
    becomes: OrderState = OrderState.PAYING


TOPICS: Final = (
    "payment.completed",
    "payment.authorised",
    "payment.challenged",
    "payment.held",
    "payment.declined",
    "payment.captured",
    "payment.cancelled",
    "payment.expired",
    "payment.refunded",
    "payment.recalled",
    "settlement.completed",
)
"""What an endpoint may ask to hear about."""


class EndpointStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`merchant_id` None: the bank's own, which hears of every merchant."""

    id: UUID
    url: str
    topics: tuple[str, ...]
    merchant_id: UUID | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    merchant_id: UUID | None
    url: str
    topics: tuple[str, ...]
    status: EndpointStatus
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_because: str | None


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver: an HTTP status or an error, and the beginning of what the receiver said."""

    number: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one endpoint. Receivers order by `sequence` within `aggregate`, never by arrival."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    topic: str
    aggregate: UUID
    sequence: int
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_at: datetime | None
    delivered_at: datetime | None
    history: tuple[Attempt, ...] = ()


class WebhookBacklog(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries that are due (counted to 10,000), since when, and how many endpoints take nothing or are switched off."""

    due: int
    oldest_due_at: datetime | None
    failing_endpoints: int
    disabled_endpoints: int


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that a sender has leased, with everything it needs to send without the database.

    `secret` is empty where what is sealed does not open: then nothing is signed, and the try fails and says so.
    """

    id: UUID
    endpoint_id: UUID
    url: str
    secret: str
    event_id: UUID
    body: str
    attempts: int
    lease: UUID

    def __repr__(self) -> str:
        return f"Parcel({self.id})"


RETRY_AFTER: Final = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800))
"""Pauses between tries: eleven tries over nearly 24 hours, as Standard Webhooks advises."""

DISABLE_AFTER: Final = timedelta(days=1)
"""An endpoint that has taken nothing for this long is switched off and says so."""

ORDER_LASTS: Final = timedelta(minutes=30)
ORDER_LASTS_LONGEST: Final = timedelta(days=90)

Payload = dict[str, Any]
