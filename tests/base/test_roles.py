"""The bank's processes own nothing: what their role may do is what the statements take, and nothing of the vault but its functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RaiseException

from tongbao.base import roles
from tongbao.base.migrate import migrate
from tongbao.base.roles import APP, VAULT, Right

if TYPE_CHECKING:
    from collections.abc import Iterator

_UTILITY = {"set", "truncate"}
"""Statements that the database does not explain."""
_WRITTEN_ONCE = ("base.audit", "govern.audit_seal", "ledger.posting", "ledger.transfer", "payments.proof")
_DENIED = (
    *(
        f"SELECT FROM vault.{table}"
        for table in ("datum", "subject_key", "kek", "index_key", "card", "bank_key", "canary")
    ),
    "SELECT FROM vault.read_log",
    "UPDATE vault.read_log SET reason = 'none'",
    "DELETE FROM vault.read_log",
    "DELETE FROM vault.canary_reading",
    "INSERT INTO vault.canary_reading DEFAULT VALUES",
    "UPDATE ledger.posting SET amount_minor = 0",
    "DELETE FROM ledger.posting",
    "UPDATE ledger.transfer SET reason = 'none'",
    "UPDATE base.audit SET action = 'none'",
    "DELETE FROM base.audit",
    "DELETE FROM payments.payment",
    "UPDATE payments.proof SET payment_id = payment_id",
    "DELETE FROM payments.evidence",
    "DELETE FROM public.schema_migrations",
    "CREATE TABLE ledger.mine ()",
    "CREATE TABLE public.mine ()",
    "DROP TABLE base.audit",
    "ALTER TABLE ledger.posting DISABLE TRIGGER ALL",
    "SET ROLE tongbao_vault",
    "SET session_replication_role = replica",
)


def as_app(url: str) -> str:
    """The same database for the bank's processes."""
    assert "//tongbao@" in url
    return url.replace("//tongbao@", f"//{APP}@")


@pytest.fixture
def given(fresh_database: str) -> Iterator[psycopg.Connection]:
    """A connection of the bank's processes to a database that was given over to the roles."""
    roles.give(fresh_database)
    with psycopg.connect(as_app(fresh_database), autocommit=True) as conn:
        yield conn


def test_every_statement_is_permitted(given: psycopg.Connection) -> None:
    texts = {name: text for name, text in roles.statements().items() if text.split()[0].lower() not in _UTILITY}
    assert len(texts) > 500
    denied: list[str] = []
    for name, text in texts.items():
        numbers: dict[str, int] = {}

        def number(match: re.Match[str], numbers: dict[str, int] = numbers) -> str:
            return f"${numbers.setdefault(match[1], len(numbers) + 1)}"

        numbered = re.sub(r"%\((\w+)\)[sbt]", number, text).replace("%%", "%")
        try:
            given.execute(f"EXPLAIN (GENERIC_PLAN) {numbered}".encode())
        except InsufficientPrivilege as error:
            denied.append(f"{name}: {error}")
    assert not denied


@pytest.mark.parametrize("statement", _DENIED)
def test_what_no_statement_needs_is_denied(given: psycopg.Connection, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        given.execute(statement.encode())


def test_what_is_written_once_cannot_be_changed(fresh_database: str) -> None:
    roles.give(fresh_database)
    with psycopg.connect(fresh_database) as conn:
        rights = roles.granted(conn)
    for table in _WRITTEN_ONCE:
        assert {right.privilege for right in rights if right.on == table} == {"SELECT", "INSERT"}, table
    assert not [right for right in rights if right.what in {"TABLE", "SEQUENCE"} and right.on.startswith("vault.")]


def test_the_vault_is_its_roles_alone(fresh_database: str) -> None:
    roles.give(fresh_database)
    with psycopg.connect(fresh_database) as conn:
        owners = conn.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'vault'::regnamespace"
            " UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'vault'::regnamespace"
        ).fetchall()
        assert owners == [(VAULT,)]
        assert conn.execute(
            "SELECT rolcanlogin, rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = %s", [VAULT]
        ).fetchone() == (False, False, False, False)


