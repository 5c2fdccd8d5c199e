"""Try a rule over what is remembered, before it judges anything: what it would have met, caught and disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.risk import refusals as no
from tongbao.risk import rule_store, trial_store
from tongbao.risk.expression_code import Test, compiled
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.rule_model import RuleSays
from tongbao.risk.rules import check_scoped
from tongbao.risk.ruleset import COLUMNS
from tongbao.risk.trial_count import Counting
from tongbao.risk.trial_model import Result, Then, Trial, Tried

MOST_DAYS: Final = 92
MOST: Final = 1_000_000
"""Payments of one trial."""
PAGE: Final = 2_000
MOST_TRIES: Final = 3
LONGEST: Final = timedelta(minutes=15)
SILENT: Final = timedelta(minutes=1)
"""After so long without a word the worker of a trial is taken for dead."""
STAY: Final = timedelta(days=90)
_FIRST: Final = UUID(int=0)


def span(open_date: date, days: int) -> tuple[date, date]:
    """The last days of the bank, the open one among them."""
    return open_date - timedelta(days=days - 1), open_date


async def ask_trial(tx: Tx, principal: Principal, what: Tried, *, id: UUID, at: datetime) -> None:
    """A worker begins it at once. The same id again is the same trial. Trials of long ago are forgotten.

    Refuses `permission_missing`, `rule_unsound`, `trial_open` where another one of this person's has not ended.
    """
    principal.require(MAY_WRITE)
    try:
        check_scoped(what, await rule_store.list_units(tx))
    except ExpressionError as error:
        raise no.RULE_UNSOUND(error.said("en"), field="expression") from None
    await trial_store.forget(tx, at - STAY)
    if not await trial_store.ask(tx, id, principal.id, what, at) and await trial_store.trial(tx, id) is None:
        raise no.TRIAL_OPEN()


async def cancel_trial(tx: Tx, principal: Principal, *, id: UUID, at: datetime) -> None:
    """Ends it where it is; what has ended stays as it ended. Refuses `permission_missing`, `trial_unknown`."""
    principal.require(MAY_WRITE)
    if await trial_store.trial(tx, id) is None:
        raise no.TRIAL_UNKNOWN()
    await trial_store.end(tx, id, at, trouble="cancelled")


async def trial(tx: Tx, id: UUID) -> Trial:
    """Refuses `trial_unknown`."""
    found = await trial_store.trial(tx, id)
    if found is None:
        raise no.TRIAL_UNKNOWN()
    return found


async def trials(tx: Tx, *, most: int = 50) -> list[Trial]:
    """Newest first."""
    return await trial_store.trials(tx, most)


async def open_trial(tx: Tx, principal: Principal) -> UUID | None:
    """That of a person which has not ended."""
    return await trial_store.open_trial(tx, principal.id)


async def next_trial(tx: Tx, *, at: datetime) -> Trial | None:
    """One that nobody works at, for whoever asks. One that was begun too often is ended instead."""
    found = await trial_store.claim(tx, at, at - SILENT)
    if found is not None and found.tries > MOST_TRIES:
        await trial_store.end(tx, found.id, at, trouble="gave_up")
        return None
    return found


class Trying:
    """A trial at work: `read` a page, `count` it, tell how far it is, until there is none."""

    def __init__(self, what: Tried, counting: Counting, total: int) -> None:
        self.total = total
        self.looked = 0
        self.is_done = False
        self._what = what
        self._counting = counting
        self._after = _FIRST

    async def read(self, tx: Tx) -> list[Then]:
        return await trial_store.page(tx, self._what, self._after, PAGE)

    def count(self, page: Sequence[Then]) -> None:
        """Once each page. Needs no database and may be done in another thread."""
        self._counting.add(page)
        self.looked += len(page)
        self.total = max(self.total, self.looked)
        self.is_done = len(page) < PAGE
        if page:
            self._after = page[-1].past.id

    def result(self) -> Result:
        return self._counting.result()


async def begin(tx: Tx, what: Tried, *, at: datetime) -> Trying | str:
    """Conditions are compiled, with the members that lists have now. A word of trouble where it cannot be done."""
    total = await trial_store.how_many(tx, what, MOST)
    if total > MOST:
        return "too_many"
    in_force = await rule_store.in_force(tx, at, await rule_store.newest_change(tx))
    try:
        new = await _compiled(tx, what, at)
    except ExpressionError:
        return "unsound"
    others = [version.name for version in in_force if version.rule_id != what.rule_id]
    return Trying(what, Counting(new, await _present(tx, what, at), others), total)


async def _present(tx: Tx, what: Tried, at: datetime) -> Test | None:
    """The version of the same rule that it is compared with; None where there is none, or it can no longer be read."""
    if what.rule_id is None or what.version is None:
        return None
    found = await rule_store.versions(tx, what.rule_id, what.version + 1, 1)
    if not found:
        return None
    says = found[0].says
    try:
        return await _compiled(tx, says, at)
    except ExpressionError:
        return None


async def _compiled(tx: Tx, says: Tried | RuleSays, at: datetime) -> Test:
    units = await rule_store.list_units(tx)
    checked = check_scoped(says, units)
    members = await rule_store.members_in_force(tx, list(checked.lists), at, await rule_store.newest_change(tx))
    return compiled(checked, COLUMNS, members)


async def tell(tx: Tx, trial: Trial, trying: Trying, *, at: datetime) -> bool:
    """How far it is. Whether to go on: not where it was cancelled, became another worker's, or has taken too long."""
    if trial.told_at is not None and at - trial.told_at > LONGEST:
        await trial_store.end(tx, trial.id, at, trouble="too_long", looked=trying.looked)
        return False
    return await trial_store.tell(tx, trial, trying.total, trying.looked, at)


async def end(tx: Tx, trial: Trial, result: Result | str, *, at: datetime) -> None:
    """With what came of it, or with the word of its trouble."""
    if isinstance(result, str):
        await trial_store.end(tx, trial.id, at, trouble=result)
    else:
        await trial_store.end(tx, trial.id, at, result=result, looked=result.looked + result.unknown)


async def leave(tx: Tx, trial: Trial) -> None:
    """For the next worker, from the beginning."""
    await trial_store.leave(tx, trial)
