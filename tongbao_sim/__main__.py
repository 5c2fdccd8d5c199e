"""`python -m tongbao_sim history | load | audit`. Status 0: done, the auditor agrees; 1: it does not; 2: could not."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Coroutine
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tongbao_sim import frauds, history, journal
from tongbao_sim import load as load_
from tongbao_sim.asking import CannotAudit
from tongbao_sim.auditor import Auditor, Verdict
from tongbao_sim.client import Client

T = TypeVar("T")


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        return options.act(options)
    except (ValueError, OSError, CannotAudit, msgspec.DecodeError) as problem:
        if isinstance(problem, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            sys.stderr.write(f"tongbao_sim: {problem}\n")
        return 2


def _history(options: argparse.Namespace) -> int:
    plan = history.Plan(
        seed=options.seed,
        people=options.people,
        shops=options.shops,
        days=options.days,
        payments=options.payments,
        until=options.until,
        balances=options.balances,
        frauds_of_10_000=options.frauds_of_10_000,
    )
    history.write(plan, sys.stdout.buffer)
    return 0


def _load(options: argparse.Namespace) -> int:
    plan = load_.Plan(
        url=options.url,
        key=options.key,
        city=options.city,
        rate=options.rate,
        seed=secrets.randbelow(2**31) if options.seed is None else options.seed,
        seconds=options.seconds,
        connections=options.connections,
        report_every=options.report_every,
        json=options.json,
        flat=options.flat,
        day_s=options.day_s,
        accounts=options.accounts,
        journal=options.journal,
        audit_every_s=options.audit_every_s,
        audit_within_s=options.audit_within_s,
        timeout_s=options.timeout_s,
        others=options.others,
        thieves=options.thieves,
    )
    summary = _run(load_.load(plan))
    if summary.problem:
        sys.stderr.write(f"tongbao_sim: {summary.problem}\n")
        return 2
    return 0 if summary.ok else 1


def _audit(options: argparse.Namespace) -> int:
    verdict = _run(_audit_file(options))
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode() + "\n")
    return 0 if verdict.agrees and verdict.acknowledged else 1


async def _audit_file(options: argparse.Namespace) -> Verdict:
    host, port = load_.address(options.url)
    async with Client(host, port, options.key, options.connections, retries=2) as client:
        return await Auditor(client, within_s=options.within_s, others=options.others).audit(
            journal.read(options.journal)
        )


def _run(job: Coroutine[Any, Any, T]) -> T:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(job)
    return uvloop.run(job)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tongbao_sim", description="A made-up city that uses a Tongbao bank.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    past = commands.add_parser("history", help="a city and its past, one JSON fact a line, on stdout")
    past.set_defaults(act=_history)
    for name, default in (("seed", 1), ("people", 5_000), ("shops", 300), ("days", 90), ("payments", 200_000)):
        past.add_argument(f"--{name}", type=int, default=default)
    past.add_argument("--frauds-of-10-000", type=int, default=frauds.OF_10_000, metavar="N", help="orders of theirs")
    past.add_argument("--until", type=date.fromisoformat, required=True, help="the last day, YYYY-MM-DD")
    past.add_argument("--balances", action="store_true", help="end with what each account must hold")

    live = commands.add_parser("load", help="live traffic through HTTP, audited at the end")
    live.set_defaults(act=_load)
    _bank(live, connections=32)
    live.add_argument("--city", type=Path, required=True, help="JSON file that names accounts and merchants")
    live.add_argument("--rate", type=int, default=100, help="stories a second, mean over a day of the city")
    live.add_argument("--seconds", type=int, help="without it: until SIGINT or SIGTERM")
    live.add_argument("--day-s", type=int, help="length of a day of the city; default: the run, or 600")
    live.add_argument("--flat", action="store_true", help="no rhythm: the same rate all day")
    live.add_argument("--accounts", type=int, help="use only the first N accounts of the city file")
    live.add_argument("--seed", type=int, help="default: a new one, printed in the summary")
    live.add_argument("--report-every", type=int, default=1, metavar="SECONDS")
    live.add_argument("--journal", type=Path, help="file for what was sent and acknowledged; overwritten")
    live.add_argument("--audit-every-s", type=int, default=300, help="traffic rests while the auditor looks")
    live.add_argument("--audit-within-s", type=int, help="time limit for the look at single payments")
    live.add_argument("--timeout-s", type=int, default=10, help="time limit of one request")
    live.add_argument("--thieves", action="store_true", help="a fiftieth of the accounts is theirs and their victims'")
    live.add_argument("--json", action="store_true", help="JSON lines on stdout")

    look = commands.add_parser("audit", help="audit a journal, such as that of a load that was killed")
    look.set_defaults(act=_audit)
    _bank(look, connections=32)
    look.add_argument("--journal", type=Path, required=True)
    look.add_argument("--within-s", type=int, help="time limit for the look at single payments")
    return parser


def _bank(parser: argparse.ArgumentParser, connections: int) -> None:
    parser.add_argument("--url", required=True, help="such as http://127.0.0.1:8000")
    parser.add_argument("--key", default=os.environ.get("TONGBAO_KEY", ""), help="default: $TONGBAO_KEY")
    parser.add_argument("--connections", type=int, default=connections)
    parser.add_argument("--others", action="store_true", help="others use the bank too: set aside what they did")


if __name__ == "__main__":
    sys.exit(main())
