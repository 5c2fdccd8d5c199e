"""`python -m tongbao_bench ledger|payments|pages|risk|vault [--json]`: a benchmark, where it needs one in a database of its own."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tongbao_bench import growth, ledger, pages, payments, risk, vault
from tongbao_bench.own_database import own_database

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(prog="tongbao bench", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    books = what.add_parser("ledger", help="postings a second in batches, one by one, by COPY")
    books.add_argument(
        "--rows", type=float, help="instead: grow a history to so many entries, look things up, prove it"
    )
    books.add_argument("--rounds", type=int, default=5)
    books.add_argument("--seconds", type=float, default=1.0, help="of each stretch")
    what.add_parser("payments", help="payments a second over HTTP")
    looks = what.add_parser("pages", help="pages at the server while payments go on")
    looks.add_argument("--rate", type=int, default=pages.RATE, help="stories a second of the traffic beside")
    looks.add_argument("--rounds", type=int, default=pages.ROUNDS, help="how often each page is asked for")
    what.add_parser("risk", help="what judging a payment costs, in batches and alone")
    seals = what.add_parser("vault", help="seals, envelopes and signatures a second in each suite")
    seals.add_argument("--rounds", type=int, default=5)
    seals.add_argument("--seconds", type=float, default=0.15, help="of each stretch")
    for each in what.choices.values():
        each.add_argument("--json", action="store_true", help="one JSON document on stdout, nothing else")
    asked = parser.parse_args()
    console = Console(stderr=True)
    with console.status("making ready") as status:
        found = _measured(asked, status.update)
    if asked.json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _show(found)
    if asked.what == "pages" and found["errors"]:
        sys.exit(1)


def _measured(asked: argparse.Namespace, said: Callable[[str], None]) -> dict[str, Any]:
    if asked.what == "vault":
        return vault.bench(asked.rounds, asked.seconds, said)
    said("making a database")
    with own_database() as url:
        return _run(asked, url, said)


def _run(asked: argparse.Namespace, url: str, said: Callable[[str], None]) -> dict[str, Any]:
    if asked.what == "payments":
        return payments.bench(url)
    if asked.what == "risk":
        return risk.bench(url, said)
    if asked.what == "pages":
        return pages.bench(url, rate=asked.rate, rounds=asked.rounds, said=said)
    if asked.rows:
        return asyncio.run(growth.bench(url, int(asked.rows), said=said))
    return ledger.bench(url, rounds=asked.rounds, seconds=asked.seconds, said=said)


def _show(found: dict[str, Any]) -> None:
    console = Console()
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for row in value:
                console.print(" ", *(f"{k} {v}" for k, v in row.items() if not isinstance(v, list)))
        elif not isinstance(value, list | dict):
            console.print(f"{name:28} {value:>12,}" if isinstance(value, int | float) else f"{name:28} {value}")


if __name__ == "__main__":
    main()
