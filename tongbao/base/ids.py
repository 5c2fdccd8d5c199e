"""UUID version 7 (RFC 9562 section 5.7): 48 bits of milliseconds, then chance. Time and chance are handed in."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from secrets import randbits

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMESPACE = uuid.UUID("6f1b7a52-54d0-5e8f-9d55-746f6e676261")


def uuid7(at: datetime, bits: Callable[[int], int] = randbits) -> uuid.UUID:
    """A time-ordered id for the moment `at`; `bits(n)` gives n random bits (in tests a seeded `getrandbits`)."""
    millis = int(at.timestamp() * 1000) & (2**48 - 1)
    return uuid.UUID(int=millis << 80 | 0x7 << 76 | bits(12) << 64 | 0b10 << 62 | bits(62))


def moment_of(id: uuid.UUID) -> datetime | None:
    """When a version 7 id was made, to the millisecond; None for any other, and for one of no year that a date can say."""
    if id.version != 7:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=id.int >> 80)
    except OverflowError:
        return None


def derived(parent: uuid.UUID, what: str) -> uuid.UUID:
    """The one id that `what` has under `parent` (UUID version 8, RFC 9562 section 5.8): always the same.

    Keeps the parent's first 48 bits, so that children lie beside their parent in an index.
    """
    digest = int.from_bytes(sha256(parent.bytes + what.encode()).digest()[:10])
    low = digest & (2**80 - 1)
    low = low & ~(0xF << 76) | 0x8 << 76
    low = low & ~(0b11 << 62) | 0b10 << 62
    return uuid.UUID(int=parent.int >> 80 << 80 | low)
