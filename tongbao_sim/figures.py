"""Counts and response times of a run, for the live line and the summary."""

from __future__ import annotations

from collections import Counter

import msgspec

_STEPS = 32
"""Buckets a doubling: a percentile is exact to about 2 %."""


class Times:
    """A histogram of microseconds whose buckets grow with the value, so that it stays small in a long run."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.total = 0

    def add(self, micros: int) -> None:
        self.counts[_bucket(micros)] += 1
        self.total += 1

    def merge(self, other: Times) -> None:
        self.counts.update(other.counts)
        self.total += other.total

    def micros_at(self, percent: int) -> int:
        """The time within which `percent` of a hundred were answered; 0 when there were none."""
        wanted, seen = -(-self.total * percent // 100), 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return _upper(bucket)
        return 0


def _bucket(micros: int) -> int:
    if micros < _STEPS:
        return max(0, micros)
    shift = micros.bit_length() - _STEPS.bit_length()
    return (shift + 1) * _STEPS + (micros >> shift) - _STEPS


def _upper(bucket: int) -> int:
    if bucket < _STEPS:
        return bucket
    shift, place = divmod(bucket - _STEPS, _STEPS)
    return (place + _STEPS << shift) + (1 << shift) // 2


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """The last payment that the bank acknowledged, with names where the city file has them."""

    id: str
    kind: str
    amount: int
    currency: str
    payer: str | None
    payee: str | None


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="line"):
    """One second (or one reporting interval) of a run. Times are those of single requests.

    `success_rate`, 0 to 1: of the steps whose outcome is known, those that ended as the workload said beforehand.
    """

    elapsed_s: int
    city_time: str
    payments_per_s: int
    requests_per_s: int
    success_rate: float
    p50_ms: float
    p99_ms: float
    in_flight: int
    unknown: int
    surprises: int
    payments: int
    audits_agreed: int
    newest: Newest | None


class Figures:
    """Counts so far and since the last line."""

    def __init__(self) -> None:
        self.times = Times()
        self.recent = Times()
        self.count: Counter[str] = Counter()
        """requests, payments (acknowledged, top-ups included), as_expected, surprises, unknown, resolved, held_back."""
        self.codes: Counter[str] = Counter()
        self.stories: Counter[str] = Counter()
        self.stolen: Counter[tuple[str, str]] = Counter()
        """Orders of thieves, by what was true of them and whether the bank `caught` or `missed` them."""
        self.surprises: list[str] = []
        self.newest: Newest | None = None
        self._last: Counter[str] = Counter()

    def answered(self, micros: int) -> None:
        self.recent.add(micros)
        self.count["requests"] += 1

    def surprise(self, sentence: str) -> None:
        self.count["surprises"] += 1
        if len(self.surprises) < 20:
            self.surprises.append(sentence)

    def line(self, elapsed_s: int, over_s: int, city_time: str, in_flight: int, unknown: int) -> Line:
        """The interval since the last call."""
        before, now = self._last, self.count.copy()
        self._last = now
        recent, self.recent = self.recent, Times()
        self.times.merge(recent)
        return Line(
            elapsed_s=elapsed_s,
            city_time=city_time,
            payments_per_s=(now["payments"] - before["payments"]) // max(1, over_s),
            requests_per_s=(now["requests"] - before["requests"]) // max(1, over_s),
            success_rate=share(now["as_expected"] - before["as_expected"], now["surprises"] - before["surprises"]),
            p50_ms=millis(recent.micros_at(50)),
            p99_ms=millis(recent.micros_at(99)),
            in_flight=in_flight,
            unknown=unknown,
            surprises=now["surprises"],
            payments=now["payments"],
            audits_agreed=now["audits_agreed"],
            newest=self.newest,
        )


def share(good: int, bad: int) -> float:
    """From 0 to 1, cut off rather than rounded: 1.0 means all. Of nothing, everything went well."""
    return (10_000 * good // (good + bad)) / 10_000 if good + bad else 1.0


def millis(micros: int) -> float:
    return round(micros / 1000, 2)
