"""The settings that this process runs with, as staff may see them."""

from __future__ import annotations

from typing import Any

import msgspec
from psycopg import ProgrammingError, conninfo

from tongbao.base.log import redacted
from tongbao.base.settings import PREFIX, Settings


class SettingView(msgspec.Struct, kw_only=True):
    name: str
    value: str | int | bool
    usual: str | int | bool
    """What it would be if nobody had set it."""
    is_usual: bool


def views(settings: Settings) -> list[SettingView]:
    """Every setting, in the order in which they are documented."""
    usual = Settings()
    found: list[SettingView] = []
    for name in Settings.__struct_fields__:
        value, default = _shown(name, getattr(settings, name)), _shown(name, getattr(usual, name))
        found.append(SettingView(name=PREFIX + name.upper(), value=value, usual=default, is_usual=value == default))
    return found


def _shown(name: str, value: Any) -> Any:
    if name == "database_url":
        return _without_password(value)
    return redacted(value) if isinstance(value, str) else value


def _without_password(url: str) -> str:
    """Where the database is; nothing else of its address is anybody's business."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except ProgrammingError:
        return redacted(url)
    return " ".join(f"{name}={parts[name]}" for name in ("host", "port", "dbname", "user") if parts.get(name))
