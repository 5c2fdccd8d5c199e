"""`tongbao demo`: a living bank from nothing. Starts the database, founds the city, serves, works, sends live traffic."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tongbao import clearing, history, identity
from tongbao.base import calendar, days, log
from tongbao.base.clock import ManualClock
from tongbao.base.db import BULK, Database
from tongbao.base.ids import uuid7
from tongbao.base.migrate import migrate
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import Settings
from tongbao.base.settings import load as load_settings
from tongbao.cli import database, output, prove
from tongbao.cli import migrate as migrate_command

_STOP_WITHIN_S = 60
_READY_WITHIN_S = 60

console = Console(stderr=True)


def run(
    seconds: Annotated[int | None, typer.Option(help="End by itself after so many seconds of traffic.")] = None,
    rate: Annotated[int, typer.Option(help="Stories a second that the city sends.")] = 50,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8080,
    people: Annotated[int, typer.Option(help="People of a new city.")] = 5_000,
    shops: Annotated[int, typer.Option(help="Shops of a new city.")] = 300,
    payments: Annotated[int, typer.Option(help="Payments in the past of a new city.")] = 200_000,
    past_days: Annotated[int, typer.Option("--days", help="Days of past of a new city.")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed founds the same city.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout at the end.")] = False,
) -> None:
    """A living bank: a made-up city with a past, live traffic, and the auditor's verdict at the end.

    Everybody in the city is made up. A second start goes on where the first ended. Status 0 only if the auditor agrees
    and every invariant is proved.
    """
    url = load_settings().database_url or database.start_embedded()
    city = {"seed": seed, "people": people, "shops": shops, "days": past_days, "payments": payments}
    summary = uvloop.run(_demo(url, port=port, rate=rate, seconds=seconds, city=city))
    if as_json:
        output.document(summary)
    else:
        _tell(summary)
    raise typer.Exit(0 if summary["ok"] else 1)


async def _demo(url: str, *, port: int, rate: int, seconds: int | None, city: dict[str, int]) -> dict[str, Any]:
    environment = {
        **os.environ,
        "TONGBAO_DATABASE_URL": url,
        "TONGBAO_ENV": "demo",
        "TONGBAO_WEBHOOK_PRIVATE": "true",
        "TONGBAO_PORT": str(port),
        "TONGBAO_LOG_LEVEL": "warning",
    }
    settings = load_settings(environment)
    log.configure("warning", "console")
    with console.status("Preparing the database"):
        migrate(url)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Database(url, limits=BULK) as db:
        today = days.local_day(settings.make_clock().now(), settings.zone)
        await _found_or_catch_up(db, settings, history.Plan(until=today - timedelta(1), **city))
        key = await _key(db, settings)
        with tempfile.TemporaryDirectory(prefix="tongbao-demo-") as folder:
            names = Path(folder) / "city.json"
            async with db.read() as tx:
                names.write_bytes(msgspec.json.encode(await history.city_file(tx, settings.currency)))
            async with _children(environment, port) as children:
                await _ready(port, stop, children)
                _announce(port, key)
                said = await _traffic(port, key, names, rate, seconds, stop)
        with console.status("Proving the books"):
            proof = await prove.proof(url)
    return {
        "ok": bool(said.get("ok")) and proof["holds"],
        "address": f"http://127.0.0.1:{port}",
        "traffic": said,
        "prove": proof,
    }


async def _found_or_catch_up(db: Database, settings: Settings, plan: history.Plan) -> None:
    """Founds the city, or goes on founding it; then ends the days that have passed since the bank was last open."""
    now = settings.make_clock().now()
    async with db.tx() as tx:
        plan, founded = await history.begin(tx, plan, now)
    if not founded:
        await _found(db, settings, plan)
        async with db.tx() as tx:
            await history.finish(tx, now)
    with console.status("Ending the days that have passed"):
        await migrate_command.found(settings.database_url)
        await clearing.end_of_day(db, settings.make_clock(), settings)


async def _found(db: Database, settings: Settings, plan: history.Plan) -> None:
    command = [sys.executable, "-m", "tongbao_sim", "history"]
    for name, value in msgspec.structs.asdict(plan).items():
        command += [f"--{name}", str(value)]
    first = datetime.combine(plan.until - timedelta(days=plan.days + 1), datetime.min.time(), settings.zone)
    clock = ManualClock(first)
    async with db.tx() as tx:
        await calendar.seed(tx, range(first.year, plan.until.year + 2))
    with Progress(
        TextColumn("Founding a made-up city"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("payments"),
        TimeElapsedColumn(),
        console=console,
    ) as bar:
        task = bar.add_task("found", total=plan.payments)
        child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, limit=1 << 20)
        assert child.stdout is not None
        try:
            await history.found(
                db,
                clock,
                child.stdout,
                settings,
                progress=lambda done, _total: bar.update(task, completed=done),
                total=plan.payments,
            )
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
            await child.wait()


async def _key(db: Database, settings: Settings) -> str:
    """A key of the bank's own for this run, good for a day."""
    token = identity.fresh_token("bank", secrets.token_bytes)
    now = settings.make_clock().now()
    new = identity.NewKey(id=uuid7(now), kind=identity.KeyKind.BANK, expires_at=now + timedelta(days=1), note="demo")
    async with db.tx() as tx:
        await identity.issue_key(tx, new, token, by=SYSTEM, at=now)
    return str(token)


