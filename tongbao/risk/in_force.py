"""The rules in force, kept by a process between two looks at them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tongbao.base.db import Tx
from tongbao.risk.fence import ruleset
from tongbao.risk.ruleset import Fenced, Ruleset

LOOK: Final = timedelta(seconds=1)
"""After so long rules are read again: a rule, or a member of a list, counts at the latest then."""


class RulesInForce:
    """One a process. A rule that was fenced off stays so until the rules change. `ticks`: nanoseconds of a steady clock."""

    def __init__(self, ticks: Callable[[], int]) -> None:
        self._ticks = ticks
        self._read_at: datetime | None = None
        self._rules: Ruleset | None = None
        self._told = 0

    async def rules(self, tx: Tx, *, at: datetime) -> Ruleset:
        """Read again once they are a second old, compiled anew where they have changed."""
        if self._rules is not None and self._read_at is not None and abs(at - self._read_at) < LOOK:
            return self._rules
        now = await ruleset(tx, at=at, ticks=self._ticks, kept=self._rules)
        if now is not self._rules:
            self._rules, self._told = now, 0
        self._read_at = at
        return now

    def newly_fenced(self) -> list[Fenced]:
        """What was fenced off since this was asked last: `report` tells of it, outside of any payment."""
        fenced = self._rules.fenced[self._told :] if self._rules else []
        self._told += len(fenced)
        return fenced
