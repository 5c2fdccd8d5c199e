"""What is told of a model beside its trees: what it learned from, and how it did on payments that came after all of those.

Shares are parts of 10,000, rounded; moments are seconds since 1970.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class LearnError(Exception):
    """Why nothing can be learned, in a sentence."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of one span of time, the last one at `until_s`."""

    from_s: int
    until_s: int
    payments: int
    frauds: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Payments whose scores lie in `lowest` to `highest`: what was expected of them, and how many frauds there were."""

    lowest: int
    highest: int
    payments: int
    frauds: int
    expected: int
    """The mean of what the scores said, of 10,000."""


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """Were payments from `score` on stopped: of 10,000 frauds so many, of 10,000 good payments so many, and the share of frauds."""

    score: int
    caught: int
    annoyed: int
    precision: int


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How an input lay when the model learned: of 10,000 so many from one cut up to the next, and last those that were missing."""

    cuts: tuple[int, ...]
    shares: tuple[int, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`drift`: PSI of each input between learning and validation, in thousandths, the largest first."""

    kind: Literal["boosted", "isolation"] = "boosted"
    library: str
    label_delay_days: int
    learned: Part
    calibrated: Part
    validated: Part
    auc: int
    average_precision: int
    roc: tuple[tuple[int, int], ...]
    """Good payments stopped, frauds caught."""
    precision_recall: tuple[tuple[int, int], ...]
    """Frauds caught, precision."""
    calibration: tuple[Group, ...]
    thresholds: tuple[Threshold, ...]
    drift: tuple[tuple[str, int], ...]
    spreads: dict[str, Spread]
    gain: tuple[tuple[str, int], ...]
    """Of 10,000 of all that splitting gained, so much by each input, the largest first."""
