"""Pages of a list: an opaque cursor that says after which row to go on, and a bounded number of rows."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from tongbao.web import refusals

MOST: Final = 500
USUAL: Final = 50

_T = TypeVar("_T")
_R = TypeVar("_R")

_encode = msgspec.json.Encoder().encode


class Page(msgspec.Struct, Generic[_T], frozen=True, kw_only=True):
    """`next_cursor` is null on the last page."""

    items: list[_T]
    next_cursor: str | None = None


def cursor(*place: Any) -> str:
    """The cursor of a row, from what the list is ordered by."""
    return urlsafe_b64encode(_encode(place)).rstrip(b"=").decode()


def place(given: str | None, *kinds: type[Any]) -> tuple[Any, ...] | None:
    """The place that a cursor names, each part of its kind; None for no cursor. Refuses `cursor_invalid`.

    A cursor is a place, not a right: the list is asked with the reader's own rights again.
    """
    if given is None:
        return None
    if len(given) > 400:
        raise refusals.CURSOR_INVALID(field="cursor")
    try:
        raw = urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4))
        found = msgspec.json.decode(raw, type=tuple[kinds])  # pyright: ignore[reportInvalidTypeArguments]
    except (ValueError, RecursionError):
        raise refusals.CURSOR_INVALID(field="cursor") from None
    for part in found:
        if isinstance(part, int) and not -(2**63) <= part < 2**63:
            raise refusals.CURSOR_INVALID(field="cursor")
        if isinstance(part, str) and "\x00" in part:
            raise refusals.CURSOR_INVALID(field="cursor")
        if isinstance(part, datetime) and not (part.tzinfo and 1900 <= part.year <= 2200):
            raise refusals.CURSOR_INVALID(field="cursor")
    return found


def limit(given: int | None) -> int:
    """How many rows a page may have: 50 unless told, 1 to 500. Refuses `invalid_field`."""
    if given is None:
        return USUAL
    if not 1 <= given <= MOST:
        raise refusals.INVALID_FIELD(f"between 1 and {MOST}", field="limit")
    return given


def page(rows: Sequence[_R], limit: int, cursor_of: Callable[[_R], str], view: Callable[[_R], _T]) -> Page[_T]:
    """A page of `rows`, which were read one beyond `limit` so as to know whether there is another page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=[view(row) for row in shown], next_cursor=cursor_of(shown[-1]) if more and shown else None)


def moment(given: datetime | None, field: str) -> datetime | None:
    """A moment from a query, in UTC. Refuses one without an offset and one outside of what any ledger holds."""
    if given is None:
        return None
    if given.tzinfo is None:
        raise refusals.INVALID_FIELD("needs an offset, such as Z or +08:00", field=field)
    if not 1900 <= given.year <= 2200:
        raise refusals.INVALID_FIELD("lies between 1900 and 2200", field=field)
    return given.astimezone(UTC)


def day(given: date | None, field: str) -> date | None:
    """A day from a query. Refuses one outside of what any ledger holds."""
    if given is not None and not 1900 <= given.year <= 2200:
        raise refusals.INVALID_FIELD("lies between 1900 and 2200", field=field)
    return given
