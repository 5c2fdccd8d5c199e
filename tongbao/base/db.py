"""Transactions, the one global lock order, time limits and bounded retries over async psycopg.

A verb takes a `Tx` first and never commits. The edge (a route, a job, a command, a batch) owns the transaction:

    async with db.tx() as tx:
        await some_verb(tx, ...)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from enum import IntEnum
from random import random
from typing import Any, LiteralString, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection, conninfo
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tongbao.base import columns
from tongbao.base.refusal import RefusalKind

BUSY = RefusalKind(
    "busy", 503, "The bank is busy. Try again with the same id.", "系统繁忙，请使用同一编号重试。", retryable=True
)

_T = TypeVar("_T")

RETRYABLE = (DeadlockDetected, SerializationFailure, LockNotAvailable)


class Rank(IntEnum):
    """The order in which every verb and job takes its locks; hottest last."""

    IDS = 1
    PAYMENTS = 2
    HOLDS = 3
    COUNTERS = 4
    RISK = 5
    ACCOUNTS = 6


class CommitUnknown(Exception):
    """The connection was lost at COMMIT: look the ids up, never answer by guess."""


class NotCommitted(Exception):
    """A verb swallowed an error of the database and went on: COMMIT was answered by ROLLBACK, nothing was written."""


class Tx:
    """One open transaction. Rows are plain tuples; a slice's `store.py` makes nouns of them."""

    __slots__ = ("_cursor", "_later", "_rank", "conn", "statements_since_account_lock")

    def __init__(self, conn: AsyncConnection[tuple[Any, ...]]) -> None:
        self.conn = conn
        self._cursor = conn.cursor(binary=True)
        self._rank: int = 0
        self._later: list[tuple[LiteralString, dict[str, Any]]] = []
        self.statements_since_account_lock: int | None = None

    async def rows(self, query: LiteralString, **params: Any) -> list[tuple[Any, ...]]:
        """Runs one statement; its rows, or none where it returns none."""
        self._count()
        if self._later:
            await self.flush()
        cursor = self._cursor
        await cursor.execute(query, params or None)
        return await cursor.fetchall() if cursor.description else []

    async def row(self, query: LiteralString, **params: Any) -> tuple[Any, ...] | None:
        found = await self.rows(query, **params)
        return found[0] if found else None

    async def run(self, query: LiteralString, **params: Any) -> int:
        """Runs one statement; the number of rows it touched."""
        await self.rows(query, **params)
        return self._cursor.rowcount

    def write(self, query: LiteralString, **params: Any) -> None:
        """Runs one statement later: together with COMMIT in one round trip, or before this transaction's next statement.

        For writes whose rows nobody asks for. They stay in order, and what they refuse is raised where they run.
        """
        self._count()
        self._later.append((query, params))

    async def flush(self, last: LiteralString | None = None) -> str | None:
        """Runs what `write` has put off, and then `last`, in one round trip; what the database said to `last`."""
        said = None
        later, self._later = self._later, []
        async with self.conn.pipeline():
            for query, params in later:
                await self.conn.cursor(binary=True).execute(query, params)
            if last is not None:
                said = await self.conn.execute(last)
        return said.statusmessage if said is not None else None

    def _count(self) -> None:
        if self.statements_since_account_lock is not None:
            self.statements_since_account_lock += 1

    async def lock(self, rank: Rank, query: LiteralString, keys: Iterable[Any], **params: Any) -> list[tuple[Any, ...]]:
        """The only way to lock: `query` takes row locks (or claims) on `keys`, which arrive sorted.

        Raises AssertionError when the rank does not rise: two verbs that met in another order could deadlock. Only
        ids may be claimed again, for what is made inside of what was claimed before.
        """
        if rank < self._rank or (rank == self._rank and rank is not Rank.IDS):
            raise AssertionError(f"lock of rank {rank.name} after rank {Rank(self._rank).name}")
        self._rank = rank
        found = await self.rows(query, keys=sorted(keys), **params)
        if rank is Rank.ACCOUNTS:
            self.statements_since_account_lock = 0
        return found

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail alone, for consumers of events; never used on the path of a payment."""
        rank, statements = self._rank, self.statements_since_account_lock
        await self.flush("SAVEPOINT part")
        try:
            yield
            # Fails where the part swallowed an error of the database, which then counts as its own.
            await self.flush("RELEASE part")
        except BaseException:
            self._later = []
            if not self.conn.closed:
                await asyncio.shield(self.conn.execute("ROLLBACK TO part"))
            # Going back to a savepoint gives up the locks that were taken after it, and only those.
            self._rank, self.statements_since_account_lock = rank, statements
            raise


class Limits:
    """Time limits of a pool's connections, in milliseconds. `MONEY` is for payments, `BULK` for jobs and reports."""

    def __init__(self, lock_ms: int, statement_ms: int, idle_ms: int) -> None:
        self.options = (
            f"-c lock_timeout={lock_ms} -c statement_timeout={statement_ms} "
            f"-c idle_in_transaction_session_timeout={idle_ms} -c timezone=UTC -c jit=off"
        )


