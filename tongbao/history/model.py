"""History's nouns: the rows of a bank's past as they are read, and the report of having brought it in."""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

CURRENCY: Final = "CZK"
"""The one currency of the source."""

LARGEST_BATCH: Final = 500
FIRST_REJECTED: Final = 50
"""How many rejected lines a report shows; all of them are in `history.rejected`."""


class Malformed(Exception):
    """Why a line cannot be taken: a stable code, and what stood there."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Rejected(msgspec.Struct, frozen=True):
    file: str
    line: int
    reason: str
    detail: str


class District(msgspec.Struct, frozen=True):
    id: int
    name: str
    region: str
    figures: list[str]


class Client(msgspec.Struct, frozen=True):
    id: int
    born_on: date
    district_id: int


class Account(msgspec.Struct, frozen=True):
    id: int
    district_id: int
    statements: str
    opened_on: date
    line: int


class Disposition(msgspec.Struct, frozen=True):
    id: int
    client_id: int
    account_id: int
    kind: str


class Card(msgspec.Struct, frozen=True):
    id: int
    disposition_id: int
    kind: str
    issued_on: date


class Loan(msgspec.Struct, frozen=True):
    id: int
    account_id: int
    granted_on: date
    amount_minor: int
    months: int
    instalment_minor: int
    outcome: str


class StandingOrder(msgspec.Struct, frozen=True):
    id: int
    account_id: int
    to_bank: str
    to_account: str
    amount_minor: int
    symbol: str


class Movement(msgspec.Struct, frozen=True, gc=False):
    """One transaction of the past. `place` counts rows in the order of posting, from 1; `change_minor` is signed.

    `printed_minor` is the balance that the bank printed after it.
    """

    place: int
    line: int
    id: int
    account_id: int
    day: date
    change_minor: int
    printed_minor: int
    gl_line: str
    kind: str
    reason: str


class DriftedDay(msgspec.Struct, frozen=True):
    """An account-day on which no printed balance lies close enough to ours."""

    account_id: int
    day: date
    ours_minor: int
    nearest_printed_minor: int
    allowed_minor: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `tongbao replay bank` says.

    `rows` are the rows of trans.asc, rejected ones included; `rejected` counts the lines of all files. Of the rows that
    were not rejected, `posted` were posted by this run, `already_posted` by an earlier one, and `nothing_to_post` are
    interest that the bank had rounded to zero. `ledger_difference_minor` is the largest difference between what the
    ledger holds for an account and what the rows say.
    """

    rows: int
    rows_per_s: int
    rejected: int
    max_difference_minor: int
    beyond_rounding: int
    trial_balance_minor: int
    posted: int
    already_posted: int
    nothing_to_post: int
    account_days: int
    ledger_difference_minor: int
    districts: int
    clients: int
    accounts: int
    dispositions: int
    cards: int
    loans: int
    orders: int
    first_day: date | None
    last_day: date | None
    booked_on: date
    elapsed_ms: int
    first_rejected: list[Rejected]
    first_beyond: list[DriftedDay]
