"""`python -m tongbao_sandbox identity` in a process of its own, and identity numbers to ask it about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from stdnum.cn import ric

from tests.sandbox.outsider import Outsider


class IdentityProvider(Outsider):
    """What it was asked stays when it is killed."""

    part = "identity"

    def check(self, id: str, id_number: str, *, name: str = "王小明", timeout: int = 30) -> httpx.Response:
        body = {"id": id, "name": name, "id_number": id_number}
        return httpx.post(f"{self.url}/checks", json=body, timeout=timeout, trust_env=False)

    def status(self, id: str) -> httpx.Response:
        return httpx.get(f"{self.url}/checks/{id}", timeout=30, trust_env=False)

    def total(self) -> int:
        """How many questions it has taken."""
        return httpx.get(f"{self.url}/totals", timeout=30, trust_env=False).json()["checks"]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(folder, *options)
    try:
        yield provider.start()
    finally:
        provider.kill()


def id_number(serial: int, *, born: str = "19900307", place: str = "110101") -> str:
    """The identity number of a made-up person; the serial number (places 15 to 17) is what the sandbox heeds."""
    stem = f"{place}{born}{serial:03d}"
    return stem + ric.calc_check_digit(stem + "0")
