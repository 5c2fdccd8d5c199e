"""Brings a past into the bank: a real bank's, or a made-up city's. Nobody imports deeper than this face."""

from tongbao.history.facts import Founded
from tongbao.history.found import EndDay, found
from tongbao.history.model import Rejected, Report
from tongbao.history.refusals import ALL as REFUSALS
from tongbao.history.replay import Progress, replay

__all__ = ["REFUSALS", "EndDay", "Founded", "Progress", "Rejected", "Report", "found", "replay"]
