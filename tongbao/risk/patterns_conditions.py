"""Conditions that an analyst would type, and which payments meet each: sets of payments are the bits of one whole number.

Values stand on a scale (1, 2, 3, 5, 8, 10 of a currency; minutes, hours, days), never on whatever a payment happens to hold: a
pattern can be read aloud, and there is less to be found by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from tongbao.base import say
from tongbao.base.money import exponent
from tongbao.risk.catalogue import NAMES, SAID_BY_MODELS
from tongbao.risk.expression_code import Row
from tongbao.risk.expression_model import Kind, Sort, Unit
from tongbao.risk.patterns_model import Condition
from tongbao.risk.ruleset import COLUMNS

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
SPANS: Final = (
    *(n * _MINUTE for n in (1, 2, 5, 10, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 3, 7, 14, 30, 60, 90, 180)),
)
COUNTS: Final = (1, 2, 3, 4, 5, 8, 10, 15, 20, 30, 50, 100, 200, 500, 1_000)
SHARES: Final = (100, 200, 500, 800, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000)
"""Of what is as usual, in thousandths."""
MONEY: Final = (*(n * 10**power for power in range(6) for n in (1, 2, 3, 5, 8)), 10**6)
HOURS: Final = tuple(range(1, 24))
_TEXTS: Final = ("kind", "method", "merchant_country")
_WORDS: Final = 20
"""Texts of a name that are looked at."""
_LEFT_OUT: Final = SAID_BY_MODELS


class Candidate(msgspec.Struct, frozen=True):
    """A condition with the payments that meet it: `frauds` and `honest` are numbered apart, one bit each."""

    condition: Condition
    frauds: int
    honest: int


def written(conditions: Iterable[Condition]) -> str:
    """As an analyst types them."""
    return " and ".join(map(_written, conditions))


def _written(one: Condition) -> str:
    if one.sign == "null":
        return f"{one.name} is null"
    if isinstance(one.value, bool):
        return one.name if one.value else f"not {one.name}"
    if isinstance(one.value, str):
        quoted = one.value.replace("'", "''")
        return f"{one.name} = '{quoted}'"
    value = one.value or 0
    unit = NAMES[one.name].unit
    if unit is Unit.MONEY and one.currency:
        return f"{one.name} {one.sign} {say.amount(value, one.currency, grouped=False)} {one.currency}"
    return f"{one.name} {one.sign} {span_typed(value) if unit is Unit.SECONDS else value}"


def span_typed(seconds: int) -> str:
    """`2 hours`."""
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds % unit == 0:
            many = seconds // unit
            return f"{many} {word}" if many == 1 else f"{many} {word}s"
    return f"{seconds} seconds"


def names() -> tuple[str, ...]:
    """Of what conditions are made: figures, truths, a few texts; not who somebody is, nor what a model says."""
    return tuple(
        name for name, kind in NAMES.items() if name not in _LEFT_OUT and (kind.sort is not Sort.TEXT or name in _TEXTS)
    )


def candidates(
    name: str, frauds: Sequence[Row], honest: Sequence[Row], *, currency: str, fewest: int
) -> list[Candidate]:
    """Of one name, those that `fewest` frauds meet and not every payment does. Amounts are compared in `currency` alone."""
    place, kind = COLUMNS.index(name), NAMES[name]
    both = [_values(rows, place, kind, currency) for rows in (frauds, honest)]
    made = _numbers(name, kind, both, currency) if kind.sort is Sort.INT else _words(name, both)
    missing = [_bits(n for n, row in enumerate(rows) if row[place] is None) for rows in (frauds, honest)]
    made.append(Candidate(Condition(name=name, sign="null"), *missing))
    return [one for one in made if _tells(one, len(frauds), len(honest), fewest)]


def _tells(one: Candidate, frauds: int, honest: int, fewest: int) -> bool:
    met = one.frauds.bit_count()
    return met >= fewest and met + one.honest.bit_count() < frauds + honest


def _values(rows: Sequence[Row], place: int, kind: Kind, currency: str) -> list[tuple[int | bool | str, int]]:
    """What is known, with the number of its payment."""
    if kind.unit is not Unit.MONEY:
        return [(value, n) for n, row in enumerate(rows) if (value := row[place]) is not None]
    where = COLUMNS.index("currency")
    return [(value, n) for n, row in enumerate(rows) if (value := row[place]) is not None and row[where] == currency]


def _scale(name: str, kind: Kind, currency: str) -> Sequence[int]:
    if kind.unit is Unit.MONEY:
        unit = 10 ** exponent(currency)
        return [value * unit for value in MONEY]
    if kind.unit is Unit.SECONDS:
        return SPANS
    if name == "hour":
        return HOURS
    return SHARES if "ratio" in name or name == "typing_unlike" else COUNTS


def _numbers(
    name: str, kind: Kind, both: Sequence[Sequence[tuple[int | bool | str, int]]], currency: str
) -> list[Candidate]:
    scale = _scale(name, kind, currency)
    frauds, honest = (_below(scale, [(int(value), n) for value, n in known]) for known in both)
    unit = currency if kind.unit is Unit.MONEY else None
    made: list[Candidate] = []
    before: tuple[int, int] | None = None
    for cut, of_frauds, of_honest in zip(scale, frauds[:-1], honest[:-1], strict=True):
        if before == (of_frauds, of_honest):
            # A step of the scale that parts nothing says no more than the one before it.
            continue
        before = of_frauds, of_honest
        at_least = Condition(name=name, sign=">=", value=cut, currency=unit)
        made.append(Candidate(at_least, frauds[-1] ^ of_frauds, honest[-1] ^ of_honest))
        made.append(Candidate(Condition(name=name, sign="<", value=cut, currency=unit), of_frauds, of_honest))
    return made


def _below(scale: Sequence[int], known: Sequence[tuple[int, int]]) -> list[int]:
    """For each step of the scale the payments that lie below it, and last all that are known."""
    ordered = sorted(known)
    found: list[int] = []
    bits, place = bytearray(1 + max((n for _, n in known), default=0) // 8), 0
    for cut in (*scale, None):
        while place < len(ordered) and (cut is None or ordered[place][0] < cut):
            n = ordered[place][1]
            bits[n >> 3] |= 1 << (n & 7)
            place += 1
        found.append(int.from_bytes(bits, "little"))
    return found


def _words(name: str, both: Sequence[Sequence[tuple[int | bool | str, int]]]) -> list[Candidate]:
    words = sorted({value for value, _ in both[0]}, key=str)[:_WORDS]
    return [
        Candidate(
            Condition(name=name, sign="=", value=word),
            *(_bits(n for value, n in known if value == word) for known in both),
        )
        for word in words
    ]


def _bits(places: Iterable[int]) -> int:
    found = list(places)
    bits = bytearray(1 + max(found, default=0) // 8)
    for n in found:
        bits[n >> 3] |= 1 << (n & 7)
    return int.from_bytes(bits, "little")
