"""The rules in force, compiled once: what a payment meets, and which rules are fenced off because they throw or are slow.

A rule that is fenced off is left out until the rules are compiled anew; the others go on. Nothing here is remembered or told:
`fenced` says what there is to tell, and `fence.report` tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.risk.catalogue import NAMES, OWN
from tongbao.risk.expression_code import Row, Test, compiled
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.expression_model import Unit
from tongbao.risk.rule_model import SEVERITY, Action, Mode, RuleVersion
from tongbao.risk.rules import check_rule
from tongbao.risk.stance_model import Stance

COLUMNS: Final = tuple(NAMES)
SCORES_AT: Final = COLUMNS.index("model_score")
"""Where the champion's score stands in a row; that of outliers follows."""
"""The order of the values in a row."""
MOST_THROWN: Final = 3
"""Times that a rule may throw."""
SLOWEST_NS: Final = 50_000
"""Nanoseconds a row from which on a batch counts as slow, a hundred times what a rule may cost."""
MOST_SLOW: Final = 5
"""Batches one after the other in which a rule may be slow: a machine that stumbles once is not the rule's fault."""
WATCHED: Final = 2 * MOST_SLOW
"""Batches after a slow one in which each rule is timed by itself."""
_FIRST: Final = (0,)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_SCORE: Final = 100


class Hit(msgspec.Struct, frozen=True):
    """A rule that a payment meets."""

    rule_id: UUID
    name: str
    version: int
    mode: Mode
    action: Action
    points: int


class Scored(msgspec.Struct, frozen=True):
    """What the models say of one payment, 0 to 100, and which ones say it. `fault`: why the champion says nothing.

    `beside`: the challenger's. `odd`: how many of 100 payments are more usual.
    """

    score: int | None
    model: int | None
    fault: str | None = None
    beside: int | None = None
    beside_model: int | None = None
    odd: int | None = None


class Judged(msgspec.Struct, frozen=True):
    """What the rules say of one payment. `action` and `points` are of those that act; `hits` has those in shadow too.

    `scored`: what the models say; None where none has a role.
    """

    hits: tuple[Hit, ...]
    action: Action
    points: int
    scored: Scored | None = None

    @property
    def risk(self) -> int:
        """0 to 100: the points of the rules or the champion's score, whichever is more; without a score the points alone."""
        return max(self.points, self.scored.score or 0) if self.scored else self.points


class Under(msgspec.Struct, frozen=True):
    """Which rules judged: those up to a change that were in force at a moment, but for those that were left out, by name."""

    change: int
    read_at: datetime
    left_out: tuple[str, ...] = ()


class Fenced(msgspec.Struct, frozen=True):
    """A rule that was left out. `cause`: `unsound`, `throws` or `slow`."""

    rule_id: UUID
    name: str
    version: int
    cause: str


class _Running(msgspec.Struct):
    hit: Hit
    test: Test
    thrown: int = 0
    slow: int = 0


def row(own: Mapping[str, int | bool | str | None], features: Sequence[int | None]) -> Row:
    """What is judged: what a payment itself says, by name, and its features in the order of the catalogue."""
    return (*(own.get(name) for name in OWN), *features)


NOTHING: Final = Judged((), Action.APPROVE, 0)


class Ruleset:
    """Judges rows whose values stand in the order of `COLUMNS`. One of it serves a process until the rules change.

    `ticks`: a clock of nanoseconds that never runs backwards.
    """

    def __init__(
        self,
        versions: Sequence[RuleVersion],
        units: Mapping[str, Unit],
        members: Mapping[str, Collection[str]],
        *,
        ticks: Callable[[], int],
        change: int = 0,
        read_at: datetime = _EPOCH,
        stance: Stance = Stance.USUAL,
    ) -> None:
        self._read = change, read_at
        self.stance = stance
        self.made_of = (versions, units, members)
        self._ticks = ticks
        self._watched = 0
        self._troubled = False
        self._running: list[_Running] = []
        self.fenced: list[Fenced] = []
        for version in versions:
            says = version.says
            hit = Hit(version.rule_id, version.name, version.version, says.mode, says.action, says.points)
            try:
                test = compiled(check_rule(says, units), COLUMNS, members)
            except (ExpressionError, SyntaxError, KeyError, RecursionError):
                # It was sound when it was approved: a name or a list has gone since.
                self._fence(hit, "unsound")
            else:
                self._running.append(_Running(hit, test))

    def __len__(self) -> int:
        return len(self._running)

    def under(self) -> Under:
        """What judges now; asked before a batch is judged."""
        return Under(*self._read, tuple(fenced.name for fenced in self.fenced))

    def judge(self, row: Row) -> Judged:
        """Of one payment."""
        return self.judge_all([row])[0]

    def judge_all(self, rows: Sequence[Row]) -> list[Judged]:
        """Of each payment of a batch, in its order. The whole is timed; each rule only after the whole was slow."""
        hits: list[list[Hit]] = [[] for _ in rows]
        allowed_ns = SLOWEST_NS * len(rows)
        began = before = self._ticks()
        for running in self._running:
            for n in self._met(running, rows):
                hits[n].append(running.hit)
            if self._watched:
                after = self._ticks()
                running.slow = running.slow + 1 if after - before > allowed_ns else 0
                before = after
        self._watched = WATCHED if self._ticks() - began > allowed_ns else max(0, self._watched - 1)
        if self._troubled or self._watched:
            self._leave_out()
        return [_judged(met) if met else NOTHING for met in hits]

    def _met(self, running: _Running, rows: Sequence[Row]) -> Sequence[int]:
        """Which rows meet a rule, by their places."""
        test = running.test
        try:
            if len(rows) == 1:
                return _FIRST if test(rows[0]) else ()
            return [n for n, row in enumerate(rows) if test(row)]
        except Exception:  # whatever a rule does, payments go on
            return self._one_by_one(running, rows)

    def _one_by_one(self, running: _Running, rows: Sequence[Row]) -> list[int]:
        """What a rule says of the rows on which it does not throw."""
        met: list[int] = []
        for n, row in enumerate(rows):
            try:
                if running.test(row):
                    met.append(n)
            except Exception:
                running.thrown += 1
                self._troubled = True
        return met

    def _leave_out(self) -> None:
        self._troubled = False
        kept: list[_Running] = []
        for running in self._running:
            if running.thrown >= MOST_THROWN:
                self._fence(running.hit, "throws")
            elif running.slow >= MOST_SLOW:
                self._fence(running.hit, "slow")
            else:
                kept.append(running)
        self._running = kept

    def _fence(self, hit: Hit, cause: str) -> None:
        self.fenced.append(Fenced(hit.rule_id, hit.name, hit.version, cause))


def _judged(hits: list[Hit]) -> Judged:
    acting = [hit for hit in hits if hit.mode is Mode.LIVE]
    action = max((hit.action for hit in acting), key=SEVERITY.__getitem__, default=Action.APPROVE)
    return Judged(tuple(hits), action, min(LARGEST_SCORE, sum(hit.points for hit in acting)))
