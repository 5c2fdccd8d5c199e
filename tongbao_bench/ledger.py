"""Postings a second: in batches, spread and with 80 % to one hot account, with 1, 2 and 4 processes; one a transaction over
1 to 64 connections; and `COPY` of the same rows, a transfer and a posting each, in transactions of the same size. All of it
in turn, round after round; medians. Quote the ratios.

What posts is `ledger.post` with every constraint and index, and each transaction is on disk before the next one begins.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import uvloop

from tongbao import ledger
from tongbao.base import days, ids
from tongbao.base.db import BULK, Database
from tongbao_bench.own_database import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNTS = 10_000
BATCHES = (1, 10, 100, 1000)
PROCESSES = (1, 2, 4)
CONNECTIONS = (1, 4, 16, 64)
COPY_ROWS = 50_000
HOT_SHARE = 0.8


class Work(NamedTuple):
    """One thing to measure. With several `connections` a process, each posts one transfer a transaction."""

    batch: int
    processes: int
    connections: int = 1
    hot: bool = False

    @property
    def name(self) -> str:
        if self.connections > 1 or self.processes > len(PROCESSES) + 1:
            return f"one a transaction, {self.connections * self.processes} connections"
        return f"batch {self.batch}, {self.processes} processes, {'hot' if self.hot else 'spread'}"


BATCHED = [Work(b, p, hot=hot) for b in BATCHES for p in PROCESSES for hot in (False, True)]
SINGLE = {c: Work(1, min(c, 2), connections=c // min(c, 2)) for c in CONNECTIONS}
"""One a transaction gets a process for each core: two are its best."""


async def found(url: str) -> list[int]:
    at = datetime.now(UTC)
    async with Database(url, limits=BULK) as db, db.tx() as tx:
        await days.found(tx, at.date())
        new = ledger.NewAccount(currency="CNY", gl_line="2010", at=at, floor_minor=-(10**12))
        hot = ledger.NewAccount(currency="CNY", gl_line="2010", at=at, hottest=True)
        return await ledger.open_accounts(tx, [new] * ACCOUNTS + [hot])


def transfers(accounts: list[int], chance: random.Random, *, hot: bool) -> Iterator[ledger.Transfer]:
    """Payments between two of the accounts; four of five to the last account where that is hot."""
    *people, busy = accounts
    at = datetime.now(UTC)
    while True:
        payer, payee = chance.sample(people, 2)
        if hot and chance.random() < HOT_SHARE:
            payee = busy
        posting = ledger.Posting(payer, payee, chance.randint(1, 10_000), "CNY")
        yield ledger.Transfer(id=ids.uuid7(at, chance.getrandbits), kind="payment", postings=(posting,))


async def run(db: Database, work: Work, accounts: list[int], seconds: float, seed: int) -> tuple[int, float]:
    """Posts as much as goes into `seconds`, of batches made beforehand; how many and in what time."""
    made = transfers(accounts, random.Random(seed), hot=work.hot)
    most = int(seconds * (4_000 if work.batch == 1 else 45_000)) // work.batch + 1
    batches = [[next(made) for _ in range(work.batch)] for _ in range(most)]
    posted = 0

    async def one() -> None:
        nonlocal posted
        while batches and time.perf_counter() < ends:
            batch = batches.pop()
            async with db.tx() as tx:
                outcomes = await ledger.post(tx, batch, datetime.now(UTC))
            posted += sum(isinstance(outcome, ledger.Posted) for outcome in outcomes)

    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began = time.perf_counter()
    ends = began + seconds
    await asyncio.gather(*(one() for _ in range(work.connections)))
    return posted, time.perf_counter() - began


async def serve(url: str, accounts: list[int]) -> None:
    """A process that does what its standard input says, a line of JSON each, and answers in kind."""
    async with Database(url, size=max(CONNECTIONS), limits=BULK) as db:
        while line := await asyncio.to_thread(sys.stdin.readline):
            work, seconds, seed = json.loads(line)
            print(json.dumps(await run(db, Work(*work), accounts, seconds, seed)), flush=True)


class Workers:
    """Four processes that wait for work."""

    def __init__(self, url: str, accounts: list[int]) -> None:
        command = [sys.executable, "-m", "tongbao_bench.ledger"]
        self._seeds = count()
        self._children = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(max(PROCESSES))
        ]
        for child in self._children:
            self._tell(child, {"url": url, "accounts": accounts})

    def measure(self, work: Work, seconds: float) -> float:
        """Postings a second of all processes that the work needs; they start together when all are ready."""
        used = self._children[: work.processes]
        for child in used:
            self._tell(child, [work, seconds, next(self._seeds)])
        for child in used:
            assert child.stdout is not None
            child.stdout.readline()
        for child in used:
            self._tell(child, "go")
        found = [json.loads(child.stdout.readline()) for child in used if child.stdout]
        return sum(posted for posted, _ in found) / max(took for _, took in found)

    def close(self) -> None:
        for child in self._children:
            assert child.stdin is not None
            child.stdin.close()
            child.wait(timeout=30)

    @staticmethod
    def _tell(child: subprocess.Popen[str], what: object) -> None:
        assert child.stdin is not None
        child.stdin.write(json.dumps(what) + "\n")
        child.stdin.flush()


@contextmanager
def workers(url: str, accounts: list[int]) -> Iterator[Workers]:
    made = Workers(url, accounts)
    try:
        yield made
    finally:
        made.close()


class Copy:
    """The same rows by COPY into the same tables: what this server could write at most without deciding anything."""

    TRANSFERS = b"COPY ledger.transfer (id, kind, booking_date, recorded_at, postings) FROM STDIN"
    POSTINGS = (
        b"COPY ledger.posting (transfer_id, recorded_at, debit, credit, amount_minor, debit_version, credit_version, "
        b"debit_balance, credit_balance, booking_date, value_date, currency) FROM STDIN"
    )

    def __init__(self, url: str) -> None:
        self._conn = psycopg.connect(url)
        self._version = dict.fromkeys(range(10**9, 10**9 + ACCOUNTS), 0)
        self._chance = random.Random(0)

    def measure(self, transaction: int) -> float:
        """Postings a second, each with its transfer, in transactions of so many."""
        made = [self._rows() for _ in range(COPY_ROWS)]
        parts = [made[n : n + transaction] for n in range(0, COPY_ROWS, transaction)]
        data = [("".join(t for t, _ in part), "".join(p for _, p in part)) for part in parts]
        began = time.perf_counter()
        with self._conn.cursor() as cursor:
            for transfers, postings in data:
                with cursor.copy(self.TRANSFERS) as copy:
                    copy.write(transfers)
                with cursor.copy(self.POSTINGS) as copy:
                    copy.write(postings)
                self._conn.commit()
        return COPY_ROWS / (time.perf_counter() - began)

    def _rows(self) -> tuple[str, str]:
        at = datetime.now(UTC)
        day, versions, id_ = at.date(), self._version, ids.uuid7(at, self._chance.getrandbits)
        debit, credit = self._chance.sample(range(10**9, 10**9 + ACCOUNTS), 2)
        versions[debit] += 1
        versions[credit] += 1
        posting = (
            id_, at.isoformat(), debit, credit, self._chance.randint(1, 10_000), versions[debit], versions[credit],
            12_345, 67_890, day, day, "CNY",
        )  # fmt: skip
        return f"{id_}\tpayment\t{day}\t{at.isoformat()}\t1\n", "\t".join(map(str, posting)) + "\n"

    def close(self) -> None:
        self._conn.close()


def lone_commit_ms(url: str) -> float:
    """The median time of a transaction that writes one row and nothing else: the disk's own share."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE TABLE public.lone (at timestamptz)")
        took = []
        for _ in range(200):
            began = time.perf_counter()
            conn.execute("INSERT INTO public.lone VALUES (clock_timestamp())")
            took.append(1000 * (time.perf_counter() - began))
        conn.execute("DROP TABLE public.lone")
    return round(median(took), 3)


