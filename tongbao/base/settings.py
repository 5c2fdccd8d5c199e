"""Settings come from `TONGBAO_*`, are read once and are checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tongbao.base.clock import Clock, StartingClock, SystemClock
from tongbao.base.money import is_currency

PREFIX = "TONGBAO_"


class SettingsError(Exception):
    """Every setting that is wrong, each with its name and what would be right."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One field a setting; the comment of each is its documentation (`docs/operating.md` is made from this)."""

    env: Literal["development", "demo", "production"] = "development"
    database_url: str = ""
    """Any PostgreSQL 16 or later. Empty: the embedded one."""
    clock: str = ""
    """A moment at which the clock starts (ISO 8601 with offset). For tests and demos; refused in production."""
    bank_code: str = "90001"
    """Five digits in front of every account number: how another bank finds this one."""
    currency: str = "CNY"
    timezone: str = "Asia/Shanghai"
    """The one zone of business days, months of limits, cut-offs and statements."""
    host: str = "127.0.0.1"
    port: int = 8080
    processes: int = 1
    pool_size: int = 6
    """Connections a process may hold."""
    batch_largest: int = 200
    batch_in_flight: int = 2
    batch_room: int = 4000
    """Payments that may wait for a batch in one process; beyond it the door answers 429."""
    body_largest: int = 1 << 20
    """Bytes a request body may have. A batch of payments may have 8 MiB and a payroll file 2 MiB, whatever this says."""
    confirm_above_minor: int = 0
    """A payment above this waits for a confirmation by its payer; 0: never."""
    hold_days: int = 7
    """How long an authorisation holds money unless the order says less."""
    webhook_private: bool = False
    """Whether webhooks may go to loopback and private addresses. For tests and demos; refused in production."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    trace_endpoint: str = ""
    """OTLP over HTTP, for instance http://127.0.0.1:4318/v1/traces. Empty: no traces."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def make_clock(self) -> Clock:
        return StartingClock(datetime.fromisoformat(self.clock)) if self.clock else SystemClock()


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads `TONGBAO_*`; raises SettingsError that lists everything wrong at once."""
    source = os.environ if environ is None else environ
    known = set(Settings.__struct_fields__)
    raw = {k[len(PREFIX) :].lower(): v for k, v in source.items() if k.startswith(PREFIX)}
    wrong = [
        f"{PREFIX}{name.upper()} is not a setting" for name in raw if name not in known and name not in _NOT_SETTINGS
    ]
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        if field.name not in raw:
            continue
        try:
            values[field.name] = msgspec.convert(raw[field.name], field.type, strict=False)
        except msgspec.ValidationError as error:
            wrong.append(f"{PREFIX}{field.name.upper()}={raw[field.name]!r}: {error}")
    if not wrong:
        settings = Settings(**values)  # pyright: ignore[reportArgumentType]
        wrong = _check(settings)
        if not wrong:
            return settings
    raise SettingsError("\n".join(wrong))


_NOT_SETTINGS = {"data_dir", "home", "key", "url"}
"""Read by tests and clients, not by the bank."""


def _check(s: Settings) -> list[str]:
    wrong = []

    def need(ok: bool, name: str, what: str) -> None:
        if not ok:
            wrong.append(f"{PREFIX}{name} {what}")

    need(len(s.bank_code) == 5 and s.bank_code.isdigit(), "BANK_CODE", "is five digits")
    need(is_currency(s.currency), "CURRENCY", "is an ISO 4217 code")
    need(0 <= s.port < 65536, "PORT", "lies between 0 and 65535")
    for name in ("processes", "pool_size", "batch_largest", "batch_in_flight", "batch_room", "body_largest"):
        need(getattr(s, name) > 0, name.upper(), "is at least 1")
    need(s.pool_size > s.batch_in_flight, "POOL_SIZE", "is larger than TONGBAO_BATCH_IN_FLIGHT")
    need(s.batch_largest <= 1000, "BATCH_LARGEST", "is at most 1000")
    try:
        ZoneInfo(s.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        need(False, "TIMEZONE", "is a name of the IANA time-zone database")
    if s.clock:
        try:
            need(datetime.fromisoformat(s.clock).tzinfo is not None, "CLOCK", "needs an offset, such as +08:00")
        except ValueError:
            need(False, "CLOCK", "is a moment such as 2026-08-24T09:00:00+08:00")
    if s.env == "production":
        need(bool(s.database_url), "DATABASE_URL", "is needed in production")
        need(not s.clock, "CLOCK", "is refused in production")
        need(not s.webhook_private, "WEBHOOK_PRIVATE", "is refused in production")
    return wrong
