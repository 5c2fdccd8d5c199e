"""A runbook that is followed to the letter: what a drill types stands in docs/operating/runbooks, or the drill fails.

    drill = Drill("parked-event", bank)
    drill.sees("TongbaoParkedEvent")
    said = drill.types(1, "tongbao dead list")
    drill.is_over()

Every command that stands on a line of its own in the runbook must be typed, or left with a reason: a command that is added
to the document and to no drill fails the drill.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.house.slices import ROOT
from tests.kill.bank import Bank
from tongbao import console
from tongbao.base.metrics import FIGURES, Sample
from tongbao.console.alerts import judged

OPERATING = ROOT / "docs" / "operating"
PATIENCE_S = 150
OVER = 0
"""The step of `How you know it is over`."""

_DOOR = "http://127.0.0.1:8080"
_BLOCK = re.compile(r"^ *```\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`((?:tongbao|kill|fallocate|curl) [^`]+)`")


class Said(msgspec.Struct, frozen=True):
    """What a command ended with, and what it said on both streams."""

    status: int
    text: str


class Drill:
    """One runbook before one bank."""

    def __init__(self, name: str, bank: Bank) -> None:
        self.name = name
        self.bank = bank
        self.alerts = [alert for alert in console.ALERTS if alert.runbook == name]
        text = (OPERATING / "runbooks" / f"{name}.md").read_text(encoding="utf-8")
        sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
        steps = re.split(r"^(\d+)\. ", sections["What to do"], flags=re.MULTILINE)
        self._steps = {int(number): step for number, step in zip(steps[1::2], steps[2::2], strict=True)}
        self._steps[OVER] = sections["How you know it is over"]
        self._due = {(step, command) for step in self._steps for command in _blocks(self._steps[step])}

    def types(self, step: int, beginning: str, *, status: int | None = 0, **places: object) -> Said:
        """Runs the command of a step that begins so, with `places` filled in, as somebody at a shell of the bank would.

        `status` None: whichever it ends with.
        """
        command = self._command(step, beginning)
        said = self._run(command, places)
        assert status in (None, said.status), f"{command}: ended with {said.status}\n{said.text}"
        return said

    def leaves(self, step: int, beginning: str, because: str) -> None:
        """A command that this drill has no use for."""
        assert because
        self._command(step, beginning)

    def causes(self, beginning: str) -> None:
        """Makes the trouble with a command from the list of drills in `emergency.md`."""
        said = self._run(self.cause(beginning), {})
        assert said.status == 0, said.text

    def cause(self, beginning: str) -> str:
        """A command from the list of drills in `emergency.md`."""
        text = (OPERATING / "emergency.md").read_text(encoding="utf-8")
        row = next(line for line in text.splitlines() if line.startswith(f"| [{self.name}]"))
        found = [command for command in _INLINE.findall(row) if command.startswith(beginning)]
        assert found, f"emergency.md causes {self.name} by nothing that begins with {beginning}"
        return found[0]

    def sees(self, *names: str) -> None:
        """Waits until these alerts hold by the figures of `/metrics`, and `tongbao doctor` leads to this runbook."""
        assert set(names) <= {alert.name for alert in self.alerts}
        until(lambda: set(names) <= self.firing(), f"{names} do not fire")
        pages = any(alert.severity == "page" for alert in self.alerts if alert.name in names)
        state = "fail" if pages else "warn"
        until(lambda: state in {check["state"] for check in self.doctor()}, f"tongbao doctor says nothing of {names}")

    def is_over(self, *but: str) -> None:
        """Waits until no alert of this runbook holds, `but` for some, and every other step was taken."""
        until(lambda: self.firing() <= set(but), f"some of {self.name} still fires")
        until(lambda: bool(but) or not self.doctor(), f"tongbao doctor still leads to {self.name}")
        assert not self._due, f"commands of {self.name} that nobody typed: {self._due}"

    def firing(self) -> set[str]:
        """Alerts of this runbook that hold by what `/metrics` says now."""
        return {one.alert.name for one in judged(figures(self.bank)) if one.alert.runbook == self.name}

    def doctor(self) -> list[dict[str, Any]]:
        """What `tongbao doctor` finds wrong and leads to this runbook with."""
        mine = f"runbooks/{self.name}.md"
        return [check for check in checks(self.bank) if check["runbook"] == mine and check["state"] != "ok"]

    def _command(self, step: int, beginning: str) -> str:
        blocks = [command for command in _blocks(self._steps[step]) if command.startswith(beginning)]
        found = blocks or [one for one in _INLINE.findall(self._steps[step]) if one.startswith(beginning)]
        assert found, f"step {step} of {self.name} has nothing that begins with {beginning}"
        self._due -= {(step, command) for command in blocks}
        return found[0]

    def _run(self, command: str, places: dict[str, object]) -> Said:
        for name, value in places.items():
            assert re.search(rf"\b{name}\b", command), f"{command} has no {name}"
            command = re.sub(rf"(?<!\$)\b{name}\b", str(value), command)
        command = command.replace(_DOOR, f"http://127.0.0.1:{self.bank.port}")
        named = {name: str(value) for name, value in places.items()}
        done = shell(self.bank, command, KEY=self.bank.key, **named)
        return Said(done.returncode, done.stdout)


def there(program: str) -> str:
    """Where a program is that a drill cannot do without."""
    found, needed = shutil.which(program), f"{program} is missing; apt-get install {program}"
    if found is None:
        assert not os.environ.get("CI"), needed
        pytest.skip(needed)
    return found


def shell(bank: Bank, command: str, **named: str) -> subprocess.CompletedProcess[str]:
    """At a shell where `tongbao` is the one under test and speaks to this bank."""
    return subprocess.run(
        ["sh", "-c", command],
        env={**_at_hand(bank), **named},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def checks(bank: Bank) -> list[dict[str, Any]]:
    """What `tongbao doctor` finds."""
    done = shell(bank, "tongbao doctor --json 2>/dev/null")
    return msgspec.json.decode(done.stdout)["checks"]


def figures(bank: Bank) -> list[Sample]:
    """The figures of the whole bank, as whoever scrapes the API reads them."""
    told = httpx.get(f"http://127.0.0.1:{bank.port}/metrics", timeout=30, trust_env=False).text
    return [
        Sample(sample.name, Decimal(str(sample.value)), sample.labels)
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name in FIGURES
    ]


def until(what: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


@contextmanager
def in_the_background(bank: Bank, command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A shell that somebody has left open."""
    child = subprocess.Popen(["sh", "-c", f"exec {command}"], env=_at_hand(bank), stdout=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def _at_hand(bank: Bank) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{bank.environment['PATH']}"
    return {**bank.environment, "PATH": path, "no_proxy": "127.0.0.1"}


def _blocks(text: str) -> list[str]:
    return [line.strip() for block in _BLOCK.findall(text) for line in block.splitlines() if line.strip()]
