"""Proofs of the books that people ask for: one at a time in the whole bank, run by a worker, watched by whoever likes to.

Nothing but the prover's lock says who works on a proof: a worker that dies gives it up, and the next one goes on from the
marks that the dead one left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import audit, log, prove, sql
from tongbao.base.clock import Clock
from tongbao.base.db import BULK, Database, Tx, database_gone
from tongbao.base.principal import Principal
from tongbao.base.prove import Check, Done, Finding

Q = sql.load("tongbao.base")

MOST_KEPT: Final = 100
"""Findings that are kept of a check; `tongbao prove` names more."""
_TELL_EVERY: Final = timedelta(milliseconds=500)

logger = log.get(__name__)


class Checked(msgspec.Struct, frozen=True):
    """What became of a check. `found` counts what is wrong, `findings` are the first of it."""

    name: str
    invariants: tuple[str, ...]
    rows: int
    milliseconds: int
    found: int
    findings: tuple[Finding, ...]


class ProofRun(msgspec.Struct, frozen=True, kw_only=True):
    """`check_name` is what is looked at now, `done` of `total` rows of it. `postings`: how many stand proved in all.

    `trouble`: why it could not be brought to an end.
    """

    id: UUID
    is_full: bool
    asked_by: UUID
    asked_at: datetime
    began_at: datetime | None = None
    ended_at: datetime | None = None
    check_name: str | None = None
    done: int = 0
    total: int = 0
    checks: tuple[Checked, ...] = ()
    postings: int | None = None
    trouble: str | None = None

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def rows(self) -> int:
        """Rows that were looked at so far."""
        return sum(check.rows for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for check in self.checks for finding in check.findings)

    @property
    def found(self) -> int:
        return sum(check.found for check in self.checks)

    @property
    def holds(self) -> bool:
        """Whether it came to its end and found nothing."""
        return not self.is_open and self.trouble is None and self.found == 0

    def seconds(self, at: datetime) -> int:
        """How long it has taken, or took; a second that has begun counts."""
        took = (self.ended_at or at) - (self.began_at or self.asked_at)
        return max(0, -(-took // timedelta(seconds=1)))


async def ask(tx: Tx, principal: Principal, *, id: UUID, is_full: bool, at: datetime) -> ProofRun:
    """Asks for a proof. Where one is open, that one is the answer; the same id again is the same proof. Audited."""
    if await tx.run(Q["ask_proof"], id=id, is_full=is_full, by=principal.id, at=at):
        await audit.record(tx, principal, "books.prove", id, at=at, details={"from_the_beginning": is_full})
    found = await newest(tx, id)
    assert found is not None
    return found


async def newest(tx: Tx, id: UUID | None = None) -> ProofRun | None:
    """The proof of an id if there is one, else the open one, else the last one."""
    row = await tx.row(Q["proof_run"], id=id)
    return _run(row) if row else None


async def ended(tx: Tx, *, most: int = 10) -> list[ProofRun]:
    """The last proofs that have ended, newest first."""
    return [_run(row) for row in await tx.rows(Q["proof_runs"], most=most)]


async def run_asked(
    db: Database, checks: Sequence[Check], clock: Clock, postings: Callable[[Tx], Awaitable[int]]
) -> ProofRun | None:
    """Runs the proof that somebody has asked for, and tells in its row how far it is; None where there is nothing to do now:
    nobody has asked, or another proof is at work. An edge: it owns its transactions.

    Cut short, or with the database gone, it stays open and is gone on with by whoever comes next.
    """
    async with db.read() as tx:
        row = await tx.row(Q["open_proof"])
    if row is None:
        return None
    async with Database(db.url, size=4, limits=BULK, name="tongbao prove") as own:
        running = _Running(own, _run(row), clock)
        try:
            await running.through(checks)
        except prove.ProofRuns:
            return None
        except Exception as error:
            if database_gone(error):
                raise
            logger.exception("proof_stumbled")
            running.trouble = log.redacted(f"{type(error).__name__}: {error}")[:500]
        return await running.end(postings)


class _Running:
    """A proof at work: what it is at, written down every half second beside it and never in its way."""

    def __init__(self, db: Database, run: ProofRun, clock: Clock) -> None:
        self.trouble: str | None = None
        self._db = db
        self._run = run
        self._clock = clock
        self._at: str | None = None
        self._done = self._total = 0
        self._checks: list[Checked] = []
        self._told: tuple[object, ...] = ()
        self._began_at: datetime | None = None

    async def through(self, checks: Sequence[Check]) -> None:
        """Proves. Raises what `prove.prove` raises."""
        proving = asyncio.create_task(
            prove.prove(
                self._db,
                checks,
                self._clock,
                full=self._run.is_full,
                pace=prove.BRISK,
                on_progress=self._progress,
                on_begin=self._begin,
                on_done=self._finish,
            )
        )
        try:
            while not proving.done():
                await asyncio.wait({proving}, timeout=_TELL_EVERY.total_seconds())
                await self._tell()
            await proving
        finally:
            proving.cancel()
            await asyncio.gather(proving, return_exceptions=True)

    async def end(self, postings: Callable[[Tx], Awaitable[int]]) -> ProofRun:
        """Writes down what became of it."""

        async def write(tx: Tx) -> ProofRun:
            many = None if self.trouble else await postings(tx)
            at, kept = self._clock.now(), _encode(self._checks)
            await tx.run(Q["end_proof"], id=self._run.id, at=at, checks=kept, postings=many, trouble=self.trouble)
            found = await newest(tx, self._run.id)
            assert found is not None
            return found

        return await self._db.retry(write)

    def _begin(self, check: Check) -> None:
        self._began_at = self._began_at or self._run.began_at or self._clock.now()
        self._at, self._done, self._total = check.name, 0, 0

    def _progress(self, _: str, done: int, total: int) -> None:
        self._done, self._total = done, total

    def _finish(self, done: Done) -> None:
        first = tuple(done.findings[:MOST_KEPT])
        self._checks.append(
            Checked(done.name, tuple(done.invariants), done.rows, done.milliseconds, len(done.findings), first)
        )

    async def _tell(self) -> None:
        """Says how far it is, where that has changed; who cannot be told just now is told the next time."""
        now = (self._at, self._done, self._total, len(self._checks))
        if self._began_at is None or now == self._told:
            return

        async def write(tx: Tx) -> None:
            await tx.run(
                Q["proof_progress"],
                id=self._run.id,
                began_at=self._began_at,
                check_name=self._at,
                done=self._done,
                total=self._total,
                checks=_encode(self._checks),
            )

        try:
            await self._db.retry(write)
        except Exception as error:
            logger.warning("proof_not_told", error=type(error).__name__)
            return
        self._told = now


def _encode(checks: Sequence[Checked]) -> str:
    return msgspec.json.encode(checks).decode()


def _run(row: tuple[Any, ...]) -> ProofRun:
    values = dict(zip(ProofRun.__struct_fields__, row, strict=True))
    return ProofRun(**{**values, "checks": msgspec.convert(values["checks"], tuple[Checked, ...])})
