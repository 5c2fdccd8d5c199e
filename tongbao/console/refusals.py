"""What console itself says no to; the rest is said by the verbs that it calls."""

from __future__ import annotations

from tongbao import ledger
from tongbao.base.refusal import RefusalKind

NO_CLOSE_YET = RefusalKind(
    "no_close_yet", 404, "No day up to that one has been closed.", "截至该日尚无已日终的营业日。"
)
LEDGER_ACCOUNT_UNKNOWN = RefusalKind(
    "ledger_account_unknown", 404, "The ledger has no such account.", "总账中没有该账户。"
)

ALL = (NO_CLOSE_YET, LEDGER_ACCOUNT_UNKNOWN)

LEDGERS = {kind.code: kind for kind in ledger.REFUSALS}
"""What the ledger may answer to a journal, by code."""
