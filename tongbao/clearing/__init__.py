"""Clearing: what a day owes to whom, netted, settled, and how a day ends. Nobody imports deeper than this face."""

from tongbao.clearing.api import ROUTES
from tongbao.clearing.clear import ClearingDiffers, ClearingStuck, clear, draw_batches
from tongbao.clearing.enquire import (
    fee_report,
    find_batch,
    list_batches,
    positions,
    settlements,
    steps,
    takings,
    totals,
)
from tongbao.clearing.jobs import JOBS, DayEnded, end_of_day
from tongbao.clearing.model import (
    Batch,
    BatchDoesNotBalance,
    FeeLine,
    Kind,
    Position,
    Settlement,
    State,
    Step,
    TakingsLine,
)
from tongbao.clearing.prove import CHECKS
from tongbao.clearing.refusals import ALL as REFUSALS
from tongbao.clearing.settle import settle

__all__ = [
    "CHECKS",
    "JOBS",
    "REFUSALS",
    "ROUTES",
    "Batch",
    "BatchDoesNotBalance",
    "ClearingDiffers",
    "ClearingStuck",
    "DayEnded",
    "FeeLine",
    "Kind",
    "Position",
    "Settlement",
    "State",
    "Step",
    "TakingsLine",
    "clear",
    "draw_batches",
    "end_of_day",
    "fee_report",
    "find_batch",
    "list_batches",
    "positions",
    "settle",
    "settlements",
    "steps",
    "takings",
    "totals",
]
