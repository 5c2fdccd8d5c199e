"""Every way in which base says no, in order of precedence within each module; `docs/refusals.md` is made from this."""

from __future__ import annotations

from tongbao.base import approvals, batch, calendar, days, db, parked, principal
from tongbao.base.refusal import RefusalKind

ALL: tuple[RefusalKind, ...] = (
    batch.OVERLOADED,
    db.BUSY,
    batch.ITEM_FAILED,
    principal.PERMISSION_MISSING,
    days.NOT_FOUNDED,
    days.DAY_NOT_OPEN,
    approvals.APPROVAL_KIND_UNKNOWN,
    approvals.APPROVAL_NEEDS_A_REASON,
    approvals.APPROVAL_ID_TAKEN,
    approvals.APPROVAL_UNKNOWN,
    approvals.APPROVAL_ALREADY_DECIDED,
    approvals.APPROVAL_EXPIRED,
    approvals.SECOND_PERSON_NEEDED,
    approvals.TAKES_A_SECOND_PERSON,
    calendar.CALENDAR_NEEDS_A_REASON,
    parked.RESEND_NEEDS_A_CHOICE,
    parked.EVENT_NOT_HELD,
)
