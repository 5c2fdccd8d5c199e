"""A table on a page: the columns that its files have too, rows of plain values, and what surrounds them.

    listing = Listing(
        columns=COLUMNS,
        rows=[(Linked(short, f"/staff/payments/{id}"), amount, currency, Marked("completed")), ...],
        next_cursor=page.next_cursor,
        files=("csv", "xlsx"),          # links to this page's address with ?format=...
        caption="Newest first",
    )

and in the template `{{ parts.listing(table) }}` (`{% import "web/parts.html" as parts with context %}`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup

from tongbao.base import say
from tongbao.base.say import Lang
from tongbao.web import bidi
from tongbao.web.tables import Column, Kind


class Linked(msgspec.Struct, frozen=True):
    """A value that leads to `href`, an address of this site."""

    value: Any
    href: str


class Marked(msgspec.Struct, frozen=True):
    """A state: its word from the column's `words`, and the mark that goes before it."""

    value: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` hold a value for each column. `caption`, `empty` and `total` are said in the reader's language already.

    `chart` draws the table as lines or bars, or bars on each other, above it: the first column along, every column of figures up.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    currency: str = "CNY"
    caption: str | None = None
    empty: str | None = None
    next_cursor: str | None = None
    files: Sequence[str] = ()
    chart: Literal["line", "bar", "stack"] | None = None
    foot: Sequence[Any] | None = None
    row_ids: Sequence[str] | None = None
    """Ids of the rows in the page, so that a live part can show which of them are new."""
    hidden: Sequence[str] = ()
    """Keys of columns that only tell others something, such as the currency of an amount."""
    live: str | None = None
    """The event of the page's stream that brings the rows anew."""


MARKS: Final = {
    "ok": "✓", "warn": "!", "fail": "✕", "up": "✓", "slow": "!", "down": "✕", "unused": "–",
    "created": "…", "challenged": "?", "held": "‖", "authorised": "◐", "unknown": "?", "completed": "✓",
    "declined": "✕", "cancelled": "–", "expired": "–",
    "done": "✓", "refused": "✕", "withdrawn": "–", "mismatch": "✕", "verified": "✓",
    "proposed": "…", "approved": "✓", "rejected": "✕", "executed": "✓",
    "open": "✓", "active": "✓", "frozen": "‖", "suspended": "‖", "closed": "–", "disabled": "–", "stopped": "✕",
    "answered": "✓", "delivered": "✓", "waiting": "…", "pending": "…", "failed": "✕", "settled": "✓", "cleared": "✓", "paid": "✓",
    "refunded": "↩", "partly_refunded": "↩", "paying": "…", "drawn": "…", "carried": "→", "suspense": "!", "counter": "–",
}  # fmt: skip
"""The mark before a state's word: states are told apart without colour."""


def mark(state: object) -> str:
    return MARKS.get(str(state), "·")


def cell(column: Column, value: Any, row: Sequence[Any], table: Listing, zone: ZoneInfo, lang: Lang) -> str | Markup:
    """What stands in a cell, escaped."""
    if isinstance(value, Linked):
        return Markup('<a href="{}">{}</a>').format(value.href, cell(column, value.value, row, table, zone, lang))
    if isinstance(value, Marked):
        word = column.words(value.value, lang) if column.words else value.value
        return Markup('<span class="state" data-mark="{}">{}</span>').format(mark(value.value), word)
    if value is None:
        return ""
    if column.words is not None:
        return column.words(value, lang)
    if column.kind is Kind.MONEY:
        return say.money(value, _currency(column, row, table), lang, signed=column.signed)
    if column.kind is Kind.COUNT:
        return say.count(value)
    if column.kind is Kind.DATE:
        return say.date_(value, lang)
    if column.kind is Kind.TIME:
        said = value.astimezone(zone).strftime("%H:%M:%S")
        return Markup('<time datetime="{}" class="clock">{}</time>').format(value.isoformat(), said)
    if column.kind is Kind.MOMENT:
        return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), say.moment(value, zone, lang))
    return bidi.isolated(value)


def figure(column: Column, value: Any, row: Sequence[Any], table: Listing) -> str:
    """A number as scripts sort and draw it, in whole currency; nothing for what is no number."""
    plain = value.value if isinstance(value, Linked) else value
    if plain is None or isinstance(plain, Marked):
        return ""
    if column.kind is Kind.MONEY:
        return say.amount(plain, _currency(column, row, table), grouped=False)
    return (
        plain.isoformat()
        if column.kind in (Kind.MOMENT, Kind.DATE, Kind.TIME)
        else str(plain)
        if column.is_number
        else ""
    )


def _currency(column: Column, row: Sequence[Any], table: Listing) -> str:
    if column.currency_from is None:
        return table.currency
    place = next(n for n, other in enumerate(table.columns) if other.key == column.currency_from)
    return str(row[place])
