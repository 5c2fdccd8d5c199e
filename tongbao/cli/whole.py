"""The whole bank, by name: `app` and `cli` are siblings that do not import each other.

So a command that lists keys does not load every route first.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def whole(name: str) -> Any:
    """What `tongbao.app` calls `name`."""
    return getattr(import_module("tongbao.app"), name)