def widths(url: str) -> dict[str, int]:
    """Bytes on disk for each posting, with and without its indexes, and for the transfer that goes with it."""
    query = """
        SELECT sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid)) FROM pg_class c
        WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'r' AND c.relname LIKE %s
    """
    with psycopg.connect(url) as conn:
        result: dict[str, int] = {}
        for table in ("posting", "transfer"):
            (rows,) = conn.execute(f"SELECT count(*) FROM ledger.{table}".encode()).fetchone() or (1,)
            heap, indexes = conn.execute(query, [f"{table}%"]).fetchone() or (0, 0)
            result[f"{table}_bytes"] = int(heap) // max(rows, 1)
            result[f"{table}_index_bytes"] = int(indexes) // max(rows, 1)
    return result


def bench(url: str, *, rounds: int = 5, seconds: float = 1.0, said: Callable[[str], None] = lambda _: None) -> Any:
    """The whole comparison as one document."""
    accounts = asyncio.run(found(url))
    everything = [*BATCHED, *(work for c, work in SINGLE.items() if c > 1)]
    rates: dict[Work, list[float]] = {work: [] for work in everything}
    copied: dict[int, list[float]] = {max(BATCHES): [], COPY_ROWS: []}
    copy = Copy(url)
    lone = lone_commit_ms(url)
    with workers(url, accounts) as team:
        # Round 0 warms up: connections, prepared statements, pages.
        for n in range(rounds + 1):
            for work in everything:
                said(f"round {n} of {rounds}: {work.name}")
                rates[work].append(team.measure(work, seconds if n else 0.2))
            for transaction, found_rates in copied.items():
                found_rates.append(copy.measure(transaction))
    copy.close()
    for found_rates in (*rates.values(), *copied.values()):
        del found_rates[0]
    return document(rates, copied) | {
        "lone_commit_ms": lone,
        "row": widths(url),
        "settings": settings(url),
        "cores": os.cpu_count(),
        "rounds": rounds,
        "seconds": seconds,
    }


