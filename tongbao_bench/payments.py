"""Payments a second over HTTP: 64 connections from a process of its own, key check, limits, ledger, outbox, durable.

Beside it, in the same run and in turn: two API processes; a naive bank, which is the same bank with a transaction of its
own for each payment; the bank while `tongbao prove` goes through its books; payments that their payers have signed, each
checked and kept, suite by suite; and payments that are assessed by risk, with every feature and 50 rules, which is off in the others.
Quote the ratios; a figure alone proves nothing. Orders are made, and signed, before the clock runs.
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
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from tongbao import identity, ledger, risk, vault
from tongbao.base import approvals, days, ids
from tongbao.base.approvals import ApprovalState
from tongbao.base.db import BULK, Database
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.payments import canonical, canonical_moment
from tongbao_sim.client import Client, NoAnswer, NotSent

CONNECTIONS = 64
ACCOUNTS = 5_000
WARM_UP_S = 2
RUN_S = 8
ROUNDS = 3
PROVE_EVERY_S = 2
MOST_PER_S = 6_000
"""Orders that are made beforehand for each second."""

MOST_SIGNED_PER_S = 4_000
SUITES = {
    "ed25519": (vault.SignatureSuite.ED25519, ACCOUNTS),
    "es256": (vault.SignatureSuite.ES256, ACCOUNTS),
    "ps256": (vault.SignatureSuite.PS256, 8),
}
"""What payers' devices sign with, by its name in the figures, and how many keys are made: of RSA a few, as one takes a second."""

ASSESSED = {"TONGBAO_BATCH_LARGEST": "200", "TONGBAO_BATCH_IN_FLIGHT": "2", "TONGBAO_POOL_SIZE": "6"}
BATCHED = {**ASSESSED, "TONGBAO_RISK": "off"}
NAIVE = {
    "TONGBAO_BATCH_LARGEST": "1",
    "TONGBAO_BATCH_IN_FLIGHT": "16",
    "TONGBAO_POOL_SIZE": "20",
    "TONGBAO_RISK": "off",
}
RULES = 50


class Run(msgspec.Struct, frozen=True):
    """One measured stretch."""

    per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


class Devices(msgspec.Struct, frozen=True):
    """A key of each payer's device, in the order of the accounts: its id, and its private part as PEM."""

    ids: list[UUID]
    private: list[bytes]


async def furnish(url: str) -> tuple[str, list[UUID], dict[str, Devices]]:
    """A key of the bank's own, accounts with money, and of each payer a device in each suite."""
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
        await make_rules(db, at)
    devices = {name: _bind(url, [p.id for p in people], *kind) for name, kind in SUITES.items()}
    return str(token), [a.id for a in wanted], devices


async def make_rules(db: Database, at: datetime) -> None:
    """Rules over one feature each and the amount, proposed by one and approved by another, that nobody meets."""
    one, other = (
        Principal(id=ids.uuid7(at), kind=PrincipalKind.STAFF, permissions=frozenset({may}))
        for may in ("risk:write", "approvals:decide")
    )
    counts = [feature.name for feature in risk.CATALOGUE if feature.measure is risk.Measure.COUNT]
    for place in range(RULES):
        says = risk.RuleSays(
            expression=f"{counts[place % len(counts)]} > 1000000 and amount_minor > {place}.00 CNY and kind = 'payment'",
            action=risk.Action.CHALLENGE,
            points=10,
            mode=risk.Mode.LIVE,
            why_en="measured",
            why_zh="用于测速",
        )
        change = risk.RuleChange(rule_id=ids.uuid7(at), name=f"rule_{place:02}", expected=0, says=says)
        async with db.tx() as tx:
            filed = await risk.propose_rule(tx, one, change, id=ids.uuid7(at), reason="measured", at=at)
        async with db.tx() as tx:
            approved = ApprovalState.APPROVED
            await approvals.decide(tx, other, risk.KINDS, id=filed.id, state=approved, at=at, reason="measured")


