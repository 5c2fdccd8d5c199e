"""SQL is an import too, and every named statement is prepared by the real database on every run."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.house.slices import ARROW, BANK, WITH_QUERIES, WITH_SCHEMA, below, without_comments
from tongbao.base import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

SLICES = [name for layer in ARROW for name in layer]
PARTS = [
    (name, path.name.removesuffix("queries.sql").rstrip("_"))
    for name in WITH_QUERIES
    for path in sorted((BANK / name).glob("*queries.sql"))
]
FILES = [(name, f"{part}_queries.sql" if part else "queries.sql") for name, part in PARTS]
STATEMENTS = [(name, query, body) for name, part in PARTS for query, body in sql.load(f"tongbao.{name}", part).items()]
UTILITY = {"alter", "analyze", "copy", "create", "drop", "lock", "set", "truncate", "vacuum"}
"""First words of statements that PostgreSQL does not prepare."""

CLOCK_AND_CHANCE = re.compile(
    r"\b(now\(\)|current_timestamp|current_date|current_time|localtimestamp|clock_timestamp|statement_timestamp"
    r"|transaction_timestamp|random\(|gen_random_uuid|uuidv7\(|uuidv4\()",
    re.IGNORECASE,
)
REFERENCE = re.compile(r"\bREFERENCES\s+(\w+)\.(\w+)", re.IGNORECASE)
RELATION = re.compile(rf"\b({'|'.join(SLICES)})\.(\w+)")


@pytest.fixture(scope="module")
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(("slice_", "query", "body"), STATEMENTS, ids=[f"{s}.{q}" for s, q, _ in STATEMENTS])
def test_statement_prepares(connection: psycopg.Connection, slice_: str, query: str, body: str) -> None:
    if body.split()[0].lower() in UTILITY:
        return
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    numbered = re.sub(r"%\((\w+)\)[sbt]", number, body).replace("%%", "%")
    connection.execute(f"PREPARE probe AS {numbered}".encode())
    connection.execute("DEALLOCATE probe")


@pytest.mark.parametrize("slice_", WITH_QUERIES)
def test_queries_read_only_downwards(slice_: str) -> None:
    for query, body in [(query, body) for name, query, body in STATEMENTS if name == slice_]:
        _check_directions(slice_, query, without_comments(body))


@pytest.mark.parametrize("slice_", WITH_SCHEMA)
def test_schema_refers_only_downwards(slice_: str) -> None:
    text = without_comments((BANK / slice_ / "schema.sql").read_text(encoding="utf-8"))
    for schema, table in REFERENCE.findall(text):
        assert schema == slice_ or schema in below(slice_), f"{slice_} refers up to {schema}.{table}"
    _check_directions(slice_, "schema.sql", REFERENCE.sub("", text))


def _check_directions(slice_: str, where: str, text: str) -> None:
    """A table is private to its slice; a *_view of a lower slice is public."""
    for schema, relation in RELATION.findall(text):
        if schema == slice_:
            continue
        assert schema in below(slice_), f"{slice_}.{where} reads up into {schema}.{relation}"
        assert relation.endswith("_view"), f"{slice_}.{where} reads the private {schema}.{relation}"


@pytest.mark.parametrize("name", [*map("/".join, FILES), *(f"{s}/schema.sql" for s in WITH_SCHEMA)])
def test_time_and_chance_are_handed_in(name: str) -> None:
    found = CLOCK_AND_CHANCE.findall(without_comments((BANK / name).read_text(encoding="utf-8")))
    assert not found, f"{name} asks the database for {found}"


@pytest.mark.parametrize(("slice_", "file"), FILES)
def test_statement_says_what_it_is_for(slice_: str, file: str) -> None:
    text = (BANK / slice_ / file).read_text(encoding="utf-8")
    silent = re.findall(r"^-- name: (\w+)\n(?!--)", text, re.MULTILINE)
    assert not silent, f"{slice_}/{file}: a comment line is missing below {silent}"


@pytest.mark.parametrize("slice_", WITH_QUERIES)
def test_statement_is_used(slice_: str) -> None:
    used = {
        node.value
        for path in (BANK / slice_).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unused = {query for name, query, _ in STATEMENTS if name == slice_} - used
    assert not unused, f"{slice_}: nobody uses {sorted(unused)}"


def test_only_the_store_loads_queries() -> None:
    for path in BANK.rglob("*.py"):
        loads = re.findall(r"sql\.load\(.*\)", path.read_text(encoding="utf-8"))
        if path.relative_to(BANK).parts[0] == "base" or not loads:
            continue
        part = path.name.removesuffix("store.py").rstrip("_")
        assert path.name.endswith("store.py"), f"{path} loads queries; only a store may"
        assert all(not part or f'"{part}"' in load for load in loads), f"{path} loads another part's queries"