def document(rates: dict[Work, list[float]], copied: dict[int, list[float]]) -> dict[str, Any]:
    middle = {work: median(found) for work, found in rates.items()}

    def best(batch: int, *, hot: bool) -> float:
        return max(middle[Work(batch, p, hot=hot)] for p in PROCESSES)

    single = {c: middle[work] for c, work in SINGLE.items()}
    spread, hot, copy = best(1000, hot=False), best(1000, hot=True), median(copied[1000])
    return {
        "batch_100_per_s": round(best(100, hot=False)),
        "batch_1000_per_s": round(spread),
        "hot_1000_per_s": round(hot),
        "single_best_per_s": round(max(single.values())),
        "copy_rows_per_s": round(copy),
        "batch_1000_times_single": round(spread / max(single.values()), 2),
        "batch_1000_of_copy": round(spread / copy, 3),
        "hot_of_spread": round(hot / spread, 3),
        "batches": [
            {
                "batch": w.batch,
                "processes": w.processes,
                "hot": w.hot,
                "per_s": round(middle[w]),
                "rounds": _round(rates[w]),
            }
            for w in BATCHED
        ],
        "one_a_transaction": [
            {"connections": c, "processes": w.processes, "per_s": round(single[c]), "rounds": _round(rates[w])}
            for c, w in SINGLE.items()
        ],
        "copy": [{"transaction": n, "per_s": round(median(r)), "rounds": _round(r)} for n, r in copied.items()],
    }


def _round(rates: list[float]) -> list[int]:
    return [round(rate) for rate in rates]


if __name__ == "__main__":
    asked = json.loads(sys.stdin.readline())
    uvloop.run(serve(asked["url"], asked["accounts"]))
