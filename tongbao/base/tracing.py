"""OpenTelemetry traces, sent by OTLP over HTTP where `TONGBAO_TRACE_ENDPOINT` is set. Off, nothing is imported."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tongbao.base.settings import Settings

_on: dict[str, Callable[..., Any]] = {}


def configure(settings: Settings, service: str, *, one_in: int = 20) -> None:
    """Once, at the start of a process; one in `one_in` traces that begin here is kept, and all that a caller keeps."""
    if not settings.trace_endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), sampler=ParentBasedTraceIdRatio(pow(one_in, -1))
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.trace_endpoint)))
    _on.update(start=provider.get_tracer("tongbao").start_as_current_span, stop=provider.shutdown)


def span(name: str, **attributes: str | int | bool) -> AbstractContextManager[Any]:
    """A named part of what is going on; ids and counts only. Costs a comparison while tracing is off."""
    if not _on:
        return nullcontext()
    return _on["start"](name, attributes=attributes)


def shutdown() -> None:
    """Sends what is left; at the end of a process."""
    if _on:
        _on["stop"]()
    _on.clear()
