"""`tongbao demo`: a living bank from nothing. Starts the database, founds the city, serves, works, sends live traffic."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import psycopg
import typer
import uvloop
from psycopg import conninfo
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tongbao import clearing, history, risk, vault
from tongbao.base import calendar, days, log, proofs, roles
from tongbao.base.clock import ManualClock
from tongbao.base.db import BULK, Database
from tongbao.base.embedded import default_data_dir
from tongbao.base.ids import uuid7
from tongbao.base.migrate import migrate
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import Settings
from tongbao.base.settings import load as load_settings
from tongbao.cli import children, database, output, prove, stage, starting_model
from tongbao.cli import migrate as migrate_command
from tongbao.cli.children import Child

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
    day_every: Annotated[
        int, typer.Option(min=0, help="Seconds that a business day lasts; 0: as long as the calendar says.")
    ] = 600,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout at the end.")] = False,
) -> None:
    """A living bank: a made-up city with a past, live traffic, and the auditor's verdict at the end.

    Everybody in the city is made up. A second start goes on where the first ended. Status 0 only if the auditor agrees
    and every invariant is proved.
    """
    if not children.is_free(port):
        other = port + 1 if port < 65535 and children.is_free(port + 1) else children.free_ports(1)[0]
        typer.echo(f"tongbao: port {port} is taken, perhaps by another demo; try --port {other}", err=True)
        raise typer.Exit(1)
    given = load_settings().database_url
    url = given or database.start_embedded()
    city = {"seed": seed, "people": people, "shops": shops, "days": past_days, "payments": payments}
    places = stage.Places(port, *children.free_ports(6))
    with tempfile.TemporaryDirectory(prefix="tongbao-demo-") as folder:
        # What the outsiders remember belongs to the bank's database: it lies beside it, or is gone with the run.
        outside = Path(folder) if given else default_data_dir() / "sandbox"
        demo = _Demo(url, places, Path(folder), outside, day_every, keyring(embedded=not given), embedded=not given)
        summary = uvloop.run(demo.run(city, rate=rate, seconds=seconds))
    if as_json:
        output.document(summary)
    else:
        _tell(summary)
    raise typer.Exit(0 if summary["ok"] else 1)


def keyring(*, embedded: bool) -> Path:
    """Of this user's demos, unless the settings name another: beside the embedded database, and made by the first of them.

    This process proves the books, so that it needs the keys as its children do.
    """
    if not load_settings().keyring:
        folder = default_data_dir() if embedded else default_data_dir().with_name(f"{default_data_dir().name}-keyring")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            vault.Keyring.create(folder.joinpath("keyring"), load_settings().make_clock().now())
        os.environ["TONGBAO_KEYRING"] = str(folder.joinpath("keyring"))
    return Path(load_settings().keyring)


class _Demo:
    """`folder` is gone at the end of the run; in `outside` the outsiders keep what they know."""

    def __init__(
        self,
        url: str,
        places: stage.Places,
        folder: Path,
        outside: Path,
        day_every_s: int,
        keyring: Path,
        *,
        embedded: bool,
    ) -> None:
        self.places, self.folder, self.outside, self.embedded = places, folder, outside, embedded
        self.environment = {
            "TONGBAO_DATABASE_URL": url,
            "TONGBAO_ENV": "demo",
            "TONGBAO_WEBHOOK_PRIVATE": "true",
            "TONGBAO_PORT": str(places.bank),
            "TONGBAO_LOG_LEVEL": "warning",
            "TONGBAO_DAY_EVERY_S": str(day_every_s),
            "TONGBAO_DEMO_FILE": str(folder / "demo.json"),
            "TONGBAO_VISIT_ENDS_S": "60",
            "TONGBAO_RAILS": f"sandbox={places.address(places.other_bank)}",
            "TONGBAO_KEYRING": str(keyring),
            "TONGBAO_SMS": places.address(places.sms),
            "TONGBAO_IDENTITY_PROVIDER": places.address(places.identity_provider),
            "TONGBAO_CARD_NETWORK": f"tcp://127.0.0.1:{places.card_wire}",
        }
        self.settings = load_settings({**os.environ, **self.environment})
        self.stop = asyncio.Event()

    async def run(self, city: dict[str, int], *, rate: int, seconds: int | None) -> dict[str, Any]:
        url, settings = self.settings.database_url, self.settings
        log.configure("warning", "console")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop.set)
        with console.status("Preparing the database"):
            migrate(url)
            if self.embedded:
                roles.give(url)
                # What serves and works owns nothing; this process, which founds and proves, is the owner's.
                self.environment["TONGBAO_DATABASE_URL"] = conninfo.make_conninfo(url, user=roles.APP)
        async with Database(url, limits=BULK) as db:
            today = days.local_day(settings.make_clock().now(), settings.zone)
            await self._unless_stopped(
                _found_or_catch_up(db, settings, history.Plan(until=today - timedelta(1), **city))
            )
            async with stage.stage(db, settings, self.places) as set_up:
                said = await self._live(db, set_up, rate, seconds)
        with console.status("Proving the books"):
            proof = await prove.proof(url)
        return {
            "ok": bool(said.get("ok")) and proof["holds"],
            "address": set_up.file.address,
            "traffic": said,
            "prove": proof,
        }

    async def _live(self, db: Database, set_up: stage.Stage, rate: int, seconds: int | None) -> dict[str, Any]:
        """The bank and everything outside of it, until the traffic ends."""
        names = self.folder / "city.json"
        at = self.settings.make_clock().now()
        async with db.tx() as tx:
            await clearing.time_anew(tx, at)
            # A first proof beside the first traffic: whoever presses the button at the end of the walk waits for what is new.
            await proofs.ask(tx, SYSTEM, id=uuid7(at), is_full=False, at=at)
            city = await history.city_file(tx, self.settings.currency, kept=set_up.file.li_account_id)
        names.write_bytes(msgspec.json.encode(city))
        stage.write(self.folder / "demo.json", set_up.file)
        async with children.together(self._outsiders(set_up), self.stop), children.together(self._bank(), self.stop):
            _announce(set_up.file.address)
            beside = [asyncio.create_task(self._learn(db, set_up)), asyncio.create_task(_find_out(db, self.settings))]
            try:
                return await _traffic(db, self.settings, set_up, names, rate, seconds, self.stop)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    async def _learn(self, db: Database, set_up: stage.Stage) -> None:
        """A new city's model, beside its first traffic; a city too small to learn from has none."""
        trouble = await starting_model.begin(db, self.settings, set_up.cast, self.environment)
        if trouble:
            console.print(f"No model was learned from the city's past: {trouble}", soft_wrap=True)

    def _outsiders(self, set_up: stage.Stage) -> list[Child]:
        """The noodle shop's own computer, another bank, everybody's phones, who knows which number is whose, and a card network."""

        def sandbox(part: str, port: int, *more: str, **environment: str) -> Child:
            arguments = (part, "--port", str(port), "--data", str(self.outside / part), *more)
            return Child("tongbao_sandbox", arguments, environment, port, "/healthz")

        sms = self.places.address(self.places.sms)
        return [
            sandbox("webhooks", self.places.receiver, WEBHOOK_SECRET=set_up.webhook_secret),
            sandbox("bank", self.places.other_bank),
            sandbox("sms", self.places.sms),
            sandbox("identity", self.places.identity_provider),
            sandbox("cards", self.places.cards, "--wire-port", str(self.places.card_wire), "--sms", sms),
        ]

    def _bank(self) -> list[Child]:
        """The API and the worker, each a process of its own."""
        port = self.places.bank
        return [
            Child("tongbao.cli", ("serve", "--port", str(port)), self.environment, port, "/readyz"),
            Child("tongbao.cli", ("work",), self.environment),
        ]

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it, or ends the command when somebody stops it: the next start goes on there."""
        working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                console.print("Stopping; the next start goes on from here.")
                raise typer.Exit(1)
            working.result()
        finally:
            for task in (working, stopped):
                task.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)


async def _found_or_catch_up(db: Database, settings: Settings, plan: history.Plan) -> None:
    """Founds the city, or goes on founding it; then ends the days that have passed since the bank was last open.

    By the calendar, however long days last afterwards. Where they have run ahead of it, there is nothing to catch up with.
    """
    settings = msgspec.structs.replace(settings, day_every_s=0)
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


_FOUND_OUT_EVERY_S: Final = 15
_JUDGED: Final = timedelta(days=21)
"""Of a city's past so much is judged and remembered by risk: all of it would take the founding three times as long."""


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
                judged_from=datetime.combine(plan.until - _JUDGED, datetime.min.time(), settings.zone),
            )
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
            await child.wait()


