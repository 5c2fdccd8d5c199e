"""The ledger's nouns. Amounts are integers of minor units; balance = credits - debits, for every account."""

from __future__ import annotations

from datetime import date, datetime
from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec


class State(IntEnum):
    OPEN = 1
    FROZEN = 2
    CLOSED = 3


STATE_MOVES: dict[State, frozenset[State]] = {
    State.OPEN: frozenset({State.FROZEN, State.CLOSED}),
    State.FROZEN: frozenset({State.OPEN}),
    State.CLOSED: frozenset(),
}


class Forced(StrEnum):
    """The named codes that may put an account below its floor. Spending never does."""

    LIMIT_CUT = "limit_cut"
    INTEREST = "interest"
    FEE = "fee"
    CHARGEBACK = "chargeback"
    SCHEME_FORCE_POST = "scheme_force_post"
    CORRECTION = "correction"
    IMPORT = "import"


class Account(msgspec.Struct):
    """One account as it was read or locked. Mutable: inside a `Book` it is the working copy."""

    id: int
    balance_minor: int
    held_minor: int
    excess_minor: int
    floor_minor: int | None
    version: int
    recorded_at: datetime
    state: State
    currency: str
    gl_line: str
    controls: list[int]

    @property
    def available_minor(self) -> int | None:
        """What may still be spent; None where there is no floor (the bank's own accounts)."""
        return None if self.floor_minor is None else self.balance_minor - self.held_minor - self.floor_minor

    @property
    def is_control(self) -> bool:
        """A memo account: it moves along with the accounts that name it, and nothing is posted to it directly."""
        return self.gl_line[0] == "9"


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account to open. `floor_minor=None`: never refused. `hottest`: many payments meet on it; it is locked last.

    `controls`: memo accounts of the same currency that move along with it, each a limit over several accounts.
    """

    currency: str
    gl_line: str
    at: datetime
    floor_minor: int | None = 0
    hottest: bool = False
    controls: tuple[int, ...] = ()
    legal_entity: str = "main"
    branch: str = "main"


class Posting(msgspec.Struct, frozen=True):
    """Moves `amount_minor` from `debit` to `credit`. `value_date` None: the booking date."""

    debit: int
    credit: int
    amount_minor: int
    currency: str
    value_date: date | None = None


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Postings that stand or fall together, and their reason.

    `hold`: this transfer captures from that hold; `final` gives the rest of the hold back.
    """

    id: UUID
    kind: str
    postings: tuple[Posting, ...]
    hold: UUID | None = None
    final: bool = True
    forced: Forced | None = None
    reverses: UUID | None = None
    reason: str | None = None


class NewHold(msgspec.Struct, frozen=True, kw_only=True):
    """Sets `amount_minor` of an account aside until `expires_at`."""

    id: UUID
    account_id: int
    amount_minor: int
    currency: str
    expires_at: datetime


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Gives what is left of a hold back to its account."""

    hold: UUID


Item = Transfer | NewHold | Release


class Hold(msgspec.Struct):
    id: UUID
    account_id: int
    amount_minor: int
    left_minor: int
    captured_minor: int
    expires_at: datetime


class Entry(msgspec.Struct, frozen=True):
    """A posting seen from one of its accounts: signed amount, and the balance after it."""

    account_id: int
    version: int
    amount_minor: int
    balance_minor: int
    counterparty_id: int
    posting_id: int
    transfer_id: UUID
    recorded_at: datetime
    booking_date: date
    value_date: date
    currency: str
    kind: str


class Posted(msgspec.Struct, frozen=True):
    """The item was done. `recorded_at` is when; `replayed` if it had been done before."""

    recorded_at: datetime
    booking_date: date
    replayed: bool = False
