"""A served bank: `tongbao serve` in a process of its own, on a fresh database, reached over loopback.

`bank` is shared by the tests of a module: leave what you make, and lean on nothing that others made. It has a shop, two
people with money, a key of each kind, and staff who can log in.
"""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.embedded import Cluster
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.cli.migrate import found
from tongbao.identity import KeyKind, NewKey, NewStaff, Role

PASSWORD = "correct horse battery"
START_WITHIN_S = 30
RICH = 10_000_000
"""What each person begins with, in fen."""


class ServedBank:
    """Asks the bank as somebody: `bank`, `merchant`, `partner`, or any token."""

    def __init__(self, url: str, database: str, port: int) -> None:
        self.url = url
        self.database = database
        self.port = port
        self.tokens: dict[str, str] = {}
        self.http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)
        self.ann = self.bob = self.shop = UUID(int=0)
        """Ann's and Bob's accounts, and the shop."""

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: str | None = "bank",
        key: UUID | str | None = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> httpx.Response:
        """`key` is the Idempotency-Key; a POST gets a fresh one unless told. `raw` is a body that is no JSON of ours."""
        sent = {} if who is None else {"Authorization": f"Bearer {self.tokens.get(who, who)}"}
        if method == "POST" and key != "":
            sent["Idempotency-Key"] = str(key or uuid4())
        if raw is not None:
            sent["Content-Type"] = "application/json"
        content: dict[str, Any] = {"content": raw} if raw is not None else {"json": body} if body is not None else {}
        return await self.http.request(
            method, path, params=query or None, headers={**sent, **(headers or {})}, **content
        )

    async def make(self, path: str, body: Any, *, who: str = "bank") -> dict[str, Any]:
        answer = await self.ask("POST", path, body, who=who)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def person(self, name: str = "王小明", *, kind: str = "person") -> UUID:
        return UUID((await self.make("/v1/customers", {"kind": kind, "name": name}))["id"])

    async def account(self, amount: int = 0, currency: str = "CNY", customer: UUID | None = None) -> UUID:
        """A new account of a new person unless told, with `amount` in it."""
        owner = customer or await self.person()
        made = await self.make("/v1/accounts", {"customer_id": str(owner), "currency": currency})
        if amount:
            await self.make("/v1/topups", {"account_id": made["id"], "amount": amount, "currency": currency})
        return UUID(made["id"])

    def order(self, **other: Any) -> dict[str, Any]:
        """Ann pays Bob one yuan, unless told otherwise."""
        order = {
            "payer_account_id": str(self.ann),
            "payee_account_id": str(self.bob),
            "amount": 100,
            "currency": "CNY",
        }
        return {name: value for name, value in {**order, **other}.items() if value is not None}

    async def balance(self, account: UUID) -> int:
        return (await self.ask("GET", f"/v1/accounts/{account}")).json()["balance"]


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which has the form that RFC 9457 asks for."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["title_zh"]
    return answer.status_code, problem["code"]


@contextmanager
def clone(cluster: Cluster, template: str) -> Iterator[str]:
    name, admin = f"tongbao_http_{os.getpid()}_{secrets.token_hex(4)}", cluster.url("postgres")
    with psycopg.connect(admin, autocommit=True) as conn:
        copied = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        conn.execute(copied.format(sql.Identifier(name), sql.Identifier(template)))
    yield cluster.url(name)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(database: str, **settings: str) -> dict[str, str]:
    """For a child process: ours without the settings of whoever runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TONGBAO_", "PROMETHEUS_"))}
    keyring = {"TONGBAO_KEYRING": os.environ["TONGBAO_KEYRING"]}
    return {**own, **keyring, "TONGBAO_DATABASE_URL": database, "TONGBAO_LOG_LEVEL": "warning", **settings}


@contextmanager
def served(
    database: str, *options: str, trusting: ssl.SSLContext | None = None, **settings: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`tongbao serve` until the end of the block; its process and its port. By TLS where a client is `trusting`."""
    port = free_port()
    command = [sys.executable, "-m", "tongbao.cli", "serve", "--port", str(port), *options]
    child = subprocess.Popen(command, env=environment(database, **settings), start_new_session=True)
    try:
        _wait(child, port, trusting)
        yield child, port
    finally:
        if child.poll() is None:
            child.terminate()
        try:
            child.wait(40)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise


def _wait(child: subprocess.Popen[bytes], port: int, trusting: ssl.SSLContext | None) -> None:
    url = f"http://127.0.0.1:{port}/readyz" if trusting is None else f"https://localhost:{port}/readyz"
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        assert child.poll() is None, f"tongbao serve ended with {child.returncode}"
        try:
            if httpx.get(url, trust_env=False, verify=trusting or False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("tongbao serve did not become ready")


async def founded(url: str) -> str:
    """Makes a bank of an empty, migrated database; a bank key's token."""
    await found(url)
    async with Database(url, size=1, limits=BULK) as db, db.tx() as tx:
        return await issue(tx, KeyKind.BANK)


async def issue(tx: Any, kind: KeyKind, subject: UUID | None = None, **other: Any) -> str:
    token, at = identity.fresh_token(kind, secrets.token_bytes), SystemClock().now()
    new = NewKey(id=uuid7(at), kind=kind, subject_id=subject, **other)
    await identity.issue_key(tx, new, token, by=SYSTEM, at=at)
    return str(token)


async def staff(database: str, username: str, *roles: Role) -> None:
    """Somebody who logs in with PASSWORD."""
    at = SystemClock().now()
    new = NewStaff(id=uuid7(at), username=username, name=username, roles=frozenset(roles))
    hashed = identity.hash_password(PASSWORD, secrets.token_bytes(16))
    async with Database(database, size=1, limits=BULK) as db, db.tx() as tx:
        await identity.create_staff(tx, new, hashed, by=SYSTEM, at=at)


@pytest.fixture(scope="module")
async def bank(cluster: Cluster, template: str) -> AsyncIterator[ServedBank]:
    """See the top of this file."""
    with clone(cluster, template) as database:
        token = await founded(database)
        with served(database) as (_, port):
            bank = ServedBank(f"http://127.0.0.1:{port}", database, port)
            bank.tokens["bank"] = token
            async with bank.http:
                bank.ann, bank.bob = await bank.account(RICH), await bank.account(RICH)
                bank.shop = UUID((await bank.make("/v1/merchants", {"name": "兰州拉面"}))["id"])
                for kind, about in (
                    ("merchant", {"merchant_id": str(bank.shop)}),
                    ("partner", {"partner_id": str(uuid4())}),
                ):
                    answer = await bank.ask("POST", "/v1/keys", {"kind": kind, **about})
                    assert answer.status_code in (201, 422), answer.text
                    if answer.status_code == 201:
                        bank.tokens[kind] = answer.json()["key"]
                yield bank
