"""Who is asking. `identity` fills these in; every verb that may be refused for lack of a right takes one."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import msgspec

from tongbao.base.refusal import RefusalKind

PERMISSION_MISSING = RefusalKind(
    "permission_missing", 403, "This key or role may not do that.", "当前密钥或角色无权执行此操作。"
)


class PrincipalKind(StrEnum):
    BANK = "bank"
    MERCHANT = "merchant"
    PARTNER = "partner"
    CUSTOMER = "customer"
    STAFF = "staff"
    SYSTEM = "system"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the API key's, person's or job's id; `subject_id` is the merchant, partner or customer it acts for."""

    id: UUID
    kind: PrincipalKind
    permissions: frozenset[str] = frozenset()
    subject_id: UUID | None = None

    def require(self, permission: str) -> None:
        """Refuses with `permission_missing` unless this principal holds `permission`."""
        if permission not in self.permissions:
            raise PERMISSION_MISSING(f"needs {permission}")


SYSTEM = Principal(id=UUID(int=0), kind=PrincipalKind.SYSTEM, permissions=frozenset())
"""The bank's own jobs: end of day, expiry, settlement."""
