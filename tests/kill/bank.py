"""A served bank on a PostgreSQL of its own with fsync on, whose parts are killed and started again by name."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tongbao import identity
from tongbao.base.db import Database
from tongbao.base.embedded import SERVE, Cluster
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.cli import prove

PEOPLE = 60
SHOPS = 4
MONEY = 1_000_000


class Bank:
    """`kill("api")`, `kill("worker")`, `kill("postgres")`; `start` brings the part back, as a supervisor would."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tongbao-kill-"))
        self.cluster = Cluster(self.directory, SERVE)
        self.port = _free_port()
        self.url = ""
        self.key = ""
        self.accounts: list[str] = []
        self.merchants: list[str] = []
        self._parts: dict[str, subprocess.Popen[bytes]] = {}

    def open(self) -> Bank:
        self.cluster.start()
        self.url = self.cluster.ensure_database("bank")
        self._command("migrate")
        self.start("api")
        self.start("worker")
        asyncio.run(self._issue_key())
        self._furnish()
        return self

    def close(self) -> None:
        for name in list(self._parts):
            self.kill(name)
        self.cluster.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, part: str) -> None:
        if part == "postgres":
            self.cluster.start()
            return
        command = ["serve", "--port", str(self.port)] if part == "api" else ["work"]
        self._parts[part] = subprocess.Popen(
            [sys.executable, "-m", "tongbao.cli", *command], env=self.environment, start_new_session=True
        )
        if part == "api":
            self.wait_ready()

    def kill(self, part: str) -> None:
        """SIGKILL: no warning, no clean-up."""
        if part == "postgres":
            self.cluster.kill()
            return
        child = self._parts.pop(part)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def pid(self, part: str) -> int:
        return self._parts[part].pid

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TONGBAO_DATABASE_URL": self.url, "TONGBAO_LOG_LEVEL": "error"}

    def wait_ready(self, within_s: int = 60) -> None:
        for _ in range(within_s * 10):
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise TimeoutError("the bank did not become ready")

    def post(self, path: str, body: dict[str, Any], id_: str | None = None) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Idempotency-Key": id_ or str(uuid7(datetime.now(UTC))),
        }
        return httpx.post(f"http://127.0.0.1:{self.port}{path}", json=body, headers=headers, timeout=20)

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=20).json()

    def traffic(self, rate: int, seconds: int) -> subprocess.Popen[bytes]:
        """Live traffic that knows its outcomes, with the auditor at its end; status 0 only if he agrees."""
        city = self.directory / "city.json"
        city.write_bytes(
            msgspec.json.encode(
                {
                    "accounts": [{"id": i, "owner": i, "balance": MONEY} for i in self.accounts],
                    "merchants": [{"id": i} for i in self.merchants],
                }
            )
        )
        command = [sys.executable, "-m", "tongbao_sim", "load", "--url", f"http://127.0.0.1:{self.port}", "--json"]
        command += ["--city", str(city), "--rate", str(rate), "--seconds", str(seconds), "--flat", "--seed", "7"]
        return subprocess.Popen(command, env={**os.environ, "TONGBAO_KEY": self.key}, stdout=subprocess.PIPE)

    def proof(self) -> dict[str, Any]:
        return asyncio.run(prove.proof(self.url))

    def _command(self, *words: str) -> None:
        subprocess.run([sys.executable, "-m", "tongbao.cli", *words], env=self.environment, check=True, timeout=120)

    async def _issue_key(self) -> None:
        token = identity.fresh_token("bank", secrets.token_bytes)
        at = datetime.now(UTC)
        async with Database(self.url) as db, db.tx() as tx:
            await identity.issue_key(
                tx, identity.NewKey(id=uuid7(at), kind=identity.KeyKind.BANK), token, by=SYSTEM, at=at
            )
        self.key = str(token)

    def _furnish(self) -> None:
        for n in range(PEOPLE):
            customer = self.post("/v1/customers", {"kind": "person", "name": f"Person {n}"}).json()["id"]
            account = self.post("/v1/accounts", {"customer_id": customer, "currency": "CNY"}).json()["id"]
            self.post("/v1/topups", {"account_id": account, "amount": MONEY, "currency": "CNY"}).raise_for_status()
            self.accounts.append(account)
        for n in range(SHOPS):
            merchant = self.post("/v1/merchants", {"name": f"Shop {n}"})
            merchant.raise_for_status()
            self.merchants.append(merchant.json()["id"])


def summary_of(traffic: subprocess.Popen[bytes], within_s: int = 180) -> dict[str, Any]:
    """The last line that the traffic said."""
    said, _ = traffic.communicate(timeout=within_s)
    return msgspec.json.decode(said.strip().rsplit(b"\n", 1)[-1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
