"""How the bank is: `/metrics` for Prometheus and the checks of `tongbao doctor` for staff."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation

from tongbao.base import metrics
from tongbao.console.doctor import examine, state_of
from tongbao.console.figures import samples
from tongbao.console.model import Check
from tongbao.console.vitals import Pulse
from tongbao.web.site import open_to_all, problems, require

Vital = NamedDependency[SkipValidation[Pulse]]


class Checks(msgspec.Struct, kw_only=True):
    """`ok` unless something fails. Each check says what was found and, where something is wrong, what to do."""

    ok: bool
    checks: list[Check]


@get(
    "/metrics",
    guards=[open_to_all],
    tags=["operations"],
    summary="Figures for Prometheus",
    operation_id="metrics",
    media_type=metrics.CONTENT_TYPE.removesuffix("; charset=utf-8"),  # which the framework adds to every text
    response_description="Of this process, or of all processes that share a directory, and of the bank as a whole.",
    responses=problems(known=False),
    security=[{}],
)
async def figures(pulse: Vital) -> bytes:
    return metrics.render(samples(await pulse.vitals()))


@get(
    "/v1/checks",
    guards=[require("events:read")],
    tags=["operations"],
    summary="What stands in the way of a good night",
    operation_id="list_checks",
    response_description="Every check, as `tongbao doctor` makes them.",
    responses=problems(),
)
async def list_checks(pulse: Vital) -> Checks:
    found = examine(await pulse.vitals())
    return Checks(ok=state_of(found) != "fail", checks=found)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (figures, list_checks)
