"""`tongbao migrate --roles`, and then the processes of a bank that own nothing: they serve, work, and prove their books."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.base.test_roles import as_app
from tests.http.conftest import ServedBank, environment, founded, served
from tongbao.base import roles

if TYPE_CHECKING:
    from collections.abc import Iterator

_WITHIN_S = 60


def tongbao(database: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tongbao.cli", *words]
    return subprocess.run(command, env=environment(database), capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture
def given(fresh_database: str) -> str:
    done = tongbao(fresh_database, "migrate", "--roles")
    assert done.returncode == 0, done.stderr
    assert "tongbao_app was given" in done.stderr
    return as_app(fresh_database)


def test_the_command_says_what_it_did_and_what_it_may_not(given: str) -> None:
    with psycopg.connect(given) as conn:
        assert roles.in_use(conn)
    refused = tongbao(given, "migrate", "--roles")
    assert refused.returncode == 1
    assert "CREATE ROLE tongbao_vault NOLOGIN" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert tongbao(given, "migrate").returncode == 0, "there is nothing to do, and nothing was asked for"


async def test_it_serves_and_works_and_proves(given: str) -> None:
    token = await founded(given)
    with served(given) as (_, port), working(given) as worker:
        bank = ServedBank(f"http://127.0.0.1:{port}", given, port)
        bank.tokens["bank"] = token
        async with bank.http:
            bank.ann, bank.bob = await bank.account(10_000), await bank.account()
            await bank.make("/v1/payments", bank.order(amount=2_500))
            assert (await bank.balance(bank.ann), await bank.balance(bank.bob)) == (7_500, 2_500)
        _until_events_are_read(given)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(_WITHIN_S) == 0
    proved = tongbao(given, "prove", "--full")
    assert proved.returncode == 0, proved.stdout + proved.stderr
    assert tongbao(given, "vault", "status").returncode == 0


@contextmanager
def working(database: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tongbao.cli", "work"]
    child = subprocess.Popen(command, env=environment(database), start_new_session=True)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _until_events_are_read(database: str) -> None:
    """The worker hands on what happened: every consumer is past every event."""
    deadline = time.monotonic() + _WITHIN_S
    with psycopg.connect(database, autocommit=True) as conn:
        while time.monotonic() < deadline:
            cursors, behind = conn.execute(
                "SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT 1 FROM base.outbox o WHERE (o.xid, o.id) > (c.xid, c.id)))"
                " FROM base.outbox_cursor c"
            ).fetchone() or (0, 0)
            if cursors and not behind:
                return
            time.sleep(0.1)
    raise AssertionError("events were not read")
