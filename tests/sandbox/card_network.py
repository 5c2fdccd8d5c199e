"""`python -m tongbao_sandbox cards` in a process of its own, which is killed and started again by name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from stdnum import luhn

from tests.sandbox.outsider import START_WITHIN_S, Outsider, free_port


class CardNetwork(Outsider):
    """Banks reach it at `wire`; its books stay when it is killed."""

    part = "cards"

    def __init__(self, folder: Path, *options: str) -> None:
        self.wire_port = free_port()
        super().__init__(folder, "--wire-port", str(self.wire_port), *options)

    @property
    def wire(self) -> str:
        return f"tcp://127.0.0.1:{self.wire_port}"

    def charged(self) -> int:
        """What it has taken from cards in all, in fen."""
        return httpx.get(f"{self.url}/totals", trust_env=False).json().get("156", {}).get("amount", 0)

    def code(self, phone: str) -> str:
        """What the issuer sent to this phone last."""
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            if found := httpx.get(f"{self.url}/codes/{phone}", trust_env=False).json()["code"]:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no code for {phone}")


@contextmanager
def running(folder: Path, *options: str) -> Iterator[CardNetwork]:
    network = CardNetwork(folder, *options)
    try:
        yield network.start()
    finally:
        network.kill()


_drawn = iter(range(1, 10**6))


def card(trigger: str = "000", beginning: str = "915600") -> str:
    """A number of the sandbox's range that no test had before; `trigger` stands before its check digit."""
    digits = f"{beginning}{next(_drawn):06d}{trigger}"
    return digits + luhn.calc_check_digit(digits)
