"""Which kinds of proposal there are, and the verb that an approval of each one runs."""

from __future__ import annotations

from typing import Final

from tongbao import ledger
from tongbao.base.approvals import Kinds

APPROVAL_KINDS: Final[Kinds] = {
    "ledger.journal": ledger.KINDS["ledger.journal"],
    "ledger.close_period": ledger.KINDS["ledger.close_period"],
}
