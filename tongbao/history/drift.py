"""Our balances beside those that the bank printed: the bank rounded, so a chain of its balances drifts away from a sum.

Several transactions of one account and day come in no particular order, so that only the balance at the end of the day
can be compared, and one of the balances printed that day must be it. Rule: an account-day is beyond rounding when no
balance printed that day lies within 5 x (transactions of the account so far + 1) minor units of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from tongbao.history.model import DriftedDay

_PER_TRANSACTION_MINOR: Final = 5
"""Half of the 0.1 to which amounts and balances were rounded."""
_SHOWN: Final = 20


def nearest(ours_minor: int, printed: Iterable[int]) -> int:
    """Of the printed balances the one that lies closest to ours."""
    return min(printed, key=lambda balance: abs(balance - ours_minor))


def allowed_minor(transactions: int) -> int:
    return _PER_TRANSACTION_MINOR * (transactions + 1)


class Drift:
    """Takes transactions in date order; a day is judged when the next one begins, and the last by `finish`."""

    def __init__(self) -> None:
        self.balances: dict[int, int] = {}
        self.counts: dict[int, int] = {}
        self.account_days = 0
        self.beyond = 0
        self.largest_minor = 0
        self.first_beyond: list[DriftedDay] = []
        self._day: date | None = None
        self._printed: dict[int, list[int]] = {}

    def open(self, account_id: int, balance_minor: int, transactions: int) -> None:
        """What an account had before the first transaction that will be taken."""
        self.balances[account_id] = balance_minor
        self.counts[account_id] = transactions

    def take(self, account_id: int, day: date, change_minor: int, printed_minor: int) -> None:
        if day != self._day:
            self.finish()
            self._day = day
        self.balances[account_id] = self.balances.get(account_id, 0) + change_minor
        self.counts[account_id] = self.counts.get(account_id, 0) + 1
        self._printed.setdefault(account_id, []).append(printed_minor)

    def finish(self) -> None:
        """Judges the day that is open. Harmless to call twice."""
        for account_id, printed in self._printed.items():
            ours = self.balances[account_id]
            closest = nearest(ours, printed)
            difference = abs(closest - ours)
            allowed = allowed_minor(self.counts[account_id])
            self.account_days += 1
            self.largest_minor = max(self.largest_minor, difference)
            if difference > allowed:
                self.beyond += 1
                if len(self.first_beyond) < _SHOWN:
                    assert self._day is not None
                    self.first_beyond.append(DriftedDay(account_id, self._day, ours, closest, allowed))
        self._printed = {}
