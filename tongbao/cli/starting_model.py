"""The model that a demo's bank begins with: learned from its city's own past, and proposed and approved by two of its people.

It judges beside the rules and stops nobody: what it would have caught stands on the wall, against what the city knows of its thieves.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec

from tongbao import console, history, identity, risk
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.db import Database, Tx
from tongbao.base.ids import NAMESPACE, derived
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.settings import Settings

_TRAIN: Final = ("-m", "tongbao.cli", "risk", "train", "--label-delay-days", "1", "--json")
_REASON: Final = "the model that the bank begins with"


async def begin(db: Database, settings: Settings, cast: history.Cast, environment: Mapping[str, str]) -> str | None:
    """Once: nothing where the bank has a model. Answers what is to be said where there is none now; a demo goes on without."""
    async with db.read() as tx:
        if await risk.registered_models(tx, most=1):
            return None
    said, trouble = await _train({**os.environ, **environment})
    if said is None:
        return trouble
    async with db.tx() as tx:
        await _in_force(tx, settings, cast, said["number"], settings.make_clock().now())
    return None


async def _train(environment: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """In a process of its own, which ends with this task: what the command prints, or its last word of why it did not."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, *_TRAIN, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        out, trouble = await child.communicate()
    finally:
        with suppress(ProcessLookupError):
            child.kill()
    if child.returncode:
        return None, (trouble.decode(errors="replace").strip().splitlines() or ["no model was learned"])[-1]
    return msgspec.json.decode(out), ""


async def _in_force(tx: Tx, settings: Settings, cast: history.Cast, number: int, at: datetime) -> None:
    first, second = _principal(cast.operator), _principal(cast.accountant)
    id_, kinds = derived(NAMESPACE, f"starting model {number}"), console.approval_kinds(settings.zone)
    change = risk.ModelChange(model=number, role=risk.ModelRole.CHALLENGER, expected=0)
    await risk.propose_model(tx, first, change, id=id_, reason=_REASON, at=at)
    await approvals.decide(tx, second, kinds, id=id_, state=ApprovalState.APPROVED, reason=_REASON, at=at)


def _principal(staff: identity.Staff) -> Principal:
    rights = frozenset[str]().union(*(identity.ROLE_PERMISSIONS[role] for role in staff.roles))
    return Principal(id=staff.id, kind=PrincipalKind.STAFF, permissions=rights)
