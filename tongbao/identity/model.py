"""Identity's nouns: customers and their accounts, keys and what they may do, staff and their roles."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar
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

    def __repr__(self) -> str:
        return f"NewCustomer({self.id}, {self.kind.value})"


FULL_LEVEL: Final = 3
"""Seen at the counter, with the papers: no bound but the bank's limits."""


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer is called and his telephone number (E.164), in full or masked. Shows in no repr and so in no log."""

    name: str
    phone: str | None = None

    def __repr__(self) -> str:
        return "Details()"


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """`level`: how well the bank knows him, from 0 to `FULL_LEVEL`. Name and telephone lie in the vault (`people.py`)."""

    id: UUID
    kind: CustomerKind
    status: Standing
    created_at: datetime
    level: int = FULL_LEVEL
    unsealed: Details | None = None
    """Of a row that `seal_people` has not come to."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What may be paid at a level, in minor units of CNY; None: the level sets no bound. At level 0 nothing is."""

    level: int
    name: str
    per_payment_minor: int | None
    per_day_minor: int | None


class VerificationState(StrEnum):
    """`pending`: the provider has the question and has not decided. `failed`: it never said anything."""

    ASKED = "asked"
    PENDING = "pending"
    VERIFIED = "verified"
    MISMATCH = "mismatch"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        return self in (VerificationState.ASKED, VerificationState.PENDING)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """One question whether a name and an identity number belong together. Both lie in the vault."""

    id: UUID
    customer_id: UUID
    state: VerificationState
    asked_at: datetime
    decided_at: datetime | None
    tries: int
    """How often in a row there was no answer to go on with."""


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


class Counterparty(msgspec.Struct, frozen=True):
    """Whose account stands on the other side of a posting: its number in full, and its owner."""

    account_id: UUID
    number: str
    customer: Customer


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
    "payments:collect": "collect payments by codes that payers show",
    "payments:cancel": "cancel payments and recall transfers",
    "payments:refund": "refund",
    "payments:resolve": "ask other banks again and propose how a payment ended there",
    "schedules:read": "see scheduled payments and standing orders",
    "schedules:write": "schedule payments and standing orders",
    "risk:read": "see the rules, lists and features by which payments are judged",
    "risk:write": "propose rules and lists by which payments are judged",
    "switches:read": "see what is stopped",
    "switches:write": "stop kinds, methods and merchants, and take their payments again",
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
    "privacy:read": "see what people ask about their data, and who has left",
    "privacy:write": "answer what people ask about their data, and hold back erasure",
    "help:read": "see what customers ask for help with",
    "help:answer": "answer customers who ask for help",
}

