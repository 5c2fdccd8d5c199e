"""Identity's nouns: customers and their accounts, keys and what they may do, staff and their roles."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final, Generic, TypeVar
from uuid import UUID

import msgspec

_T = TypeVar("_T")


class Made(msgspec.Struct, Generic[_T], frozen=True):
    """What an id stands for; `replayed` when it had been made before."""

    thing: _T
    replayed: bool = False


class CustomerKind(StrEnum):
    PERSON = "person"
    FIRM = "firm"


class Standing(StrEnum):
    """Of a customer or of an account."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


STANDING_MOVES: Final[dict[Standing, frozenset[Standing]]] = {
    Standing.OPEN: frozenset({Standing.FROZEN, Standing.CLOSED}),
    Standing.FROZEN: frozenset({Standing.OPEN}),
    Standing.CLOSED: frozenset(),
}


class Product(StrEnum):
    CURRENT = "current"
    SETTLEMENT = "settlement"
    TAKINGS = "takings"
    """What a merchant took today, until the day is cleared; opened with the merchant and paid only through it."""


GL_LINES: Final = {Product.CURRENT: "2010", Product.SETTLEMENT: "2020", Product.TAKINGS: "2030"}
"""The general-ledger line that accounts of a product stand on."""


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: CustomerKind
    name: str
    phone: str | None = None
    """E.164, such as +8613800138000."""


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: CustomerKind
    name: str
    phone: str | None
    status: Standing
    created_at: datetime


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    customer_id: UUID
    currency: str
    product: Product = Product.CURRENT


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account as its owner knows it. `status` is its own; a frozen customer freezes it as well."""

    id: UUID
    ledger_id: int
    customer_id: UUID
    number: str
    currency: str
    product: Product
    status: Standing
    opened_at: datetime
    customer_kind: CustomerKind
    customer_status: Standing

    @property
    def effective(self) -> Standing:
        """What the ledger is told."""
        if self.status is Standing.OPEN and self.customer_status is Standing.FROZEN:
            return Standing.FROZEN
        return self.status


class KeyKind(StrEnum):
    BANK = "bank"
    MERCHANT = "merchant"
    PARTNER = "partner"


class Role(StrEnum):
    OPERATOR = "operator"
    ACCOUNTANT = "accountant"
    AUDITOR = "auditor"
    ADMIN = "admin"


PERMISSIONS: Final = {
    "customers:read": "see customers and their names",
    "customers:write": "register customers",
    "customers:freeze": "freeze and thaw customers",
    "accounts:read": "see accounts, entries and statements",
    "accounts:write": "open accounts",
    "accounts:freeze": "freeze, thaw and close accounts",
    "limits:read": "see limits",
    "limits:write": "set limits",
    "topups:write": "bring money in from outside",
    "payments:debit": "debit a payer",
    "payments:read": "see payments",
    "payments:confirm": "confirm a payment for its payer",
    "payments:capture": "capture what was authorised",
    "payments:cancel": "cancel payments and recall transfers",
    "payments:refund": "refund",
    "schedules:read": "see scheduled payments and standing orders",
    "schedules:write": "schedule payments and standing orders",
    "merchants:read": "see merchants, fee plans and fees",
    "merchants:write": "register merchants and set fee plans",
    "orders:read": "see orders",
    "orders:write": "make orders",
    "takings:read": "see takings and settlements",
    "webhooks:read": "see webhooks and deliveries",
    "webhooks:write": "make webhooks and send deliveries again",
    "keys:read": "see keys (never their secrets)",
    "keys:write": "make, rotate and revoke keys",
    "staff:read": "see staff",
    "staff:write": "make and disable staff",
    "journals:propose": "propose journals",
    "approvals:read": "see what waits for a second person",
    "approvals:decide": "be the second person",
    "books:read": "see the trial balance",
    "day:read": "see the business day and the calendar",
    "day:write": "close the day and edit the calendar",
    "events:read": "see parked events",
    "events:write": "send parked events again",
    "audit:read": "see who did what",
}

_READS = frozenset(name for name in PERMISSIONS if name.endswith(":read"))
_OF_STAFF_ONLY = frozenset({"staff:write", "approvals:decide", "journals:propose"})
_OF_A_MERCHANT = frozenset(
    {
        "payments:read",
        "payments:capture",
        "payments:cancel",
        "payments:refund",
        "merchants:read",
        "orders:read",
        "orders:write",
        "takings:read",
        "webhooks:read",
        "webhooks:write",
        "day:read",
    }
)

KEY_PERMISSIONS: Final[dict[KeyKind, frozenset[str]]] = {
    KeyKind.BANK: frozenset(PERMISSIONS) - _OF_STAFF_ONLY,
    KeyKind.MERCHANT: _OF_A_MERCHANT,
    KeyKind.PARTNER: frozenset({"payments:read", "orders:read", "orders:write", "webhooks:read", "webhooks:write"}),
}
"""The most that a key of each kind can hold. A merchant's never debits a payer; decisions of a second person need a person."""

