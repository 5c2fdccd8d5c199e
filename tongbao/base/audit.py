"""What people and their keys do, other than paying. Ids only: a name or a card number has no place in `details`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.base.principal import Principal, PrincipalKind

Q = sql.load("tongbao.base")

_encode = msgspec.json.Encoder().encode


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`action` is a verb such as `account.freeze`; `subject` is what it was done to."""

    id: int
    at: datetime
    principal_id: UUID
    principal_kind: PrincipalKind
    action: str
    subject: str
    reason: str | None
    details: dict[str, Any]


async def record(
    tx: Tx,
    principal: Principal,
    action: str,
    subject: str | UUID,
    *,
    at: datetime,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Writes one entry beside what was done: both are there or neither is."""
    await tx.run(
        Q["append_audit"],
        at=at,
        principal_id=principal.id,
        principal_kind=principal.kind.value,
        action=action,
        subject=str(subject),
        reason=reason,
        details=_encode(details or {}).decode(),
    )


async def trail(
    tx: Tx,
    *,
    subject: str | UUID | None = None,
    principal_id: UUID | None = None,
    before: int | None = None,
    most: int = 100,
) -> list[AuditEntry]:
    """A page, newest first; the next one is `before` the last id."""
    found = await tx.rows(
        Q["audit_trail"],
        subject=None if subject is None else str(subject),
        principal_id=principal_id,
        before=before,
        most=min(most, 1000),
    )
    return [
        AuditEntry(
            id=id_,
            at=at,
            principal_id=who,
            principal_kind=PrincipalKind(kind),
            action=action,
            subject=what,
            reason=reason,
            details=details,
        )
        for id_, at, who, kind, action, what, reason, details in found
    ]
