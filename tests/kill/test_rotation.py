"""New keys and another cipher under a bank at work: people pay, register and are looked up, and nobody notices."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, LiteralString, Self

import httpx
import msgspec
import psycopg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.kill.bank import Bank
from tests.kill.under_load import UnderLoad, until
from tongbao.base.clock import SystemClock
from tongbao.base.ids import uuid7
from tongbao.vault import Keyring

pytestmark = pytest.mark.timeout(600)

RATE = 30
"""Stories a second: the machine has the ciphers to change beside them."""


class KeyedBank(Bank):
    """With a keyring of its own, which gets new root keys."""

    def __init__(self, folder: Path) -> None:
        super().__init__(apis=2)
        keyring = Keyring.create(folder / "keyring", SystemClock().now())
        self.settings = {"TONGBAO_KEYRING": str(keyring.path), "TONGBAO_WEBHOOK_PRIVATE": "true"}

    def proof(self) -> dict[str, Any]:
        """In a process of its own, which opens this keyring and no other."""
        return msgspec.json.decode(self.command("prove", "--json"))

    def rotate(self, *how: str) -> dict[str, Any]:
        return msgspec.json.decode(self.command("vault", "rotate", "--json", *how))

    def roots(self) -> set[str]:
        """Root keys under which keks and the key of the blind indexes are."""
        return {row[0] for row in self._rows("SELECT root_id FROM vault.kek UNION SELECT root_id FROM vault.index_key")}

    def data(self) -> dict[str, int]:
        """By suite, as the second byte of what is sealed names it."""
        names = {1: "AES-256-GCM", 2: "SM4-GCM"}
        rows = self._rows("SELECT get_byte(sealed, 1), count(*) FROM vault.datum GROUP BY 1")
        return {names[number]: many for number, many in rows}

    def _rows(self, query: LiteralString) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()


class Shop(ThreadingHTTPServer):
    """Hears of its payments, signed with a secret that the vault opens for each of them, for as long as the block lasts."""

    daemon_threads = True

    def __init__(self, bank: Bank) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        order = {"merchant_id": bank.merchants[0], "url": f"http://127.0.0.1:{self.server_port}/heard"}
        answer = bank.post("/v1/webhooks", order).raise_for_status()
        self.id, self.signed = answer.json()["id"], Webhook(answer.json()["secret"])
        self.heard, self.forged = 0, 0
        self._thread = threading.Thread(target=self.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def has_heard_everything(self, bank: Bank) -> None:
        """Each delivery arrived, under its own signature."""
        until(lambda: set(self._deliveries(bank)) == {"delivered"}, "the shop has not heard everything")
        assert self.forged == 0
        assert self.heard >= self._deliveries(bank)["delivered"] > 0

    def _deliveries(self, bank: Bank) -> dict[str, int]:
        query = "SELECT state, count(*) FROM merchants.delivery WHERE endpoint_id = %s GROUP BY state"
        with psycopg.connect(bank.url) as connection:
            return dict(connection.execute(query, [self.id]).fetchall())


class _Door(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        shop = self.server
        assert isinstance(shop, Shop)
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            shop.signed.verify(body, {name.lower(): value for name, value in self.headers.items()})
            shop.heard += 1
        except WebhookVerificationError:
            shop.forged += 1
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Newcomers:
    """People who register one after the other for as long as the block lasts, and are read and found again at once."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(2)]
        self.known: dict[str, tuple[str, str]] = {}
        self.wrong: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, many: int) -> None:
        """Waits until so many more are customers."""
        enough = len(self.known) + many
        until(lambda: len(self.known) >= enough or bool(self.wrong), "nobody registers")

    def all_known(self) -> None:
        """Everybody who registered is still who he said."""
        assert self.wrong == []
        with self._client(0) as http:
            for id_, (name, phone) in self.known.items():
                person = http.get(f"/v1/customers/{id_}").raise_for_status().json()
                assert (person["name"], person["phone"]) == (name, phone)

    def _run(self, number: int) -> None:
        with self._client(number) as http:
            while not self._stop.is_set():
                try:
                    self._one(http, number)
                except Exception as error:
                    self.wrong.append(repr(error))

    def _one(self, http: httpx.Client, number: int) -> None:
        id_, so_far = str(uuid7(SystemClock().now())), len(self.known)
        name, phone = f"新客{number}号{so_far}", f"+8613{number}{so_far:08}"
        order = {"kind": "person", "name": name, "phone": phone}
        http.post("/v1/customers", json=order, headers={"Idempotency-Key": id_}).raise_for_status()
        person = http.get(f"/v1/customers/{id_}").raise_for_status().json()
        assert (person["name"], person["phone"]) == (name, phone)
        found = http.get("/v1/customers", params={"phone": phone}).raise_for_status().json()["items"]
        assert id_ in {one["id"] for one in found}
        self.known[id_] = (name, phone)

    def _client(self, number: int) -> httpx.Client:
        port = [*self._bank.ports.values()][number]
        headers = {"Authorization": f"Bearer {self._bank.key}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedBank]:
    folder = tmp_path_factory.mktemp("keys")
    bank = KeyedBank(folder)
    try:
        bank.open()
        yield bank
    finally:
        bank.close()
        shutil.rmtree(folder, ignore_errors=True)


SHORT = (("--root",), ("--suite", "SM4-GCM"))
LONG = (
    (),
    ("--suite", "AES-256-GCM"),
    ("--root",),
    ("--suite", "SM4-GCM"),
    ("--root",),
    ("--suite", "AES-256-GCM"),
)


def test_root_and_cipher_change_under_payments_and_registrations(bank: KeyedBank) -> None:
    """A new root key, and then a new kek and every datum sealed again by another cipher."""
    first = bank.roots()
    with Shop(bank) as shop:
        with UnderLoad(bank, RATE):
            with Newcomers(bank) as newcomers:
                for how in SHORT:
                    newcomers.more(3)
                    bank.rotate(*how)
                    newcomers.more(3)
            nothing_is_left(bank, "SM4-GCM")
            newcomers.all_known()
        shop.has_heard_everything(bank)
    assert bank.roots().isdisjoint(first)


@pytest.mark.kill
def test_keys_change_again_and_again_while_processes_and_the_worker_are_restarted(bank: KeyedBank) -> None:
    with Shop(bank) as shop:
        with UnderLoad(bank, RATE) as load:
            with Newcomers(bank) as newcomers:
                for how in LONG:
                    newcomers.more(20)
                    bank.rotate(*how)
                    load.restart("worker")
                    load.reaches("api")
            for part in bank.ports:
                load.restart(part)
                load.reaches(part)
            nothing_is_left(bank, "AES-256-GCM")
            newcomers.all_known()
        shop.has_heard_everything(bank)


def nothing_is_left(bank: KeyedBank, suite: str) -> None:
    """Whoever was being kept while the last key came is sealed again by the next run. All that is kept opens, says the proof."""
    assert bank.rotate()["left"] == 0
    assert set(bank.data()) == {suite}
    assert len(bank.roots()) == 1, "retired keys too are under the newest root"
