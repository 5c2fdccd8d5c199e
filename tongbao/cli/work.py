"""`tongbao work`: hand events to their consumers, send webhooks, run jobs."""

from __future__ import annotations

import asyncio
import os
import signal

import uvloop

from tongbao import vault
from tongbao.base import log, tracing
from tongbao.base.settings import load
from tongbao.cli import database
from tongbao.cli.whole import whole


def run() -> None:
    """Work until SIGTERM or Ctrl-C; what is under way is finished first. Run as many as you like."""
    os.environ["TONGBAO_DATABASE_URL"] = database.migrated_url()
    settings = load()
    vault.check(settings)
    log.configure(settings.log_level, settings.log_format)
    tracing.configure(settings, "tongbao worker")
    try:
        uvloop.run(_work())
    finally:
        tracing.shutdown()


async def _work() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await whole("work")(load(), stop)
