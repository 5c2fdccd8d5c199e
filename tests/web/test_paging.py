"""Pages and exports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.base.refusal import Refusal
from tongbao.web import csv, paging

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def test_a_cursor_names_a_place() -> None:
    given = paging.cursor(AT, date(2026, 11, 23), 7, UUID(int=7), "通宝")
    assert paging.place(given, datetime, date, int, UUID, str) == (AT, date(2026, 11, 23), 7, UUID(int=7), "通宝")
    assert paging.place(None, int) is None


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "x",
        "通宝",
        paging.cursor(),
        paging.cursor("7"),
        paging.cursor(7, 7),
        paging.cursor(2**63),
        paging.cursor([7]),
        paging.cursor(7.5),
        "W" * 401,
        "W1tbW1tbW1tbW1tbW1tb",
    ],
)
def test_a_hostile_cursor_is_refused(hostile: str) -> None:
    with pytest.raises(Refusal, match="cursor_invalid"):
        paging.place(hostile, int)


def test_places_that_no_table_has_are_refused() -> None:
    for value, kind in ((datetime(9999, 1, 1, tzinfo=UTC), datetime), (datetime(2026, 1, 1), datetime), ("\0", str)):
        with pytest.raises(Refusal, match="cursor_invalid"):
            paging.place(paging.cursor(value), kind)


@given(st.text())
def test_no_cursor_is_an_accident(given: str) -> None:
    with suppress(Refusal):
        paging.place(given, datetime, int)


def test_pages_add_up_to_the_list() -> None:
    rows = list(range(7))
    first = paging.page(rows[:4], 3, paging.cursor, str)
    assert (first.items, first.next_cursor) == (["0", "1", "2"], paging.cursor(2))
    last = paging.page(rows[6:], 3, paging.cursor, str)
    assert (last.items, last.next_cursor) == (["6"], None)
    assert paging.page([], 3, paging.cursor, str).items == []


def test_limits_moments_and_days_have_bounds() -> None:
    assert (paging.limit(None), paging.limit(1), paging.limit(500)) == (50, 1, 500)
    for wrong in (0, -1, 501, 10**30):
        with pytest.raises(Refusal, match="invalid_field"):
            paging.limit(wrong)
    china = timezone(timedelta(hours=8))
    assert paging.moment(AT.astimezone(china), "at") == AT
    for moment in (datetime(2026, 1, 1), datetime(1, 1, 1, tzinfo=china), datetime(9999, 12, 31, tzinfo=UTC)):
        with pytest.raises(Refusal, match="invalid_field"):
            paging.moment(moment, "at")
    with pytest.raises(Refusal, match="invalid_field"):
        paging.day(date(1, 1, 1), "from")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('=HYPERLINK("http://evil")', '\'=HYPERLINK("http://evil")'),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        (-1, -1),
        ("通宝", "通宝"),
        (None, ""),
    ],
)
def test_an_export_runs_nothing(cell: Any, expected: Any) -> None:
    assert csv.harmless(cell) == expected


async def test_an_export_comes_in_bounded_pieces_and_excel_reads_its_chinese() -> None:
    async def rows() -> AsyncIterator[tuple[object, ...]]:
        for n in range(20_000):
            yield n, '一笔,带逗号和"引号"的付款'

    pieces = [piece async for piece in csv.stream(["n", "text"], rows())]
    assert len(pieces) > 3
    assert max(map(len, pieces)) < 200_000
    lines = b"".join(pieces).decode("utf-8-sig").split("\r\n")
    assert lines[:2] == ["n,text", '0,"一笔,带逗号和""引号""的付款"']
    assert len(lines) == 20_002
