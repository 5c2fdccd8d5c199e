"""What runs beside the payments: what is remembered of them is rolled into totals; rules are tried over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec

from tongbao.base import days, log
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.jobs import Job, JobContext
from tongbao.base.settings import Settings
from tongbao.risk import kri, models_watch, patterns, rules, stance, trial
from tongbao.risk.forget import forget_totals
from tongbao.risk.kri_model import Measured
from tongbao.risk.model import TotalKey
from tongbao.risk.models import register_model
from tongbao.risk.models_facts import Facts, LearnError
from tongbao.risk.models_trees import hash_of, write
from tongbao.risk.patterns import Looking
from tongbao.risk.patterns_model import Patterns, Search
from tongbao.risk.roll import roll
from tongbao.risk.rule_model import Action
from tongbao.risk.stance_model import StanceSet
from tongbao.risk.trial import Trying
from tongbao.risk.trial_model import Result, Trial, Tried
from tongbao.risk.wall import forget_pace

_REST: Final = timedelta(milliseconds=200)
_LOOK: Final = timedelta(seconds=1)
_TOTALS: Final = 20_000
_WATCH: Final = timedelta(minutes=5)
_PAUSE: Final = timedelta(seconds=5)
"""After an error; a database that is away is asked again so often."""

logger = log.get(__name__)


async def keep_rolling(db: Database, clock: Clock, stop: asyncio.Event) -> None:
    """Until `stop`. Any number of workers may: one of them rolls at a time, the others find nothing to do."""

    async def next_ones(tx: Tx) -> bool:
        return await roll(tx, at=clock.now())

    while not stop.is_set():
        rest = _REST
        try:
            while await db.retry(next_ones):
                pass
        except Exception as error:
            rest = _PAUSE
            logger.warning("risk_not_rolled", error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), rest.total_seconds())


async def keep_trying(db: Database, clock: Clock, stop: asyncio.Event) -> None:
    """Until `stop`: begins within a second the trial that somebody wants. Any number of workers may."""

    async def claim(tx: Tx) -> Trial | None:
        return await trial.next_trial(tx, at=clock.now())

    while not stop.is_set():
        rest = _LOOK
        try:
            while not stop.is_set() and (found := await db.retry(claim)) is not None:
                await _try(db, clock, found, stop)
        except Exception:
            rest = _PAUSE
            logger.exception("risk_trial_stumbled")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), rest.total_seconds())


async def try_now(db: Database, clock: Clock, expression: str, *, days_: int) -> Result | str:
    """A condition over the last days of the bank, without a trace; a word of trouble as trials have. Raises ExpressionError."""
    async with db.read() as tx:
        first_day, last_day = trial.span((await days.current(tx)).open_date, days_)
        what = Tried(expression=expression, action=Action.APPROVE, points=0, first_day=first_day, last_day=last_day)
        rules.check_scoped(what, await rules.list_units(tx))
        trying = await trial.begin(tx, what, at=clock.now())
        if isinstance(trying, str):
            return trying
        while not trying.is_done:
            trying.count(await trying.read(tx))
    return trying.result()


async def _try(db: Database, clock: Clock, wanted: Trial, stop: asyncio.Event) -> None:
    """From its beginning to its end. A worker that is told to stop leaves it to the next one."""

    async def end(tx: Tx) -> None:
        await trial.end(tx, wanted, said, at=clock.now())

    async def tell(tx: Tx) -> bool:
        return await trial.tell(tx, wanted, trying, at=clock.now())

    async def leave(tx: Tx) -> None:
        await trial.leave(tx, wanted)

    async with db.read() as tx:
        begun = await trial.begin(tx, wanted.what, at=clock.now())
    said: Result | str
    if isinstance(begun, str):
        said = begun
        await db.retry(end)
        return
    trying: Trying = begun
    while not trying.is_done:
        async with db.read() as tx:
            page = await trying.read(tx)
        # Counted beside the others: a worker has more to do than this.
        await asyncio.to_thread(trying.count, page)
        if stop.is_set() and not trying.is_done:
            await db.retry(leave)
            return
        if not await db.retry(tell):
            return
    said = trying.result()
    await db.retry(end)


async def keep_looking(db: Database, clock: Clock, stop: asyncio.Event) -> None:
    """Until `stop`: begins within a second the search for patterns that somebody wants. Any number of workers may."""

    async def claim(tx: Tx) -> Search | None:
        return await patterns.next_search(tx, at=clock.now())

    while not stop.is_set():
        rest = _LOOK
        try:
            while not stop.is_set() and (found := await db.retry(claim)) is not None:
                await _look_for(db, clock, found, stop)
        except Exception:
            rest = _PAUSE
            logger.exception("risk_search_stumbled")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), rest.total_seconds())


async def _look_for(db: Database, clock: Clock, wanted: Search, stop: asyncio.Event) -> None:
    """From its beginning to its end. A worker that is told to stop leaves it to the next one."""

    async def end(tx: Tx) -> None:
        await patterns.end(tx, wanted, said, at=clock.now())

    async def tell(tx: Tx) -> bool:
        return await patterns.tell(tx, wanted, looking, at=clock.now())

    async def leave(tx: Tx) -> None:
        await patterns.leave(tx, wanted)

    async with db.read() as tx:
        begun = await patterns.begin(tx, wanted.what, at=clock.now())
    said: Patterns | str
    if isinstance(begun, str):
        said = begun
        await db.retry(end)
        return
    looking: Looking = begun
    # In another thread: a worker has more to do than this.
    async for more in _steps(db, looking):
        said = more
        if more:
            await db.retry(end)
            return
        if stop.is_set():
            await db.retry(leave)
            return
        if not await db.retry(tell):
            return
    said = looking.result()
    await db.retry(end)


async def _steps(db: Database, looking: Looking) -> AsyncIterator[str]:
    """Each of a page, or of a pattern; a word of trouble where it cannot go on."""
    while not looking.is_read:
        async with db.read() as tx:
            page = await looking.read(tx)
        await asyncio.to_thread(looking.add, page)
        yield "too_many" if looking.is_too_much else ""
    yield "" if await asyncio.to_thread(looking.part) else "too_few"
    while await asyncio.to_thread(looking.seek):
        yield ""


async def _forget_totals(context: JobContext) -> None:
    last: TotalKey | None = None

    async def forget(tx: Tx) -> TotalKey | None:
        return await forget_totals(tx, last, at=context.clock.now(), most=_TOTALS)

    while (last := await context.db.retry(forget)) is not None:
        pass


async def _forget_pace(context: JobContext) -> None:
    async def forget(tx: Tx) -> None:
        await forget_pace(tx, at=context.clock.now())

    await context.db.retry(forget)


async def _measure_indicators(context: JobContext) -> None:
    await measure_indicators(context.db, context.clock, context.settings)


async def measure_indicators(db: Database, clock: Clock, settings: Settings) -> None:
    """Once: tells of what is beyond a limit, unless it was told today; the stance follows the indicators that tighten."""

    async def measure(tx: Tx) -> tuple[list[Measured], StanceSet | None]:
        at = clock.now()
        measured = await kri.measure(tx, at=at, zone=settings.zone, currency=settings.currency)
        told = await kri.tell(tx, measured, at=at, zone=settings.zone)
        return told, await stance.follow(tx, measured, told, at=at)

    told, changed = await db.retry(measure)
    if changed is not None:
        logger.warning("risk_stance", stance=changed.stance.value, indicator=changed.indicator, value=changed.value)
    for one in told:
        logger.warning("risk_indicator_beyond", indicator=one.indicator.name, state=one.state, value=one.value)


JOBS: Final = (
    Job(name="risk.forget_totals", cron="23 3 * * *", run=_forget_totals),
    Job(name="risk.forget_pace", cron="37 * * * *", run=_forget_pace),
    Job(name="risk.measure_indicators", cron="*/10 * * * *", run=_measure_indicators),
)


async def watch_models(db: Database, clock: Clock, stop: asyncio.Event) -> None:
    """Until `stop`: every few minutes what alerts look at of the champion."""
    while not stop.is_set():
        try:
            await look_at_models(db, clock)
        except Exception as error:
            logger.warning("risk_models_not_watched", error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _WATCH.total_seconds())


async def look_at_models(db: Database, clock: Clock) -> None:
    """Once, for whoever is asked how the bank is."""
    at = clock.now()
    async with db.read() as tx:
        found = await models_watch.health(tx, at=at)
    async with db.tx() as tx:
        await models_watch.keep_health(tx, found, at=at)


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was learned now, or before from the same payments: its number in the registry, its hash, how it did."""

    number: int
    sha256: str
    facts: Facts


async def train(
    db: Database, clock: Clock, *, until: datetime, label_delay_days: int, outliers: bool = False
) -> Trained:
    """Learns a model from what was known at `until` and registers it as a candidate; `outliers`: one that asks for no labels, and
    tells how unlike others a payment is. For a process of its own: it takes minutes of processor time, and the extra `risk`.
    Raises LearnError where there is too little to learn from.
    """
    from tongbao.risk import learn, learn_odd, learn_read

    async with db.read() as tx:
        sample = await learn_read.sample(tx, until=until, label_delay=timedelta(days=label_delay_days))
    if outliers:
        model, facts = learn_odd.learn_odd(sample)
    else:
        learned = learn.learn(sample, label_delay_days=label_delay_days)
        model, facts = learned.model, learned.facts

    async def register(tx: Tx) -> int:
        return await register_model(tx, model, facts, until=until, at=clock.now())

    number = await db.retry(register)
    return Trained(number=number, sha256=hash_of(write(model)).hex(), facts=facts)


__all__ = [
    "JOBS",
    "LearnError",
    "Trained",
    "keep_looking",
    "keep_rolling",
    "keep_trying",
    "look_at_models",
    "measure_indicators",
    "train",
    "try_now",
    "watch_models",
]
