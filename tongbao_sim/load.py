"""A run of live traffic from the first balance to the auditor's verdict."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tongbao_sim.asking import CannotAudit, each, get, quiet_date
from tongbao_sim.auditor import AccountSeen, Auditor, Verdict
from tongbao_sim.chance import Chance
from tongbao_sim.client import Client
from tongbao_sim.figures import Figures, Line, millis, share
from tongbao_sim.journal import Journal, Known, Opening, OpeningDay, Record
from tongbao_sim.keep import keep
from tongbao_sim.pace import Pace
from tongbao_sim.thieves import Thieves, taken_from
from tongbao_sim.workload import AccountHere, CityFile, MerchantHere, Workload

IN_FLIGHT_PER_CONNECTION = 4
READERS = 32


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` None: until a signal comes. Every `audit_every_s` traffic rests while the auditor looks.

    `others`: somebody else uses the bank too, and the auditor sets aside what they did. `thieves`: some of the accounts are theirs.
    """

    url: str
    key: str
    city: Path
    rate: int
    seed: int
    seconds: int | None = None
    connections: int = 32
    report_every: int = 1
    json: bool = False
    flat: bool = False
    day_s: int | None = None
    accounts: int | None = None
    journal: Path | None = None
    audit_every_s: int = 300
    audit_within_s: int | None = None
    timeout_s: int = 10
    others: bool = False
    thieves: bool = False


class Stolen(msgspec.Struct, frozen=True):
    """Orders of thieves: how many the bank stopped, and how many it paid."""

    caught: int
    missed: int


class Summary(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="summary"):
    """The last line. `ok` is the exit status: every audit agreed and something was acknowledged."""

    ok: bool
    seed: int
    elapsed_s: int
    payments: int
    requests: int
    payments_per_s: int
    requests_per_s: int
    success_rate: float
    p50_ms: float
    p99_ms: float
    surprises: int
    surprise_examples: list[str]
    unknown: int
    resolved: int
    unresolved: int
    held_back: int
    audits: int
    codes: dict[str, int]
    stories: dict[str, int]
    stolen: dict[str, Stolen]
    audit: Verdict | None
    problem: str | None = None


