"""A served bank on a PostgreSQL of its own with fsync on, whose parts are killed and started again by name."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.http.conftest import founded
from tongbao.base.embedded import SERVE, Cluster
from tongbao.base.ids import uuid7
from tongbao.base.migrate import migrate
from tongbao.cli import prove

PEOPLE = 60
SHOPS = 4
MONEY = 1_000_000


class Traffic(subprocess.Popen[bytes]):
    """Says a line a second into a file: a pipe that nobody reads would be full after minutes, and hold it up."""

    def __init__(self, command: list[str], said: Path, **how: Any) -> None:
        self.said = said
        with said.open("wb") as out:
            super().__init__(command, stdout=out, **how)


class Bank:
    """`kill("api")`, `kill("worker")`, `kill("postgres")`; `start` brings the part back, as a supervisor would.

    With more than one API process the others are called `api2`, `api3`, each on a port of its own.
    """

    def __init__(self, apis: int = 1) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tongbao-kill-"))
        self.cluster = Cluster(self.directory, SERVE)
        self.ports = {f"api{n}" if n > 1 else "api": _free_port() for n in range(1, apis + 1)}
        self.port = self.ports["api"]
        self.serve: list[str] = []
        """Options of each API process that is started from now on."""
        self.version: Path | None = None
        """An unpacked distribution that is run from now on instead of the one under test."""
        self.settings: dict[str, str] = {}
        """Settings, under their whole names, of what is started from now on."""
        self.logs: Path | None = None
        """A folder where each part leaves what it says; without one it says it to whoever runs the tests."""
        self.url = ""
        self.key = ""
        self.accounts: list[str] = []
        self.merchants: list[str] = []
        self.patience_s = 20
        """How long a request may take."""
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        # A connection for each request, as from strangers. A client makes a context of TLS, which takes longer than they do.
        self._http = httpx.Client(trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0))

    def open(self) -> Bank:
        self.cluster.start()
        self.url = self.cluster.ensure_database("bank")
        self.key = self._found()
        for part in (*self.ports, "worker"):
            self.start(part)
        self._furnish()
        return self

    def close(self) -> None:
        for name in list(self._parts):
            self.kill(name)
        self._http.close()
        self.cluster.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, part: str) -> None:
        if part == "postgres":
            self.cluster.start()
            return
        port = self.ports.get(part)
        command = ["work"] if port is None else ["serve", "--port", str(port), *self.serve]
        with (self.logs / part).open("ab") if self.logs else nullcontext() as said:
            self._parts[part] = subprocess.Popen(
                _python("tongbao.cli", *command),
                env=self.environment,
                cwd=self.version,
                stderr=said,
                start_new_session=True,
            )
        if port is not None:
            self.wait_ready(part=part)

    def stop(self, part: str, within_s: int = 60) -> int:
        """SIGTERM, as a supervisor does it; the exit status."""
        child = self._parts[part]
        child.terminate()
        status = child.wait(within_s)
        del self._parts[part]
        return status

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
        path = {"PYTHONPATH": str(self.version)} if self.version else {}
        key = {"TONGBAO_KEY": self.key} if self.key else {}
        own = {"TONGBAO_DATABASE_URL": self.url, "TONGBAO_LOG_LEVEL": "error"}
        # An earlier version knows nothing of the vault, and starts with no setting that it does not know.
        ours = {name: value for name, value in os.environ.items() if not self.version or name != "TONGBAO_KEYRING"}
        return {**ours, **path, **key, **own, **self.settings}

    def wait_ready(self, within_s: int = 180, part: str = "api") -> None:
        for _ in range(within_s * 10):
            try:
                if self._http.get(f"http://127.0.0.1:{self.ports[part]}/readyz", timeout=5).status_code == 200:
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
        return self._http.post(
            f"http://127.0.0.1:{self.port}{path}", json=body, headers=headers, timeout=self.patience_s
        )

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self._http.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=self.patience_s).json()

    def traffic(self, rate: int, seconds: int | None, port: int | None = None) -> Traffic:
        """Live traffic that knows its outcomes, with the auditor at its end; status 0 only if he agrees.

        `seconds` None: until it gets SIGTERM. `port`: of what stands in front of the API.
        """
        city = self.directory / "city.json"
        city.write_bytes(
            msgspec.json.encode(
                {
                    "accounts": [{"id": i, "owner": i, "balance": MONEY} for i in self.accounts],
                    "merchants": [{"id": i} for i in self.merchants],
                }
            )
        )
        command = _python("tongbao_sim", "load", "--url", f"http://127.0.0.1:{port or self.port}", "--json")
        command += ["--city", str(city), "--rate", str(rate), "--flat", "--seed", "7"]
        command += [] if seconds is None else ["--seconds", str(seconds)]
        return Traffic(
            command, self.directory / f"traffic-{time.monotonic_ns()}", env=self.environment, cwd=self.version
        )

    def proof(self) -> dict[str, Any]:
        return asyncio.run(prove.proof(self.url))

    def command(self, *words: str) -> bytes:
        """What `tongbao WORDS` says on stdout; raises where it fails."""
        done = subprocess.run(
            _python("tongbao.cli", *words),
            env=self.environment,
            cwd=self.version,
            stdout=subprocess.PIPE,
            check=True,
            timeout=120,
        )
        return done.stdout

    def _found(self) -> str:
        """The present schema, the first day, and the bank's key, which is returned."""
        if self.version:
            self.command("migrate")
            return msgspec.json.decode(self.command("key", "create", "--json"))["key"]
        migrate(self.url)
        with ThreadPoolExecutor(1) as pool:  # a browser that is driven from this thread has a loop running in it
            return pool.submit(asyncio.run, founded(self.url)).result()

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


def summary_of(traffic: Traffic, within_s: int = 180) -> dict[str, Any]:
    """The last line that the traffic said."""
    traffic.wait(within_s)
    return msgspec.json.decode(traffic.said.read_bytes().strip().rsplit(b"\n", 1)[-1])


def _python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
