"""Look at the books: entries, balances at a point in time, statements, trial balances. No locks."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.ledger import store
from tongbao.ledger.model import Entry

_FIRST = date(1, 1, 1)
_LAST = date(9999, 12, 31)
_NEWEST = 2**62


class Statement(msgspec.Struct, frozen=True):
    """One account over some booking days: opening + sum of entries = closing. Entries are oldest first."""

    account_id: int
    first: date
    last: date
    opening_minor: int
    closing_minor: int
    entries: list[Entry]
    complete: bool


class TrialLine(msgspec.Struct, frozen=True):
    """One general-ledger line; balance = credits - debits since the bank began."""

    gl_line: str
    name: str
    name_zh: str
    gl_class: str
    currency: str
    balance_minor: int


async def entries(
    tx: Tx,
    account_id: int,
    *,
    below: int | None = None,
    first: date | None = None,
    last: date | None = None,
    most: int = 50,
) -> list[Entry]:
    """An account's postings, newest first; the next page is asked for with `below` = the last entry's version."""
    below, above = _NEWEST if below is None else below, 0
    if last is not None:
        below = min(below, await store.version_at(tx, account_id, day=last) + 1)
    if first is not None:
        above = await store.version_at(tx, account_id, day=first - timedelta(1)) if first > _FIRST else 0
    return await store.entries(
        tx, account_id, below=below, above=above, first=first or _FIRST, last=last or _LAST, most=most
    )


async def balance_at(tx: Tx, account_id: int, at: datetime) -> int:
    """The balance as it was recorded at a moment, in minor units."""
    version = await store.version_at(tx, account_id, at=at)
    found = await entries(tx, account_id, below=version + 1, most=1) if version else []
    return found[0].balance_minor if found else 0


async def balance_on_value_date(tx: Tx, account_id: int, day: date) -> int:
    """The balance by value date: everything valued up to and on `day`, whenever it was booked."""
    summed = await store.last_summed_day(tx, before=_LAST)
    above = await store.version_at(tx, account_id, day=summed) if summed else 0
    return await store.balance_on_value_date(tx, account_id, day, above=above)


async def statement(tx: Tx, account_id: int, first: date, last: date, *, most: int = 10_000) -> Statement:
    """The booking days `first` to `last` of an account; `complete` is False where more than `most` entries lie in them."""
    newest_first = await entries(tx, account_id, first=first, last=last, most=most + 1)
    complete = len(newest_first) <= most
    newest_first = newest_first[:most]
    newest_first.reverse()
    if newest_first:
        opening = newest_first[0].balance_minor - newest_first[0].amount_minor
        closing = newest_first[-1].balance_minor
    else:
        before = await entries(tx, account_id, last=first, most=1)
        opening = closing = before[0].balance_minor if before else 0
    return Statement(account_id, first, last, opening, closing, newest_first, complete)


async def trial_balance(tx: Tx) -> list[TrialLine]:
    """The books at this moment: sums to zero in every currency."""
    return [TrialLine(*row[:6]) for row in await store.live_trial_balance(tx)]


async def closed_trial_balance(tx: Tx, day: date) -> list[tuple[Any, ...]]:
    """The trial balance of the newest close up to `day`: date, line, names, class, currency, entity, branch, sums."""
    return await store.trial_balance(tx, day)


async def gl_lines(tx: Tx) -> dict[str, tuple[str, str]]:
    """The name of each line of the chart, in English and in Chinese, by its code."""
    return {row[0]: (row[1], row[2]) for row in await store.gl_lines(tx)}


async def postings_of(tx: Tx, transfer_ids: list[UUID]) -> list[tuple[Any, ...]]:
    """(transfer, posting, debit, credit, amount, currency, value date, balances after, recorded_at, booking date) in order."""
    return await store.postings_of(tx, transfer_ids)


async def proved_postings(tx: Tx) -> int:
    """How many postings have been proved so far."""
    return await store.proved_postings(tx)