def test_every_function_of_the_vault_runs_as_its_owner_and_finds_only_its_own_tables(database: str) -> None:
    with psycopg.connect(database) as conn:
        rows = conn.execute(
            "SELECT p.oid::regprocedure::text, prosecdef, proconfig, EXISTS (SELECT 1 FROM aclexplode(coalesce(proacl, acldefault('f', proowner)))"
            " WHERE grantee = 0) FROM pg_proc p WHERE pronamespace = 'vault'::regnamespace"
            " OR p.oid IN ('base.make_month(text,text,date)'::regprocedure, 'base.drop_events(date)'::regprocedure)"
        ).fetchall()
    assert len(rows) > 40
    for name, runs_as_owner, settings, is_public in rows:
        assert runs_as_owner, name
        assert settings in (["search_path=pg_catalog, vault, pg_temp"], ["search_path=pg_catalog, pg_temp"]), name
        assert not is_public, name


def test_a_function_makes_months_and_nothing_else(given: psycopg.Connection) -> None:
    given.execute("SELECT base.make_month('base', 'audit', '2031-03-01')")
    assert given.execute("SELECT to_regclass('base.audit_2031_03') IS NOT NULL").fetchone() == (True,)
    for table, first in (("audit", "2031-03-02"), ("approval", "2031-03-01")):
        with pytest.raises(RaiseException):
            given.execute("SELECT base.make_month('base', %s, %s)", [table, first])


def test_a_second_time_changes_nothing_and_takes_away_what_was_added(fresh_database: str) -> None:
    assert roles.give(fresh_database)
    assert roles.give(fresh_database) == []
    with psycopg.connect(fresh_database, autocommit=True) as conn:
        conn.execute(f"GRANT DELETE ON base.audit TO {APP}".encode())
    migrate(fresh_database)
    with psycopg.connect(fresh_database, autocommit=True) as conn:
        extra = Right("TABLE", "base.audit", "DELETE")
        assert extra in roles.granted(conn), "an older version that still runs may need it"
        roles.give(fresh_database)
        assert extra not in roles.granted(conn)


def test_a_later_migration_needs_no_word_about_rights(fresh_database: str) -> None:
    roles.give(fresh_database)
    with psycopg.connect(fresh_database, autocommit=True) as conn:
        conn.execute(f"REVOKE INSERT ON base.audit FROM {APP}".encode())
        conn.execute("CREATE TABLE vault.later (id integer)")
        migrate(fresh_database)
        assert Right("TABLE", "base.audit", "INSERT") in roles.granted(conn)
        assert conn.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'later'").fetchone() == (VAULT,)


def test_a_database_that_was_not_given_over_is_left_alone(fresh_database: str) -> None:
    migrate(fresh_database)
    with psycopg.connect(fresh_database) as conn:
        assert not roles.in_use(conn)
        assert roles.granted(conn) == set()


def test_who_may_make_no_roles_is_told_what_to_ask_for(given: psycopg.Connection) -> None:
    with pytest.raises(roles.RolesError, match="GRANT tongbao_vault TO tongbao_app"):
        roles.make(given)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INSERT INTO a.b VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1", {"a.b": {"INSERT", "UPDATE"}}),
        (
            "WITH n AS (INSERT INTO a.b SELECT 1) INSERT INTO a.c SELECT 1 ON CONFLICT (id) DO UPDATE SET x = 1",
            {"a.b": {"INSERT"}, "a.c": {"INSERT", "UPDATE"}},
        ),
        ("SELECT 1 FROM a.b FOR UPDATE", {}),
        ("DELETE FROM a.b", {"a.b": {"DELETE"}}),
        ("SELECT nextval('a.s')", {"a.s": {"USAGE"}}),
    ],
)
def test_what_a_statement_writes_is_read_off_it(text: str, expected: dict[str, set[str]]) -> None:
    assert roles.writes(text) == expected
