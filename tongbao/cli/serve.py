"""`tongbao serve`: the bank over HTTP, in one process or in several that share a port."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from tongbao.base import log, metrics
from tongbao.base.settings import Settings, load
from tongbao.cli import database
from tongbao.cli.whole import whole
from tongbao.web import health
from tongbao.web.wire import BoundedHttp

_IDLE_S = 75
_END_WITHIN_S = 30


def run(
    host: Annotated[str | None, typer.Option(help="Address to listen on; TONGBAO_HOST unless told.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="TONGBAO_PORT unless told.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, max=256, help="TONGBAO_PROCESSES unless told.")] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file: serve HTTPS.", exists=True)] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.", exists=True)] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Off loopback without TLS; refused in production.")
    ] = False,
    drain_s: Annotated[
        int, typer.Option(min=0, max=600, help="Seconds that /readyz says no before the port is closed.")
    ] = 0,
) -> None:
    """Serve the bank over HTTP until SIGTERM or Ctrl-C; requests that are under way are answered first."""
    settings = load()
    host, port = host or settings.host, settings.port if port is None else port
    processes = processes or settings.processes
    tls = tls_certificate is not None
    if tls != (tls_key is not None):
        sys.exit("tongbao: --tls-certificate and --tls-key go together")
    if refused := refuses(settings, host, tls=tls, plain_http=plain_http):
        sys.exit(f"tongbao: {refused}")
    # Children read the same environment; /v1/settings shows what is in force.
    os.environ["TONGBAO_DATABASE_URL"] = database.migrated_url()
    os.environ.update(TONGBAO_HOST=host, TONGBAO_PORT=str(port), TONGBAO_PROCESSES=str(processes))
    log.configure(settings.log_level, settings.log_format)
    config = _config(
        drain_s, host=host, port=port, workers=processes, ssl_certfile=tls_certificate, ssl_keyfile=tls_key
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it is done; by then there is nothing left to end.
        signal.signal(number, lambda *_: None)
    typer.echo(f"tongbao: {'https' if tls else 'http'}://{host}:{port}, {processes} process(es)", err=True)
    if processes == 1:
        _alone(config)
    else:
        _together(config)


def _config(drain_s: int, **where: Any) -> Config:
    return Config(
        partial(application, drain_s),
        factory=True,
        loop="uvloop",
        http=BoundedHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_END_WITHIN_S,
        **where,
    )


def refuses(settings: Settings, host: str, *, tls: bool, plain_http: bool) -> str | None:
    """Why the bank does not listen there; None where it may."""
    if tls or _is_loopback(host):
        return None
    if settings.env == "production":
        return f"plain HTTP on {host} is refused in production; give --tls-certificate and --tls-key, or listen on 127.0.0.1"
    if not plain_http:
        return (
            f"{host} is not loopback: give --tls-certificate and --tls-key, or say --plain-http if the network is yours"
        )
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def application(drain_s: int) -> Any:
    """The bank for one process of the server; it asks for no new traffic `drain_s` seconds before it ends."""
    inner = whole("create")()
    if drain_s == 0:
        return inner

    async def draining(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            _end_later(drain_s)
        await inner(scope, receive, send)

    return draining


def _end_later(drain_s: int) -> None:
    """Puts itself before the server's own handling of SIGTERM, which closes the port at once."""
    loop = asyncio.get_running_loop()
    end: Any = signal.getsignal(signal.SIGTERM)

    def begin(number: int, frame: FrameType | None) -> None:
        health.drain()
        loop.call_soon_threadsafe(loop.call_later, drain_s, end, number, frame)

    signal.signal(signal.SIGTERM, begin)


def _alone(config: Config) -> None:
    server = Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit("tongbao: the server did not start; the log says why")


class _Children(Multiprocess):
    """Forgets the figures of a child that ended, and knows whether one could not start."""

    failed = False

    def keep_subprocess_alive(self) -> None:
        before, ending = {process.pid for process in self.processes}, self.should_exit.is_set()
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            if pid is not None:
                metrics.forget(pid)
        # Signals are heeded elsewhere: who wants to end here is a child that could not start.
        self.failed = self.failed or (not ending and self.should_exit.is_set())


def _together(config: Config) -> None:
    figures = Path(tempfile.mkdtemp(prefix="tongbao-metrics-"))
    os.environ.update(metrics.share(figures))
    sockets = [config.bind_socket()]
    try:
        children = _Children(config, sockets=sockets)
        children.run()
    finally:
        for socket in sockets:
            socket.close()
        shutil.rmtree(figures, ignore_errors=True)
    if children.failed:
        sys.exit("tongbao: a process of the server did not start; the log says why")
