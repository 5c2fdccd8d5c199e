"""Lists as PostgreSQL arrays, a whole column at a time.

psycopg asks every element for its type and dumps it by a call of its own; a batch has ten columns of a thousand
elements. Here a column of one type is packed in a few passes of C code. Every int travels as int8, so that a query is
prepared once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from struct import Struct, pack
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.adapt import PyFormat
from psycopg.types.array import ListBinaryDumper
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

_NULL = b"\xff\xff\xff\xff"
_ARRAY = Struct("!5i")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)
_NoneType = type(None)


def _ints(column: list[int]) -> bytes:
    flat = [8] * (2 * len(column))
    flat[1::2] = column
    return pack("!" + "iq" * len(column), *flat)


def _uuids(column: list[UUID]) -> bytes:
    size = b"\x00\x00\x00\x10"
    return size + size.join([value.bytes for value in column])


def _each(dump: Callable[[Any], bytes]) -> Callable[[list[Any]], bytes]:
    """For columns that repeat few values: each distinct one is dumped once."""

    def column(values: list[Any]) -> bytes:
        packed = {}
        for value in set(values):
            data = dump(value)
            packed[value] = pack("!i", len(data)) + data
        return b"".join(map(packed.__getitem__, values))

    return column


def _moment(value: datetime) -> bytes:
    if value.tzinfo is None:
        raise ValueError("a moment without an offset")
    return pack("!q", (value - _EPOCH) // _MICROSECOND)


class Column:
    """How a list of one Python type becomes an array: element and array OID, and the packing of its values."""

    def __init__(self, oid: int, array_oid: int, pack_values: Callable[[list[Any]], bytes]) -> None:
        self.oid = oid
        self.array_oid = array_oid
        self.pack_values = pack_values


_COLUMNS: dict[type, Column] = {
    int: Column(20, 1016, _ints),
    UUID: Column(2950, 2951, _uuids),
    str: Column(25, 1009, _each(str.encode)),
    date: Column(1082, 1182, _each(lambda day: pack("!i", day.toordinal() - _EPOCH_DAY))),
    datetime: Column(1184, 1185, _each(_moment)),
    bool: Column(16, 1000, _each(lambda yes: b"\x01" if yes else b"\x00")),
}


def _key(values: list[Any]) -> tuple[type, bool] | None:
    """The one type of a column and whether it has NULLs; None for a list that is not such a column."""
    kinds = set(map(type, values))
    nullable = _NoneType in kinds
    kinds.discard(_NoneType)
    kind = kinds.pop() if len(kinds) == 1 else None
    return (kind, nullable) if kind in _COLUMNS else None


class ColumnDumper(ListBinaryDumper):
    """Packs lists whose elements are of one type of the above or None; leaves every other list to psycopg."""

    _column: Column | None = None
    _nullable = False

    def get_key(self, obj: list[Any], format: PyFormat) -> Any:
        return _key(obj) or super().get_key(obj, format)

    def upgrade(self, obj: list[Any], format: PyFormat) -> Any:
        key = _key(obj)
        if key is None:
            return super().upgrade(obj, format)
        dumper = type(self)(self.cls, self._tx)
        dumper._column, dumper._nullable = _COLUMNS[key[0]], key[1]
        dumper.oid = dumper._column.array_oid
        return dumper

    def dump(self, obj: list[Any]) -> Any:
        column = self._column
        if column is None:
            return super().dump(obj)
        head = _ARRAY.pack(1, self._nullable, column.oid, len(obj), 1)
        if not self._nullable:
            return head + column.pack_values(obj)
        return head + b"".join([_NULL if value is None else column.pack_values([value]) for value in obj])


def register(conn: AsyncConnection[Any]) -> None:
    """Makes `conn` send ints as int8 and lists as above."""
    conn.adapters.register_dumper(int, Int8Dumper)
    conn.adapters.register_dumper(int, Int8BinaryDumper)
    conn.adapters.register_dumper(list, ColumnDumper)
