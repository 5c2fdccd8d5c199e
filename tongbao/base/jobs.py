"""Schedules and housekeeping by procrastinate; outside money transactions, whose commits its NOTIFY would serialise.

A job is a thin call of verbs. Its schedule is five cron fields in UTC by the machine's clock; what the job does it
decides by the clock in its context. One run of a job at a time in the whole bank; what fails is tried three times
more, each a little later, and then waits for its next turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import procrastinate
from procrastinate import exceptions
from procrastinate.jobs import Status
from psycopg import conninfo

from tongbao.base import log, metrics, tracing
from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.base.migrate import JOBS_SCHEMA
from tongbao.base.settings import Settings

_RETRIES = 3
_SILENT_S = 30
_END_WITHIN_S = 30
"""What a job gets to end when its worker is told to; then it is cut short, rolled back, and tried again elsewhere."""

logger = log.get(__name__)


class JobContext(msgspec.Struct, frozen=True):
    """What a job is given: a database with the long time limits, the bank's clock, the settings."""

    db: Database
    clock: Clock
    settings: Settings


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`cron` is five fields in UTC. `run` is idempotent: a killed worker's job is run again."""

    name: str
    cron: str
    run: Callable[[JobContext], Awaitable[None]]


async def run_now(job: Job, context: JobContext) -> None:
    """Runs `job` here and once; what it raises is raised."""
    began = time.monotonic()
    with log.bind(job=job.name), tracing.span(f"job {job.name}"):
        try:
            await job.run(context)
        except Exception:
            metrics.JOBS.labels(job.name, "failed").inc()
            logger.exception("job_failed")
            raise
    metrics.JOBS.labels(job.name, "done").inc()
    metrics.JOB_SECONDS.labels(job.name).observe(time.monotonic() - began)


def app(url: str, jobs: Sequence[Job], context: JobContext) -> procrastinate.App:
    """The queue over the tables that `migrate` made, with every job scheduled."""
    asked = conninfo.conninfo_to_dict(url).get("options") or ""
    options = f"{asked} -c search_path={JOBS_SCHEMA} -c timezone=UTC".strip()
    connector = procrastinate.PsycopgConnector(
        conninfo=url,
        min_size=1,
        max_size=3,
        kwargs={"options": options, "application_name": "tongbao jobs"},
    )
    made = procrastinate.App(connector=connector)
    retry = procrastinate.RetryStrategy(max_attempts=_RETRIES, exponential_wait=4)
    for job in jobs:
        task = made.task(name=job.name, lock=job.name, queueing_lock=job.name, retry=retry)(_task(job, context))
        made.periodic(cron=job.cron)(task)
    return made


def _task(job: Job, context: JobContext) -> Callable[[int], Awaitable[None]]:
    async def run(timestamp: int) -> None:
        await run_now(job, context)

    return run


async def worker(url: str, jobs: Sequence[Job], context: JobContext, stop: asyncio.Event) -> None:
    """Runs what is due until `stop`, then lets what is running end. Outlives the loss of the database."""
    while not stop.is_set():
        try:
            async with app(url, jobs, context).open_async() as queue:
                await _work(queue, stop)
        except Exception as error:
            logger.warning("jobs_stumbled", error=log.redacted(f"{type(error).__name__}: {error}"))
            await _pause(stop, 2)


async def _work(queue: procrastinate.App, stop: asyncio.Event) -> None:
    running = asyncio.create_task(
        queue.run_worker_async(
            install_signal_handlers=False,
            fetch_job_polling_interval=2,
            concurrency=2,
            delete_jobs="successful",
            shutdown_graceful_timeout=_END_WITHIN_S,
            stalled_worker_timeout=_SILENT_S,
        )
    )
    rescuing = asyncio.create_task(_rescue_for_ever(queue))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, rescuing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, rescuing):
            if task.done():
                task.result()
    finally:
        for task in (running, rescuing, stopped):
            task.cancel()
        await asyncio.gather(running, rescuing, stopped, return_exceptions=True)


async def _rescue_for_ever(queue: procrastinate.App) -> None:
    while True:
        await rescue(queue)
        await asyncio.sleep(_SILENT_S)


async def rescue(queue: procrastinate.App, silent_s: int = _SILENT_S) -> int:
    """A killed worker's jobs hold their lock for ever unless somebody takes them up again; how many were taken up."""
    stalled = list(await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_s))
    for job in stalled:
        try:
            await queue.job_manager.retry_job(job)
        except exceptions.ConnectorException:
            # Its next turn is queued already, which does the same.
            assert job.id is not None
            await queue.job_manager.finish_job_by_id_async(job_id=job.id, status=Status.FAILED, delete_job=False)
        logger.warning("job_taken_up_again", job=job.task_name)
    return len(stalled)


async def _pause(stop: asyncio.Event, seconds: int) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
