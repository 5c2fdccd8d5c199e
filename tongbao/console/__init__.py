"""What staff do and see across slices: approvals, journals, the books, events that stand still, the calendar."""

from tongbao.console.kinds import APPROVAL_KINDS
from tongbao.console.refusals import ALL as REFUSALS

__all__ = ["APPROVAL_KINDS", "REFUSALS"]
