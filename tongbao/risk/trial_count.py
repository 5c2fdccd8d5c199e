"""Count what conditions would have met, page by page of the past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from tongbao.risk.expression_code import Row, Test
from tongbao.risk.trial_model import Arm, Day, Overlap, Result, Then


class _Counted:
    """One condition and what it has met so far."""

    def __init__(self, test: Test) -> None:
        self._test = test
        self._annoyed: set[UUID] = set()
        self.arm = Arm()

    def meets(self, row: Row, then: Then) -> bool:
        """Of a payment; one on which the condition throws is counted apart, and not met."""
        arm = self.arm
        try:
            if not self._test(row):
                return False
        except Exception:  # as where payments are judged: whatever a condition does, the others go on
            arm.thrown += 1
            return False
        arm.hits += 1
        arm.labelled += then.is_fraud is not None
        past = then.past
        if then.is_fraud:
            arm.frauds += 1
            arm.fraud_minor[past.currency] = arm.fraud_minor.get(past.currency, 0) + past.amount_minor
            if not then.is_declined:
                arm.paid_minor[past.currency] = arm.paid_minor.get(past.currency, 0) + past.amount_minor
        else:
            self._annoyed.add(past.payer)
            arm.annoyed = len(self._annoyed)
        return True


class Counting:
    """`new` is tried, `present` is the present version of the same rule, `others` are the names of the other rules in force."""

    def __init__(self, new: Test, present: Test | None, others: Sequence[str]) -> None:
        self._new = _Counted(new)
        self._present = _Counted(present) if present else None
        self._overlaps = {name: Overlap(rule=name) for name in others}
        self._days: dict[date, Day] = {}
        self._labelled = self._unknown = self._alone = 0

    def add(self, page: Sequence[Then]) -> None:
        """Payments of the past, each once."""
        for then in page:
            if then.past.own is None:
                self._unknown += 1
                continue
            day = self._days.get(then.day)
            if day is None:
                day = self._days[then.day] = Day(day=then.day)
            day.looked += 1
            day.frauds += then.is_fraud is True
            self._labelled += then.is_fraud is not None
            row = then.past.row()
            if self._present:
                day.present += self._present.meets(row, then)
            is_new = self._new.meets(row, then)
            day.new += is_new
            self._overlap(then, is_new=is_new)

    def _overlap(self, then: Then, *, is_new: bool) -> None:
        met = [self._overlaps[hit.name] for hit in then.past.said.hits if hit.name in self._overlaps]
        for other in met:
            other.theirs += 1
            other.both += is_new
        self._alone += is_new and not met

    def result(self) -> Result:
        """So far."""
        days = tuple(self._days[day] for day in sorted(self._days))
        return Result(
            looked=sum(day.looked for day in days),
            unknown=self._unknown,
            frauds=sum(day.frauds for day in days),
            labelled=self._labelled,
            new=self._new.arm,
            present=self._present.arm if self._present else None,
            alone=self._alone,
            days=days,
            overlaps=tuple(self._overlaps.values()),
        )
