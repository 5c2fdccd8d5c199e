"""Prometheus metrics of the API and the worker.

Several processes on one machine count in files of one directory: the parent calls `share(directory)` before it starts
them, each child writes there, and whichever child is asked for `/metrics` answers for all. That is
prometheus-client's own multiprocess mode, which is chosen by an environment variable when the library is first
imported; so the parent need not do anything but hand the variable on. A process that stands alone keeps its figures
in memory.

Labels come from fixed sets (route templates, states, codes), never from ids: each value is a time series for ever.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
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
EVENTS = Counter("tongbao_events", "Events handed to consumers.", ["consumer", "outcome"], registry=REGISTRY)
OUTBOX_UNREAD = Gauge(
    "tongbao_outbox_unread", "Events a consumer has not read.", ["consumer"], multiprocess_mode="mostrecent",
    registry=REGISTRY,
)  # fmt: skip
OUTBOX_PARKED = Gauge(
    "tongbao_outbox_parked", "Events that wait for staff.", ["consumer"], multiprocess_mode="mostrecent",
    registry=REGISTRY,
)  # fmt: skip
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


def render() -> bytes:
    """The figures of this process, or of all that share a directory, as Prometheus reads them."""
    if not os.environ.get(_DIRECTORY):
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)
    return generate_latest(together)
