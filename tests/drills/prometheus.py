"""A real Prometheus before the bank, with docs/operating/alerts.yml: only its patience is cut short."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.drills.runbook import OPERATING, there, until
from tests.kill.bank import Bank
from tests.sandbox.other_bank import free_port

_EVERY_S = 2
_WINDOW_S = 20


class Prometheus:
    """What it says of the alerts."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False)

    def sees(self, alert: str) -> None:
        until(lambda: alert in self.firing(), f"Prometheus does not see {alert}")

    def is_calm(self, alert: str) -> None:
        """Waits until it has looked again and found nothing."""
        until(lambda: self.looks() and alert not in self.firing(), f"Prometheus still sees {alert}")

    def firing(self) -> set[str]:
        return {one["labels"]["alertname"] for one in self._ask("alerts")["alerts"] if one["state"] == "firing"}

    def rules(self) -> set[str]:
        return {rule["name"] for group in self._ask("rules")["groups"] for rule in group["rules"]}

    def looks(self) -> bool:
        """Whether it gets figures from the bank."""
        try:
            found = self._ask("targets")["activeTargets"]
        except (httpx.TransportError, httpx.HTTPStatusError):  # it answers 503 while it starts
            return False
        return [target["health"] for target in found] == ["up"]

    def _ask(self, what: str) -> Any:
        answer = self._http.get(f"/api/v1/{what}")
        answer.raise_for_status()
        return answer.json()["data"]


@contextmanager
def watching(bank: Bank, folder: Path) -> Iterator[Prometheus]:
    """Prometheus, which has seen the bank well."""
    port = free_port()
    configured = _configured(folder, bank.port)
    command = [there("prometheus"), f"--config.file={configured}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    child = subprocess.Popen(command, cwd=folder, start_new_session=True)
    try:
        prometheus = Prometheus(port)
        until(prometheus.looks, "Prometheus gets no figures")
        assert prometheus.rules() == set(re.findall(r"- alert: (\w+)", _rules()))
        yield prometheus
    finally:
        child.kill()
        child.wait()


def _rules() -> str:
    return (OPERATING / "alerts.yml").read_text(encoding="utf-8")


def _configured(folder: Path, port: int) -> Path:
    """Minutes of waiting and of looking back become seconds; what is looked at and when it is too much stays."""
    rules = re.sub(r"\bfor: \d+s", "for: 1s", _rules())
    (folder / "alerts.yml").write_text(re.sub(r"\[\d+m\]", f"[{_WINDOW_S}s]", rules), encoding="utf-8")
    every = f"{_EVERY_S}s"
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": "1s"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "tongbao", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
    }
    # JSON is YAML.
    (folder / "prometheus.yml").write_bytes(msgspec.json.encode(config))
    return folder / "prometheus.yml"
