"""Look for conditions that frauds share and honest payments do not: a rule list by greedy covering, each rule by a beam.

The best one is taken, the frauds that it meets are set aside, and so on (separate and conquer: Fürnkranz, "Separate-and-conquer
rule learning", 1999). Best is what has the greatest net benefit (Vickers, Elkin 2006): a fraud that is met is worth what honest
payments cost at the precision that is asked for. Whole numbers alone; the same payments give the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tongbao.risk.patterns_conditions import Candidate
from tongbao.risk.patterns_model import Condition

MOST_CONDITIONS: Final = 4
_BEAM: Final = 12
"""Beginnings that are gone on with, of each of two orders."""


class _Half(msgspec.Struct, frozen=True):
    """Some conditions, and who meets all of them: of the frauds that remain, and of honest payments."""

    parts: tuple[int, ...]
    frauds: int
    honest: int
    met: int
    cost: int


class Seeking:
    """`every`: how many honest payments each one stands for. `floor`: of 100 payments that are met so many should be frauds."""

    def __init__(
        self, candidates: Sequence[Candidate], frauds: int, honest: int, *, every: int, floor: int, fewest: int
    ) -> None:
        self._candidates = candidates
        self._all_frauds = frauds
        self._all_honest = max(1, honest)
        self._left = (1 << frauds) - 1
        self._honest = (1 << honest) - 1
        self._every = every
        self._floor = floor
        self._fewest = fewest

    def next_one(self) -> tuple[Condition, ...] | None:
        """The best of what remains; None where nothing is worth its price. Takes a second, and needs no database."""
        best = self._best()
        if best is None:
            return None
        self._left &= ~best.frauds
        return tuple(self._candidates[n].condition for n in best.parts)

    def _best(self) -> _Half | None:
        best: _Half | None = None
        nothing = _Half((), self._left, self._honest, self._left.bit_count(), self._all_honest)
        beam = [nothing]
        for _ in range(MOST_CONDITIONS):
            found = self._longer(beam)
            for half in found:
                if self._benefit(half) > 0 and (best is None or self._rank(half) > self._rank(best)):
                    best = half
            beam = self._kept(found)
        return self._shorter(best) if best else None

    def _longer(self, beam: Sequence[_Half]) -> list[_Half]:
        """Each beginning with one more condition; the same payments by other words once."""
        found: dict[tuple[int, int], _Half] = {}
        for half in beam:
            named = {self._candidates[n].condition.name + self._candidates[n].condition.sign for n in half.parts}
            for n, one in enumerate(self._candidates):
                frauds = half.frauds & one.frauds
                met = frauds.bit_count()
                if met < self._fewest or one.condition.name + one.condition.sign in named:
                    continue
                honest = half.honest & one.honest
                cost = honest.bit_count()
                if (met, cost) != (half.met, half.cost):
                    found.setdefault((frauds, honest), _Half((*half.parts, n), frauds, honest, met, cost))
        return list(found.values())

    def _kept(self, found: list[_Half]) -> list[_Half]:
        """By net benefit, and by how much more of the frauds than of the honest they meet: what is too dear yet may be made cheap."""
        benefit = sorted(found, key=self._rank, reverse=True)[:_BEAM]
        spread = sorted(found, key=self._spread, reverse=True)[:_BEAM]
        purest = sorted(found, key=lambda half: half.met * half.met * 1_000 // (half.met + half.cost), reverse=True)
        return list(dict.fromkeys((*benefit, *spread, *purest[:_BEAM])))

    def _benefit(self, half: _Half) -> int:
        return half.met * (100 - self._floor) - half.cost * self._every * self._floor

    def _rank(self, half: _Half) -> tuple[int, int]:
        """Of what is worth as much the shorter one; each condition more must be worth a fraud."""
        return self._benefit(half) - len(half.parts) * (100 - self._floor), -len(half.parts)

    def _spread(self, half: _Half) -> int:
        return half.met * self._all_honest - half.cost * self._all_frauds

    def _shorter(self, half: _Half) -> _Half:
        """Without the conditions that are not needed: what is said of fewer things holds longer."""
        for n in half.parts:
            rest = self._of(tuple(part for part in half.parts if part != n))
            if rest.parts and self._rank(rest) >= self._rank(half):
                return self._shorter(rest)
        return half

    def _of(self, parts: tuple[int, ...]) -> _Half:
        frauds, honest = self._left, self._honest
        for n in parts:
            frauds &= self._candidates[n].frauds
            honest &= self._candidates[n].honest
        return _Half(parts, frauds, honest, frauds.bit_count(), honest.bit_count())
