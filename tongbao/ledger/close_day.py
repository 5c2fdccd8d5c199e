"""Close a day: when its last transaction has ended, sum its movements once and take the trial balance."""

from __future__ import annotations

from datetime import date, datetime

from tongbao.base.db import Tx
from tongbao.ledger import store


class BooksDoNotBalance(Exception):
    """The trial balance of a day is not zero in some currency: nothing goes on until this is explained."""


async def close_day(tx: Tx, day: date, at: datetime) -> bool:
    """Sums a closed business day by value date and by general-ledger line. Done before: changes nothing, answers False.

    Raises BooksDoNotBalance when the lines of a currency do not add up to zero; nothing is kept then.
    """
    if not await store.sum_day(tx, day, at):
        return False
    totals: dict[str, int] = {}
    for row in await store.trial_balance(tx, day):
        totals[row[5]] = totals.get(row[5], 0) + row[10]
    wrong = {currency: total for currency, total in totals.items() if total}
    if wrong:
        raise BooksDoNotBalance(f"{day}: {wrong}")
    return True
