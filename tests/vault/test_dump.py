"""Of a busy little bank everything is taken: a dump of its database, and every line that its processes have logged, down to debug.

No name, telephone or identity number, no secret, token, code, seed or PIN is in it, in whatever writing. What the search finds where
something is planted is shown beside it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import psycopg
import pytest
from pyotp.totp import TOTP

from tests.http.conftest import PASSWORD as STAFF_PASSWORD
from tests.http.conftest import START_WITHIN_S, ServedBank, environment, founded, free_port
from tests.identity.test_registration_pages import Browser
from tests.merchants.test_webhooks import listening
from tests.sandbox import identity_provider, sms
from tests.sandbox.identity_provider import id_number
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.embedded import binary
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.identity import NewStaff, Role, create_staff, hash_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.sandbox.sms import SmsGateway

WITHIN_S = 90
NAME, ID_NUMBER, PASSWORD, PIN = "欧阳雪梅", id_number(417), "lanterns above the river", "730581"
CLERKS, CLERKS_PHONE = "Philippa Wolstenholme", "+8613987650123"
CLERK = "诸葛慧敏"


# The search.


def writings(text: str) -> set[bytes]:
    """A text as it may stand somewhere: plain, escaped as in JSON and in addresses, in hexadecimal, in base64 wherever it begins."""
    plain = text.encode()
    found = {plain, plain.hex().encode(), plain.hex().upper().encode()}
    found |= {json.dumps(text)[1:-1].encode(), quote(text).encode(), repr(plain)[2:-1].encode()}
    for ahead in range(3):
        # A byte of base64 belongs to the text alone where none of its six bits is a neighbour's.
        whole = base64.b64encode(b"\0" * ahead + plain)
        core = whole[-(-ahead * 8 // 6) : (ahead + len(plain)) * 8 // 6]
        found |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def finds(secret: str, where: bytes) -> list[str]:
    """The writings of a secret that stand there. Six digits that are part of something longer are not the code."""
    found: list[str] = []
    for writing in writings(secret):
        pattern = re.escape(writing)
        if writing.isdigit() and len(writing) <= 8:
            pattern = rb"(?<![\w.\-])" + pattern + rb"(?!\w)"
        if re.search(pattern, where, re.IGNORECASE if len(writing) >= 32 else 0):
            found.append(writing.decode())
    return found


@pytest.mark.parametrize(
    "planted",
    [
        NAME.encode(),
        b'{"name": "\\u6b27\\u9633\\u96ea\\u6885"}',
        quote(NAME).encode(),
        b"\\x00ff" + NAME.encode().hex().encode() + b"00",
        base64.b64encode(b"He is " + NAME.encode() + b", surely"),
        base64.b64encode(b"She is " + NAME.encode() + b", surely"),
        base64.urlsafe_b64encode(b"It's " + NAME.encode()),
    ],
)
def test_what_is_planted_is_found(planted: bytes) -> None:
    assert finds(NAME, b"INSERT INTO x VALUES ('" + planted + b"', 1);")


def test_a_code_is_found_alone_and_not_within_a_number() -> None:
    assert finds("730581", b"a log line: code 730581, sent")
    assert finds("730581", b"('730581')")
    assert not finds("730581", b"2026-11-22 10:00:00.730581+00 17305814")


# The bank.


@contextmanager
def part(name: str, log: Path, database: str, *options: str, **settings: str) -> Iterator[None]:
    """A process of the bank with everything that it says in a file."""
    command = [sys.executable, "-m", "tongbao.cli", name, *options]
    known = environment(database, **{**settings, "TONGBAO_LOG_LEVEL": "debug"})
    with log.open("wb") as out:
        child = subprocess.Popen(command, env=known, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield
            assert child.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        finally:
            child.terminate()
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def until(what: Callable[[], Any], said: str) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while not (found := what()):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    return found


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


class Bank(ServedBank):
    """With all that must not be found, by what it is."""

    def __init__(self, port: int, database: str, gateway: SmsGateway) -> None:
        super().__init__(f"http://127.0.0.1:{port}", database, port)
        self.gateway = gateway
        self.secrets: dict[str, str] = {}

    def token(self, what: str, token: str) -> str:
        """Of a token its secret part: the public one finds the row."""
        self.secrets[what] = token.split("_", 3)[3] if token.startswith("tb_") else token
        return token

    def code(self, phone: str, nth: int) -> str:
        code = until(
            lambda: self.gateway.codes(phone)[-nth:] if len(self.gateway.codes(phone)) >= nth else "", "no code"
        )[0]
        self.secrets[f"SMS code {nth} of {phone}"] = code
        return code


async def registered(bank: Bank) -> None:
    """Somebody registers, is verified, sets a PIN and an app, and looks around."""
    me = Browser(bank, "zh")
    async with me.http:
        bank.secrets["phone"] = me.phone
        at = await me.begin()
        code = await asyncio.to_thread(bank.code, me.phone, 1)
        assert (await me.post(at, {"code": code})).status_code == 303
        wanted = {"name": NAME, "id_number": ID_NUMBER, "password": PASSWORD}
        done = await me.post(at, wanted)
        assert done.headers["location"] == "/me", done.text
        form = (await me.get("/me/safety/pin")).form("/me/safety/pin")
        assert (await me.post("/me/safety/pin", {**form, "pin": PIN, "current": PASSWORD})).status_code == 303
        assert (await me.post("/me/safety/totp", {"current": PASSWORD})).status_code == 303
        page = await me.get("/me/safety/totp")
        seed = page.html.partition('class="id">')[2].partition("<")[0]
        assert seed, page.text
        bank.secrets["TOTP seed"], bank.secrets["TOTP code"] = seed, TOTP(seed).now()
        done = await me.post("/me/safety/totp/code", {"code": bank.secrets["TOTP code"]})
        assert done.status_code == 303, done.text
        for path in ("/me", "/me/safety/factors", "/me/verification", "/me/statement", "/me/payments"):
            seen = await me.get(path)
            assert seen.status == 200, path
        assert NAME in (await me.get("/me")).text, "to himself in full"
        for name, value in me.http.cookies.items():
            if len(value) > 20:
                bank.token(f"cookie {name}", value)
    bank.secrets |= {"name": NAME, "id number": ID_NUMBER, "password": PASSWORD, "PIN": PIN}


async def hired(bank: Bank) -> None:
    """A clerk comes in and reads of everybody, in lists and in full; a wrong password is typed too."""
    at = SystemClock().now()
    new = NewStaff(id=uuid7(at), username="zhuge.hui", name=CLERK, roles=frozenset({Role.OPERATOR, Role.ADMIN}))
    hashed = await asyncio.to_thread(hash_password, STAFF_PASSWORD, os.urandom(16))
    async with Database(bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        await create_staff(tx, new, hashed, by=SYSTEM, at=at)
    wrong = "a wrong guess that is close"
    refused = await bank.ask("POST", "/v1/staff/login", {"username": "zhuge.hui", "password": wrong}, who=None)
    assert refused.status_code == 401
    entered = await bank.ask("POST", "/v1/staff/login", {"username": "zhuge.hui", "password": STAFF_PASSWORD}, who=None)
    token = bank.token("staff's token", entered.json()["token"])
    wanted: tuple[dict[str, Any], ...] = ({"name": NAME}, {"phone": bank.secrets["phone"]})
    for asked in wanted:
        (found,) = (await bank.ask("GET", "/v1/customers", who=token, **asked)).json()["items"]
        assert found["name"] == "欧***"
        whole = (await bank.ask("GET", f"/v1/customers/{found['id']}", who=token)).json()
        assert whole["name"] == NAME
    assert (await bank.ask("GET", "/v1/staff", who=token)).json()["items"][0]["name"] == CLERK
    bank.secrets |= {"clerk's name": CLERK, "clerk's password": STAFF_PASSWORD, "wrong password": wrong}


async def traded(bank: Bank) -> None:
    """A clerk's customer pays a shop, which hears of it; a shop's key asks; a wrong key and a wrong body are refused."""
    made = await bank.make("/v1/customers", {"kind": "person", "name": CLERKS, "phone": CLERKS_PHONE})
    bank.secrets |= {"customer's name": CLERKS, "customer's phone": CLERKS_PHONE.removeprefix("+86")}
    payer = (await bank.make("/v1/accounts", {"customer_id": made["id"], "currency": "CNY"}))["id"]
    await bank.make("/v1/topups", {"account_id": payer, "amount": 50_000, "currency": "CNY"})
    shop = (await bank.make("/v1/merchants", {"name": "兰州拉面"}))["id"]
    key = (await bank.make("/v1/keys", {"kind": "merchant", "merchant_id": shop}))["key"]
    bank.tokens["merchant"] = bank.token("merchant's key", key)
    async with listening() as receiver:
        hook = await bank.make("/v1/webhooks", {"url": receiver.url, "merchant_id": shop})
        bank.secrets["webhook secret"] = hook["secret"].removeprefix("whsec_")
        order = {"payer_account_id": payer, "merchant_id": shop, "amount": 1280, "currency": "CNY"}
        paid = await bank.ask("POST", "/v1/payments", order)
        assert paid.status_code in (200, 201), paid.text
        async with asyncio.timeout(WITHIN_S):
            await receiver.rang.wait()
        assert receiver.heard[0].headers["webhook-signature"].startswith("v1,")
    assert (await bank.ask("GET", f"/v1/merchants/{shop}", who="merchant")).status_code == 200
    stolen = "tb_bank_0123456789abcdef_ThisKeyWasMadeUpAndOpensNothingAtAll000000"
    bank.secrets["a wrong key"] = stolen.split("_", 3)[3]
    assert (await bank.ask("GET", "/v1/merchants", who=stolen)).status_code == 401
    bad = {"kind": "person", "name": CLERKS, "phone": "no number", "id_number": ID_NUMBER}
    assert (await bank.ask("POST", "/v1/customers", bad)).status_code in (400, 422)
    statement = await bank.ask("GET", f"/v1/accounts/{payer}/statement", format="csv")
    assert statement.status_code == 200
    assert (await bank.ask("GET", f"/v1/customers/{uuid4()}")).status_code == 404


async def stumbled(bank: Bank) -> None:
    """Something goes wrong inside, over somebody's name."""
    async with httpx.AsyncClient(base_url=bank.url, timeout=30, trust_env=False) as bank.http:
        answer = await bank.ask("POST", "/v1/customers", {"kind": "person", "name": CLERKS, "phone": CLERKS_PHONE})
        assert answer.status_code == 500, answer.text