class Run:
    """One load. `stop` ends traffic early; the audit still takes place."""

    def __init__(self, plan: Plan, say: Callable[[Any], None]) -> None:
        self.plan, self.say = plan, say
        self.figures = Figures()
        self.journal = Journal(plan.journal)
        self.stop = asyncio.Event()
        self.audits = 0
        self.began = monotonic()
        host, port = address(plan.url)
        self.client = Client(host, port, plan.key, plan.connections, timeout_s=plan.timeout_s, retries=2)

    async def run(self) -> Summary:
        try:
            async with self.client:
                return await self._run()
        except CannotAudit as problem:
            return self._summary(None, 0, problem=str(problem))
        finally:
            self.journal.close()

    async def _run(self) -> Summary:
        plan = self.plan
        city = _some_of(read_city(plan.city), plan.accounts)
        robbed = taken_from(len(city.accounts)) if plan.thieves else 0
        theirs, city = city.accounts[:robbed], msgspec.structs.replace(city, accounts=city.accounts[robbed:])
        openings = await self._openings(city.accounts, city.merchants)
        self.journal.restart(openings)
        purses = {o.account: o.balance - o.held for o in openings if isinstance(o, Opening) and o.merchant is None}
        workload = Workload(self.client, city, purses, self.journal, self.figures, plan.seed)
        pace = Pace(plan.rate, plan.day_s or plan.seconds or 600, flat=plan.flat)
        self.began = monotonic()
        left, begun_us = plan.seconds, 0
        keeper = asyncio.create_task(keep(self.client, city.kept, city.currency, Chance(plan.seed + 1)))
        gang = Thieves(self.client, theirs, city, self.journal, self.figures, plan.seed + 2, self.say)
        stealing = asyncio.create_task(gang.run())
        reporter = asyncio.create_task(self._report(workload))
        # Whoever read our lines has gone: so do we.
        reporter.add_done_callback(lambda _: self.stop.set())
        try:
            while True:
                window = plan.audit_every_s if left is None else min(left, plan.audit_every_s)
                begun_us = await workload.run(
                    pace,
                    self.stop,
                    seconds=window,
                    begun_us=begun_us,
                    most_in_flight=plan.connections * IN_FLIGHT_PER_CONNECTION,
                )
                left = None if left is None else left - window
                elapsed_s = int(monotonic() - self.began)
                async with gang.quiet:
                    unresolved = await workload.settle()
                    verdict, openings = await self._audit(city, openings)
                    if self.stop.is_set() or not verdict.agrees or left == 0:
                        return self._summary(verdict, unresolved, elapsed_s)
                    self.journal.restart(openings)
                workload.unresolved.clear()
        finally:
            for task in (keeper, reporter, stealing):
                task.cancel()

    async def _audit(self, city: CityFile, openings: list[Record]) -> tuple[Verdict, list[Record]]:
        """The verdict, and the balances from which the next stretch of traffic begins."""
        auditor = Auditor(self.client, within_s=self.plan.audit_within_s, others=self.plan.others)
        verdict = await auditor.audit(self.journal.records)
        self.audits += 1
        self.figures.count["audits_agreed"] += verdict.agrees
        seen = auditor.closing
        after: list[Record] = [
            Opening(account=o.account, balance=seen[o.account].balance, held=seen[o.account].held)
            if o.account in seen
            else o
            for o in openings
            if isinstance(o, Opening) and o.merchant is None
        ]
        last = self.stop.is_set() or not verdict.agrees
        return verdict, after if last else after + await self._openings([], city.merchants)

    async def _openings(self, accounts: Iterable[AccountHere], merchants: Iterable[MerchantHere]) -> list[Record]:
        """Balances before anything is done. A merchant whose takings account is not shown is left out."""
        found: list[Record] = [OpeningDay(business_date=await quiet_date(self.client))]

        async def account(id_: str, merchant: str | None) -> None:
            seen = await get(self.client, f"/v1/accounts/{id_}", AccountSeen)
            if seen is None and merchant is None:
                raise CannotAudit(f"the bank does not know account {id_} of the city file")
            if seen is not None:
                found.append(Opening(account=id_, balance=seen.balance, held=seen.held, merchant=merchant))

        async def merchant(here: MerchantHere) -> None:
            takings = here.account
            if takings is None:
                shown = await get(self.client, f"/v1/merchants/{here.id}", dict[str, Any])
                takings = shown.get("takings_account_id") if shown else None
            if takings is not None:
                await account(str(takings), here.id)

        await each(accounts, lambda a: account(a.id, None), READERS)
        await each(merchants, merchant, READERS)
        return found

    async def _report(self, workload: Workload) -> None:
        every = self.plan.report_every
        for n in range(1, sys.maxsize):
            await asyncio.sleep(max(0.0, self.began + n * every - monotonic()))
            time = f"{workload.minute // 60:02d}:{workload.minute % 60:02d}"
            self.say(self.figures.line(n * every, every, time, len(workload.running), len(workload.unresolved)))

    def _summary(
        self, verdict: Verdict | None, unresolved: int, elapsed_s: int = 0, problem: str | None = None
    ) -> Summary:
        f = self.figures
        f.line(0, 1, "", 0, 0)
        count, over = f.count, max(1, elapsed_s)
        return Summary(
            ok=verdict is not None and verdict.agrees and count["payments"] > 0,
            seed=self.plan.seed,
            elapsed_s=elapsed_s,
            payments=count["payments"],
            requests=count["requests"],
            payments_per_s=count["payments"] // over,
            requests_per_s=count["requests"] // over,
            success_rate=share(count["as_expected"], count["surprises"]),
            p50_ms=millis(f.times.micros_at(50)),
            p99_ms=millis(f.times.micros_at(99)),
            surprises=count["surprises"],
            surprise_examples=f.surprises,
            unknown=count["unknown"],
            resolved=count["resolved"],
            unresolved=unresolved,
            held_back=count["held_back"],
            audits=self.audits,
            codes=dict(f.codes),
            stories=dict(f.stories),
            stolen={
                truth: Stolen(caught=f.stolen[truth, "caught"], missed=f.stolen[truth, "missed"])
                for truth in sorted({truth for truth, _ in f.stolen})
            },
            audit=verdict,
            problem=problem,
        )


def read_city(path: Path) -> CityFile:
    return msgspec.json.decode(path.read_bytes(), type=CityFile)


def _some_of(city: CityFile, accounts: int | None) -> CityFile:
    return city if accounts is None else msgspec.structs.replace(city, accounts=city.accounts[:accounts])


def address(url: str) -> tuple[str, int]:
    """Host and port of an address such as `http://127.0.0.1:8000`."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"an address begins with http:// and names a host, not {url!r}")
    return parts.hostname, parts.port or 80


async def load(plan: Plan) -> Summary:
    """Traffic with lines on stdout, ended by time or by SIGINT or SIGTERM."""
    run = Run(plan, print_json if plan.json else print_line)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        """The second signal ends the process the usual way, audit or no audit."""
        run.stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    summary = await run.run()
    run.say(summary)
    return summary


def print_json(what: Any) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()


def print_line(what: Line | Summary | Known) -> None:
    if isinstance(what, Known):
        return
    if isinstance(what, Line):
        newest = what.newest
        last = f"{newest.payer or ''} → {newest.payee or ''} {_money(newest.amount)}" if newest else ""
        text = (
            f"{what.elapsed_s:5d} s  {what.city_time}  {what.payments_per_s:6d} payments/s  "
            f"{what.success_rate:7.2%} as expected  p50 {what.p50_ms:.2f} ms  p99 {what.p99_ms:.2f} ms  {last}"
        )
    else:
        text = msgspec.json.format(msgspec.json.encode(what), indent=2).decode()
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _money(amount: int) -> str:
    return f"¥{amount // 100:,}.{amount % 100:02d}"
