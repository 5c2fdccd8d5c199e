"""Payments of the past for a search, older and newer: patterns are found on the older ones and measured on the newer ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.risk.catalogue import NAMES
from tongbao.risk.expression import check
from tongbao.risk.expression_code import Row, Test, compiled
from tongbao.risk.patterns_chance import is_chance
from tongbao.risk.patterns_conditions import Candidate, candidates, names, written
from tongbao.risk.patterns_model import Condition, Met, Part, Pattern, Patterns
from tongbao.risk.patterns_search import Seeking
from tongbao.risk.ruleset import COLUMNS
from tongbao.risk.trial_model import Then

MOST_PATTERNS: Final = 10
FEWEST: Final = 5
"""Frauds that a pattern meets among the older payments."""
FEWEST_NEWER: Final = 3
OLDER: Final = 70
"""Of 100 frauds, the oldest: by them and the payments between them patterns are found."""
ENOUGH_OLDER: Final = 10
ENOUGH_NEWER: Final = 5
ENOUGH_HONEST: Final = 50
"""Frauds, and other payments, without which nothing can be learned or measured."""
_ONE_IN: Final = 100 * MOST_PATTERNS
"""Chance may look like a pattern once in 100 searches."""
_EXAMPLES: Final = 5


class Fraud(msgspec.Struct, frozen=True):
    """A known fraud, and the names of the rules in force that it met then."""

    id: UUID
    at: datetime
    row: Row
    amount_minor: int
    currency: str
    is_declined: bool
    rules: tuple[str, ...]


class Honest(msgspec.Struct, frozen=True):
    """A payment that nobody has called fraud."""

    at: datetime
    row: Row


class Counting:
    """`add` the payments, `part` them in time, then `next_one` until there is none. `rules`: names of those in force, by id."""

    def __init__(self, rules: dict[UUID, str], *, every: int, floor: int) -> None:
        self.frauds: list[Fraud] = []
        self._honest: list[Honest] = []
        self._rules = rules
        self._every = every
        self._floor = floor
        self._patterns: list[Pattern] = []
        self._rejected = 0
        self._met: set[UUID] = set()
        self._known: set[str] = set()
        self._seeking: Seeking | None = None

    def add(self, page: Sequence[Then]) -> None:
        """Each payment once. What was remembered without what it itself said is left out."""
        for then in page:
            past = then.past
            if past.own is None:
                continue
            if not then.is_fraud:
                self._honest.append(Honest(past.at, past.row()))
                continue
            met = tuple(sorted({self._rules[hit.rule_id] for hit in past.said.hits if hit.rule_id in self._rules}))
            self.frauds.append(
                Fraud(past.id, past.at, past.row(), past.amount_minor, past.currency, then.is_declined, met)
            )

    def part(self) -> bool:
        """Parts them in time, and makes what patterns are made of; whether there is enough. Takes seconds, and needs no database."""
        self.frauds.sort(key=lambda one: (one.at, one.id))
        self._honest.sort(key=lambda one: one.at)
        if not self.frauds:
            return False
        moment = self.frauds[min(len(self.frauds) * OLDER // 100, len(self.frauds) - 1)].at
        self._older = [one for one in self.frauds if one.at < moment], [one for one in self._honest if one.at < moment]
        self._newer = (
            [one for one in self.frauds if one.at >= moment],
            [one for one in self._honest if one.at >= moment],
        )
        if len(self._older[0]) < ENOUGH_OLDER or len(self._newer[0]) < ENOUGH_NEWER:
            return False
        if min(len(self._older[1]), len(self._newer[1])) < ENOUGH_HONEST:
            return False
        frauds, honest = self._older
        self._seeking = Seeking(
            self._candidates([one.row for one in frauds], [one.row for one in honest]),
            len(frauds),
            len(honest),
            every=self._every,
            floor=self._floor,
            fewest=FEWEST,
        )
        return True

    def _candidates(self, frauds: Sequence[Row], honest: Sequence[Row]) -> list[Candidate]:
        currency = _currency(self._older[0])
        return [one for name in names() for one in candidates(name, frauds, honest, currency=currency, fewest=FEWEST)]

    def next_one(self) -> bool:
        """Looks for one more; whether there may be another one."""
        found = self._seeking.next_one() if self._seeking else None
        if found is None:
            return False
        pattern = self._measured(found)
        if pattern is None:
            self._rejected += 1
        elif pattern.expression not in self._known:
            self._known.add(pattern.expression)
            self._patterns.append(pattern)
        return len(self._patterns) + self._rejected < MOST_PATTERNS

    def _measured(self, conditions: tuple[Condition, ...]) -> Pattern | None:
        """On the newer payments, by the language of rules itself; None for what they do not bear out."""
        expression = written(conditions)
        test = compiled(check(expression, NAMES), COLUMNS, {})
        frauds, honest = self._newer
        met = [one for one in frauds if test(one.row)]
        disturbed = sum(1 for one in honest if test(one.row))
        later = Met(frauds=len(met), honest=disturbed * self._every)
        if later.frauds < FEWEST_NEWER or later.frauds * 100 < self._floor * (later.frauds + later.honest):
            return None
        if is_chance(len(met), len(met) + disturbed, len(frauds), len(frauds) + len(honest), one_in=_ONE_IN):
            return None
        self._met |= {one.id for one in met}
        return _pattern(conditions, expression, self._found(test), later, met)

    def _found(self, test: Test) -> Met:
        frauds, honest = self._older
        return Met(
            frauds=sum(1 for one in frauds if test(one.row)),
            honest=self._every * sum(1 for one in honest if test(one.row)),
        )

    @property
    def shown(self) -> int:
        """Patterns so far."""
        return len(self._patterns)

    def result(self) -> Patterns:
        """What was found, by the frauds that it meets among the newer payments."""
        return Patterns(
            every=self._every,
            older=self._told(*self._older),
            newer=self._told(*self._newer),
            patterns=tuple(
                sorted(self._patterns, key=lambda one: (-one.later.frauds, one.later.honest, one.expression))
            ),
            together=len(self._met),
            rejected=self._rejected,
        )

    def _told(self, frauds: Sequence[Fraud], honest: Sequence[Honest]) -> Part:
        moments = [one.at for one in (*frauds, *honest)]
        return Part(first_at=min(moments), last_at=max(moments), frauds=len(frauds), honest=len(honest) * self._every)


def _currency(frauds: Sequence[Fraud]) -> str:
    """That of most frauds: amounts of patterns are typed in it."""
    found = Counter(one.currency for one in frauds)
    return min(found, key=lambda code: (-found[code], code))


def _pattern(
    conditions: tuple[Condition, ...], expression: str, found: Met, later: Met, met: Sequence[Fraud]
) -> Pattern:
    known = [one for one in met if one.rules]
    rules = Counter(name for one in known for name in one.rules)
    return Pattern(
        conditions=conditions,
        expression=expression,
        found=found,
        later=later,
        known=len(known),
        rules=tuple(sorted(rules, key=lambda name: (-rules[name], name))),
        fraud_minor=_money(met),
        paid_minor=_money([one for one in met if not one.is_declined]),
        examples=tuple(one.id for one in reversed(met[-_EXAMPLES:])),
    )


def _money(frauds: Collection[Fraud]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in frauds:
        found[one.currency] += one.amount_minor
    return dict(sorted(found.items()))
