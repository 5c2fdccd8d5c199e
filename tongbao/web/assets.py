"""The style sheet, the scripts and the pictures of every page: from the package, under names that hold their hash.

What a name holds never changes, so browsers keep it for a year; nothing comes from anywhere else.
"""

from __future__ import annotations

import gzip
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

import msgspec

_KINDS: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


class Asset(msgspec.Struct, frozen=True):
    raw: bytes
    small: bytes
    """gzip, made once."""
    media_type: str


@cache
def _assets() -> tuple[dict[str, Asset], dict[str, str]]:
    """By address, and the address of each name."""
    by_address: dict[str, Asset] = {}
    addresses: dict[str, str] = {}
    root = files("tongbao.web") / "static"
    for folder, prefix in ((root, ""), (root / "vendor", "vendor/")):
        for entry in folder.iterdir():
            stem, dot, suffix = entry.name.rpartition(".")
            if not entry.is_file() or dot + suffix not in _KINDS:
                continue
            raw = entry.read_bytes()
            hashed = f"{stem}.{sha256(raw).hexdigest()[:12]}.{suffix}"
            by_address[hashed] = Asset(raw, gzip.compress(raw, 9, mtime=0), _KINDS[dot + suffix])
            addresses[prefix + entry.name] = f"/static/{hashed}"
    return by_address, addresses


def address(name: str) -> str:
    """Where a browser finds `name`, for instance `tongbao.css` or `vendor/htmx-2.0.11.min.js`. KeyError for none."""
    return _assets()[1][name]


def read(name: str) -> bytes:
    """What `name` holds. KeyError for none."""
    return _assets()[0][address(name).removeprefix("/static/")].raw


def takes_gzip(accept: str) -> bool:
    """Whether an `Accept-Encoding` header wants gzip (RFC 9110, section 12.5.3)."""
    return _GZIP.search(accept.lower()) is not None


_GZIP: Final = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)")


def find(hashed: str) -> Asset | None:
    """The file behind the last part of an address."""
    return _assets()[0].get(hashed)


def stand_in(hashed: str) -> Asset | None:
    """This version's file for an address of another version, which a page of before or after an upgrade may ask for."""
    found = _HASHED.fullmatch(hashed)
    if found is None:
        return None
    name = f"{found[1]}.{found[2]}"
    known = _assets()[1]
    place = known.get(name) or known.get(f"vendor/{name}")
    return find(place.removeprefix("/static/")) if place else None


_HASHED: Final = re.compile(r"(.+)\.[0-9a-f]{12}\.([a-z]+)", re.ASCII)
