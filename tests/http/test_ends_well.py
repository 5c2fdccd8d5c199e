"""`tongbao serve` told to end while people watch and pay: streams let go, what is under way is answered."""

from __future__ import annotations

import asyncio
import secrets
import signal
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from tests.http.conftest import ServedBank, clone, founded, served, staff
from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.embedded import Cluster
from tongbao.base.ids import uuid7
from tongbao.identity import Role
from tongbao.web import session

WITHIN_S = 25
"""Less than the half minute that a server waits for answers before it cuts them off."""


async def session_of(database: str, username: str) -> str:
    token, at = identity.fresh_token("staff", secrets.token_bytes), SystemClock().now()
    async with Database(database, size=1, limits=BULK) as db, db.tx() as tx:
        await identity.log_in(tx, username, password_is_right=True, session_id=uuid7(at), token=token, at=at)
    return f"{session.NAMES['staff']}={token}"


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_who_watches_the_board_does_not_hold_the_end_up(
    cluster: Cluster, template: str, number: signal.Signals, processes: str
) -> None:
    with clone(cluster, template) as database:
        await founded(database)
        await staff(database, "ann", Role.OPERATOR)
        cookie = await session_of(database, "ann")
        with served(database, "--processes", processes) as (child, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"GET /staff/board/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
            )
            assert b" 200 " in await reader.readline()
            await reader.readuntil(b"event: ")
            child.send_signal(number)
            await asyncio.wait_for(reader.read(), WITHIN_S)
            assert await asyncio.to_thread(child.wait, WITHIN_S) == 0


async def test_a_payment_that_is_half_sent_is_made(cluster: Cluster, template: str) -> None:
    with clone(cluster, template) as database:
        token = await founded(database)
        with served(database) as (child, port):
            bank = ServedBank(f"http://127.0.0.1:{port}", database, port)
            bank.tokens["bank"] = token
            async with bank.http:
                payer, payee = await bank.account(1_000), await bank.account()
            body = (
                f'{{"payer_account_id":"{payer}","payee_account_id":"{payee}","amount":400,"currency":"CNY"}}'.encode()
            )
            head = (
                f"POST /v1/payments HTTP/1.1\r\nHost: bank\r\nAuthorization: Bearer {token}\r\n"
                f"Idempotency-Key: {uuid4()}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode() + body[:20])
            await asyncio.sleep(0.2)
            child.terminate()
            await refuses(port)
            writer.write(body[20:])
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 201 ")
            assert b"connection: close\r\n" in said.lower()
            assert await asyncio.to_thread(child.wait, WITHIN_S) == 0


async def test_it_is_not_started_anew_before_the_schema_is(
    cluster: Cluster, template: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The new version is on the disk already, `tongbao migrate` has not been run: whoever serves goes on."""
    with clone(cluster, template) as database:
        await founded(database)
        with served(database, "--processes", "2") as (child, port):
            before = {process.pid for process in psutil.Process(child.pid).children()}
            with psycopg.connect(database) as connection:
                last = connection.execute("SELECT max(version) FROM public.schema_migrations").fetchone()
                connection.execute("DELETE FROM public.schema_migrations WHERE version = %s", last)
            child.send_signal(signal.SIGHUP)
            said = ""
            while "restart_given_up" not in said:
                await asyncio.sleep(0.1)
                said += capfd.readouterr().err
            assert "run `tongbao migrate`" in said
            assert {process.pid for process in psutil.Process(child.pid).children()} == before
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200


async def refuses(port: int) -> None:
    """Waits until nobody listens there any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        writer.close()
        await asyncio.sleep(0.02)
