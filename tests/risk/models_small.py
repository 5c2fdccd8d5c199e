"""The smallest model there is, made by hand."""

from __future__ import annotations

from math import ceil, log

from tongbao.risk.catalogue import VERSION
from tongbao.risk.models_facts import Facts, Group, Part, Spread, Threshold
from tongbao.risk.models_trees import UNIT, Model, Tree

_HALVES = [(n - 0.5) / 100 for n in range(1, 101)]
SCORES = tuple(ceil(log(p / (1 - p)) * UNIT) for p in _HALVES)
"""A margin is the log-odds themselves."""


def stump(name: str = "amount_minor", cut: int = 50_000, *, low: int = -50_000_000, high: int = 30_000_000) -> Model:
    """Asks whether one input lies below a cut: 1 out of 100 below it, 95 above."""
    tree = Tree(
        inputs=(0, 0, 0),
        cuts=(cut, 0, 0),
        below=(1, 0, 0),
        above=(2, 0, 0),
        missing_below=(True, True, True),
        values=(0, low, high),
        covers=(100, 90, 10),
    )
    return Model(catalogue=VERSION, inputs=(name,), base=0, trees=(tree,), scores=SCORES)


def facts() -> Facts:
    """What might be said of it."""
    part = Part(from_s=1_760_000_000, until_s=1_760_600_000, payments=1_000, frauds=100)
    return Facts(
        library="by hand",
        label_delay_days=7,
        learned=part,
        calibrated=part,
        validated=part,
        auc=9_500,
        average_precision=8_000,
        roc=((0, 0), (100, 9_000), (10_000, 10_000)),
        precision_recall=((0, 10_000), (9_000, 9_000), (10_000, 1_000)),
        calibration=(
            Group(lowest=1, highest=4, payments=900, frauds=9, expected=100),
            Group(lowest=80, highest=100, payments=100, frauds=91, expected=9_500),
        ),
        thresholds=(Threshold(score=50, caught=9_000, annoyed=100, precision=9_000),),
        drift=(("amount_minor", 12),),
        spreads={"amount_minor": Spread(cuts=(50_000,), shares=(9_000, 1_000, 0))},
        gain=(("amount_minor", 10_000),),
    )