def _bind(url: str, customers: list[UUID], suite: vault.SignatureSuite, most: int) -> Devices:
    """A device key of each with its entry in the audit, written at once as `identity.add_device_key` would write them one by one."""
    some = [vault.generate(suite) for _ in customers[:most]]
    keys = [some[place % most] for place in range(len(customers))]
    publics = [key.public() for key in keys]
    at = datetime.now(UTC)
    made = Devices(
        [ids.derived(id_, f"device key {public.kid}") for id_, public in zip(customers, publics, strict=True)],
        [key.to_pem(passphrase=None) for key in keys],
    )
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        columns = "id, customer_id, suite, jwk, thumbprint, name, made_at"
        with cursor.copy(f"COPY identity.device_key ({columns}) FROM STDIN") as copy:
            for id_, customer, public in zip(made.ids, customers, publics, strict=True):
                jwk = msgspec.json.encode(public.jwk).decode()
                copy.write_row((id_, customer, suite.value, jwk, public.kid, "device", at))
        columns = "booking_date, recorded_at, principal_id, principal_kind, action, subject, details"
        with cursor.copy(f"COPY base.audit ({columns}) FROM STDIN") as copy:
            for id_, customer in zip(made.ids, customers, strict=True):
                said = msgspec.json.encode({"device_key_id": str(id_), "suite": suite.value}).decode()
                copy.write_row((at.date(), at, SYSTEM.id, SYSTEM.kind.value, "device_key.add", str(customer), said))
    return made


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


def prepare(
    accounts: list[UUID], count: int, chance: random.Random, devices: Devices | None
) -> list[tuple[str, bytes]]:
    """Orders with their ids, each signed by its payer's device where there is one."""
    read = {pem: vault.PrivateKey.from_pem(pem, passphrase=None) for pem in set(devices.private)} if devices else {}
    keys = [read[pem] for pem in devices.private] if devices else []
    expires_at = canonical_moment(datetime.now(UTC) + timedelta(minutes=10))
    made: list[tuple[str, bytes]] = []
    for _ in range(count):
        place = chance.randrange(len(accounts))
        payer, payee = accounts[place], accounts[place - chance.randint(1, len(accounts) - 1)]
        id_, amount = ids.uuid7(datetime.now(UTC), chance.getrandbits), chance.randint(1, 5000)
        body: dict[str, Any] = {
            "payer_account_id": str(payer),
            "payee_account_id": str(payee),
            "amount": amount,
            "currency": "CNY",
        }
        if devices:
            said = {**_SAID, **body, "payment_id": str(id_), "amount_minor": amount, "expires_at": expires_at}
            del said["amount"]
            signature = keys[place].sign(canonical(said))
            body["proof"] = {
                "key_id": str(devices.ids[place]),
                "signature": urlsafe_b64encode(signature).rstrip(b"=").decode(),
                "nonce": said["nonce"],
                "expires_at": expires_at,
            }
        made.append((str(id_), msgspec.json.encode(body)))
    return made


_SAID: dict[str, Any] = {
    "type": "tongbao.order/1",
    "merchant_id": None,
    "order_id": None,
    "capture": "automatic",
    "arrives": "now",
    "method": "account",
    "reference": None,
    "nonce": "q83vEjRWeJCrze8SNFZ4kA",
}


async def load(port: int, key: str, orders: list[tuple[str, bytes]], seconds: float) -> Run:
    """Closed loop: each connection sends its next payment when it has the answer to the last."""
    took: list[float] = []
    errors = 0
    ends = time.perf_counter() + seconds

    async def one(client: Client) -> None:
        nonlocal errors
        while orders and time.perf_counter() < ends:
            id_, body = orders.pop()
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
    devices: Devices | None = None,
) -> Run:
    """One stretch in a process of its own, after a warm-up."""
    port = free_port()
    with served(url, processes, port, more), proved(url, again=proving):
        given = msgspec.json.encode((port, key, accounts, seed, devices))
        done = subprocess.run(
            [sys.executable, "-m", "tongbao_bench.payments"],
            input=given,
            stdout=subprocess.PIPE,
            check=True,
            timeout=180,
        )
    return msgspec.json.decode(done.stdout, type=Run)


