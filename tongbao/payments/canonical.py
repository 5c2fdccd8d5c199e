"""How what is signed is written: JSON by RFC 8785, names sorted, no space between, UTF-8.

All names are ASCII and all numbers integers below 2**53, so that what Python writes is what the standard asks for.
"""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def canonical(document: Mapping[str, Any]) -> bytes:
    """RFC 8785 of a document of ASCII names, strings, integers below 2**53, booleans, nulls and lists and objects of those."""
    return _encode(document).encode()


def moment(at: datetime) -> str:
    """To the microsecond, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def b64(data: bytes) -> str:
    """Without padding, for addresses (RFC 4648 section 5)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64(text: str) -> bytes:
    """The bytes of base64url without padding; none where it is not that."""
    try:
        return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
