"""Which kinds of proposal there are, and the verb that an approval of each one runs."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tongbao import govern, identity, ledger, payments, risk
from tongbao.base.approvals import Kinds


def approval_kinds(zone: ZoneInfo) -> Kinds:
    """`zone`: the bank's, of its days."""
    return {
        **ledger.KINDS,
        **identity.KINDS,
        **identity.PHONE_KINDS,
        **payments.kinds(zone),
        **govern.KINDS,
        **risk.KINDS,
    }
