"""What people ask of the bank about their data, and when it forgets them. Nobody imports deeper than this face."""

from tongbao.govern.export import export_person
from tongbao.govern.leave import KINDS, erase_due, hold, lift_hold, list_leavers, note_leavers, propose_lift
from tongbao.govern.model import Leaver, Request, RequestKind, RequestState, Texts
from tongbao.govern.prove import CHECKS
from tongbao.govern.refusals import ALL as REFUSALS
from tongbao.govern.requests import (
    answer,
    ask,
    find_request,
    late_requests,
    list_requests,
    requests_of,
    texts_of,
    withdraw,
)

__all__ = [
    "CHECKS",
    "KINDS",
    "REFUSALS",
    "Leaver",
    "Request",
    "RequestKind",
    "RequestState",
    "Texts",
    "answer",
    "ask",
    "erase_due",
    "export_person",
    "find_request",
    "hold",
    "late_requests",
    "lift_hold",
    "list_leavers",
    "list_requests",
    "note_leavers",
    "propose_lift",
    "requests_of",
    "texts_of",
    "withdraw",
]
