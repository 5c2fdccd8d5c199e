"""What staff do and see across slices: approvals, journals, the books, events that stand still, the calendar."""

from tongbao.console.alert_table import ALERTS
from tongbao.console.alerts import expression, firing, rules
from tongbao.console.demo import DemoFile, DemoStaff
from tongbao.console.doctor import examine, settings_are_wrong, state_of
from tongbao.console.explain import Story, explain
from tongbao.console.intake import Attacks
from tongbao.console.kinds import approval_kinds
from tongbao.console.model import Check
from tongbao.console.navigation import NAVIGATION
from tongbao.console.proof import CHECKS
from tongbao.console.refusals import ALL as REFUSALS
from tongbao.console.vitals import bare as bare_vitals
from tongbao.console.vitals import take as take_vitals
from tongbao.console.walk import strip

__all__ = [
    "ALERTS",
    "CHECKS",
    "NAVIGATION",
    "REFUSALS",
    "Attacks",
    "Check",
    "DemoFile",
    "DemoStaff",
    "Story",
    "approval_kinds",
    "bare_vitals",
    "examine",
    "explain",
    "expression",
    "firing",
    "rules",
    "settings_are_wrong",
    "state_of",
    "strip",
    "take_vitals",
]
