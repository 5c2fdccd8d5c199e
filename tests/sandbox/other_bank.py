"""`python -m tongbao_sandbox bank` in a process of its own, which is killed and started again by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.outsider import Outsider, free_port


class OtherBank(Outsider):
    """Another bank: its books stay when it is killed."""

    part = "bank"

    def debit(self, id: str, amount: int, *, timeout: int = 30, **other: Any) -> httpx.Response:
        body = {"id": id, "account": "6222020200112233445", "amount": amount, "currency": "CNY", **other}
        return httpx.post(f"{self.url}/debits", json=body, timeout=timeout, trust_env=False)

    def status(self, id: str) -> httpx.Response:
        return httpx.get(f"{self.url}/debits/{id}", timeout=30, trust_env=False)

    def sent(self) -> int:
        """What it has sent in all, in fen."""
        return self.totals().get("CNY", {}).get("amount", 0)

    def totals(self) -> dict[str, dict[str, int]]:
        return httpx.get(f"{self.url}/totals", trust_env=False).json()


@contextmanager
def running(folder: Path, *options: str) -> Iterator[OtherBank]:
    bank = OtherBank(folder, *options)
    try:
        yield bank.start()
    finally:
        bank.kill()


__all__ = ["OtherBank", "free_port", "running"]
