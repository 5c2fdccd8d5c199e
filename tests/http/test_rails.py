"""Money over a rail with nothing made up: a served bank, its worker, and another bank, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from tests.http.conftest import PASSWORD, ServedBank, clone, code, environment, founded, served, staff
from tests.sandbox.other_bank import OtherBank, running
from tongbao.base.embedded import Cluster
from tongbao.cli import prove
from tongbao.identity import Role

WITHIN_S = 240


@contextmanager
def working(database: str, rails: str) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tongbao.cli", "work"],
        env=environment(database, TONGBAO_RAILS=rails),
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherBank]:
    with running(tmp_path_factory.mktemp("other")) as bank:
        yield bank


@pytest.fixture(scope="module")
async def bank(cluster: Cluster, template: str, other: OtherBank) -> AsyncIterator[ServedBank]:
    with clone(cluster, template) as database:
        token = await founded(database)
        with served(database, TONGBAO_RAILS=f"sandbox={other.url}") as (_, port):
            bank = ServedBank(f"http://127.0.0.1:{port}", database, port)
            bank.tokens["bank"] = token
            async with bank.http:
                for name in ("li.na", "wang.fang"):
                    await staff(database, name, Role.OPERATOR, Role.ACCOUNTANT)
                    entered = await bank.ask(
                        "POST", "/v1/staff/login", {"username": name, "password": PASSWORD}, who=None
                    )
                    bank.tokens[name] = entered.json()["token"]
                yield bank


async def top_up(bank: ServedBank, account: UUID, amount: int) -> str:
    over = {"rail": "sandbox", "outside_account": "6222020200112233445"}
    body = {"account_id": str(account), "amount": amount, "currency": "CNY", **over}
    made = await bank.make("/v1/topups", body)
    assert made["state"] == "created"
    return made["id"]


async def until(bank: ServedBank, id_: str, *wanted: str) -> str:
    deadline = time.monotonic() + WITHIN_S
    state = ""
    while time.monotonic() < deadline:
        state = (await bank.ask("GET", f"/v1/payments/{id_}")).json()["state"]
        if state in wanted:
            return state
        await asyncio.sleep(0.2)
    raise AssertionError(f"{id_} is {state}, not one of {wanted}")


@pytest.mark.kill
async def test_a_worker_is_killed_while_it_asks_and_both_banks_agree(bank: ServedBank, other: OtherBank) -> None:
    account, rails = await bank.account(), f"sandbox={other.url}"
    with working(bank.database, rails) as first:
        paid, no = await top_up(bank, account, 2500), await top_up(bank, account, 2501)
        assert await until(bank, paid, "completed", "declined") == "completed"
        assert await until(bank, no, "completed", "declined") == "declined"
        lost, late = await top_up(bank, account, 2612), await top_up(bank, account, 2711)
        deadline = time.monotonic() + WITHIN_S
        while {other.status(lost).status_code, other.status(late).status_code} != {200}:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        os.killpg(first.pid, signal.SIGKILL)
    assert await until(bank, lost, "created", "unknown")
    with working(bank.database, rails):
        assert [await until(bank, id_, "completed", "declined") for id_ in (lost, late)] == ["completed"] * 2
    assert await bank.balance(account) == 2500 + 2612 + 2711
    assert other.sent() == 2500 + 2612 + 2711
    assert (await prove.proof(bank.database))["holds"]


async def test_two_people_resolve_what_no_worker_asks_about(bank: ServedBank, other: OtherBank) -> None:
    account, before = await bank.account(), other.sent()
    id_ = await top_up(bank, account, 3000)
    stuck = (await bank.ask("GET", "/v1/waiting-payments", who="li.na", waits_for="rail")).json()["items"]
    assert [item["payment_id"] for item in stuck] == [id_]
    asked = await bank.ask("POST", f"/v1/payments/{id_}/ask-again", {}, who="li.na")
    assert (asked.status_code, asked.json()["said"]) == (200, "never_seen")
    body = {"outcome": "declined", "reason": "they have never heard of it"}
    assert code(await bank.ask("POST", f"/v1/payments/{id_}/resolve", body)) == (403, "permission_missing")
    proposed = await bank.ask("POST", f"/v1/payments/{id_}/resolve", body, who="li.na")
    assert proposed.status_code == 201, proposed.text
    path, yes = f"/v1/approvals/{proposed.json()['id']}/approve", {"reason": "asked them too"}
    assert code(await bank.ask("POST", path, yes, who="li.na")) == (403, "second_person_needed")
    waiting = (await bank.ask("GET", "/v1/approvals", who="wang.fang", state="proposed")).json()["items"]
    assert [(item["kind"], item["payload"]) for item in waiting] == [
        ("payments.resolve", {"payment_id": id_, "outcome": "declined"})
    ]
    assert (await bank.ask("POST", path, yes, who="wang.fang")).status_code == 200
    after = (await bank.ask("GET", f"/v1/payments/{id_}")).json()
    assert (after["state"], after["code"]) == ("declined", "resolved_as_declined")
    with working(bank.database, f"sandbox={other.url}"):
        done = await top_up(bank, account, 100)
        assert await until(bank, done, "completed") == "completed"
    assert other.sent() == before + 100, "what was declined is not asked for any more"
    assert (await bank.ask("GET", "/v1/rails", who="li.na")).json()["items"][0]["waiting"] == 0
