"""Clearing: what a day owes to whom, netted, settled, and how a day ends. Nobody imports deeper than this face."""

from tongbao.clearing.api import ROUTES
from tongbao.clearing.clear import ClearingDiffers, ClearingStuck, clear, draw_batches
from tongbao.clearing.close_today import close_today, day_progress, time_anew
from tongbao.clearing.enquire import (
    fee_report,
    find_batch,
    find_settlement,
    list_batches,
    newest_steps,
    positions,
    settlement_behind,
    settlements,
    steps,
    takings,
    takings_by_day,
    takings_moves,
    totals,
)
from tongbao.clearing.jobs import JOBS, DayEnded, close_when_due, end_of_day, watch_days
from tongbao.clearing.model import (
    Batch,
    BatchDoesNotBalance,
    DayProgress,
    Kind,
    Phase,
    Position,
    Settlement,
    SettlementStory,
    State,
    Step,
    TakingsDay,
    TakingsLine,
    TakingsMove,
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
    "DayProgress",
    "Kind",
    "Phase",
    "Position",
    "Settlement",
    "SettlementStory",
    "State",
    "Step",
    "TakingsDay",
    "TakingsLine",
    "TakingsMove",
    "clear",
    "close_today",
    "close_when_due",
    "day_progress",
    "draw_batches",
    "end_of_day",
    "fee_report",
    "find_batch",
    "find_settlement",
    "list_batches",
    "newest_steps",
    "positions",
    "settle",
    "settlement_behind",
    "settlements",
    "steps",
    "takings",
    "takings_by_day",
    "takings_moves",
    "time_anew",
    "totals",
    "watch_days",
]
