"""Rules put in force in a bank that runs elsewhere, by two people who are made up for it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from tongbao import risk
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import PERMISSIONS
from tongbao.risk.in_force import LOOK


async def put_in_force(database: str, name: str, says: risk.RuleSays) -> None:
    """Returns when every process has looked at the rules once more."""
    at = SystemClock().now()
    one, two = (Principal(id=uuid4(), kind=PrincipalKind.STAFF, permissions=frozenset(PERMISSIONS)) for _ in range(2))
    change = risk.RuleChange(rule_id=uuid4(), name=name, expected=0, says=says)
    async with Database(database, size=1, limits=BULK) as db:
        async with db.tx() as tx:
            filed = await risk.propose_rule(tx, one, change, id=uuid4(), reason="tried out", at=at)
        async with db.tx() as tx:
            decided: dict[str, Any] = {"state": ApprovalState.APPROVED, "reason": "seen", "at": at}
            await approvals.decide(tx, two, risk.KINDS, id=filed.id, **decided)
    await asyncio.sleep(1.5 * LOOK.total_seconds())
