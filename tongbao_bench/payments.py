"""Payments a second over HTTP: 64 connections from a process of its own, key check, limits, ledger, outbox, durable.

Beside it, in the same run and in turn: two API processes; a naive bank, which is the same bank with a transaction of its
own for each payment; and the bank while `tongbao prove` goes through its books. Quote the ratios; a figure alone proves
nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from tongbao import identity, ledger
from tongbao.base import days, ids
from tongbao.base.db import BULK, Database
from tongbao.base.principal import SYSTEM
from tongbao_sim.client import Client, NoAnswer, NotSent

CONNECTIONS = 64
ACCOUNTS = 5_000
WARM_UP_S = 2
RUN_S = 8
ROUNDS = 3
PROVE_EVERY_S = 2

BATCHED = {"TONGBAO_BATCH_LARGEST": "200", "TONGBAO_BATCH_IN_FLIGHT": "2", "TONGBAO_POOL_SIZE": "6"}
NAIVE = {"TONGBAO_BATCH_LARGEST": "1", "TONGBAO_BATCH_IN_FLIGHT": "16", "TONGBAO_POOL_SIZE": "20"}


class Run(msgspec.Struct, frozen=True):
    """One measured stretch."""

    per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


async def furnish(url: str) -> tuple[str, list[UUID]]:
    """A key of the bank's own, and accounts with money."""
    at = datetime.now(UTC)
    token = identity.fresh_token("bank", secrets.token_bytes)
    async with Database(url, limits=BULK) as db:
        async with db.tx() as tx:
            await days.found(tx, at.date())
            people = [
                identity.NewCustomer(id=ids.uuid7(at), kind=identity.CustomerKind.FIRM, name=f"firm {n}")
                for n in range(ACCOUNTS)
            ]
            await identity.register_customers(tx, people, by=SYSTEM, at=at)
            wanted = [identity.NewAccount(id=ids.uuid7(at), customer_id=p.id, currency="CNY") for p in people]
            await identity.open_accounts(tx, wanted, by=SYSTEM, at=at, bank_code="90001")
            new = identity.NewKey(id=ids.uuid7(at), kind=identity.KeyKind.BANK)
            await identity.issue_key(tx, new, token, by=SYSTEM, at=at)
        async with db.tx() as tx:
            own = await ledger.own_account(tx, "3010", "CNY", at)
            found = await identity.find_accounts(tx, [a.id for a in wanted])
            await ledger.post(
                tx,
                [
                    ledger.Transfer(
                        id=ids.uuid7(at),
                        kind="opening",
                        postings=(ledger.Posting(own, account.ledger_id, 10**9, "CNY"),),
                    )
                    for account in found.values()
                ],
                at,
            )
    return str(token), [a.id for a in wanted]


