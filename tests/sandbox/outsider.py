"""A part of `python -m tongbao_sandbox` in a process of its own, which is killed and started again by name."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar, Self

import httpx

START_WITHIN_S = 60


class Outsider:
    """Asked over HTTP, as the bank asks it. Its port and what it knows stay when it is killed."""

    part: ClassVar[str]

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.port = free_port()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        command = [sys.executable, "-m", "tongbao_sandbox", self.part, "--port", str(self.port)]
        command += ["--data", str(self.folder), *self.options]
        self._child = subprocess.Popen(command, env=dict(os.environ), start_new_session=True)
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            assert self._child.poll() is None, f"the {self.part} of the sandbox ended with {self._child.returncode}"
            try:
                if httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the {self.part} of the sandbox did not start")

    def kill(self) -> None:
        """SIGKILL: no warning, no clean-up."""
        if self._child is not None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            self._child = None

    def fault(self, mode: str) -> None:
        httpx.post(f"{self.url}/faults", json={"mode": mode}, trust_env=False).raise_for_status()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