async def _find_out(db: Database, settings: Settings) -> None:
    """For as long as the city lives: what somebody has found out by now of its thieves is labelled."""
    clock = settings.make_clock()
    while True:
        # A database that is away comes back; what is known by then is not forgotten.
        with suppress(psycopg.Error):
            async with db.tx() as tx:
                await risk.label_told(tx, by=SYSTEM, at=clock.now())
        await asyncio.sleep(_FOUND_OUT_EVERY_S)


async def _keep_truth(db: Database, settings: Settings, said: dict[str, Any]) -> None:
    """What the city says of a thief's order, as it ended: for the wall, which holds it against what was thought of it."""
    at, after_s = settings.make_clock().now(), said["known_after_s"]
    known_at = None if after_s is None else at + timedelta(seconds=after_s)
    truth = risk.Truth(payment_id=UUID(said["id"]), what=said["truth"], at=at, known_at=known_at)
    with suppress(psycopg.Error):
        async with db.tx() as tx:
            await risk.tell_truth(tx, [truth])


def _announce(address: str) -> None:
    console.print(f"\n[bold]通宝 Tongbao[/bold] is open at {address}", soft_wrap=True)
    console.print("Ctrl-C stops all of it. Everybody in this city is made up.\n")


async def _traffic(
    db: Database,
    settings: Settings,
    set_up: stage.Stage,
    names: Path,
    rate: int,
    seconds: int | None,
    stop: asyncio.Event,
) -> dict[str, Any]:
    """The city's live traffic, a line of figures a second; its summary with the auditor's verdict."""
    command = [sys.executable, "-m", "tongbao_sim", "load", "--url", set_up.file.address, "--city", str(names)]
    command += ["--rate", str(rate), "--json", *(["--seconds", str(seconds)] if seconds else [])]
    # Visitors use the bank too; and the city should not pause for long while the auditor looks.
    command += ["--others", "--audit-within-s", "10", "--thieves"]
    child = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "TONGBAO_KEY": set_up.traffic_key},
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
            elif said.get("event") == "known":
                await _keep_truth(db, settings, said)
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
    console.print()
    audit = traffic.get("audit") or {}
    console.print(f"Payments  {traffic.get('payments', 0):,}, {traffic.get('surprises', 0)} not as expected")
    console.print(
        f"Auditor   {'agrees' if audit.get('agrees') else 'DISAGREES: ' + str(traffic.get('problem') or audit)}"
    )
    console.print(f"Books     {'proved' if proof['holds'] else 'NOT PROVED: ' + str(proof)}")
