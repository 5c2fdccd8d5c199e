"""What must not grow: the memory of an API process, and the time to look at one account's history."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

import msgspec
import psutil
import psycopg
import pytest

from tests.kill.bank import Bank

PAYMENTS = 200_000
LARGEST_MB = 300

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    bank = Bank()
    try:
        yield bank.open()
    finally:
        bank.close()


def memory_mb(bank: Bank) -> int:
    return psutil.Process(bank.pid("api")).memory_info().rss >> 20


def paid(bank: Bank) -> int:
    with psycopg.connect(bank.url) as connection:
        row = connection.execute("SELECT count(*) FROM payments.payment").fetchone()
    assert row is not None
    return row[0]


def look_ms(bank: Bank) -> float:
    """The median time to see the newest entries of one account and its newest payments."""
    took = []
    for account in bank.accounts[:20]:
        began = time.perf_counter()
        assert len(bank.get(f"/v1/accounts/{account}/entries?limit=50")["items"]) > 0
        assert len(bank.get(f"/v1/payments?account_id={account}&limit=50")["items"]) > 0
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


def test_two_hundred_thousand_payments_leave_the_api_small_and_its_looks_fast(bank: Bank) -> None:
    before_ms = look_ms(bank)
    given = msgspec.json.encode((bank.port, bank.key, bank.accounts, 1, None))
    while paid(bank) < PAYMENTS:
        subprocess.run(
            [sys.executable, "-m", "tongbao_bench.payments"],
            input=given,
            stdout=subprocess.PIPE,
            check=True,
            timeout=300,
        )
        given = msgspec.json.encode((bank.port, bank.key, bank.accounts, paid(bank), None))
    after_ms = look_ms(bank)
    said = {"payments": paid(bank), "memory_mb": memory_mb(bank), "look_ms": [round(before_ms, 1), round(after_ms, 1)]}
    sys.stdout.write(json.dumps(said) + "\n")
    assert said["memory_mb"] < LARGEST_MB, said
    # Figures of a shared machine: only a growth with the history would be this large.
    assert after_ms < 20 * max(before_ms, 5), said
    assert bank.proof()["holds"]
