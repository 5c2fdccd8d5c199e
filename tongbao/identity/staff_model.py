"""The nouns of how staff come in: the password as it is stored, where they are logged in, their passkeys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

ONE_TIME_LASTS: Final = timedelta(days=1)
"""How long a password that the bank made lets its holder in; he replaces it then."""
DRAWN_WITHIN: Final = timedelta(days=1)
"""How long whoever proposed something has to draw what a second person agreed to: a password, a key."""
MOST_STAFF_PASSKEYS: Final = 10


class StoredPassword(msgspec.Struct, frozen=True):
    """`until`: the bank made it, and it is good until then; None: its holder chose it."""

    hash: str
    until: datetime | None
    set_at: datetime

    def __repr__(self) -> str:
        return "StoredPassword()"


class Shown(msgspec.Struct, frozen=True):
    """What somebody showed besides his session: whether the password was right, compared with `stored` outside of any
    transaction, and the code of his app, empty where none was typed."""

    stored: str
    is_right: bool
    code: str = ""

    def __repr__(self) -> str:
        return "Shown()"


class OwnSession(msgspec.Struct, frozen=True):
    id: UUID
    started_at: datetime
    seen_at: datetime
    expires_at: datetime


class StaffPasskey(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    staff_id: UUID
    credential_id: bytes
    public_key: bytes
    transports: tuple[str, ...]
    name: str
    sign_count: int
    made_at: datetime
    used_at: datetime | None
    suspended_at: datetime | None


class StaffOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that is about to be made."""

    challenge: bytes
    name: str
