"""Jobs run when they are due, one at a time, a few times when they fail, and again when their worker was killed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tongbao.base import jobs
from tongbao.base.jobs import Job, JobContext
from tongbao.base.refusals import ALL
from tongbao.base.settings import Settings

if TYPE_CHECKING:
    from tongbao.base.clock import ManualClock
    from tongbao.base.db import Database


@pytest.fixture
def context(db: Database, clock: ManualClock) -> JobContext:
    return JobContext(db, clock, Settings())


async def until(stop: asyncio.Event, worker: asyncio.Task[None], done: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(done.wait(), 20)
    finally:
        stop.set()
        await asyncio.wait_for(worker, 20)


async def test_a_job_is_run_here_and_now(context: JobContext) -> None:
    seen: list[JobContext] = []

    async def run(given: JobContext) -> None:
        seen.append(given)
        if len(seen) == 2:
            raise RuntimeError("broken")

    job = Job(name="sweep", cron="* * * * *", run=run)
    await jobs.run_now(job, context)
    assert seen == [context]
    with pytest.raises(RuntimeError):
        await jobs.run_now(job, context)


async def test_a_worker_runs_what_is_due_and_tries_again_what_failed(context: JobContext) -> None:
    tries, done, stop = 0, asyncio.Event(), asyncio.Event()

    async def run(given: JobContext) -> None:
        nonlocal tries
        tries += 1
        if tries < 2:
            raise RuntimeError("not yet")
        async with given.db.read() as tx:
            await tx.row("SELECT 1")
        done.set()

    # Due within the last minute, whenever that is: procrastinate makes up for what was due ten minutes ago or less.
    job = Job(name="sweep", cron="* * * * *", run=run)
    worker = asyncio.create_task(jobs.worker(context.db.url, [job], context, stop))
    await until(stop, worker, done)
    assert tries >= 2


async def test_a_killed_workers_job_is_taken_up_again(context: JobContext) -> None:
    done, stop = asyncio.Event(), asyncio.Event()

    async def run(_: JobContext) -> None:
        done.set()

    job = Job(name="sweep", cron="0 0 1 1 *", run=run)
    async with jobs.app(context.db.url, [job], context).open_async() as queue:
        await queue.configure_task("sweep").defer_async(timestamp=0)
        async with context.db.tx() as tx:
            await tx.run("SET LOCAL search_path = procrastinate")
            row = await tx.row(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
            )
            assert row is not None
            await tx.run("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %(id)s", id=row[0])
        assert await jobs.rescue(queue) == 1
    worker = asyncio.create_task(jobs.worker(context.db.url, [job], context, stop))
    await until(stop, worker, done)


async def test_told_to_end_a_worker_lets_its_job_finish(context: JobContext) -> None:
    began, told, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(_: JobContext) -> None:
        began.set()
        await told.wait()
        await asyncio.sleep(0.2)
        finished.set()

    job = Job(name="sweep", cron="0 0 1 1 *", run=run)
    await defer(job, context)
    worker = asyncio.create_task(jobs.worker(context.db.url, [job], context, told))
    await asyncio.wait_for(began.wait(), 20)
    told.set()
    await asyncio.wait_for(worker, 20)
    assert finished.is_set()
    assert await queued(context) == []


async def test_a_job_that_does_not_end_is_cut_short_and_taken_up_again(
    context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_END_WITHIN_S", 0.1)
    began, stop, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(_: JobContext) -> None:
        if began.is_set():
            done.set()
            return
        began.set()
        await asyncio.Event().wait()

    job = Job(name="sweep", cron="0 0 1 1 *", run=run)
    await defer(job, context)
    worker = asyncio.create_task(jobs.worker(context.db.url, [job], context, stop))
    await asyncio.wait_for(began.wait(), 20)
    stop.set()
    await asyncio.wait_for(worker, 20)
    assert await queued(context) == ["todo"], "nobody holds it"
    stop = asyncio.Event()
    await until(stop, asyncio.create_task(jobs.worker(context.db.url, [job], context, stop)), done)


async def defer(job: Job, context: JobContext) -> None:
    async with jobs.app(context.db.url, [job], context).open_async() as queue:
        await queue.configure_task(job.name).defer_async(timestamp=0)


async def queued(context: JobContext) -> list[str]:
    async with context.db.read() as tx:
        return [state for (state,) in await tx.rows("SELECT status::text FROM procrastinate.procrastinate_jobs")]


def test_every_refusal_of_base_is_listed_once_and_speaks_both_languages() -> None:
    assert len({kind.code for kind in ALL}) == len(ALL)
    for kind in ALL:
        assert kind.en.endswith(".")
        assert kind.zh.endswith("。")
        assert 400 <= kind.status < 600
