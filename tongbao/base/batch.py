"""Requests that meet at the door are decided and posted together. Idle, one waits for nobody; busy, each costs less.

At most `in_flight` batches run at once. What arrives meanwhile waits, up to `room`; beyond it the door says 429.
Nothing sinks its neighbours: a batch that fails is tried once more, then halved until the culprit stands alone with
its own error. Items that wait for an account which a stranger holds go to a slow lane and leave the others alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from time import monotonic
from typing import Generic, TypeVar

from psycopg.errors import LockNotAvailable

from tongbao.base.db import BUSY, RETRYABLE, apart, database_gone
from tongbao.base.refusal import Refusal, RefusalKind

OVERLOADED = RefusalKind(
    "overloaded", 429, "Too many requests are waiting. Try again shortly.", "当前请求过多，请稍后重试。", retryable=True
)
ITEM_FAILED = RefusalKind(
    "item_failed",
    500,
    "The bank could not process this request. Nothing was booked; staff have been told.",
    "系统无法处理该请求，资金未发生变动，已通知工作人员。",
)

I = TypeVar("I")  # noqa: E741  the item
O = TypeVar("O")  # noqa: E741  its outcome

Process = Callable[[list[I]], Awaitable[Sequence[O]]]

_PATIENCE_S = 0.02
"""How long a few items wait for the running batch to end before they get one of their own beside it."""


async def halving(
    process: Process[I, O], items: list[I], failed: Callable[[I, Exception], O], *, tried: bool = False
) -> list[O | Exception]:
    """`process(items)`, all or nothing; on an accident once more, then each half alone, then `failed(item, error)`.

    An outcome an item, in order. `process` must be idempotent by the items' ids: after a lost COMMIT it is asked
    again and finds what was done. A lock that is not to be had or a lost database is answered `busy`, never by a
    guess.
    """
    try:
        return await _all(process, items)
    except Exception as error:
        reason = error
    if not tried and (isinstance(reason, RETRYABLE) or database_gone(reason)):
        await asyncio.sleep(apart(0.03))
        return await halving(process, items, failed, tried=True)
    if database_gone(reason):
        return [_busy(reason) for _ in items]
    if len(items) == 1:
        if isinstance(reason, Refusal):
            return [reason]
        return [_busy(reason) if isinstance(reason, RETRYABLE) else failed(items[0], reason)]
    middle = len(items) // 2
    return await halving(process, items[:middle], failed) + await halving(process, items[middle:], failed)


async def _all(process: Process[I, O], items: list[I]) -> list[O | Exception]:
    outcomes = list[O | Exception](await process(items))
    if len(outcomes) != len(items):
        raise RuntimeError(f"{len(items)} items, but {len(outcomes)} outcomes")
    return outcomes


def _busy(cause: Exception) -> Refusal:
    refusal = BUSY(retry_after_s=1)
    refusal.__cause__ = cause
    return refusal


class Batcher(Generic[I, O]):
    """Gathers items and hands them to `process` in batches; every waiter gets its own answer.

    `keys(item)` names what the item locks. `contended(items)` asks the database which of those keys a stranger holds.
    `failed(item, error)` is the outcome of a culprit.
    """

    def __init__(
        self,
        process: Process[I, O],
        *,
        failed: Callable[[I, Exception], O],
        keys: Callable[[I], Sequence[Hashable]] = lambda _: (),
        contended: Callable[[list[I]], Awaitable[set[Hashable]]] | None = None,
        largest: int = 200,
        in_flight: int = 2,
        room: int = 4000,
        slow_room: int = 200,
    ) -> None:
        self._process = process
        self._failed = failed
        self._keys = keys
        self._contended = contended
        self._largest = largest
        self._pumping: asyncio.Handle | None = None
        self._began = 0.0
        self._in_flight = in_flight
        self._room = room
        self._slow_room = slow_room
        self._waiting: deque[tuple[I, asyncio.Future[O]]] = deque()
        self._slow: deque[tuple[I, asyncio.Future[O]]] = deque()
        self._slow_keys: set[Hashable] = set()
        self._slow_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._slow)

    async def submit(self, item: I) -> O:
        """Waits for the item's outcome. A waiter that leaves does not cancel its item.

        Refuses `overloaded` when the room is full, and `busy` when the slow lane is.
        """
        if self._closing or len(self._waiting) >= self._room:
            raise OVERLOADED(retry_after_s=1)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[O] = loop.create_future()
        if self._slow_keys and not self._slow_keys.isdisjoint(self._keys(item)):
            self._to_slow_lane([(item, future)])
        else:
            self._waiting.append((item, future))
            if self._pumping is None:
                # Whoever else has arrived in this turn of the loop comes along.
                self._pumping = loop.call_soon(self._pump)
        # Cancelling the future takes nobody's item back: `_settle` passes it by.
        return await future

    async def drain(self) -> None:
        """No new items; waits until the last one has its answer."""
        self._closing = True
        self._pump()
        while self._tasks or self._slow_task:
            await asyncio.wait([*self._tasks, *([self._slow_task] if self._slow_task else [])])

    def _pump(self) -> None:
        """Starts batches. Beside a running one, only for many or after a pause: fewer batches cost less for each item."""
        if self._pumping is not None:
            self._pumping.cancel()
            self._pumping = None
        while self._waiting and len(self._tasks) < self._in_flight:
            if self._tasks and len(self._waiting) < self._largest and monotonic() < self._began + _PATIENCE_S:
                self._pumping = asyncio.get_running_loop().call_later(_PATIENCE_S, self._pump)
                return
            self._began = monotonic()
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest))]
            task = asyncio.create_task(self._run(batch))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._pump()

    async def _run(self, batch: list[tuple[I, asyncio.Future[O]]]) -> None:
        try:
            if self._contended is not None:
                batch = await self._without_strangers(batch, self._contended)
            if batch:
                _settle(batch, await halving(self._process, [item for item, _ in batch], self._failed))
        except BaseException as error:
            # The loop is being torn down, or `failed` itself failed: nobody may be left waiting for ever.
            _settle(batch, [error if isinstance(error, Exception) else BUSY(retry_after_s=1)] * len(batch))
            if not isinstance(error, Exception):
                raise

    async def _without_strangers(
        self, batch: list[tuple[I, asyncio.Future[O]]], contended: Callable[[list[I]], Awaitable[set[Hashable]]]
    ) -> list[tuple[I, asyncio.Future[O]]]:
        """Answers the whole batch; where that does not work, what is left without items that wait for a stranger."""
        items = [item for item, _ in batch]
        try:
            _settle(batch, await _all(self._process, items))
        except LockNotAvailable:
            try:
                held = await contended(items)
            except Exception:
                return batch
        except Exception:
            return batch
        else:
            return []
        slow = [not held.isdisjoint(self._keys(item)) for item in items]
        self._slow_keys |= {key for item in items for key in self._keys(item) if key in held}
        self._to_slow_lane([entry for entry, waits in zip(batch, slow, strict=True) if waits])
        return [entry for entry, waits in zip(batch, slow, strict=True) if not waits]

    def _to_slow_lane(self, entries: list[tuple[I, asyncio.Future[O]]]) -> None:
        for item, future in entries:
            if len(self._slow) >= self._slow_room:
                future.set_exception(BUSY(retry_after_s=2))
            else:
                self._slow.append((item, future))
        if self._slow_task is None and self._slow:
            self._slow_task = asyncio.create_task(self._walk_slow_lane())

    async def _walk_slow_lane(self) -> None:
        """One contended key at a time; a key that nobody waits for any more goes back to the fast lane."""
        try:
            while self._slow:
                key = next((k for k in self._keys(self._slow[0][0]) if k in self._slow_keys), None)
                batch = [entry for entry in self._slow if key is None or key in self._keys(entry[0])][: self._largest]
                taken = {id(future) for _, future in batch}
                self._slow = deque(entry for entry in self._slow if id(entry[1]) not in taken)
                await self._run_slow(batch)
                self._slow_keys &= {key for item, _ in self._slow for key in self._keys(item)}
        finally:
            self._slow_keys.clear()
            self._slow_task = None

    async def _run_slow(self, batch: list[tuple[I, asyncio.Future[O]]]) -> None:
        """A lock that is still not to be had is `busy` for all who share it: halves would only wait for it again."""
        items = [item for item, _ in batch]
        try:
            for pause_s in (0.05, 0.2, 0):
                try:
                    return _settle(batch, await _all(self._process, items))
                except LockNotAvailable as error:
                    reason: Exception = error
                except Exception:
                    return _settle(batch, await halving(self._process, items, self._failed))
                await asyncio.sleep(apart(pause_s))
            return _settle(batch, [_busy(reason)] * len(batch))
        except Exception as error:
            return _settle(batch, [error] * len(batch))
        except BaseException:
            _settle([*batch, *self._slow], [BUSY(retry_after_s=1)] * (len(batch) + len(self._slow)))
            raise


def _settle(batch: list[tuple[I, asyncio.Future[O]]], outcomes: Sequence[O | Exception]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