_READS = frozenset(name for name in PERMISSIONS if name.endswith(":read"))
_OF_STAFF_ONLY = frozenset({"staff:write", "approvals:decide", "journals:propose", "help:answer", "risk:write"})
_OF_A_MERCHANT = frozenset(
    {
        "payments:read",
        "payments:capture",
        "payments:collect",
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
        "risk:write",
        "switches:write",
        "payments:cancel",
        "payments:refund",
        "payments:resolve",
        "merchants:write",
        "webhooks:write",
        "events:write",
        "privacy:write",
        "help:answer",
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
    Role.ADMIN: frozenset(
        {"keys:read", "keys:write", "staff:read", "staff:write", "events:read", "audit:read", "approvals:read"}
    ),
}


SECOND_PERSON: Final[dict[str, tuple[str, ...]]] = {
    "journals:propose": ("ledger.journal", "ledger.close_period"),
    "payments:resolve": ("payments.resolve",),
    "limits:write": ("payments.policy",),
    "risk:write": ("risk.rule", "risk.list", "risk.model", "risk.limit", "risk.stance", "payments.release"),
    "switches:write": ("payments.resume",),
    "customers:write": ("identity.raise_level", "identity.phone"),
    "customers:freeze": ("identity.unfreeze_customer", "identity.lift_restriction"),
    "accounts:freeze": ("identity.unfreeze_account",),
    "keys:write": ("identity.issue_key", "identity.rotate_key"),
    "staff:write": (
        "identity.enable_staff",
        "identity.staff_roles",
        "identity.reset_password",
        "identity.forget_factors",
    ),
    "privacy:write": ("govern.lift_hold",),
}
"""Dangerous rights: the kinds of proposal by which their holder does what he does not do alone."""


class VisitorKind(StrEnum):
    """Who logs in without being staff: a customer for himself, or a merchant's people for their shop."""

    CUSTOMER = "customer"
    SHOP = "shop"


OWN_PERMISSIONS: Final = {
    "me:read": "see one's own accounts and payments",
    "me:pay": "pay from one's own accounts, limit and freeze them",
}
"""Of customers alone, never of a key or a role. They open what is one's own: every route that takes them asks whose it is."""

VISITOR_PERMISSIONS: Final[dict[VisitorKind, frozenset[str]]] = {
    VisitorKind.CUSTOMER: frozenset(OWN_PERMISSIONS),
    VisitorKind.SHOP: KEY_PERMISSIONS[KeyKind.MERCHANT],
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

    def __repr__(self) -> str:
        return f"NewStaff({self.id}, {self.username})"


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    username: str
    name: str
    roles: frozenset[Role]
    status: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"Staff({self.id}, {self.username})"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """`limited`: it may do no more than set up an authenticator app."""

    id: UUID
    staff: Staff
    expires_at: datetime
    limited: bool = False


class VisitorSession(msgspec.Struct, frozen=True, kw_only=True):
    """`holder_id` is the customer, or the merchant that somebody acts for."""

    id: UUID
    kind: VisitorKind
    holder_id: UUID
    expires_at: datetime
    device_id: UUID | None = None


SESSION_LASTS: Final = timedelta(hours=10)
SESSION_IDLES: Final = timedelta(minutes=30)
SEEN_EVERY: Final = timedelta(minutes=1)
"""A session's `seen_at` is written at most this often."""

RENEWED_EVERY: Final = timedelta(minutes=15)
"""The secret of a visitor's session is replaced this often."""
RENEWAL_OVERLAP: Final = timedelta(minutes=1)
"""How long the secret before is still good once the new one was shown, and after which an offer that nobody took up is lost."""

FREE_TRIES: Final = 4
_LONGEST_LOCK_S: Final = 3600


def lock_after(tries: int) -> timedelta | None:
    """How long a secret takes no try after the n-th one in a row: 5 s after the fifth, twice as long each time."""
    if tries <= FREE_TRIES:
        return None
    return timedelta(seconds=min(5 * 2 ** min(tries - FREE_TRIES - 1, 20), _LONGEST_LOCK_S))


class Sort(StrEnum):
    """What a factor rests on: something that a person knows, has, or is. Two of one sort are not two factors."""

    KNOWLEDGE = "knowledge"
    POSSESSION = "possession"
    INHERENCE = "inherence"


class FactorKind(StrEnum):
    """What a customer proves himself with. `sms`: a code sent to his telephone; `totp`: one of his authenticator app.

    Of passkeys (WebAuthn) and keys of his own devices he may have several, in tables of their own.
    """

    PASSWORD = "password"
    PIN = "pin"
    SMS = "sms"
    TOTP = "totp"
    PASSKEY = "passkey"
    DEVICE = "device"

    @property
    def sort(self) -> Sort:
        """What it rests on at least; a passkey also shows whom it was unlocked by: `Factor.sorts`."""
        return Sort.KNOWLEDGE if self in (FactorKind.PASSWORD, FactorKind.PIN) else Sort.POSSESSION


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """A factor as its owner sees it. `shut_until`: until then it took, or takes, no try."""

    kind: FactorKind
    set_at: datetime
    preferred: bool
    shut_until: datetime | None
    sorts: frozenset[Sort]
    """All that it rests on."""
    name: str | None = None
    """What its owner calls a passkey or a device."""


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a customer has just shown of himself, checked. `capable`: good for large amounts.

    `evidence` is ready for JSON and holds no personal data: what others may check of it.
    """

    kind: FactorKind
    sorts: frozenset[Sort]
    capable: bool
    evidence: dict[str, Any]


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """A try that was taken: compare outside of any transaction, by `verify_password(stored, ...)`, then settle it.

    `stored` is None where nothing is set or nobody is known; the comparison takes as long.
    """

    holder_id: UUID
    kind: FactorKind
    number: int
    stored: str | None
    set_at: datetime | None

    def __repr__(self) -> str:
        return f"Guarded({self.holder_id}, {self.kind.value}, try {self.number})"


class CodePurpose(StrEnum):
    """What a one-time code is good for, and for nothing else."""

    REGISTER = "register"
    LOGIN = "login"
    PAY = "pay"
    RECOVER = "recover"
    PHONE = "phone"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Whose code it was and to which telephone it went, by the vault's fingerprint."""

    subject_id: UUID
    phone_fingerprint: bytes


class RegistrationStep(StrEnum):
    """How far somebody has come who registers."""

    BEGUN = "begun"
    """The telephone number is given; the code is awaited."""
    CONFIRMED = "confirmed"
    """The code was right; name, identity number and password are awaited."""
    COMPLETED = "completed"
    FORGOTTEN = "forgotten"


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the way to become a customer with the same id. `forms`: how many he has sent so far."""

    id: UUID
    phone_fingerprint: bytes | None
    phone_sealed: bytes | None
    code_id: UUID
    opened_at: datetime
    begun_at: datetime
    confirmed_at: datetime | None
    completed_at: datetime | None
    forgotten_at: datetime | None
    forms: int

    @property
    def step(self) -> RegistrationStep:
        if self.forgotten_at is not None:
            return RegistrationStep.FORGOTTEN
        if self.completed_at is not None:
            return RegistrationStep.COMPLETED
        return RegistrationStep.CONFIRMED if self.confirmed_at is not None else RegistrationStep.BEGUN


class RegistrationDay(msgspec.Struct, frozen=True):
    """Of those who began on a day: how many, how far they came; of those who came to the end, milliseconds and forms."""

    day: date
    begun: int
    confirmed: int
    completed: int
    middle_ms: int | None
    slow_ms: int | None
    forms: int | None


class RegistrationSteps(msgspec.Struct, frozen=True):
    """How many took each step and how many milliseconds the middle one of them needed for it, and forms to the end."""

    begun: int
    confirmed: int
    completed: int
    phone_ms: int | None
    code_ms: int | None
    rest_ms: int | None
    forms: int | None


class PendingLogin(msgspec.Struct, frozen=True, kw_only=True):
    """The password was right and the browser is new: a code is awaited."""

    id: UUID
    customer_id: UUID
    code_id: UUID
    begun_at: datetime
    ended_at: datetime | None


REGISTRATION_LASTS: Final = timedelta(hours=1)
"""From the first form to the last."""
REGISTRATION_FORMS: Final = 30
"""The most that one registration sends; whoever needs more begins anew."""
LOGIN_LASTS: Final = timedelta(minutes=10)
"""From the password to the code."""
BROWSER_KNOWN: Final = timedelta(days=180)
"""A browser is a stranger again that was not seen for so long."""
