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
from tongbao.payments.refusals import ALL as REFUSALS
from tongbao.payments.submit import submit
from tongbao.payments.view import PaymentView, view

__all__ = [
    "OUTSIDE",
    "REFUSALS",
    "Arrives",
    "Capture",
    "Check",
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
    "Verdict",
    "judge",
    "submit",
    "view",
]
