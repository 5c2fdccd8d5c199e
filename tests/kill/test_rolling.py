"""A bank is restarted under load, one process after another, and no payer notices."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from tests.kill.bank import Bank
from tests.kill.under_load import UnderLoad, until

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    """Two API processes on ports of their own, which say for a second that they are about to end."""
    bank = Bank(apis=2)
    bank.serve = ["--drain-s", "1"]
    try:
        yield bank.open()
    finally:
        bank.close()


def roll(bank: Bank, load: UnderLoad) -> None:
    for part in bank.ports:
        load.reaches(part)
        load.restart(part)
        load.reaches(part)


def test_two_processes_are_restarted_in_turn(bank: Bank) -> None:
    with UnderLoad(bank, 60) as load:
        roll(bank, load)


@pytest.mark.kill
def test_a_worker_is_restarted_while_it_has_work(bank: Bank) -> None:
    """What it had begun is done or begun again: every event reaches its consumers."""
    with UnderLoad(bank, 60) as load:
        load.reaches("api")
        load.restart("worker")
        load.reaches("api")


@pytest.mark.kill
def test_processes_that_share_a_port_are_started_anew_by_a_hangup(bank: Bank) -> None:
    """Their parent holds the port open all the while, so that it takes no more than a SIGHUP."""
    bank.stop("api2")
    port, serve, bank.serve = bank.ports.pop("api2"), bank.serve, ["--processes", "2"]
    bank.stop("api")
    bank.start("api")
    try:
        with UnderLoad(bank, 60) as load:
            load.reaches("api")
            before = children(bank)
            psutil.Process(bank.pid("api")).send_signal(signal.SIGHUP)
            until(lambda: len(children(bank)) == 2 and not children(bank) & before, "the old ones stay")
            load.reaches("api")
    finally:
        bank.stop("api")
        bank.ports["api2"], bank.serve = port, serve
        bank.start("api")
        bank.start("api2")


@pytest.mark.kill
def test_two_processes_are_restarted_ten_times_under_more_load(bank: Bank) -> None:
    """Last, because it comes near to what each of these people may pay on a day."""
    with UnderLoad(bank, 100) as load:
        for _ in range(10):
            roll(bank, load)


def children(bank: Bank) -> set[int]:
    """The processes that serve; their parent has another, which looks after what they share."""
    found: set[int] = set()
    for child in psutil.Process(bank.pid("api")).children():
        with suppress(psutil.NoSuchProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found
