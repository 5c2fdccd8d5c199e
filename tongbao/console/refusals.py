"""What console itself says no to; the rest is said by the verbs that it calls."""

from __future__ import annotations

from tongbao import govern, identity, ledger, payments
from tongbao.base.refusal import RefusalKind

NO_CLOSE_YET = RefusalKind(
    "no_close_yet", 404, "No day up to that one has been closed.", "截至该日尚无已日终的营业日。"
)
LEDGER_ACCOUNT_UNKNOWN = RefusalKind(
    "ledger_account_unknown", 404, "The ledger has no such account.", "总账中没有该账户。"
)

ID_UNKNOWN = RefusalKind(
    "id_unknown",
    404,
    "No payment, transfer, journal or settlement has this id.",
    "未找到该编号对应的付款、转账、凭证或结算。",
)

ALL = (NO_CLOSE_YET, LEDGER_ACCOUNT_UNKNOWN, ID_UNKNOWN)

RESOLVING = tuple(kind for kind in payments.REFUSALS if kind.code in ("payment_unknown", "not_waiting_for_rail"))
"""What payments may answer to a resolution that comes too late."""

SECONDED = tuple(
    kind
    for kind in (*identity.REFUSALS, *payments.REFUSALS, *govern.REFUSALS)
    if kind.code
    in [
        "customer_unknown",
        "customer_closed",
        "account_not_found",
        "standing_move_refused",
        "level_not_higher",
        "key_unknown",
        "key_over",
        "expiry_past",
        "subject_needed",
        "staff_unknown",
        "staff_active",
        "not_yourself",
        "switch_changed",
        "merchant_unknown",
        "leaver_unknown",
        "already_erased",
    ]
)
"""What the verbs of the other kinds may answer."""

LEDGERS = {kind.code: kind for kind in ledger.REFUSALS}
"""What the ledger may answer to a journal, by code."""
