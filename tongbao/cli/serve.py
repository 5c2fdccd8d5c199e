"""`tongbao serve`: the bank over HTTP, in one process or in several that share a port."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import ssl
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from uvicorn import Config, Server
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from tongbao import vault
from tongbao.base import log, metrics
from tongbao.base.settings import Settings, is_loopback, load
from tongbao.cli import database
from tongbao.cli.whole import whole
from tongbao.web import health, wire

_IDLE_S = 75
_END_WITHIN_S = 30
_START_WITHIN_S = 120
_SILENT_S = 30
"""A child that is silent for so long counts as hung and is killed, with whatever it was about to answer."""

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: authenticated ciphers with keys of one connection. No DES, no RC4, no CBC, no RSA key exchange."""

logger = log.get(__name__)


def run(
    host: Annotated[str | None, typer.Option(help="Address to listen on; TONGBAO_HOST unless told.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="TONGBAO_PORT unless told.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, max=256, help="TONGBAO_PROCESSES unless told.")] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", "--tls-cert", help="PEM file: serve HTTPS.", exists=True)
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.", exists=True)] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="PEM file: whose client certificates are believed.", exists=True)
    ] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Off loopback without TLS; refused in production.")
    ] = False,
    drain_s: Annotated[
        int, typer.Option(min=0, max=600, help="Seconds that /readyz says no before the port is closed.")
    ] = 0,
) -> None:
    """Serve the bank over HTTP until SIGTERM or Ctrl-C; requests that are under way are answered first.

    With several processes SIGHUP starts them anew one after another, the port open all the while.
    """
    settings = load()
    host, port = host or settings.host, settings.port if port is None else port
    processes = processes or settings.processes
    tls = _tls(settings, tls_certificate, tls_key, tls_client_ca)
    if refused := refuses(settings, host, tls=bool(tls), plain_http=plain_http):
        sys.exit(f"tongbao: {refused}")
    vault.check(settings)
    # Children read the same environment; /v1/settings shows what is in force.
    os.environ["TONGBAO_DATABASE_URL"] = database.migrated_url()
    os.environ.update(TONGBAO_HOST=host, TONGBAO_PORT=str(port), TONGBAO_PROCESSES=str(processes), **tls)
    log.configure(settings.log_level, settings.log_format)
    config = _config(drain_s, host=host, port=port, workers=processes, **_secured(tls))
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it is done; by then there is nothing left to end.
        signal.signal(number, lambda *_: None)
    typer.echo(f"tongbao: {'https' if tls else 'http'}://{host}:{port}, {processes} process(es)", err=True)
    if processes == 1:
        _alone(config)
    else:
        _together(config)


def _tls(settings: Settings, certificate: Path | None, key: Path | None, client_ca: Path | None) -> dict[str, str]:
    """The settings of TLS that are in force, by name; empty for plain HTTP."""
    if (certificate is None) != (key is None):
        sys.exit("tongbao: --tls-certificate and --tls-key go together")
    said = {
        "TONGBAO_TLS_CERTIFICATE": str(certificate or settings.tls_certificate),
        "TONGBAO_TLS_KEY": str(key or settings.tls_key),
        "TONGBAO_TLS_CLIENT_CA": str(client_ca or settings.tls_client_ca),
    }
    if not said["TONGBAO_TLS_CERTIFICATE"]:
        if said["TONGBAO_TLS_CLIENT_CA"]:
            sys.exit("tongbao: --tls-client-ca needs --tls-certificate and --tls-key")
        return {}
    return {name: value for name, value in said.items() if value}


def _secured(tls: dict[str, str]) -> dict[str, Any]:
    """What uvicorn is told: TLS 1.2 and 1.3 (Python's own floor) with ciphers that keep yesterday's traffic closed. A client may show a
    certificate; whether it must is for the key that it uses.
    """
    if not tls:
        return {}
    said: dict[str, Any] = {
        "ssl_certfile": tls["TONGBAO_TLS_CERTIFICATE"],
        "ssl_keyfile": tls["TONGBAO_TLS_KEY"],
        "ssl_ciphers": _CIPHERS,
    }
    if ca := tls.get("TONGBAO_TLS_CLIENT_CA"):
        said |= {"ssl_ca_certs": ca, "ssl_cert_reqs": ssl.CERT_OPTIONAL}
    return said


