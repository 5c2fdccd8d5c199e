"""SIGKILL in the middle of traffic. Every acknowledged payment is there once, no unacknowledged one twice, the books hold.

The traffic knows what each of its steps must come to; what was left without an answer it asks again under the same id.
"""

from __future__ import annotations

import time

import pytest

from tests.kill.bank import Bank, summary_of

PARTS = ("api", "worker", "postgres")


def check(bank: Bank, summary: dict[str, object]) -> None:
    assert summary["audit"]["agrees"], summary["audit"]  # type: ignore[index]
    assert summary["unresolved"] == 0, summary
    assert summary["surprises"] == 0, summary["surprise_examples"]
    proof = bank.proof()
    assert proof["holds"], proof


def killed_in_traffic(bank: Bank, part: str, times: int, rate: int = 60) -> None:
    traffic = bank.traffic(rate, seconds=4 * times + 4)
    time.sleep(2)
    for _ in range(times):
        bank.kill(part)
        time.sleep(0.3)
        bank.start(part)
        if part == "postgres":
            bank.wait_ready()
        time.sleep(1.5)
    check(bank, summary_of(traffic, within_s=8 * times + 120))


@pytest.mark.parametrize("part", PARTS)
def test_killed_once(bank: Bank, part: str) -> None:
    killed_in_traffic(bank, part, 1)


@pytest.mark.kill
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", PARTS)
def test_killed_twenty_times(bank: Bank, part: str) -> None:
    killed_in_traffic(bank, part, 20)
