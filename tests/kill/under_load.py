"""Live traffic through a balancer while parts of the bank are replaced; at the end nobody may have noticed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from tests.kill.balancer import Balancer
from tests.kill.bank import Bank, Traffic, summary_of

PATIENCE_S = 120


class UnderLoad:
    """For the length of the block `rate` stories a second are told to the bank; at its end what came of them is checked."""

    def __init__(self, bank: Bank, rate: int) -> None:
        self._bank = bank
        self._rate = rate
        self._balancer = Balancer(bank.ports.values())
        self._traffic: Traffic

    def __enter__(self) -> Self:
        self._balancer.__enter__()
        self._traffic = self._bank.traffic(self._rate, None, self._balancer.port)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None:
                self._check()
        finally:
            self._traffic.kill()
            self._traffic.wait()
            self._balancer.__exit__()

    def reaches(self, part: str, more: int = 50) -> None:
        """Waits until that process has answered so many more requests."""
        answered, port = self._balancer.answered, self._bank.ports[part]
        enough = answered[port] + more
        until(lambda: answered[port] >= enough, f"{part} gets no traffic")

    def restart(self, part: str) -> None:
        """As a supervisor does it: SIGTERM, the end, a new process, ready."""
        assert self._bank.stop(part) == 0, f"{part} did not end well"
        self._bank.start(part)

    def _check(self) -> None:
        """Nobody saw an error, every payment is what its payer was told, everyone heard of it, and the books hold."""
        self._traffic.terminate()
        summary = summary_of(self._traffic)
        assert self._balancer.failed == [], "requests without an answer"
        assert self._balancer.errors == {}, self._balancer.statuses
        assert summary["ok"], summary
        assert summary["surprises"] == 0, summary["surprise_examples"]
        assert summary["unresolved"] == 0, summary
        until(lambda: all(line["unread"] == 0 for line in self._lag()), "events lie in the outbox")
        assert [line for line in self._lag() if line["parked"]] == []
        proof = self._bank.proof()
        assert proof["holds"], proof

    def _lag(self) -> list[dict[str, Any]]:
        lag: list[dict[str, Any]] = self._bank.get("/v1/outbox-lag")["items"]
        assert lag
        return lag


def until(what: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)
