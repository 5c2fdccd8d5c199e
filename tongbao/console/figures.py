"""The vitals as figures: what `/metrics` says of the whole bank, and what alerts look at. What is not known is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from tongbao.base.metrics import Sample
from tongbao.console.model import Vitals
from tongbao.payments import RailState

UNSAFE: Final = {
    "fsync": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "server_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
}
"""Settings of the database that must be so. `synchronous_commit` may be anything but off."""

UNWISE: Final = {"data_checksums": "on"}
"""Settings that had better be so."""

OLDEST, NEWEST = 16, 18
"""Major versions of PostgreSQL that the tests run on."""

_WAITS_FOR: Final = ("confirmation", "capture", "arrival", "person", "rail", "rail_answer")
_MILLE: Final = Decimal(1000)


def samples(vitals: Vitals) -> list[Sample]:
    """Every figure that is known, under its name in `metrics.FIGURES`."""
    return [*_process(vitals), *_server(vitals), *_books(vitals), *_outside(vitals)]


def unsafe(server: dict[str, str]) -> list[str]:
    """Settings with which money may be lost."""
    found = [name for name, value in UNSAFE.items() if server.get(name, value) != value]
    if server.get("synchronous_commit") == "off":
        found.append("synchronous_commit")
    return [*found, *(["server_version"] if major(server) < OLDEST else [])]


def unwise(server: dict[str, str]) -> list[str]:
    """Settings that are not as advised."""
    found = [name for name, value in UNWISE.items() if server.get(name, value) != value]
    return [*found, *(["server_version"] if major(server) > NEWEST else [])]


def major(server: dict[str, str]) -> int:
    return int(server["server_version_num"]) // 10_000


def _process(vitals: Vitals) -> Iterator[Sample]:
    yield Sample("tongbao_database_up", int(vitals.server is not None))
    yield Sample("tongbao_draining", int(vitals.draining))
    for disk in vitals.disks:
        of = {"disk": disk.name}
        yield Sample("tongbao_disk_free_bytes", disk.free_bytes, of)
        yield Sample("tongbao_disk_free_ratio", Decimal(disk.free_bytes) / Decimal(max(1, disk.total_bytes)), of)


def _server(vitals: Vitals) -> Iterator[Sample]:
    if vitals.server is not None:
        yield Sample("tongbao_database_answer_seconds", Decimal(vitals.answer_ms) / _MILLE)
        yield Sample("tongbao_figures_unknown", len(vitals.unknown))
        for setting in unsafe(vitals.server):
            yield Sample("tongbao_settings_unsafe", 1, {"setting": setting})
        for setting in unwise(vitals.server):
            yield Sample("tongbao_settings_unwise", 1, {"setting": setting})
    if vitals.clocks is not None:
        yield Sample("tongbao_clock_offset_seconds", Decimal(abs(vitals.clocks.ahead_ms)) / _MILLE)
    if vitals.connections is not None:
        used = vitals.connections.used
        for application, many in _applications(used).items():
            yield Sample("tongbao_connections", many, {"application": application})
        most = Decimal(max(1, vitals.connections.most))
        yield Sample("tongbao_connections_free_ratio", max(Decimal(0), 1 - Decimal(sum(used.values())) / most))
        yield Sample("tongbao_connections_lacking", max(0, vitals.connections.wanted - vitals.connections.most))
    if vitals.writer is not None:
        yield Sample("tongbao_oldest_writer_seconds", max((one.age_s for one in vitals.writer), default=0))
    for slot in vitals.slots or ():
        yield Sample("tongbao_slot_active", int(slot.active), {"slot": slot.name})
        yield Sample("tongbao_slot_retained_bytes", slot.retained_bytes, {"slot": slot.name})
    if vitals.archiver is not None:
        yield Sample("tongbao_archive_failing", int(vitals.archiver.failing))
    if vitals.schema is not None:
        yield Sample("tongbao_migrations_missing", len(vitals.schema.missing))
        yield Sample("tongbao_migrations_unknown", len(vitals.schema.unknown))


def _applications(used: dict[str, int]) -> dict[str, int]:
    """Labels come from a fixed set: whoever is not of the bank is `other`."""
    found: dict[str, int] = {}
    for name, many in used.items():
        ours = name if name.startswith("tongbao") else "other"
        found[ours] = found.get(ours, 0) + many
    return found


def _books(vitals: Vitals) -> Iterator[Sample]:
    if vitals.day is not None:
        yield Sample("tongbao_business_day_missing", int(vitals.day.open_date is None))
        yield Sample("tongbao_open_day_age_seconds", vitals.day.open_s)
        yield Sample("tongbao_open_day_ahead_days", vitals.day.ahead)
        yield Sample("tongbao_unended_day_age_seconds", vitals.day.unended_s)
    if vitals.years_missing is not None:
        yield Sample("tongbao_calendar_years_missing", len(vitals.years_missing))
    for month, names in (vitals.partitions_missing or {}).items():
        yield Sample("tongbao_partitions_missing", len(names), {"month": month})
    if vitals.late is not None:
        late = dict.fromkeys(_WAITS_FOR, 0) | {one.waits_for: one.many for one in vitals.late}
        for waits_for, many in late.items():
            yield Sample("tongbao_stuck_payments", many, {"waits_for": waits_for})
    if vitals.ahead_s is not None:
        yield Sample("tongbao_newest_payment_ahead_seconds", vitals.ahead_s)
    if vitals.risk is not None:
        yield Sample("tongbao_risk_indicators_beyond", vitals.risk.amber, {"state": "amber"})
        yield Sample("tongbao_risk_indicators_beyond", vitals.risk.red, {"state": "red"})
        yield Sample("tongbao_risk_tightened", int(vitals.risk.is_tightened))
        if vitals.risk.drift is not None:
            yield Sample("tongbao_risk_model_drift", Decimal(vitals.risk.drift) / _MILLE)
        if vitals.risk.caught is not None:
            yield Sample("tongbao_risk_model_caught", Decimal(vitals.risk.caught) / _MILLE)
    if vitals.proof_s is not None:
        yield Sample("tongbao_proof_age_seconds", vitals.proof_s)
    if vitals.canaries is not None:
        yield Sample("tongbao_canaries", vitals.canaries.planted)
        yield Sample("tongbao_canary_readings_open", vitals.canaries.open)
    if vitals.switches is not None:
        for scope in ("kind", "merchant", "country", "method"):
            many = sum(switch.scope == scope for switch in vitals.switches)
            yield Sample("tongbao_switches_stopped", many, {"scope": scope})


def _outside(vitals: Vitals) -> Iterator[Sample]:
    if vitals.consumers is not None:
        yield Sample("tongbao_outbox_consumers", len(vitals.consumers))
    for consumer in vitals.consumers or ():
        of = {"consumer": consumer.name}
        yield Sample("tongbao_outbox_oldest_seconds", consumer.oldest_s, of)
        yield Sample("tongbao_outbox_unread", consumer.unread, of)
        yield Sample("tongbao_parked_events", consumer.parked, of)
    for rail in vitals.rails or ():
        of = {"rail": rail.name}
        yield Sample("tongbao_rail_up", int(rail.state is not RailState.DOWN), of)
        yield Sample("tongbao_rail_slow", int(rail.state is RailState.SLOW), of)
        yield Sample("tongbao_rail_waiting", rail.waiting, of)
    if vitals.webhooks is not None:
        oldest_at = vitals.webhooks.oldest_due_at
        waited_s = (vitals.at - oldest_at) // timedelta(seconds=1) if oldest_at else 0
        yield Sample("tongbao_webhooks_due", vitals.webhooks.due)
        yield Sample("tongbao_webhooks_oldest_due_seconds", max(0, waited_s))
        yield Sample("tongbao_webhook_endpoints", vitals.webhooks.failing_endpoints, {"state": "failing"})
        yield Sample("tongbao_webhook_endpoints", vitals.webhooks.disabled_endpoints, {"state": "disabled"})
    if vitals.help is not None:
        yield Sample("tongbao_help_late", vitals.help.late)
        yield Sample("tongbao_help_oldest_waiting_seconds", vitals.help.oldest_s)
        yield Sample("tongbao_help_waiting", vitals.help.waiting)
    if vitals.held is not None:
        yield Sample("tongbao_payments_held", vitals.held.waiting)
        yield Sample("tongbao_payments_held_late", vitals.held.late)
        yield Sample("tongbao_payments_held_oldest_seconds", vitals.held.oldest_s)
    if vitals.messages is not None:
        yield Sample("tongbao_messages_failed", vitals.messages.failed)
        yield Sample("tongbao_messages_oldest_waiting_seconds", vitals.messages.oldest_s)
        yield Sample("tongbao_messages_waiting", vitals.messages.waiting)
    if vitals.jobs is not None:
        yield Sample("tongbao_workers", vitals.jobs.workers)
        yield Sample("tongbao_jobs_oldest_due_seconds", vitals.jobs.due_s)
        if vitals.jobs.seen_s is not None:
            yield Sample("tongbao_worker_seen_seconds", vitals.jobs.seen_s)
        for job in vitals.jobs.failing:
            yield Sample("tongbao_jobs_failing", 1, {"job": job})
