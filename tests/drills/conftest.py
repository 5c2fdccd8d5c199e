"""A bank for drills: its own PostgreSQL with fsync on, an API, a worker, another bank at the end of a rail, a few people, a shop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.drills.bank import DrillBank
from tests.drills.runbook import Drill
from tests.sandbox.other_bank import OtherBank, running


@pytest.fixture(scope="package")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherBank]:
    """What is at the other end of the rail `north`."""
    with running(tmp_path_factory.mktemp("north")) as other:
        yield other


@pytest.fixture(scope="package")
def bank(other: OtherBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillBank]:
    """Every drill finds it well and leaves it well."""
    bank = DrillBank(tmp_path_factory.mktemp("logs"), rails=f"north={other.url}")
    try:
        bank.open()
        yield bank
    finally:
        bank.close()


@pytest.fixture
def runbook(bank: DrillBank) -> Iterator[Callable[[str], Drill]]:
    """`runbook("parked-event")`: that runbook before the bank. At the end the books hold."""
    yield lambda name: Drill(name, bank)
    proof = bank.proof()
    assert proof["holds"], proof
