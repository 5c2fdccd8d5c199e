"""`tongbao simulate`: the made-up city's traffic against any bank, with the auditor's verdict at the end."""

from __future__ import annotations

import subprocess
import sys

import typer


def run(context: typer.Context) -> None:
    """Live traffic that knows its outcomes. Options are those of `python -m tongbao_sim load --help`."""
    done = subprocess.run([sys.executable, "-m", "tongbao_sim", "load", *context.args], check=False)
    raise typer.Exit(done.returncode)
