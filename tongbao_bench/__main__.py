"""`python -m tongbao_bench ledger|payments [--json]`: a benchmark in a database of its own, dropped when it ends."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tongbao_bench import growth, ledger, payments
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
    for each in what.choices.values():
        each.add_argument("--json", action="store_true", help="one JSON document on stdout, nothing else")
    asked = parser.parse_args()
    console = Console(stderr=True)
    with console.status("making a database") as status, own_database() as url:
        found = _run(asked, url, status.update)
    if asked.json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _show(found)


def _run(asked: argparse.Namespace, url: str, said: Callable[[str], None]) -> dict[str, Any]:
    if asked.what == "payments":
        return payments.bench(url)
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
