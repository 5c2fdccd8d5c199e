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


class Look(msgspec.Struct, frozen=True):
    """How a customer wants to see the bank, on whatever device. `theme` and `language` None: as the device says."""

    home: str
    theme: str | None
    type: str
    language: str | None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What an API key must show besides its secret: a signature on each request, a client certificate (SHA-256 of its DER)."""

    signature: bool = False
    certificate: bytes | None = None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the API key's, person's or job's id; `subject_id` is the merchant, partner or customer it acts for.

    Of a customer in a browser, `session_id` is his session and `device_id` that browser, once it is known and past its
    cool-off; both None where there is no browser.
    """

    id: UUID
    kind: PrincipalKind
    permissions: frozenset[str] = frozenset()
    subject_id: UUID | None = None
    session_id: UUID | None = None
    device_id: UUID | None = None
    warned: bool = False
    """Of a customer: something waits that its owner may stop, and every page of his says so."""
    look: Look | None = None
    """Of a customer who has chosen one."""
    rules: Rules | None = None
    """Of an API key whose requests need more than its secret."""

    def require(self, permission: str) -> None:
        """Refuses with `permission_missing` unless this principal holds `permission`."""
        if permission not in self.permissions:
            raise PERMISSION_MISSING(f"needs {permission}")


SYSTEM = Principal(id=UUID(int=0), kind=PrincipalKind.SYSTEM, permissions=frozenset())
"""The bank's own jobs: end of day, expiry, settlement."""
