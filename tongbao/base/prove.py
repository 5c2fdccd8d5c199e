"""`tongbao prove`: each slice recomputes what must be true of its own tables and names every row that is not.

A check works in short ranges with short transactions of its own, and remembers in `base.proof_mark` how far it has come,
so that the next run goes on from there. What it found wrong it does not step over: the next run finds it again. While the
bank is busy it works in small steps and rests between them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import settings, sql, writers
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx

Q = sql.load("tongbao.base")

MOST_FINDINGS: Final = 50
"""How many rows a range names of each kind: enough to see what happened, and a broken table ends in finite time."""

_BUSY_PER_S: Final = 20
"""Busy: at least so many transactions a second of others."""
_LONGEST_REST: Final = timedelta(seconds=5)


class Pace(msgspec.Struct, frozen=True):
    """What a proof leaves to others while the bank is busy: it works in steps of one part in `parts` of the usual size, and
    rests `rest` times as long as each of them took.
    """

    parts: int
    rest: int


GENTLE: Final = Pace(parts=10, rest=9)
"""For a proof that nobody waits for."""
BRISK: Final = Pace(parts=2, rest=1)
"""For a proof that somebody waits for."""


class Finding(msgspec.Struct, frozen=True):
    """One row that breaks an invariant: its number (docs/invariants.md), table, key, what should be there, what is."""

    invariant: str
    table: str
    key: str
    expected: str
    found: str


class Check(msgspec.Struct, frozen=True):
    """Invariants that are proved together. `run` yields what is wrong; a check that yields nothing holds.

    `restart` forgets what was proved before, for a proof from the beginning.
    """

    name: str
    invariants: Mapping[str, str]
    run: Callable[[Proof], AsyncIterator[Finding]]
    restart: Callable[[Proof, Tx], Awaitable[None]] | None = None


class Done(msgspec.Struct, frozen=True):
    """What became of a check: rows that it looked at, how long that took, what it found."""

    name: str
    invariants: Mapping[str, str]
    rows: int
    milliseconds: int
    findings: list[Finding]


class ProofRuns(Exception):
    """Another proof runs on this database; two at once would build on each other's halves."""


class Proof:
    """What a check is given: the database, its mark, the bank's zone, a way to say how far it is, and a pace."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        zone: ZoneInfo,
        on_progress: Callable[[str, int, int], None],
        pace: Pace = GENTLE,
    ) -> None:
        self.db = db
        self.clock = clock
        self.zone = zone
        self.pace = pace
        self.rows = 0
        self.busy = False
        self._on_progress = on_progress
        self._xid = 0
        self._looked_at_ns = 0
        self._began_ns = time.monotonic_ns()

    async def mark(self, name: str) -> int:
        """How far `name` has been proved; 0 at the start."""
        async with self.db.read() as tx:
            marks = {row[0]: row[1] for row in await tx.rows(Q["proof_marks"])}
        return marks.get(name, 0)

    async def set_mark(self, tx: Tx, name: str, through: int) -> None:
        """Remembers progress, in the transaction that made it."""
        await tx.run(Q["set_proof_mark"], name=name, through=through, at=self.clock.now())

    def progress(self, name: str, done: int, total: int) -> None:
        self._on_progress(name, done, total)

    async def settled(self, wait_s: int = 60) -> None:
        """Returns when every transaction that has written by now has ended: what they were given by sequences is visible.

        Raises TimeoutError where one of them lasts longer than `wait_s`.
        """
        if not await writers.have_ended(self.db, within_s=wait_s):
            raise TimeoutError(f"a transaction has run for over {wait_s} s")

    async def look_around(self) -> None:
        """Whether others are writing: transactions since the last look, over the time since then."""
        now_ns = time.monotonic_ns()
        async with self.db.read() as tx:
            xid = (await tx.rows(Q["next_transaction"]))[0][0]
        if self._looked_at_ns:
            self.busy = (xid - self._xid) * 10**9 >= _BUSY_PER_S * (now_ns - self._looked_at_ns)
        self._xid, self._looked_at_ns = xid, now_ns

    def step(self, largest: int) -> int:
        """Begins a step; how many rows it may have."""
        self._began_ns = time.monotonic_ns()
        return largest // self.pace.parts if self.busy else largest

    async def breathe(self, began_ns: int | None = None) -> None:
        """Ends a step: rests in proportion to it if the bank is busy."""
        worked_ns = time.monotonic_ns() - (self._began_ns if began_ns is None else began_ns)
        await self.look_around()
        if self.busy:
            rest = min(timedelta(microseconds=worked_ns * self.pace.rest // 1000), _LONGEST_REST)
            await asyncio.sleep(rest.total_seconds())
        self._began_ns = time.monotonic_ns()

    @property
    def at(self) -> datetime:
        """The present moment by the bank's clock."""
        return self.clock.now()


async def last_proved(tx: Tx) -> datetime | None:
    """When a proof last came on; None where the books were never proved."""
    return max((at for _, _, at in await tx.rows(Q["proof_marks"])), default=None)


async def prove(
    db: Database,
    checks: Sequence[Check],
    clock: Clock,
    *,
    full: bool = False,
    pace: Pace = GENTLE,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
    on_begin: Callable[[Check], None] = lambda _: None,
    on_done: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Runs the checks in order, from where the last proof stopped or, with `full`, from the beginning.

    `on_begin` and `on_done` hear of each check. Raises ProofRuns where another proof is at work.
    """
    async with db.read() as alone:
        if (await alone.rows(Q["only_prover"]))[0] != (True,):
            raise ProofRuns("another proof runs on this database")
        try:
            proof = Proof(db, clock, zone=settings.load().zone, on_progress=on_progress, pace=pace)
            await proof.look_around()
            await asyncio.sleep(timedelta(milliseconds=100).total_seconds())
            await proof.look_around()
            if full:
                async with db.tx() as tx:
                    for check in checks:
                        if check.restart is not None:
                            await check.restart(proof, tx)
            done: list[Done] = []
            for check in checks:
                on_begin(check)
                done.append(await _run(proof, check))
                on_done(done[-1])
            return done
        finally:
            await alone.rows(Q["proof_over"])


async def _run(proof: Proof, check: Check) -> Done:
    began_ns, rows = time.monotonic_ns(), proof.rows
    findings = [finding async for finding in check.run(proof)]
    took = (time.monotonic_ns() - began_ns) // 10**6
    return Done(check.name, check.invariants, proof.rows - rows, took, findings)
