"""Loads a slice's `queries.sql`, or a part of it: each statement is headed by `-- name: what_it_does`."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

_HEAD = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n?", re.MULTILINE)


@cache
def load(package: str, part: str = "") -> dict[str, LiteralString]:
    """Statements by name, of `queries.sql` for `store.py` and of `PART_queries.sql` for `PART_store.py`.

    Comments are dropped, so that a `%` in prose is never taken for a parameter.
    """
    file = f"{part}_queries.sql" if part else "queries.sql"
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    return parsed(text, f"{package}/{file}")


def parsed(text: str, where: str) -> dict[str, LiteralString]:
    """As `load`, of a text that was read from `where`."""
    parts = _HEAD.split(text)[1:]
    names = parts[::2]
    if len(names) != len(set(names)):
        raise ValueError(f"two statements of one name in {where}")
    bodies = [_COMMENT.sub("", part).strip().rstrip(";") for part in parts[1::2]]
    return {name: cast(LiteralString, body) for name, body in zip(names, bodies, strict=True)}