MONEY = Limits(lock_ms=200, statement_ms=2_000, idle_ms=5_000)
BULK = Limits(lock_ms=2_000, statement_ms=600_000, idle_ms=60_000)


class Database:
    """A pool of connections with one set of time limits."""

    def __init__(self, url: str, *, size: int = 6, limits: Limits = MONEY, name: str = "tongbao") -> None:
        self.url = url
        self._size = size
        asked = conninfo.conninfo_to_dict(url).get("options") or ""
        self._pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            open=False,
            timeout=10,
            max_lifetime=1800,
            configure=_configure,
            # After this long the pool forgets its growing pauses; the next who asks for a connection starts it afresh.
            reconnect_timeout=10,
            kwargs={
                "options": f"{asked} {limits.options}".strip(),
                "application_name": name,
                "autocommit": True,
                "prepare_threshold": 1,
            },
        )

    async def open(self) -> Database:
        await self._pool.open(wait=True, timeout=30)
        return self

    async def close(self) -> None:
        await self._pool.close(timeout=5)

    async def __aenter__(self) -> Database:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """For look-ups that need no transaction: each statement sees the newest commit."""
        async with self._connection("") as conn:
            yield Tx(conn)

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        """One writing transaction: commits at the end of the block, rolls back on any exception.

        It has its id from the first moment, before it reads anything: closing a day waits for such ids (`days.close`).

        Raises CommitUnknown when the answer to COMMIT was lost, NotCommitted when the database rolled back instead.
        """
        async with self._connection("BEGIN; SELECT pg_current_xact_id()") as conn:
            tx = Tx(conn)
            try:
                yield tx
            except BaseException:
                if not conn.closed:
                    await asyncio.shield(_rollback(conn))
                raise
            try:
                said = await tx.flush("COMMIT")
            except psycopg.Error as error:
                if conn.closed or conn.broken:
                    raise CommitUnknown from error
                await asyncio.shield(_rollback(conn))
                raise
            if said != "COMMIT":
                raise NotCommitted(f"the database answered COMMIT with {said}")

    @asynccontextmanager
    async def _connection(self, first: LiteralString) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
        """A connection on which `first` went through.

        That statement is the check: a connection that a restarted server left dead in the pool is given up before any
        work is done on it, and the check costs a transaction no round trip of its own.
        """
        for spare in reversed(range(self._size + 1)):
            conn = await self._pool.getconn()
            try:
                await conn.execute(first, prepare=False)
            except BaseException as error:
                await self._pool.putconn(conn)
                if spare and isinstance(error, psycopg.Error) and conn.closed:
                    continue
                raise
            try:
                yield conn
            finally:
                await asyncio.shield(self._pool.putconn(conn))
            return

    async def retry(self, work: Callable[[Tx], Awaitable[_T]], *, times: int = 3) -> _T:
        """Runs `work` in a transaction of its own; again after a deadlock, a serialization failure or a lock time-out.

        Raises the refusal `busy` after `times` tries.
        """
        for attempt in range(1, times + 1):
            try:
                async with self.tx() as tx:
                    return await work(tx)
            except RETRYABLE as error:
                if attempt == times:
                    raise BUSY(retry_after_s=1) from error
            await asyncio.sleep(apart(0.01 * 2**attempt))
        raise ValueError("times is at least 1")


def apart(pause_s: float) -> float:
    """`pause_s` to twice that: two that timed out on each other's locks at one moment must not meet again."""
    return pause_s * (1 + random())


def database_gone(error: BaseException) -> bool:
    """Whether the connection or the server failed rather than the statement: SQLSTATE 08, 53, 57P, or none at all."""
    if isinstance(error, CommitUnknown | PoolTimeout):
        return True
    if not isinstance(error, psycopg.OperationalError) or isinstance(error, RETRYABLE):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "53", "57P"))


async def _configure(conn: AsyncConnection[Any]) -> None:
    """Every int travels as int8 and every list in binary: one prepared statement a query, whatever its numbers are."""
    columns.register(conn)
    conn.prepared_max = 1000  # all named statements of the bank
    set_json_loads(msgspec.json.decode, conn)


async def _rollback(conn: AsyncConnection[Any]) -> None:
    try:
        await conn.execute("ROLLBACK")
    except psycopg.Error:
        await conn.close()


__all__ = [
    "BULK",
    "BUSY",
    "MONEY",
    "RETRYABLE",
    "CommitUnknown",
    "Database",
    "Limits",
    "NotCommitted",
    "QueryCanceled",
    "Rank",
    "Tx",
    "apart",
    "database_gone",
]
