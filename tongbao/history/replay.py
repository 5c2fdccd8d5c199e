"""Brings the past of a real bank into this one: every transaction of trans.asc becomes a transfer of the ledger.

Owns its transactions: it is an edge, like a job. Each batch posts at most 500 rows and moves the import's mark in one
transaction, so that a kill at any moment loses or doubles nothing; the next run goes on behind the mark. What does not
depend on the database is computed again by every run, so that the report is the same however often it was interrupted.

Booked on the open business day, valued on the day it happened: the bank's books of the past were somebody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao import ledger
from tongbao.base import days, ids
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.history import refusals as no
from tongbao.history import registers, store
from tongbao.history.drift import Drift
from tongbao.history.keep import NAMESPACE, keep
from tongbao.history.model import (
    CURRENCY,
    FIRST_REJECTED,
    LARGEST_BATCH,
    Malformed,
    Movement,
    Rejected,
    Report,
)
from tongbao.history.source import GL_LINES, TRANSACTIONS, Ids, Source, Survey, movement

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, of how much."""


class Batch(msgspec.Struct, frozen=True):
    """Rows in the order of posting: those that can be taken, those that cannot, and how many have been read with them."""

    movements: list[Movement]
    rejected: list[Rejected]
    upto: int


async def replay(
    db: Database,
    folder: Path,
    *,
    now: Callable[[], datetime],
    zone: ZoneInfo,
    bank_code: str,
    progress: Progress = lambda _what, _done, _total: None,
) -> Report:
    """Reads the bank in `folder` and posts it. Safe to repeat and to kill.

    A bank without a business day is founded with the clock's day.
    Refuses `source_file_missing`, `source_header_unknown`, `replay_running`.
    """
    began = now()
    files = Source(folder)
    progress("reading", 0, 1)
    survey = await asyncio.to_thread(files.survey)
    known = await asyncio.to_thread(registers.read, files)
    progress("reading", 1, 1)
    import_id = ids.derived(NAMESPACE, f"import {survey.digest.hex()}")
    async with db.tx() as tx:
        await days.found(tx, days.local_day(began, zone))
        booked_on = (await days.current(tx)).open_date
        mark = await store.begin_import(tx, import_id, survey.digest, began)
    opened = await keep(
        db,
        import_id,
        known,
        at=began,
        zone=zone,
        bank_code=bank_code,
        progress=lambda done, total: progress("clients and accounts", done, total),
    )
    posting = Posting(db, import_id, {account.id: opened[account.id] for account in known.accounts}, mark, now)
    await posting.prepare(survey)
    started = now()
    await posting.run(files, survey, progress)
    ended = now()
    async with db.tx() as tx:
        await store.finish_import(tx, import_id, ended)
    difference, trial = await posting.compare(survey)
    return _report(known, survey, posting, difference, trial, booked_on, ended - started, now() - began)


def _report(
    known: registers.Registers,
    survey: Survey,
    posting: Posting,
    difference_minor: int,
    trial_minor: int,
    booked_on: date,
    took: timedelta,
    elapsed: timedelta,
) -> Report:
    return Report(
        rows=posting.rows,
        rows_per_s=posting.rows * timedelta(seconds=1) // max(took, timedelta(microseconds=1)),
        rejected=len(known.rejected) + posting.rejected_count,
        max_difference_minor=posting.drift.largest_minor,
        beyond_rounding=posting.drift.beyond,
        trial_balance_minor=trial_minor,
        posted=posting.posted,
        already_posted=posting.already_posted,
        nothing_to_post=posting.nothing_to_post,
        account_days=posting.drift.account_days,
        ledger_difference_minor=difference_minor,
        districts=len(known.districts),
        clients=len(known.clients),
        accounts=len(known.accounts),
        dispositions=len(known.dispositions),
        cards=len(known.cards),
        loans=len(known.loans),
        orders=len(known.orders),
        first_day=survey.first_day,
        last_day=survey.last_day,
        booked_on=booked_on,
        elapsed_ms=elapsed // timedelta(milliseconds=1),
        first_rejected=[*known.rejected, *posting.rejected][:FIRST_REJECTED],
        first_beyond=posting.drift.first_beyond,
    )


