"""What a feature is: one definition, from which the bank's memory answers online and history is computed offline.

A feature is a measure over the payments of one entity in a window of time before the payment that is judged, that payment
included. Accumulators are integers; the one division comes last, in `value`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400


class Entity(StrEnum):
    """Whose payments are looked at."""

    PAYER = "payer"
    PAYEE = "payee"
    DEVICE = "device"
    PAIR = "pair"
    """This payer with this payee."""
    RECEIVED = "payer_received"
    """What others paid to the payer's account: none of it is the payment that is judged."""


class Measure(StrEnum):
    """What is made of them; `value` says which integers it takes."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    RATIO = "ratio"
    """The payment's own amount in thousandths of the mean of the others."""
    FRAUD_SHARE = "fraud_share"
    """Payments known as fraud by then, in millionths of all."""
    FRAUDS_KNOWN = "frauds_known"
    """Payments whose newest label says fraud, from the moment on at which it is said."""
    DISTINCT = "distinct"
    """How many different others: payees of a payer, payers of a device."""
    DISTANCE = "distance"
    """Metres from where the payer last paid in a shop to where it pays now."""
    SPEED = "speed"
    """Kilometres an hour at which the payer would have had to travel there, in a minute at least."""
    SINCE_LAST = "since_last"
    SINCE_FIRST = "since_first"


class Filter(StrEnum):
    """Which payments count."""

    ALL = "all"
    NIGHT = "night"
    DECLINED = "declined"


class Edge(StrEnum):
    """Where a window begins: at the second, or at the full hour before (rounded alike online and offline)."""

    EXACT = "exact"
    HOUR = "hour"


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A definition. The window is (t - delay - window, t - delay] in seconds; with no window all that came before.

    An hour's edge takes in the full hour in which the window begins, and where it ends earlier leaves out the one in which it ends.
    """

    name: str
    entity: Entity
    measure: Measure
    window_s: int | None = None
    delay_s: int = 0
    only: Filter = Filter.ALL
    of: Entity | None = None
    """Who are told apart, where `measure` is DISTINCT."""
    edge: Edge = Edge.EXACT

    def begins_all(self, at_s: Any) -> Any:
        """As `begins` of a window, of one moment or of a column of them."""
        begins = at_s - self.delay_s - (self.window_s or 0)
        return begins - begins % HOUR - 1 if self.edge is Edge.HOUR else begins

    def begins(self, at_s: int) -> int | None:
        """The second after which payments count, since 1970; None: from the beginning. An hour's edge takes in the full hour."""
        return None if self.window_s is None else self.begins_all(at_s)

    def ends(self, at_s: Any) -> Any:
        """The last moment that counts, in seconds since 1970; of one moment or of a column of them."""
        ends = at_s - self.delay_s
        return ends - ends % HOUR - 1 if self.delay_s and self.edge is Edge.HOUR else ends


def value(measure: Measure, counted: int, amounted: int, own_minor: int) -> int:
    """The one division, rounded down; 0 where there is nothing to divide by.

    `counted`: payments, or others told apart, or seconds. `amounted`: minor units, or payments known as fraud, or metres. `own_minor`: the
    amount of the payment that is judged, which is among both.
    """
    match measure:
        case Measure.SUM | Measure.DISTANCE:
            return amounted
        case Measure.SPEED:
            return amounted * 36 // (10 * counted)
        case Measure.MEAN:
            return amounted // counted if counted else 0
        case Measure.RATIO:
            others = amounted - own_minor
            return own_minor * 1_000 * (counted - 1) // others if counted > 1 and others else 0
        case Measure.FRAUD_SHARE:
            return amounted * 1_000_000 // counted if counted else 0
        case _:
            return counted
