"""Processes that a command starts beside itself: all of them end with it, gently first."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import typer

_STOP_WITHIN_S = 60
_READY_WITHIN_S = 60


@dataclass(frozen=True)
class Child:
    """A Python module with its arguments. `path`: what it answers by HTTP on `port` once it is ready; empty: nothing."""

    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    port: int = 0
    path: str = ""


@asynccontextmanager
async def together(children: Sequence[Child], stop: asyncio.Event) -> AsyncIterator[None]:
    """Starts all of them and waits until they are ready. Ends the command where one does not get there, or `stop` is set."""
    started: list[_Running] = []
    try:
        for child in children:
            started.append(await _start(child))
        for running in started:
            if not await running.ready(stop):
                if not stop.is_set():
                    typer.echo(f"{running.said()}\ntongbao: {running.child.module} did not start", err=True)
                raise typer.Exit(1)
        yield
    finally:
        await asyncio.gather(*(running.end() for running in started))


async def _start(child: Child) -> _Running:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        child.module,
        *child.arguments,
        env={**os.environ, **child.environment},
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    return _Running(child, process)


class _Running:
    """What a child says while it starts is shown only where it does not get there; what it says later is passed on."""

    def __init__(self, child: Child, process: asyncio.subprocess.Process) -> None:
        self.child = child
        self._process = process
        self._greeting = b""
        self._is_ready = False
        self._listening = asyncio.create_task(self._listen())

    def said(self) -> str:
        return self._greeting.decode(errors="replace").rstrip()

    async def ready(self, stop: asyncio.Event) -> bool:
        self._is_ready = not self.child.path or await _answers(self.child, self._process, stop)
        return self._is_ready

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_WITHIN_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while said := await self._process.stderr.read(1 << 16):
            if self._is_ready:
                sys.stderr.write(said.decode(errors="replace"))
                sys.stderr.flush()
            else:
                self._greeting = (self._greeting + said)[-(1 << 16) :]


async def _answers(child: Child, process: asyncio.subprocess.Process, stop: asyncio.Event) -> bool:
    for _ in range(_READY_WITHIN_S * 10):
        if process.returncode is not None or stop.is_set():
            return False
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", child.port)
            writer.write(f"GET {child.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            status = await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            if b" 200 " in status:
                return True
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.1)
    return False


def is_free(port: int) -> bool:
    """Whether a server may listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 on which nobody listens at present."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
