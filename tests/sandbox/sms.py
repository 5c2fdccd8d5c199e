"""`python -m tongbao_sandbox sms` in a process of its own, and what is on the phones behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.outsider import Outsider


class SmsGateway(Outsider):
    """What it sent stays when it is killed."""

    part = "sms"

    def send(self, id: str, to: str = "+8613800138000", text: str = "您好", *, timeout: int = 30) -> httpx.Response:
        body = {"id": id, "to": to, "text": text}
        return httpx.post(f"{self.url}/messages", json=body, timeout=timeout, trust_env=False)

    def report(self, id: str) -> httpx.Response:
        return httpx.get(f"{self.url}/messages/{id}", timeout=30, trust_env=False)

    def messages(self, number: str) -> list[dict[str, Any]]:
        """What is on a phone, newest first: id, text, at, and the code in the text where there is one."""
        return httpx.get(f"{self.url}/phones/{number}.json", timeout=30, trust_env=False).json()["messages"]

    def texts(self, number: str) -> list[str]:
        return [message["text"] for message in self.messages(number)]

    def codes(self, number: str) -> list[str]:
        return [message["code"] for message in self.messages(number) if message["code"]]

    def total(self) -> int:
        """How many messages it has taken."""
        return httpx.get(f"{self.url}/totals", timeout=30, trust_env=False).json()["messages"]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[SmsGateway]:
    gateway = SmsGateway(folder, *options)
    try:
        yield gateway.start()
    finally:
        gateway.kill()