class Posting:
    """One run over the transactions. `accounts`: from the account of the past to its number in the ledger."""

    def __init__(
        self, db: Database, import_id: UUID, accounts: dict[int, int], mark: int, now: Callable[[], datetime]
    ) -> None:
        self.db = db
        self.import_id = import_id
        self.accounts = accounts
        self.mark = mark
        self._clock = now
        self.drift = Drift()
        self.rows = self.taken = self.posted = self.nothing_to_post = self.rejected_count = 0
        self.rejected: list[Rejected] = []
        self._resumed_at = mark
        self._refused_before: dict[int, Rejected] = {}
        self._overlaps = False
        self._counter: dict[str, int] = {}
        self._opening: dict[int, tuple[int, int]] = {}

    @property
    def already_posted(self) -> int:
        return self.taken - self.posted - self.nothing_to_post

    async def prepare(self, survey: Survey) -> None:
        """Opens the bank's own accounts and looks at what other imports have left."""
        async with self.db.tx() as tx:
            at = self._clock()
            for line in sorted(GL_LINES):
                self._counter[line] = await ledger.own_account(tx, line, CURRENCY, at)
            self._refused_before = await store.rejected_lines(tx, self.import_id, TRANSACTIONS)
            self._overlaps = await store.other_imports(tx, self.import_id)
            if self._overlaps and survey.first_day is not None:
                eve = survey.first_day - timedelta(days=1)
                self._opening = await store.imported_between(tx, eve.replace(year=1900), eve)
        for account_id, (count, balance) in self._opening.items():
            self.drift.open(account_id, balance, count)

    async def run(self, files: Source, survey: Survey, progress: Progress) -> None:
        """Reads the next batch in a thread while the database writes this one."""
        batches = self._batches(files, survey)
        batch = await asyncio.to_thread(next, batches, None)
        while batch is not None:
            coming = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
            try:
                refused = await self._post(batch) if batch.upto > self.mark else self._refused_then(batch)
            except BaseException:
                await asyncio.wait([coming])
                raise
            self._count(batch, refused)
            progress("transactions", batch.upto, survey.rows)
            batch = await coming
        self.drift.finish()

    def _batches(self, files: Source, survey: Survey) -> Iterator[Batch]:
        seen = Ids()
        movements: list[Movement] = []
        rejected: list[Rejected] = []
        place = 0
        for line, raw in files.transactions(survey):
            place += 1
            try:
                found = movement(raw, place, line)
                if found.account_id not in self.accounts:
                    raise Malformed("unknown_account", str(found.account_id))
                if not seen.add(found.id):
                    raise Malformed("duplicate_id", str(found.id))
                movements.append(found)
            except Malformed as error:
                rejected.append(Rejected(TRANSACTIONS, line, error.reason, error.detail))
            if place % LARGEST_BATCH == 0:
                yield Batch(movements, rejected, place)
                movements, rejected = [], []
        if place % LARGEST_BATCH:
            yield Batch(movements, rejected, place)

    async def _post(self, batch: Batch) -> dict[int, Rejected]:
        """Posts what lies behind the mark; what the ledger refused, by line."""
        transfers = {m.id: self._transfer(m) for m in batch.movements if m.place > self.mark and m.change_minor}
        refused: dict[int, Rejected] = {}
        posted = 0

        async def work(tx: Tx) -> None:
            nonlocal posted
            refused.clear()
            posted = 0
            await store.not_yet_durable(tx)
            if not await store.move_mark(tx, self.import_id, self.mark, batch.upto):
                raise no.REPLAY_RUNNING()
            ids_ = [transfer.id for transfer in transfers.values()]
            known = await store.known_transfers(tx, ids_) if self._overlaps else {}
            wanted = {p for t in transfers.values() for p in (t.postings[0].debit, t.postings[0].credit)}
            book = await ledger.lock(tx, accounts=wanted, at=self._clock())
            for m in batch.movements:
                transfer = transfers.get(m.id)
                if transfer is None:
                    continue
                if transfer.id in known:
                    if known[transfer.id] != _as_known(transfer):
                        refused[m.line] = Rejected(TRANSACTIONS, m.line, "id_of_another_transaction", str(m.id))
                    continue
                outcome = book.apply(transfer)
                if isinstance(outcome, Refusal):
                    refused[m.line] = Rejected(TRANSACTIONS, m.line, outcome.code, outcome.detail or "")
                else:
                    posted += 1
            await book.write(tx)
            if batch.rejected or refused:
                await store.add_rejected(tx, self.import_id, [*batch.rejected, *refused.values()])

        await self.db.retry(work)
        before = self._refused_then(batch)
        self.mark = batch.upto
        self.posted += posted
        return before | refused

    def _transfer(self, m: Movement) -> ledger.Transfer:
        mine, other = self.accounts[m.account_id], self._counter[m.gl_line]
        debit, credit = (other, mine) if m.change_minor > 0 else (mine, other)
        posting = ledger.Posting(debit, credit, abs(m.change_minor), CURRENCY, m.day)
        return ledger.Transfer(
            id=transfer_id(m.id),
            kind=m.kind,
            postings=(posting,),
            # In file order an account may dip below zero for a moment, and the bank let some stay there at a penalty.
            forced=ledger.Forced.IMPORT,
            reason=m.reason or None,
        )

    def _refused_then(self, batch: Batch) -> dict[int, Rejected]:
        """What an earlier run found refused by the ledger among rows that look well formed."""
        if not self._refused_before:
            return {}
        lines = (m.line for m in batch.movements if m.place <= self._resumed_at)
        return {line: self._refused_before[line] for line in lines if line in self._refused_before}

    def _count(self, batch: Batch, refused: dict[int, Rejected]) -> None:
        self.rows = batch.upto
        wrong = sorted([*batch.rejected, *refused.values()], key=lambda r: r.line)
        self.rejected_count += len(wrong)
        self.rejected += wrong[: FIRST_REJECTED - len(self.rejected)]
        for m in batch.movements:
            if m.line not in refused:
                self.drift.take(m.account_id, m.day, m.change_minor, m.printed_minor)
                self.nothing_to_post += not m.change_minor
        self.taken += len(batch.movements) - len(refused)

    async def compare(self, survey: Survey) -> tuple[int, int]:
        """The largest difference between the ledger and the rows on any account, and what all balances add up to."""
        async with self.db.read() as tx:
            held: dict[int, tuple[int, int]] = {}
            if survey.first_day is not None and survey.last_day is not None:
                held = await store.imported_between(tx, survey.first_day, survey.last_day)
            trial: dict[str, int] = {}
            for line in await ledger.trial_balance(tx):
                trial[line.currency] = trial.get(line.currency, 0) + line.balance_minor
        difference = 0
        for account_id in self.accounts:
            ours = self.drift.balances.get(account_id, 0) - self._opening.get(account_id, (0, 0))[1]
            difference = max(difference, abs(ours - held.get(account_id, (0, 0))[1]))
        return difference, sum(abs(total) for total in trial.values())


def transfer_id(trans_id: int) -> UUID:
    return ids.derived(NAMESPACE, f"transaction {trans_id}")


def _as_known(transfer: ledger.Transfer) -> tuple[Any, ...]:
    posting = transfer.postings[0]
    return (transfer.kind, transfer.reason, posting.credit, posting.debit, posting.amount_minor, posting.value_date)