def dump(database: str) -> bytes:
    """Everything that is in a database, row by row, of every schema."""
    done = subprocess.run(
        [str(binary("pg_dump")), "--inserts", "--no-owner", "--dbname", database], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_nobody_and_no_secret_is_in_a_dump_or_in_a_log(fresh_database: str, tmp_path: Path) -> None:
    for folder in ("sms", "identity"):
        (tmp_path / folder).mkdir()
    logs = [tmp_path / "serve.log", tmp_path / "work.log"]
    with (
        sms.running(tmp_path / "sms") as gateway,
        identity_provider.running(tmp_path / "identity") as provider,
    ):
        outside = {
            "TONGBAO_SMS": gateway.url,
            "TONGBAO_IDENTITY_PROVIDER": provider.url,
            "TONGBAO_WEBHOOK_PRIVATE": "1",
        }
        key, port = asyncio.run(founded(fresh_database)), free_port()
        bank = Bank(port, fresh_database, gateway)
        bank.tokens["bank"] = bank.token("bank's key", key)
        with (
            part("serve", logs[0], fresh_database, "--port", str(port), **outside),
            part("work", logs[1], fresh_database, **outside),
        ):
            until(lambda: is_ready(bank.url), f"not ready within {START_WITHIN_S} s")
            asyncio.run(story(bank))
            with psycopg.connect(fresh_database, autocommit=True) as conn:
                query = "SELECT count(*) FROM identity.customer WHERE level = 1"
                until(lambda: conn.execute(query).fetchone() == (1,), "nobody was verified")
                taken = {"the dump": dump(fresh_database)}
                conn.execute("UPDATE identity.customer SET name = %s WHERE level = 1", [NAME])
                assert finds(NAME, dump(fresh_database)), "it would have been found"
                conn.execute("UPDATE identity.customer SET name = NULL WHERE level = 1")
                conn.execute("ALTER TABLE vault.datum ADD CONSTRAINT broken CHECK (false) NOT VALID")
            asyncio.run(stumbled(bank))
    taken |= {log.name: log.read_bytes() for log in logs}
    assert b"INSERT INTO vault.datum" in taken["the dump"]
    assert b"Traceback" in taken["serve.log"], "of what went wrong inside it has told all that it tells"
    found = [
        f"{what} is in {where}: {writings}"
        for what, secret in bank.secrets.items()
        for where, text in taken.items()
        if (writings := finds(secret, text))
    ]
    assert not found, "\n".join(found)
    assert len(bank.secrets) >= 18, sorted(bank.secrets)


async def story(bank: Bank) -> None:
    async with bank.http:
        await registered(bank)
        await hired(bank)
        await traded(bank)
