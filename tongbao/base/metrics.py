"""Prometheus metrics: what a process counts, and what is known of the whole bank.

Several processes on one machine count in files of one directory: the parent calls `share(directory)` before it starts
them, each child writes there, and whichever child is asked for `/metrics` answers for all. That is
prometheus-client's own multiprocess mode, which is chosen by an environment variable when the library is first
imported; so the parent need not do anything but hand the variable on. A process that stands alone keeps its figures
in memory.

What holds of the bank as a whole (`FIGURES`) is not counted but read from the database when somebody asks, so that it
needs no process of its own to be scraped: the worker has no port. What is not known at that moment is left out.

Labels come from fixed sets (route templates, states, codes), never from ids: each value is a time series for ever.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

REQUESTS = Counter(
    "tongbao_requests", "HTTP requests by route template, method and status.", ["route", "method", "status"],
    registry=REGISTRY,
)  # fmt: skip
REQUEST_SECONDS = Histogram(
    "tongbao_request_seconds", "From the first byte read to the last written.", ["route"], buckets=_SECONDS,
    registry=REGISTRY,
)  # fmt: skip
REFUSALS = Counter("tongbao_refusals", "Refusals by code.", ["code"], registry=REGISTRY)
for _code in ("busy", "internal_error", "item_failed", "overloaded"):
    # An alert on the first one needs the nought before it.
    REFUSALS.labels(_code)
RULES_FENCED = Counter(
    "tongbao_risk_rules_fenced", "Rules left out because they threw, were slow or held together no more.", ["cause"],
    registry=REGISTRY,
)  # fmt: skip
for _cause in ("slow", "throws", "unsound"):
    RULES_FENCED.labels(_cause)
MODELS_FENCED = Counter(
    "tongbao_risk_models_fenced", "Models left out because they were broken, threw or were slow.", ["cause"],
    registry=REGISTRY,
)  # fmt: skip
for _cause in ("broken", "slow"):
    MODELS_FENCED.labels(_cause)
PAYMENTS = Counter("tongbao_payments", "Payments by the state they came to.", ["state"], registry=REGISTRY)
BATCH_SIZE = Histogram(
    "tongbao_batch_items", "Items decided and posted together.", ["batch"], buckets=_SIZES, registry=REGISTRY
)
BATCH_SECONDS = Histogram(
    "tongbao_batch_seconds", "From a batch's start to its commit.", ["batch"], buckets=_SECONDS, registry=REGISTRY
)
WAITING = Gauge(
    "tongbao_batch_waiting", "Items that wait for a batch.", ["batch"], multiprocess_mode="livesum", registry=REGISTRY
)
REGISTRATIONS = Counter(
    "tongbao_registrations",
    "People who register by themselves, by the step that was done.",
    ["step"],
    registry=REGISTRY,
)
REGISTRATION_SECONDS = Histogram(
    "tongbao_registration_seconds",
    "From the first page of a registration to the open account.",
    buckets=(15, 30, 45, 60, 90, 120, 180, 300, 600, 1800),
    registry=REGISTRY,
)
PASSKEYS_SUSPENDED = Counter(
    "tongbao_passkeys_suspended", "Passkeys that turned out to have a copy: their count went back.", registry=REGISTRY
)
CANARIES_TOUCHED = Counter(
    "tongbao_canaries_touched", "Readings that came upon a canary, also those that were taken back.", registry=REGISTRY
)
ATTACKS = Counter("tongbao_attacks", "Visits that look like an attack, by kind.", ["kind"], registry=REGISTRY)
JOURNEY_STEPS = Counter(
    "tongbao_journey_steps",
    "Steps of customers in the app that were kept to be counted, or lost.",
    ["outcome"],
    registry=REGISTRY,
)
EVENTS = Counter("tongbao_events", "Events handed to consumers.", ["consumer", "outcome"], registry=REGISTRY)
JOBS = Counter("tongbao_jobs", "Jobs run, by outcome.", ["job", "outcome"], registry=REGISTRY)
JOB_SECONDS = Histogram("tongbao_job_seconds", "How long a job took.", ["job"], registry=REGISTRY)


def share(directory: Path) -> dict[str, str]:
    """Empties `directory`; the environment that children need to count in it together."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return {_DIRECTORY: str(directory)}


def forget(pid: int) -> None:
    """Of a child that ended: its gauges go, its counts stay."""
    if os.environ.get(_DIRECTORY):
        mark_process_dead(pid)


