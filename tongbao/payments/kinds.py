"""Which kinds of proposal there are about payments, and the verb that an approval of each one runs."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tongbao.base.approvals import Kinds
from tongbao.payments.held import kinds as of_held
from tongbao.payments.policies import KINDS as OF_POLICIES
from tongbao.payments.resolve import kinds as of_resolutions
from tongbao.payments.switches import KINDS as OF_SWITCHES


def kinds(zone: ZoneInfo) -> Kinds:
    """`zone`: the bank's, of its days."""
    return {**of_resolutions(zone), **of_held(zone), **OF_POLICIES, **OF_SWITCHES}
