"""Look for what known frauds have in common: conditions that a person may try on history and propose as a rule."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.risk import patterns_store, rule_store
from tongbao.risk import refusals as no
from tongbao.risk.patterns_count import Counting
from tongbao.risk.patterns_model import Part, Pattern, Patterns, Search, Sought
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.trial_model import Then

MOST_DAYS: Final = 92
MOST_DELAY: Final = 30
MOST: Final = 1_000_000
"""Payments of the days that are looked at."""
KEPT: Final = 20_000
"""Of those that nobody called fraud so many are held at most: one in so many is looked at."""
MOST_FRAUDS: Final = 10_000
PAGE: Final = 2_000
MOST_TRIES: Final = 3
LONGEST: Final = timedelta(minutes=15)
SILENT: Final = timedelta(minutes=2)
"""After so long without a word the worker of a search is taken for dead."""
STAY: Final = timedelta(days=90)
_FIRST: Final = UUID(int=0)


def span(open_date: date, days: int, delay: int) -> tuple[date, date]:
    """Days of the bank, the last of them `delay` before the open one: of newer payments it is not known yet what they were."""
    last_day = open_date - timedelta(days=delay)
    return last_day - timedelta(days=days - 1), last_day


async def ask_search(tx: Tx, principal: Principal, what: Sought, *, id: UUID, at: datetime) -> None:
    """A worker begins it at once. The same id again is the same search. Searches of long ago are forgotten.

    Refuses `permission_missing`, `pattern_search_open` where one has not ended, whoever asked for it.
    """
    principal.require(MAY_WRITE)
    await patterns_store.forget(tx, at - STAY)
    if not await patterns_store.ask(tx, id, principal.id, what, at) and await patterns_store.search(tx, id) is None:
        raise no.PATTERN_SEARCH_OPEN()


async def cancel_search(tx: Tx, principal: Principal, *, id: UUID, at: datetime) -> None:
    """Ends it where it is; what has ended stays as it ended. Refuses `permission_missing`, `pattern_search_unknown`."""
    principal.require(MAY_WRITE)
    if await patterns_store.search(tx, id) is None:
        raise no.PATTERN_SEARCH_UNKNOWN()
    await patterns_store.end(tx, id, at, trouble="cancelled")


async def search(tx: Tx, id: UUID) -> Search:
    """Refuses `pattern_search_unknown`."""
    found = await patterns_store.search(tx, id)
    if found is None:
        raise no.PATTERN_SEARCH_UNKNOWN()
    return found


async def pattern(tx: Tx, id: UUID, number: int) -> tuple[Pattern, Part]:
    """One of those that a search found, counted from 1, and on what it was measured. Refuses `pattern_search_unknown`."""
    found = await search(tx, id)
    if found.result is None or not 1 <= number <= len(found.result.patterns):
        raise no.PATTERN_SEARCH_UNKNOWN()
    return found.result.patterns[number - 1], found.result.newer


async def searches(tx: Tx, *, most: int = 50) -> list[Search]:
    """Newest first."""
    return await patterns_store.searches(tx, most)


async def is_any_labelled(tx: Tx) -> bool:
    """Whether anybody has called a payment fraud."""
    return await patterns_store.is_any_labelled(tx)


async def next_search(tx: Tx, *, at: datetime) -> Search | None:
    """One that nobody works at, for whoever asks. One that was begun too often is ended instead."""
    found = await patterns_store.claim(tx, at, at - SILENT)
    if found is not None and found.tries > MOST_TRIES:
        await patterns_store.end(tx, found.id, at, trouble="gave_up")
        return None
    return found


class Looking:
    """A search at work: `read` and `add` pages until `is_read`, `part` them, then `seek` until it answers False."""

    def __init__(self, what: Sought, counting: Counting, total: int, every: int) -> None:
        self.total = total
        self.looked = 0
        self.is_read = False
        self._what = what
        self._counting = counting
        self._every = every
        self._after = _FIRST

    async def read(self, tx: Tx) -> list[Then]:
        return await patterns_store.page(tx, self._what, self._after, self._every, PAGE)

    def add(self, page: list[Then]) -> None:
        """Once each page. Needs no database and may be done in another thread; so may `part` and `seek`."""
        self._counting.add(page)
        self.looked += len(page)
        self.total = max(self.total, self.looked)
        self.is_read = len(page) < PAGE
        if page:
            self._after = page[-1].past.id

    @property
    def is_too_much(self) -> bool:
        return len(self._counting.frauds) > MOST_FRAUDS

    @property
    def found(self) -> int:
        """Patterns so far."""
        return self._counting.shown

    def part(self) -> bool:
        """Whether there is enough to look for patterns in."""
        return self._counting.part()

    def seek(self) -> bool:
        return self._counting.next_one()

    def result(self) -> Patterns:
        return self._counting.result()


async def begin(tx: Tx, what: Sought, *, at: datetime) -> Looking | str:
    """A word of trouble where it cannot be done."""
    total = await patterns_store.how_many(tx, what, MOST)
    if total > MOST:
        return "too_many"
    every = max(1, -(-total // KEPT))
    in_force = await rule_store.in_force(tx, at, await rule_store.newest_change(tx))
    rules = {version.rule_id: version.name for version in in_force}
    return Looking(what, Counting(rules, every=every, floor=what.floor), total // every, every)


async def tell(tx: Tx, search: Search, looking: Looking, *, at: datetime) -> bool:
    """How far it is. Whether to go on: not where it was cancelled, became another worker's, or has taken too long."""
    if search.told_at is not None and at - search.told_at > LONGEST:
        await patterns_store.end(tx, search.id, at, trouble="too_long")
        return False
    return await patterns_store.tell(tx, search, looking.total, looking.looked, looking.found, at)


async def end(tx: Tx, search: Search, result: Patterns | str, *, at: datetime) -> None:
    """With what came of it, or with the word of its trouble."""
    if isinstance(result, str):
        await patterns_store.end(tx, search.id, at, trouble=result)
    else:
        await patterns_store.end(tx, search.id, at, result=result)


async def leave(tx: Tx, search: Search) -> None:
    """For the next worker, from the beginning."""
    await patterns_store.leave(tx, search)