class Figure(msgspec.Struct, frozen=True):
    """A gauge of the whole bank: what it says, and its labels."""

    says: str
    labels: tuple[str, ...] = ()


class Sample(msgspec.Struct, frozen=True):
    """A value of one of `FIGURES` under its labels."""

    name: str
    value: int | Decimal
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)


FIGURES: Final[Mapping[str, Figure]] = {
    "tongbao_archive_failing": Figure("1 where the newest try to archive WAL failed."),
    "tongbao_business_day_missing": Figure("1 where the bank has no business day."),
    "tongbao_calendar_years_missing": Figure("Years of which no holiday is known though they are near."),
    "tongbao_canaries": Figure("Made-up people in the vault whom nobody has reason to read."),
    "tongbao_canary_readings_open": Figure("Readings of canaries that nobody has accounted for, counted to 10,000."),
    "tongbao_clock_offset_seconds": Figure("How far this machine's clock is from the database's, either way."),
    "tongbao_connections": Figure("Connections of clients to the database server.", ("application",)),
    "tongbao_connections_free_ratio": Figure("Share of the server's connections that is free."),
    "tongbao_connections_lacking": Figure("Connections that this machine may ask for and the server does not have."),
    "tongbao_database_answer_seconds": Figure("From asking for a connection to the first answer."),
    "tongbao_database_up": Figure("1 where the database answered in time."),
    "tongbao_disk_free_bytes": Figure("Room on a local disk.", ("disk",)),
    "tongbao_disk_free_ratio": Figure("Share of a local disk that is free.", ("disk",)),
    "tongbao_draining": Figure("1 where the process that answers is about to end."),
    "tongbao_figures_unknown": Figure("Groups of figures that the database did not give in time."),
    "tongbao_help_late": Figure("Requests for help that wait for the bank longer than was promised."),
    "tongbao_help_oldest_waiting_seconds": Figure("How long the oldest request for help waits for the bank."),
    "tongbao_help_waiting": Figure("Requests for help that wait for the bank."),
    "tongbao_jobs_failing": Figure("1 where a job was given up and has not gone through since.", ("job",)),
    "tongbao_jobs_oldest_due_seconds": Figure("How long the oldest job that is due has waited to be started."),
    "tongbao_messages_failed": Figure("Messages to people that failed within an hour, counted to 10,000."),
    "tongbao_messages_oldest_waiting_seconds": Figure("How long the oldest message that no gateway has taken waits."),
    "tongbao_messages_waiting": Figure("Messages that no gateway has taken, counted to 10,000."),
    "tongbao_migrations_missing": Figure("Migrations of this version that the database lacks."),
    "tongbao_migrations_unknown": Figure("Migrations of the database that this version does not know."),
    "tongbao_newest_payment_ahead_seconds": Figure("How far the newest payment lies ahead of this machine's clock."),
    "tongbao_oldest_writer_seconds": Figure("Age of the oldest open transaction that has written."),
    "tongbao_open_day_age_seconds": Figure("Since when the open business day should have been closed."),
    "tongbao_open_day_ahead_days": Figure("Days by which the open business day is ahead of the calendar."),
    "tongbao_outbox_consumers": Figure("Consumers that have ever read an event."),
    "tongbao_outbox_oldest_seconds": Figure("Age of the oldest event that a consumer has not read.", ("consumer",)),
    "tongbao_outbox_unread": Figure("Events that a consumer has not read, counted to 100,000.", ("consumer",)),
    "tongbao_parked_events": Figure("Events that wait for staff.", ("consumer",)),
    "tongbao_partitions_missing": Figure("Partitions that are missing for a month.", ("month",)),
    "tongbao_payments_held": Figure("Payments that wait for a person of the bank, counted to 10,000."),
    "tongbao_payments_held_late": Figure("Payments that wait for a person for more than half of their time."),
    "tongbao_payments_held_oldest_seconds": Figure("How long the oldest payment that a person decides on waits."),
    "tongbao_proof_age_seconds": Figure("Since the books were last proved."),
    "tongbao_rail_slow": Figure("1 where another bank answers late or not always.", ("rail",)),
    "tongbao_rail_up": Figure("0 where a rail is left alone because nobody answers.", ("rail",)),
    "tongbao_rail_waiting": Figure("Payments that have no answer from a rail yet.", ("rail",)),
    "tongbao_risk_indicators_beyond": Figure("Key indicators of risk that are beyond a limit.", ("state",)),
    "tongbao_risk_model_caught": Figure(
        "Share of frauds known of that the champion saw, of the share that it promised."
    ),
    "tongbao_risk_model_drift": Figure("Largest PSI of what the champion is asked with, against what it learned from."),
    "tongbao_risk_tightened": Figure("1 while the rules of risk are tightened."),
    "tongbao_settings_unsafe": Figure("1 for a setting of the database that may lose money.", ("setting",)),
    "tongbao_settings_unwise": Figure("1 for a setting of the database that is not as advised.", ("setting",)),
    "tongbao_slot_active": Figure("1 where somebody receives WAL over a replication slot.", ("slot",)),
    "tongbao_slot_retained_bytes": Figure("WAL that is kept for a replication slot.", ("slot",)),
    "tongbao_stuck_payments": Figure("Payments past their time, counted to 10,000.", ("waits_for",)),
    "tongbao_switches_stopped": Figure("Kill switches that stop payments.", ("scope",)),
    "tongbao_unended_day_age_seconds": Figure("Since when the oldest day that is not settled should have been."),
    "tongbao_webhooks_due": Figure("Webhook deliveries that are due, counted to 10,000."),
    "tongbao_webhooks_oldest_due_seconds": Figure("How long the oldest webhook delivery that is due has waited."),
    "tongbao_webhook_endpoints": Figure("Webhook endpoints in trouble, by what is wrong.", ("state",)),
    "tongbao_worker_seen_seconds": Figure("Since a worker last gave a sign of life."),
    "tongbao_workers": Figure("Workers that gave a sign of life within a minute."),
}
"""Gauges of the whole bank, by name."""


