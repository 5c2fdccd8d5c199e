"""What staff post by hand, and the close of a period: one person proposes with a reason, another approves.

`KINDS` maps the kinds of approval to the verb that each one runs; the app hands it to `approvals.propose` and `decide`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import approvals, days
from tongbao.base.approvals import Approval
from tongbao.base.db import Tx
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.ledger import refusals as no
from tongbao.ledger import store
from tongbao.ledger.book import LARGEST_TRANSFER
from tongbao.ledger.model import Forced, Posting, Transfer
from tongbao.ledger.post import post

JOURNAL: Final = "ledger.journal"
CLOSE_PERIOD: Final = "ledger.close_period"
MAY_PROPOSE: Final = "journals:propose"
NOT_BY_HAND: Final = frozenset({"2030", "2040"})
"""Takings and acquirer clearing: the end of a day compares them with payments and batches, and stops where they differ."""


class JournalLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Moves `amount_minor` from account `debit` to account `credit`: balanced line by line."""

    debit: int
    credit: int
    amount_minor: int
    currency: str


class Journal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lines stand or fall together. `value_date` None: the day on which it is approved.

    A journal may take an account below its floor (`forced`): corrections do.
    """

    lines: tuple[JournalLine, ...]
    value_date: date | None = None
    forced: Forced | None = None


class _Period(msgspec.Struct, frozen=True):
    last_day: date


async def propose_journal(
    tx: Tx, principal: Principal, journal: Journal, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files a journal for a second person. `id` becomes the transfer's id when it is approved.

    Refuses `permission_missing`, `journal_not_whole`, `period_closed`, `transfer_size`, `account_unknown`,
    `account_is_control`, `journal_line_refused`, `accounts_must_be_different`, `amount_not_positive`, `amount_too_large`,
    `currency_mismatch`, and what `approvals.propose` refuses.
    """
    principal.require(MAY_PROPOSE)
    await _check(tx, journal)
    return await approvals.propose(
        tx, principal, KINDS, id=id, kind=JOURNAL, payload=msgspec.to_builtins(journal), reason=reason, at=at
    )


async def propose_period_close(
    tx: Tx, principal: Principal, last_day: date, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files the close of everything up to `last_day`. Refuses `permission_missing`, `period_not_over`, `period_closed`."""
    principal.require(MAY_PROPOSE)
    await _check_period(tx, last_day)
    payload = msgspec.to_builtins(_Period(last_day))
    return await approvals.propose(
        tx, principal, KINDS, id=id, kind=CLOSE_PERIOD, payload=payload, reason=reason, at=at
    )


async def post_journal(tx: Tx, approval: Approval) -> None:
    """Posts an approved journal. What has changed since it was proposed is checked again."""
    _, at = approvals.decider(approval)
    journal = _read(approval.payload, Journal)
    await _check(tx, journal)
    postings = tuple(Posting(i.debit, i.credit, i.amount_minor, i.currency, journal.value_date) for i in journal.lines)
    # The reason stays with the approval, which has the same id: books hold no free text.
    transfer = Transfer(id=approval.id, kind="journal", postings=postings, forced=journal.forced)
    outcome = (await post(tx, [transfer], at))[0]
    if isinstance(outcome, Refusal):
        raise outcome


async def close_period(tx: Tx, approval: Approval) -> None:
    """Closes a period that was approved. Refuses `period_not_over`, `period_closed`."""
    by, at = approvals.decider(approval)
    last_day = _read(approval.payload, _Period).last_day
    await _check_period(tx, last_day)
    await store.close_period(tx, last_day, at, by.id)


async def closed_period(tx: Tx) -> date | None:
    """The last day whose period is closed; None where no period has been closed."""
    return await store.last_closed_period(tx)


KINDS: Final[approvals.Kinds] = {JOURNAL: post_journal, CLOSE_PERIOD: close_period}


def _read(payload: dict[str, Any], into: type[Any]) -> Any:
    try:
        return msgspec.convert(payload, into)
    except msgspec.ValidationError as error:
        raise no.JOURNAL_NOT_WHOLE(str(error)) from error


async def _check(tx: Tx, journal: Journal) -> None:
    if not 1 <= len(journal.lines) <= LARGEST_TRANSFER:
        raise no.TRANSFER_SIZE()
    if journal.value_date is not None:
        closed = await store.last_closed_period(tx)
        if closed is not None and journal.value_date <= closed:
            raise no.PERIOD_CLOSED(f"closed through {closed}", field="value_date")
    await _check_lines(tx, journal.lines)


async def _check_lines(tx: Tx, lines: Sequence[JournalLine]) -> None:
    found = await store.accounts(tx, {i.debit for i in lines} | {i.credit for i in lines})
    for line in lines:
        if line.debit == line.credit:
            raise no.ACCOUNTS_MUST_BE_DIFFERENT(field="lines")
        if line.amount_minor <= 0:
            raise no.AMOUNT_NOT_POSITIVE(field="lines")
        if line.amount_minor > LARGEST_MINOR:
            raise no.AMOUNT_TOO_LARGE(field="lines")
        for account_id in (line.debit, line.credit):
            account = found.get(account_id)
            if account is None:
                raise no.ACCOUNT_UNKNOWN(str(account_id), field="lines")
            if account.is_control:
                raise no.ACCOUNT_IS_CONTROL(str(account_id), field="lines")
            if account.gl_line in NOT_BY_HAND:
                raise no.JOURNAL_LINE_REFUSED(f"{account_id} stands on line {account.gl_line}", field="lines")
            if account.currency != line.currency:
                raise no.CURRENCY_MISMATCH(f"{account_id} is kept in {account.currency}", field="lines")


async def _check_period(tx: Tx, last_day: date) -> None:
    if (await days.current(tx)).closed_through < last_day:
        raise no.PERIOD_NOT_OVER(field="last_day")
    closed = await store.last_closed_period(tx)
    if closed is not None and last_day <= closed:
        raise no.PERIOD_CLOSED(f"closed through {closed}", field="last_day")
