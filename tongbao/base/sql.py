"""Loads a slice's `queries.sql`: each statement is headed by `-- name: what_it_does`."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

_HEAD = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n?", re.MULTILINE)


@cache
def load(package: str) -> dict[str, LiteralString]:
    """Statements by name. Comments are dropped, so that a `%` in prose is never taken for a parameter."""
    text = (resources.files(package) / "queries.sql").read_text(encoding="utf-8")
    parts = _HEAD.split(text)[1:]
    names = parts[::2]
    if len(names) != len(set(names)):
        raise ValueError(f"two statements of one name in {package}/queries.sql")
    bodies = [_COMMENT.sub("", part).strip().rstrip(";") for part in parts[1::2]]
    return {name: cast(LiteralString, body) for name, body in zip(names, bodies, strict=True)}
