"""How a model did, as tables that are drawn: curves, calibration, thresholds, and which inputs tell it most."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from tongbao.base.say import Lang
from tongbao.risk.catalogue import NAMES, sentence
from tongbao.risk.models_drift import SHIFTED, STEADY
from tongbao.risk.models_facts import Facts
from tongbao.risk.models_model import Stopped
from tongbao.risk.models_words import percent, percent_word
from tongbao.web import i18n, tables
from tongbao.web.listing import Listing, Marked
from tongbao.web.tables import Column

MOST_INPUTS: Final = 30
_ANNOYED: Final = Column("annoyed", "Good payments stopped", "正常付款误拦比例", tables.COUNT, words=percent_word)
_CAUGHT: Final = Column("caught", "Frauds caught", "欺诈识别比例", tables.COUNT, words=percent_word)
_PRECISION: Final = Column(
    "precision", "Frauds among those stopped", "拦截中欺诈占比", tables.COUNT, words=percent_word
)
_SCORE: Final = Column("score", "Score", "评分")
_ALONG_ANNOYED: Final = Column("annoyed", "Good payments stopped", "正常付款误拦比例")
_ALONG_CAUGHT: Final = Column("caught", "Frauds caught", "欺诈识别比例")
_CALIBRATION: Final = (
    _SCORE,
    Column("expected", "Frauds expected", "预期欺诈比例", tables.COUNT, words=percent_word),
    Column("frauds", "Frauds found", "实际欺诈比例", tables.COUNT, words=percent_word),
)
_GROUPS: Final = Column("payments", "Payments", "笔数")


_AGAINST: Final = (
    _SCORE,
    Column("caught_by_one", "Champion: frauds caught", "在用模型：欺诈识别比例", tables.COUNT, words=percent_word),
    Column("caught_by_other", "Challenger: frauds caught", "挑战者：欺诈识别比例", tables.COUNT, words=percent_word),
    Column("by_one", "Champion: good ones stopped", "在用模型：正常付款误拦比例", tables.COUNT, words=percent_word),
    Column("by_other", "Challenger: good ones stopped", "挑战者：正常付款误拦比例", tables.COUNT, words=percent_word),
)


def _drift_word(state: str, lang: Lang) -> str:
    return i18n.say(_DRIFT_MESSAGES[state], lang)


_DRIFT_MESSAGES: Final = {"ok": "as before", "warn": "has moved", "fail": "is another"}
_INPUTS: Final = (
    Column("name", "Name", "名称"),
    Column("sentence", "What it says", "含义", long=True),
    Column("gain", "Share in what it learned", "贡献占比", tables.COUNT, words=percent_word),
    Column("psi", "PSI", "PSI"),
    Column("drift", "Against what it learned from", "与训练数据相比", words=_drift_word),
)


def roc(facts: Facts) -> Listing:
    rows = [(_along(annoyed), percent(caught)) for annoyed, caught in facts.roc]
    return Listing(columns=(_ALONG_ANNOYED, _CAUGHT), rows=rows, chart="line")


def precision_recall(facts: Facts) -> Listing:
    rows = [(_along(caught), percent(precision)) for caught, precision in facts.precision_recall]
    return Listing(columns=(_ALONG_CAUGHT, _PRECISION), rows=rows, chart="line")


def _along(share: int) -> str:
    """Of parts of 10,000, along a chart."""
    return f"{percent(share):.1f}%"


def calibration(facts: Facts) -> Listing:
    """By groups of scores: what was expected, what there was, and in how many payments."""
    rows = [
        (
            f"{g.lowest}–{g.highest}" if g.lowest < g.highest else str(g.lowest),
            percent(g.expected),
            percent(g.frauds * 10_000 // g.payments),
            f"{g.payments:,}",
        )
        for g in facts.calibration
    ]
    return Listing(columns=(*_CALIBRATION, _GROUPS), rows=rows, chart="bar")


def thresholds(facts: Facts) -> Listing:
    rows = [(str(t.score), percent(t.caught), percent(t.annoyed), percent(t.precision)) for t in facts.thresholds]
    return Listing(columns=(_SCORE, _CAUGHT, _ANNOYED, _PRECISION), rows=rows)


def against(stopped: Sequence[Stopped]) -> Listing:
    """Champion and challenger by score: the share of frauds that each would have caught, and of good payments stopped."""
    rows = [
        (
            str(s.score),
            _share(s.caught_by_one, s.frauds),
            _share(s.caught_by_other, s.frauds),
            _share(s.by_one - s.caught_by_one, s.payments - s.frauds),
            _share(s.by_other - s.caught_by_other, s.payments - s.frauds),
        )
        for s in stopped
    ]
    return Listing(columns=_AGAINST, rows=rows)


def _share(part: int, whole: int) -> Decimal | None:
    return percent(part * 10_000 // whole) if whole else None


def inputs(facts: Facts, lang: Lang, now: Sequence[tuple[str, int]] = ()) -> Listing:
    """Those that tell the most, with how far they lie from what it learned from: `now`, or where that is not known in validation."""
    drift = dict(now or facts.drift)
    rows = [
        (
            name,
            sentence(name, lang) if name in NAMES else name,
            percent(gain),
            f"{drift[name] // 1_000}.{drift[name] % 1_000:03}" if name in drift else "",
            Marked(drift_state(drift[name])) if name in drift else None,
        )
        for name, gain in facts.gain[:MOST_INPUTS]
    ]
    return Listing(columns=_INPUTS, rows=rows)


def drift_state(psi: int) -> str:
    return "ok" if psi < STEADY else "warn" if psi < SHIFTED else "fail"
