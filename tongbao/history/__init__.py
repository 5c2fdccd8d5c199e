"""Brings a past into the bank: a real bank's, or a made-up city's. Nobody imports deeper than this face."""

from tongbao.history.cast import (
    Cast,
    cast,
    choose_li,
    choose_noodle_shop,
    give_part,
    hire,
    part,
    vacancies,
)
from tongbao.history.city import Plan, begin, city_file, finish
from tongbao.history.facts import Founded
from tongbao.history.found import found
from tongbao.history.model import Rejected, Report
from tongbao.history.refusals import ALL as REFUSALS
from tongbao.history.replay import Progress, replay

__all__ = [
    "REFUSALS",
    "Cast",
    "Founded",
    "Plan",
    "Progress",
    "Rejected",
    "Report",
    "begin",
    "cast",
    "choose_li",
    "choose_noodle_shop",
    "city_file",
    "finish",
    "found",
    "give_part",
    "hire",
    "part",
    "replay",
    "vacancies",
]
