"""What `--json` prints: one document on stdout, and nothing else there."""

from __future__ import annotations

import sys

import msgspec


def document(value: object) -> None:
    """Write one indented JSON document with a line end."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