@asynccontextmanager
async def _children(environment: dict[str, str], port: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """The API and the worker, each a process of its own; stopped at the end, gently first."""
    commands = (["serve", "--port", str(port)], ["work"])
    async with AsyncExitStack() as stack:
        started = []
        for command in commands:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tongbao.cli", *command, env=environment, start_new_session=True
            )
            stack.push_async_callback(_end, child)
            started.append(child)
        yield started


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.terminate()
        try:
            await asyncio.wait_for(child.wait(), _STOP_WITHIN_S)
        except TimeoutError:
            child.kill()
            await child.wait()


async def _ready(port: int, stop: asyncio.Event, children: list[asyncio.subprocess.Process]) -> None:
    for _ in range(_READY_WITHIN_S * 10):
        ended = [child for child in children if child.returncode is not None]
        if ended or stop.is_set():
            raise typer.Exit(1)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            if b" 200 " in status:
                return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.1)
    raise typer.Exit(1)


def _announce(port: int, key: str) -> None:
    address = f"http://127.0.0.1:{port}"
    console.print(f"\n[bold]Tongbao[/bold] is open at {address}")
    console.print(f"OpenAPI   {address}/v1/openapi.json\nMetrics   {address}/metrics")
    console.print(f"Key       {key}", soft_wrap=True)
    console.print(f"Try       curl -H 'Authorization: Bearer {key}' {address}/v1/business-day", soft_wrap=True)
    console.print("Ctrl-C stops all of it. Everybody in this city is made up.\n")


async def _traffic(
    port: int, key: str, names: Path, rate: int, seconds: int | None, stop: asyncio.Event
) -> dict[str, Any]:
    """The city's live traffic, a line of figures a second; its summary with the auditor's verdict."""
    command = [sys.executable, "-m", "tongbao_sim", "load", "--url", f"http://127.0.0.1:{port}", "--city", str(names)]
    command += ["--rate", str(rate), "--json", *(["--seconds", str(seconds)] if seconds else [])]
    child = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "TONGBAO_KEY": key},
        stdout=subprocess.PIPE,
        start_new_session=True,
        limit=1 << 24,
    )
    assert child.stdout is not None
    stopping = asyncio.create_task(_interrupt(child, stop))
    summary: dict[str, Any] = {"ok": False, "problem": "the traffic ended without a summary"}
    with Live(console=console, auto_refresh=False, transient=False) as live:
        async for raw in child.stdout:
            said: dict[str, Any] = msgspec.json.decode(raw)
            if said.get("event") == "summary":
                summary = said
            else:
                live.update(Text(_line(said)), refresh=True)
    await child.wait()
    stopping.cancel()
    return summary


async def _interrupt(child: asyncio.subprocess.Process, stop: asyncio.Event) -> None:
    await stop.wait()
    console.print("Stopping: the auditor looks once more.")
    with suppress(ProcessLookupError):
        child.send_signal(signal.SIGINT)


def _line(said: dict[str, Any]) -> str:
    return (
        f"{said['elapsed_s']:6d} s   {said['payments_per_s']:5d} payments/s   "
        f"{said['success_rate']:8.2%} as expected   p50 {said['p50_ms']:.1f} ms   p99 {said['p99_ms']:.1f} ms"
    )


def _tell(summary: dict[str, Any]) -> None:
    traffic, proof = summary["traffic"], summary["prove"]
    audit = traffic.get("audit") or {}
    console.print(f"Payments  {traffic.get('payments', 0):,}, {traffic.get('surprises', 0)} not as expected")
    console.print(
        f"Auditor   {'agrees' if audit.get('agrees') else 'DISAGREES: ' + str(traffic.get('problem') or audit)}"
    )
    console.print(f"Books     {'proved' if proof['holds'] else 'NOT PROVED: ' + str(proof)}")