@contextmanager
def served(url: str, processes: int, port: int, more: dict[str, str]) -> Iterator[None]:
    """The bank, serving as it does in production, until the block ends."""
    environment = {**os.environ, "TONGBAO_DATABASE_URL": url, "TONGBAO_LOG_LEVEL": "warning", **more}
    command = [sys.executable, "-m", "tongbao.cli", "serve", "--port", str(port), "--processes", str(processes)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        asyncio.run(_ready(port))
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


async def _ready(port: int) -> None:
    for _ in range(300):
        try:
            async with Client("127.0.0.1", port, "", 1, timeout_s=2) as client:
                if (await client.get("/readyz"))[0] == 200:
                    return
        except (NotSent, NoAnswer):
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError("the bank did not become ready within 30 s")


async def load(port: int, key: str, accounts: list[UUID], seconds: float, seed: int) -> Run:
    """Closed loop: each connection sends its next payment when it has the answer to the last."""
    chance = random.Random(seed)
    names = [str(account) for account in accounts]
    took: list[float] = []
    errors = 0
    ends = time.perf_counter() + seconds

    async def one(client: Client) -> None:
        nonlocal errors
        while time.perf_counter() < ends:
            payer, payee = chance.sample(names, 2)
            body = (
                f'{{"payer_account_id":"{payer}","payee_account_id":"{payee}",'
                f'"amount":{chance.randint(1, 5000)},"currency":"CNY"}}'
            ).encode()
            id_ = str(ids.uuid7(datetime.now(UTC), chance.getrandbits))
            began = time.perf_counter()
            try:
                status, _ = await client.post("/v1/payments", body, id_)
            except (NotSent, NoAnswer):
                status = 0
            took.append(time.perf_counter() - began)
            errors += status != 201

    async with Client("127.0.0.1", port, key, CONNECTIONS, timeout_s=10) as client:
        began = time.perf_counter()
        await asyncio.gather(*(one(client) for _ in range(CONNECTIONS)))
        elapsed = time.perf_counter() - began
    took.sort()
    at = [took[min(len(took) - 1, len(took) * percent // 100)] * 1000 for percent in (50, 99)]
    return Run(round(len(took) / elapsed, 1), round(at[0], 2), round(at[1], 2), errors)


def measure(
    url: str,
    key: str,
    accounts: list[UUID],
    processes: int,
    more: dict[str, str],
    seed: int,
    *,
    proving: bool = False,
) -> Run:
    """One stretch in a process of its own, after a warm-up."""
    port = free_port()
    with served(url, processes, port, more), proved(url, again=proving):
        given = msgspec.json.encode((port, key, accounts, seed))
        done = subprocess.run(
            [sys.executable, "-m", "tongbao_bench.payments"],
            input=given,
            stdout=subprocess.PIPE,
            check=True,
            timeout=120,
        )
    return msgspec.json.decode(done.stdout, type=Run)


@contextmanager
def proved(url: str, *, again: bool) -> Iterator[None]:
    """With `again`: the books are proved from where the last proof stopped, over and over, until the block ends."""
    if not again:
        yield
        return
    stop = threading.Event()

    def prove() -> None:
        environment = {**os.environ, "TONGBAO_DATABASE_URL": url}
        while not stop.is_set():
            subprocess.run([sys.executable, "-m", "tongbao.cli", "prove", "--json"], env=environment, check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
            stop.wait(PROVE_EVERY_S)

    prover = threading.Thread(target=prove)
    prover.start()
    try:
        yield
    finally:
        stop.set()
        prover.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bench(url: str, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """Rounds of: one process, naive, two processes, one while proving, in turn; medians over the rounds."""
    key, accounts = asyncio.run(furnish(url))
    runs: dict[str, list[Run]] = {"one": [], "naive": [], "two": [], "proving": []}
    for n in range(rounds):
        runs["one"].append(measure(url, key, accounts, 1, BATCHED, 4 * n))
        runs["naive"].append(measure(url, key, accounts, 1, NAIVE, 4 * n + 1))
        runs["two"].append(measure(url, key, accounts, 2, BATCHED, 4 * n + 2))
        runs["proving"].append(measure(url, key, accounts, 1, BATCHED, 4 * n + 3, proving=True))
    with psycopg.connect(url) as connection:
        settings = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
                [["fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "server_version"]],
            ).fetchall()
        )
    middle = {name: _median(found) for name, found in runs.items()}
    best = middle["one"]
    return {
        "per_s": best.per_s,
        "p50_ms": best.p50_ms,
        "p99_ms": best.p99_ms,
        "naive_per_s": middle["naive"].per_s,
        "naive_p99_ms": middle["naive"].p99_ms,
        "times_naive": round(best.per_s / middle["naive"].per_s, 2),
        "two_processes_per_s": middle["two"].per_s,
        "two_processes_p99_ms": middle["two"].p99_ms,
        "while_proving_per_s": middle["proving"].per_s,
        "while_proving_share": round(middle["proving"].per_s / best.per_s, 3),
        "errors": sum(run.errors for found in runs.values() for run in found),
        "connections": CONNECTIONS,
        "rounds": {name: msgspec.to_builtins(found) for name, found in runs.items()},
        "settings": settings,
    }


def _median(runs: list[Run]) -> Run:
    return Run(
        median(r.per_s for r in runs),
        median(r.p50_ms for r in runs),
        median(r.p99_ms for r in runs),
        sum(r.errors for r in runs),
    )


async def _loaded() -> Run:
    port, key, accounts, seed = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[int, str, list[UUID], int])
    await load(port, key, accounts, WARM_UP_S, seed)
    return await load(port, key, accounts, RUN_S, seed + 1_000)


if __name__ == "__main__":
    import uvloop

    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_loaded())))
