from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kill.bank import Bank


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    bank = Bank()
    try:
        yield bank.open()
    finally:
        bank.close()
