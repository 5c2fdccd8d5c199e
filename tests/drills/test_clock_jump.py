"""Runbook clock-jump: the clock of a machine jumps under a running bank, ahead or back; entries never go back in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.drills.bank import DrillBank
from tests.drills.runbook import Drill, checks, until

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]

SQL = 'tongbao psql -c "SELECT clock_timestamp()"'
AHEAD_S = 40
HOUR_S = 3600


class Machine:
    """That of the API. Its clock runs `ahead_s` seconds ahead from the moment on at which it is set so."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.jump(0)

    def jump(self, ahead_s: int) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(ahead_s), encoding="ascii")
        fresh.rename(self._file)


@pytest.fixture
def machine(bank: DrillBank, tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "clock")
    right, wrong = dict(bank.settings), {"DRILL_CLOCK": str(tmp_path / "clock")}
    bank.settings |= wrong | {"PYTHONPATH": f"{Path(__file__).parent / 'wrong_clock'}"}
    restart(bank)
    yield machine
    bank.settings = right
    restart(bank)


@contextmanager
def the_database_machine(bank: DrillBank) -> Iterator[None]:
    """Where the clock is right all the while."""
    here = bank.settings
    bank.settings = {name: value for name, value in here.items() if name not in ("DRILL_CLOCK", "PYTHONPATH")}
    yield
    bank.settings = here


def test_a_clock_jumps_ahead(bank: DrillBank, machine: Machine, runbook: Callable[[str], Drill]) -> None:
    drill = runbook("clock-jump")
    bank.paid()
    machine.jump(AHEAD_S)
    drill.sees("TongbaoClockApart", "TongbaoClockJump")
    with the_database_machine(bank):
        until(lambda: recorded(bank, bank.paid()) > datetime.now(UTC) and payments_from_the_future(bank), "none seen")

    assert bank.stop("worker") == 0
    find_the_wrong_one(bank, drill)
    machine.jump(0)
    until(lambda: "TongbaoClockJump" not in drill.firing(), "the machine has the right time and is not believed")
    assert recorded(bank, bank.paid()) > datetime.now(UTC), "a running process goes on with the future"
    restart(bank)
    bank.start("worker")
    bank.paid()
    drill.is_over()
    assert abs((recorded(bank, bank.paid()) - datetime.now(UTC)).total_seconds()) < AHEAD_S / 2
    no_entry_goes_back(bank)


def test_a_clock_jumps_back_an_hour(bank: DrillBank, machine: Machine, runbook: Callable[[str], Drill]) -> None:
    drill = runbook("clock-jump")
    bank.paid()
    machine.jump(-HOUR_S)
    before = recorded(bank, bank.paid())
    assert recorded(bank, bank.paid()) >= before, "time stands still until the clock has caught up"
    drill.sees("TongbaoClockApart", "TongbaoClockJump")
    restart(bank)
    assert recorded(bank, bank.paid()) >= before, "nor does a process that has just started go back"
    drill.sees("TongbaoClockAhead")

    assert bank.stop("worker") == 0
    find_the_wrong_one(bank, drill)
    machine.jump(0)
    bank.start("worker")
    bank.paid()
    drill.is_over()
    no_entry_goes_back(bank)


def find_the_wrong_one(bank: DrillBank, drill: Drill) -> None:
    drill.types(2, "date -u")
    drill.leaves(2, "chronyc tracking", "the clock of this machine is right; only the bank's processes see another")
    here = datetime.now(UTC)
    assert f"{here:%Y-%m-%d}" in drill.types(2, SQL).text
    with the_database_machine(bank):
        assert not [check for check in checks(bank) if check["name"] == "clocks" and check["said"][:2] != "0 "]


def restart(bank: DrillBank) -> None:
    assert bank.stop("api") == 0
    bank.start("api")


def payments_from_the_future(bank: DrillBank) -> bool:
    return any(check["name"] == "clocks" and check["state"] == "fail" for check in checks(bank))


def recorded(bank: DrillBank, payment: str) -> datetime:
    """The moment that the books give a payment."""
    ((at,),) = bank.sql("SELECT max(recorded_at) FROM ledger.posting WHERE transfer_id = %s", UUID(payment))
    return at


def no_entry_goes_back(bank: DrillBank) -> None:
    back = bank.sql(
        "SELECT account_id, version FROM (SELECT account_id, version, recorded_at, lag(recorded_at) OVER"
        " (PARTITION BY account_id ORDER BY version) AS before FROM ledger.entry_view) AS e WHERE recorded_at < before"
    )
    assert back == []
