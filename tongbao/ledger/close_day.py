"""Close a day: when its last transaction has ended, sum its movements once and take the trial balance."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.ledger import store


class BooksDoNotBalance(Exception):
    """The trial balance of a day is not zero in some currency: nothing goes on until this is explained."""


class DayOutOfTurn(Exception):
    """Days are summed in order, each once, and only when `days.close` has closed them."""


async def close_day(tx: Tx, day: date, at: datetime) -> bool:
    """Sums a closed business day by value date and by general-ledger line. Done before: changes nothing, answers False.

    Comes after `days.close`, in a transaction of its own. Raises DayOutOfTurn for a day that is still open or whose
    day before is not summed, and BooksDoNotBalance when the lines of a currency do not add up to zero; nothing is kept then.
    """
    if (await days.current(tx)).closed_through < day:
        raise DayOutOfTurn(f"{day} is not closed")
    if not await store.mark_day_summed(tx, day, at):
        return False
    before = await store.last_summed_day(tx, before=day)
    if before != day - timedelta(1) and (before is not None or await store.any_posting_before(tx, day)):
        raise DayOutOfTurn(f"{day - timedelta(1)} comes first")
    await store.sum_day(tx, day, at)
    totals: dict[str, int] = {}
    for row in await store.trial_balance(tx, day):
        totals[row[5]] = totals.get(row[5], 0) + row[10]
    wrong = {currency: total for currency, total in totals.items() if total}
    if wrong:
        raise BooksDoNotBalance(f"{day}: {wrong}")
    return True
