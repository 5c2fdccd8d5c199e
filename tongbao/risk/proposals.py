"""Which kinds of proposal there are about rules and lists, and the verb that an approval of each one runs."""

from __future__ import annotations

from typing import Final

from tongbao.base import approvals
from tongbao.risk.kri_propose import KINDS as OF_LIMITS
from tongbao.risk.models_propose import KINDS as OF_MODELS
from tongbao.risk.propose_list import KINDS as OF_LISTS
from tongbao.risk.propose_rule import KINDS as OF_RULES
from tongbao.risk.stance import KINDS as OF_STANCE

KINDS: Final[approvals.Kinds] = {**OF_RULES, **OF_LISTS, **OF_MODELS, **OF_LIMITS, **OF_STANCE}
