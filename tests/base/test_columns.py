"""A list goes to the database and comes back the same, whatever is in it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongbao.base.db import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
COLUMNS = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "uuid": st.uuids(),
    "text": TEXT,
    "date": st.dates(),
    "timestamptz": MOMENTS,
    "boolean": st.booleans(),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**20), max_value=10**20),
}
ROUND_TRIPS = st.sampled_from(sorted(COLUMNS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(COLUMNS[kind] | st.none(), max_size=9))
)


@pytest.fixture(scope="module")
async def shared(database: str) -> AsyncIterator[Database]:
    async with Database(database, size=1) as db:
        yield db


@settings(max_examples=200)
@given(sent=ROUND_TRIPS)
async def test_a_column_comes_back_as_it_was(shared: Database, sent: tuple[str, list[Any]]) -> None:
    kind, values = sent
    async with shared.read() as tx:
        query = f"SELECT %(values)s::{kind}[]"
        (got,) = (await tx.rows(query, values=values))[0]  # type: ignore[arg-type]
    assert got == values


async def test_text_is_cast_to_what_a_statement_asks_for(shared: Database) -> None:
    async with shared.read() as tx:
        rows = await tx.rows(
            "SELECT * FROM unnest(%(dates)s::date[], %(payloads)s::jsonb[])",
            dates=["2026-11-22", "2026-11-23"],
            payloads=['{"a": 1}', "null"],
        )
        assert rows == [(date(2026, 11, 22), {"a": 1}), (date(2026, 11, 23), None)]
        assert await tx.rows("SELECT %(n)s::numeric[]", n=[Decimal(1), None]) == [([Decimal(1), None],)]


async def test_a_moment_needs_an_offset(shared: Database) -> None:
    async with shared.read() as tx:
        with pytest.raises(ValueError, match="offset"):
            await tx.rows("SELECT %(moments)s::timestamptz[]", moments=[datetime(2026, 11, 22)])
