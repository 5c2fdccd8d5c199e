"""The framework with every route of the bank takes half a second to set up: a process does so once, for one town after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tongbao.web import site

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import ControllerRouterHandler

    from tongbao.web.door import Door
    from tongbao.web.pages import Pages

_set_up: dict[tuple[object, ...], Litestar] = {}


def framework(
    routes: Iterable[ControllerRouterHandler], *, door: Door, provide: Mapping[str, Any], shown: Pages | None = None
) -> Litestar:
    """What `site` gives; it serves this door from now on, and the one of the test before no more."""
    routes = tuple(routes)
    kind = (*map(id, routes), *sorted(provide), door.largest)
    if kind not in _set_up:
        _set_up[kind] = site.site(routes, door=door, provide=provide)
    return site.hang(_set_up[kind], door, shown, provide)
