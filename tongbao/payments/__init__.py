"""The instruction: who pays whom, what was decided and why, what became of it. Nobody imports deeper than this face."""

from tongbao.payments.intake import Intake
from tongbao.payments.judge import Judgement, Verdict, judge
from tongbao.payments.model import (
    OUTSIDE,
    Arrives,
    Capture,
    Check,
    Kind,
    Limits,
    Method,
    Operation,
    Order,
    Outcome,
    Payment,
    State,
)
from tongbao.payments.prove import CHECKS
from tongbao.payments.records import Filter
from tongbao.payments.records import records as list_payments
from tongbao.payments.refusals import ALL as REFUSALS
from tongbao.payments.set_limits import limits_of
from tongbao.payments.submit import submit
from tongbao.payments.timeline import Step, Timeline, payment_behind, timeline
from tongbao.payments.view import PaymentView, view

__all__ = [
    "CHECKS",
    "OUTSIDE",
    "REFUSALS",
    "Arrives",
    "Capture",
    "Check",
    "Filter",
    "Intake",
    "Judgement",
    "Kind",
    "Limits",
    "Method",
    "Operation",
    "Order",
    "Outcome",
    "Payment",
    "PaymentView",
    "State",
    "Step",
    "Timeline",
    "Verdict",
    "judge",
    "limits_of",
    "list_payments",
    "payment_behind",
    "submit",
    "timeline",
    "view",
]