@contextmanager
def proved(url: str, *, again: bool) -> Iterator[None]:
    """With `again`: the books are proved from where the last proof stopped, over and over, until the block ends."""
    if not again:
        yield
        return
    stop = threading.Event()
    said: list[subprocess.CompletedProcess[str]] = []

    def prove() -> None:
        environment = {**os.environ, "TONGBAO_DATABASE_URL": url}
        while not stop.is_set():
            command = [sys.executable, "-m", "tongbao.cli", "prove", "--json"]
            said.append(subprocess.run(command, env=environment, check=False, capture_output=True, text=True))
            stop.wait(PROVE_EVERY_S)

    prover = threading.Thread(target=prove)
    prover.start()
    try:
        yield
    finally:
        stop.set()
        prover.join()
    wrong = [done.stdout[:2_000] + done.stderr[-500:] for done in said if done.returncode]
    if wrong:
        raise RuntimeError(f"the books do not hold: {wrong[0]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bench(url: str, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """Rounds of: one process, signed in each suite, assessed by risk, naive, two processes, one while proving, in turn; medians over the rounds.

    `signed_*` without a suite's name is that of the quickest suite, which `signed_suite` names.
    """
    key, accounts, devices = asyncio.run(furnish(url))
    signed = {name: f"signed_{name}" for name in SUITES}
    runs: dict[str, list[Run]] = {name: [] for name in ("one", *signed.values(), "risk", "naive", "two", "proving")}
    for n in range(rounds):
        runs["one"].append(measure(url, key, accounts, 1, BATCHED, 4 * n))
        for suite, name in signed.items():
            runs[name].append(measure(url, key, accounts, 1, BATCHED, 4 * n, devices=devices[suite]))
        runs["risk"].append(measure(url, key, accounts, 1, ASSESSED, 4 * n))
        runs["naive"].append(measure(url, key, accounts, 1, NAIVE, 4 * n + 1))
        runs["two"].append(measure(url, key, accounts, 2, BATCHED, 4 * n + 2))
        runs["proving"].append(measure(url, key, accounts, 1, BATCHED, 4 * n + 3, proving=True))
    middle = {name: _median(found) for name, found in runs.items()}
    best = middle["one"]
    quickest = max(signed, key=lambda suite: middle[signed[suite]].per_s)
    of_it = middle[signed[quickest]]
    return {
        "per_s": best.per_s,
        "p50_ms": best.p50_ms,
        "p99_ms": best.p99_ms,
        "signed_suite": quickest,
        "signed_per_s": of_it.per_s,
        "signed_p99_ms": of_it.p99_ms,
        "signed_share": _share(runs[signed[quickest]], runs["one"]),
        **{f"{name}_per_s": middle[name].per_s for name in signed.values()},
        **{f"{name}_p99_ms": middle[name].p99_ms for name in signed.values()},
        **{f"{name}_share": _share(runs[name], runs["one"]) for name in signed.values()},
        "risk_per_s": middle["risk"].per_s,
        "risk_p99_ms": middle["risk"].p99_ms,
        "risk_share": _share(runs["risk"], runs["one"]),
        "risk_features": len(risk.CATALOGUE),
        "risk_rules": RULES,
        "naive_per_s": middle["naive"].per_s,
        "naive_p99_ms": middle["naive"].p99_ms,
        "times_naive": round(best.per_s / middle["naive"].per_s, 2),
        "two_processes_per_s": middle["two"].per_s,
        "two_processes_p99_ms": middle["two"].p99_ms,
        "while_proving_per_s": middle["proving"].per_s,
        "while_proving_share": _share(runs["proving"], runs["one"]),
        "errors": sum(run.errors for found in runs.values() for run in found),
        "connections": CONNECTIONS,
        "rounds": {name: msgspec.to_builtins(found) for name, found in runs.items()},
        "settings": _settings(url),
    }


def _settings(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        return dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
                [["fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "server_version"]],
            ).fetchall()
        )


def _share(runs: list[Run], of: list[Run]) -> float:
    """The middle one of the rounds' own ratios: what slows a whole round slows both."""
    return round(median(run.per_s / beside.per_s for run, beside in zip(runs, of, strict=True)), 3)


def _median(runs: list[Run]) -> Run:
    return Run(
        median(r.per_s for r in runs),
        median(r.p50_ms for r in runs),
        median(r.p99_ms for r in runs),
        sum(r.errors for r in runs),
    )


async def _loaded() -> Run:
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[int, str, list[UUID], int, Devices | None])
    port, key, accounts, seed, devices = given
    chance = random.Random(seed)
    most = MOST_SIGNED_PER_S if devices else MOST_PER_S
    warm, run = (prepare(accounts, seconds * most, chance, devices) for seconds in (WARM_UP_S, RUN_S))
    await load(port, key, warm, WARM_UP_S)
    return await load(port, key, run, RUN_S)


if __name__ == "__main__":
    import uvloop

    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_loaded())))