class _Bank:
    """Samples as the library's own text format wants them, once."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = list(samples)

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for sample in self._samples:
            figure = FIGURES[sample.name]
            family = families.get(sample.name)
            if family is None:
                family = GaugeMetricFamily(sample.name, figure.says, labels=figure.labels)
                families[sample.name] = family
            family.add_metric([sample.labels[label] for label in figure.labels], float(sample.value))
        yield from families.values()


def render(bank: Iterable[Sample] = ()) -> bytes:
    """The figures of this process, or of all that share a directory, and those of the `bank`, as Prometheus reads them."""
    whole = CollectorRegistry()
    whole.register(_Bank(bank))
    return generate_latest(_together() if os.environ.get(_DIRECTORY) else REGISTRY) + generate_latest(whole)


class Recent:
    """Percentiles of what a histogram counted lately on one route, all processes of this machine together.

    Each question looks at what came since about `over_s` seconds ago; figures are as fine as the buckets are.
    """

    def __init__(self, histogram: Histogram, route: str, *, over_s: int = 60) -> None:
        self._histogram = histogram
        self._route = route
        self._over_s = over_s
        self._seen: deque[tuple[float, dict[float, float]]] = deque()

    def percentiles_ms(self, wanted: tuple[int, ...]) -> tuple[int, ...] | None:
        """In milliseconds, in the order asked for; None where nothing was counted."""
        now, counts = time.monotonic(), self._counts()
        self._seen.append((now, counts))
        while len(self._seen) > 2 and self._seen[1][0] < now - self._over_s:
            self._seen.popleft()
        before = self._seen[0][1] if len(self._seen) > 1 else {}
        new = [(bound, count - before.get(bound, 0)) for bound, count in sorted(counts.items())]
        if not new or new[-1][1] <= 0:
            return None
        return tuple(_percentile_ms(new, share) for share in wanted)

    def _counts(self) -> dict[float, float]:
        """How many took at most so many seconds."""
        name = f"{_name_of(self._histogram)}_bucket"
        families = _together().collect() if os.environ.get(_DIRECTORY) else self._histogram.collect()
        return {
            float(sample.labels["le"]): sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and sample.labels.get("route") == self._route
        }


def _name_of(histogram: Histogram) -> str:
    return next(iter(histogram.describe())).name


def _together() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry


def _percentile_ms(cumulative: list[tuple[float, float]], share: int) -> int:
    """Between the bounds of its bucket, in proportion."""
    rank = cumulative[-1][1] * share / 100
    low, below = 0.0, 0.0
    for bound, count in cumulative:
        if count >= rank:
            high = bound if bound != float("inf") else low
            part = (rank - below) / (count - below) if count > below else 0
            return round(1000 * (low + (high - low) * part))
        low, below = bound, count
    return round(1000 * low)