def _config(drain_s: int, **where: Any) -> Config:
    return Config(
        partial(application, drain_s),
        factory=True,
        loop="uvloop",
        http=wire.BoundedHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_END_WITHIN_S,
        timeout_worker_healthcheck=_SILENT_S,
        **where,
    )


def refuses(settings: Settings, host: str, *, tls: bool, plain_http: bool) -> str | None:
    """Why the bank does not listen there; None where it may."""
    if tls or is_loopback(host):
        return None
    if settings.env == "production":
        return f"plain HTTP on {host} is refused in production; give --tls-certificate and --tls-key, or listen on 127.0.0.1"
    if not plain_http:
        return (
            f"{host} is not loopback: give --tls-certificate and --tls-key, or say --plain-http if the network is yours"
        )
    return None


def application(drain_s: int) -> Any:
    """The bank for one process of the server; told to end by SIGTERM, it asks for no new traffic for `drain_s` seconds."""
    inner = whole("create")()

    async def ending_well(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            _stand_before_the_end(signal.SIGTERM, drain_s)
            _stand_before_the_end(signal.SIGINT, 0)
        await inner(scope, receive, send)

    return ending_well


def _stand_before_the_end(number: signal.Signals, drain_s: int) -> None:
    """Puts itself before the server's own handling of a signal, which closes the port at once and tells nobody."""
    loop = asyncio.get_running_loop()
    end: Any = signal.getsignal(number)

    def drain() -> None:
        health.drain()
        wire.leave()
        loop.call_later(drain_s, end, number, None)

    signal.signal(number, lambda *_: loop.call_soon_threadsafe(drain))


def _alone(config: Config) -> None:
    server = Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit("tongbao: the server did not start; the log says why")


class _Children(Multiprocess):
    """Forgets the figures of a child that ended, knows whether one could not start, and on SIGHUP replaces them in turn."""

    failed = False

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self._to_replace: list[Process] = []

    def handle_hup(self) -> None:
        """Each child gives way to a new one, one a turn, so that a SIGTERM in between is heeded.

        Not where the program on the disk is of a later version than the schema: a new child would fail, the old ones do not.
        """
        try:
            database.migrated_url()
        except (SystemExit, psycopg.Error) as reason:
            logger.warning("restart_given_up", reason=str(reason))
        else:
            self._to_replace = list(self.processes)

    def keep_subprocess_alive(self) -> None:
        before, ending = {process.pid for process in self.processes}, self.should_exit.is_set()
        super().keep_subprocess_alive()
        if self._to_replace and not self.should_exit.is_set():
            self._replace(self._to_replace.pop(0))
        for pid in before - {process.pid for process in self.processes}:
            if pid is not None:
                metrics.forget(pid)
        # Signals are heeded elsewhere: who wants to end here is a child that could not start.
        self.failed = self.failed or (not ending and self.should_exit.is_set())

    def _replace(self, old: Process) -> None:
        if old not in self.processes:
            return
        new = Process(self.config, self.sockets)
        new.start()
        if not new.wait_until_ready(_START_WITHIN_S):
            new.kill()
            new.join()
            self._to_replace.clear()
            logger.error("restart_given_up", reason="a new process did not start; the others go on as they are")
            return
        self.processes[self.processes.index(old)] = new
        old.terminate()
        old.join()


def _together(config: Config) -> None:
    figures = Path(tempfile.mkdtemp(prefix="tongbao-metrics-"))
    os.environ.update(metrics.share(figures))
    sockets = [config.bind_socket()]
    try:
        children = _Children(config, sockets=sockets)
        children.run()
    finally:
        for each in sockets:
            each.close()
        shutil.rmtree(figures, ignore_errors=True)
    if children.failed:
        sys.exit("tongbao: a process of the server did not start; the log says why")
