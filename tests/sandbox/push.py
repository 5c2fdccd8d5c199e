"""`python -m tongbao_sandbox push` in a process of its own, and the browsers behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.outsider import Outsider


class PushService(Outsider):
    """Its browsers and what they were sent stay when it is killed."""

    part = "push"

    def browser(self, **wanted: str) -> Browser:
        """A new one; `key`: the only sender that it lets in, `fate`: what its messages meet with."""
        made = httpx.post(f"{self.url}/browsers", json=wanted, timeout=30, trust_env=False)
        assert made.status_code == 201, made.text
        return Browser(self, made.json()["id"], made.json()["subscription"])

    def totals(self) -> dict[str, int]:
        return httpx.get(f"{self.url}/totals", timeout=30, trust_env=False).json()


class Browser:
    """`subscription` is what it gives to a page that asks, as JSON has it."""

    def __init__(self, service: PushService, id: str, subscription: dict[str, Any]) -> None:
        self.id, self.subscription = id, subscription
        self._url = f"{service.url}/browsers/{id}"

    def meets(self, fate: str) -> None:
        """What becomes of its messages from now on."""
        httpx.post(self._url, json={"fate": fate}, timeout=30, trust_env=False).raise_for_status()

    def messages(self) -> list[dict[str, Any]]:
        """What it was sent, oldest first; `text` None for what it cannot read."""
        return httpx.get(f"{self._url}/messages", timeout=30, trust_env=False).json()["messages"]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[PushService]:
    service = PushService(folder, *options)
    try:
        yield service.start()
    finally:
        service.kill()
