"""`tongbao bench`: how fast this is on this machine, where it needs one in a database of its own that is dropped afterwards."""

from __future__ import annotations

import subprocess
import sys

import typer


def run(context: typer.Context) -> None:
    """ledger, payments, pages, risk or vault, --json. Further options are those of `python -m tongbao_bench ledger --help`."""
    done = subprocess.run([sys.executable, "-m", "tongbao_bench", *context.args], check=False)
    raise typer.Exit(done.returncode)