ROLE_PERMISSIONS: Final[dict[Role, frozenset[str]]] = {
    Role.OPERATOR: (_READS - {"audit:read", "keys:read", "staff:read", "books:read"})
    | {
        "customers:write",
        "customers:freeze",
        "accounts:write",
        "accounts:freeze",
        "limits:write",
        "payments:cancel",
        "payments:refund",
        "merchants:write",
        "webhooks:write",
        "events:write",
    },
    Role.ACCOUNTANT: frozenset(
        {
            "accounts:read",
            "payments:read",
            "takings:read",
            "journals:propose",
            "approvals:read",
            "approvals:decide",
            "books:read",
            "day:read",
            "day:write",
        }
    ),
    Role.AUDITOR: _READS,
    Role.ADMIN: frozenset({"keys:read", "keys:write", "staff:read", "staff:write", "events:read", "audit:read"}),
}


def permissions_of(roles: frozenset[Role]) -> frozenset[str]:
    return frozenset[str]().union(*(ROLE_PERMISSIONS[role] for role in roles))


class Token(msgspec.Struct, frozen=True):
    """What a caller shows: a public part that finds the row, and a secret of 256 bits. Never logged, never stored."""

    kind: str
    public_id: str
    secret: str

    def __str__(self) -> str:
        return f"tb_{self.kind}_{self.public_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.public_id})"

    @property
    def secret_hash(self) -> bytes:
        return sha256(self.secret.encode()).digest()


def fresh_token(kind: str, chance: Callable[[int], bytes]) -> Token:
    """A token from `chance(n)`, n random bytes: `secrets.token_bytes` at the edge, a seeded source in tests."""
    secret = urlsafe_b64encode(chance(32)).rstrip(b"=").decode()
    return Token(kind, chance(8).hex(), secret)


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """`permissions` None: all that the kind can hold and the maker may give."""

    id: UUID
    kind: KeyKind
    permissions: tuple[str, ...] | None = None
    subject_id: UUID | None = None
    expires_at: datetime | None = None
    note: str | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """`principal_id` is who acts through this key; a rotated key keeps it."""

    id: UUID
    public_id: str
    principal_id: UUID
    kind: KeyKind
    subject_id: UUID | None
    permissions: frozenset[str]
    note: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    rotated_to: UUID | None
    last_used_on: date | None

    def is_over(self, at: datetime) -> bool:
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= at)


class NewStaff(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    username: str
    name: str
    roles: frozenset[Role]


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    username: str
    name: str
    roles: frozenset[Role]
    status: str
    created_at: datetime


class Session(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    staff: Staff
    expires_at: datetime


SESSION_LASTS: Final = timedelta(hours=10)
SESSION_IDLES: Final = timedelta(minutes=30)
SEEN_EVERY: Final = timedelta(minutes=1)
"""A session's `seen_at` is written at most this often."""

FREE_TRIES: Final = 4
_LONGEST_LOCK_S: Final = 3600


def lock_after(failures: int) -> timedelta | None:
    """How long a user name is locked after its n-th wrong password in a row: 5 s after the fifth, twice as long each time."""
    if failures <= FREE_TRIES:
        return None
    return timedelta(seconds=min(5 * 2 ** min(failures - FREE_TRIES - 1, 20), _LONGEST_LOCK_S))
