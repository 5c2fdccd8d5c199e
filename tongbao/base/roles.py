"""Who may do what in the database: one role for the bank's processes, one that owns the vault, and the owner of all the rest.

What `tongbao_app` may do is read off the named statements of the slices: nobody keeps a list of rights beside the code.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from importlib import resources
from time import monotonic_ns, sleep
from typing import Final, NamedTuple

import psycopg
from psycopg import Connection
from psycopg import sql as compose
from psycopg.errors import DuplicateObject, InsufficientPrivilege, LockNotAvailable, UniqueViolation

from tongbao.base import sql

APP: Final = "tongbao_app"
"""What `serve` and `work` run as: owns nothing, and has no right to any table of the vault."""
VAULT: Final = "tongbao_vault"
"""Owns the schema `vault` and the functions by which alone others come to what is in it. Nobody logs in as it."""

_JOBS: Final = "procrastinate"
_PAUSE_S: Final = 1
_NAME: Final = re.compile(r"\b([a-z_]+)\.([a-z][a-z0-9_]*)")
_INSERT: Final = re.compile(r"\bINSERT\s+INTO\s+([a-z_]+\.[a-z0-9_]+)")
_WRITES: Final = (
    ("UPDATE", re.compile(r"\bUPDATE\s+([a-z_]+\.[a-z0-9_]+)")),
    ("DELETE", re.compile(r"\bDELETE\s+FROM\s+([a-z_]+\.[a-z0-9_]+)")),
    ("TRUNCATE", re.compile(r"\bTRUNCATE\s+([a-z_]+\.[a-z0-9_]+)")),
)
_NEXT: Final = re.compile(r"\bnextval\('([a-z_]+\.[a-z0-9_]+)'\)")
_UPSERT: Final = re.compile(r"\bDO\s+UPDATE\b")


class RolesError(RuntimeError):
    """The roles are not there and could not be made; the sentence says what a database administrator does."""


class Right(NamedTuple):
    """`what`: SCHEMA, TABLE, SEQUENCE or FUNCTION; `on`: as PostgreSQL spells it."""

    what: str
    on: str
    privilege: str


def statements() -> dict[str, str]:
    """Every named statement of every slice, by slice and name."""
    found: dict[str, str] = {}
    for slice_ in sorted(resources.files("tongbao").iterdir(), key=lambda place: place.name):
        if not slice_.is_dir():
            continue
        for file in slice_.iterdir():
            if file.name.endswith("queries.sql"):
                text = file.read_text(encoding="utf-8")  # as a file: base imports no slice
                for name, body in sql.parsed(text, file.name).items():
                    found[f"{slice_.name}.{name}"] = body
    return found


def writes(text: str) -> dict[str, set[str]]:
    """Privileges that a statement needs to write, by table."""
    found: dict[str, set[str]] = defaultdict(set)
    inserts = list(_INSERT.finditer(text))
    for at, insert in enumerate(inserts):
        found[insert[1]].add("INSERT")
        end = inserts[at + 1].start() if at + 1 < len(inserts) else len(text)
        if _UPSERT.search(text, insert.end(), end):
            found[insert[1]].add("UPDATE")
    for sequence in _NEXT.findall(text):
        found[sequence].add("USAGE")
    for privilege, pattern in _WRITES:
        for match in pattern.finditer(text):
            found[match[1]].add(privilege)
    return found


def needed(conn: Connection) -> set[Right]:
    """What the statements take, of what there is in this database."""
    relations = _relations(conn)
    functions = _functions(conn)
    rights = {Right("TABLE", "public.schema_migrations", "SELECT"), Right("SCHEMA", "public", "USAGE")}
    texts, seen = list(statements().values()), set[str]()
    while texts:
        text = texts.pop()
        for name in {f"{schema}.{thing}" for schema, thing in _NAME.findall(text)}:
            if name in relations:
                rights.add(Right(*relations[name]))
                rights.add(Right("SCHEMA", name.partition(".")[0], "USAGE"))
            for signature, body in functions.get(name, ()):
                rights.add(Right("FUNCTION", signature, "EXECUTE"))
                rights.add(Right("SCHEMA", name.partition(".")[0], "USAGE"))
                if body is not None and signature not in seen:
                    seen.add(signature)
                    texts.append(body)
        for table, privileges in writes(text).items():
            rights |= {Right(*relations[table][:2], privilege) for privilege in privileges if table in relations}
    return rights | _of_jobs(relations)


def _of_jobs(relations: dict[str, tuple[str, str, str]]) -> set[Right]:
    """The queue of jobs is its library's own: everything in it but its making."""
    rights = {Right("SCHEMA", _JOBS, "USAGE")}
    for name, (what, on, _) in relations.items():
        if name.startswith(f"{_JOBS}."):
            wanted = ("SELECT", "INSERT", "UPDATE", "DELETE") if what == "TABLE" else ("USAGE",)
            rights |= {Right(what, on, one) for one in wanted}
    return rights


def _relations(conn: Connection) -> dict[str, tuple[str, str, str]]:
    rows = conn.execute(
        """
        SELECT n.nspname || '.' || c.relname, c.relkind = 'S', format('%I.%I', n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition
            AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        """
    ).fetchall()
    return {name: ("SEQUENCE" if is_sequence else "TABLE", on, "SELECT") for name, is_sequence, on in rows}


def _functions(conn: Connection) -> dict[str, list[tuple[str, str | None]]]:
    """By name: each one's signature, and its body where it runs with the rights of whoever calls it."""
    found: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for name, signature, body in conn.execute(
        """
        SELECT n.nspname || '.' || p.proname, p.oid::regprocedure::text, CASE WHEN NOT p.prosecdef THEN p.prosrc END
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'public')
        """
    ).fetchall():
        found[name].append((signature, body))
    return found


def granted(conn: Connection) -> set[Right]:
    """What `tongbao_app` has been given by name."""
    rows = conn.execute(
        """
        SELECT 'SCHEMA', nspname::text, a.privilege_type FROM pg_namespace, aclexplode(nspacl) a
        WHERE a.grantee = to_regrole(%(app)s)
        UNION ALL
        SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%%I.%%I', nspname, relname), a.privilege_type
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(relacl) a
        WHERE a.grantee = to_regrole(%(app)s)
        UNION ALL
        SELECT 'FUNCTION', p.oid::regprocedure::text, a.privilege_type FROM pg_proc p, aclexplode(proacl) a
        WHERE a.grantee = to_regrole(%(app)s)
        """,
        {"app": APP},
    ).fetchall()
    return {Right(*row) for row in rows}


def in_use(conn: Connection) -> bool:
    """Whether this database was given over to the roles, by `tongbao migrate --roles`."""
    return conn.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'vault' AND nspowner = to_regrole(%s))", [VAULT]
    ).fetchone() == (True,)


def make(conn: Connection) -> None:
    """The two roles where they are missing. Raises RolesError where whoever runs this may not make roles."""
    try:
        for role, how in ((VAULT, "NOLOGIN"), (APP, "LOGIN")):
            if conn.execute("SELECT to_regrole(%s) IS NULL", [role]).fetchone() == (True,):
                with suppress(DuplicateObject, UniqueViolation):  # of two at once the second finds it made
                    conn.execute(f"CREATE ROLE {role} {how}".encode())
        if conn.execute(
            "SELECT NOT pg_has_role(%s, 'USAGE') OR NOT pg_has_role(%s, 'SET')", [VAULT, VAULT]
        ).fetchone() == (True,):
            conn.execute(f"GRANT {VAULT} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE".encode())
        with suppress(
            InsufficientPrivilege
        ):  # figures of the server's disk and of others' transactions; the bank runs without
            conn.execute(f"GRANT pg_monitor TO {APP}".encode())
    except InsufficientPrivilege as error:
        raise RolesError(
            f"this role may not make roles. Whoever may says: CREATE ROLE {VAULT} NOLOGIN; CREATE ROLE {APP} LOGIN;"
            f" GRANT {VAULT} TO {conn.info.user};"
        ) from error


def grant(conn: Connection, *, exactly: bool, patience_s: int) -> list[Right]:
    """Gives the vault to its role, and `tongbao_app` what the statements need; what was new.

    `exactly`: what they do not need is taken away as well. Not while an older version still runs, whose statements are others.
    """
    until_ns = monotonic_ns() + patience_s * 10**9
    while True:
        try:
            with conn.transaction():
                conn.execute("SET LOCAL lock_timeout = '100ms'")
                # Without a search path names are spelled with their schemas, and there is one spelling of each.
                conn.execute("SET LOCAL search_path = ''")
                _own_vault(conn)
                return _grant(conn, exactly=exactly)
        except LockNotAvailable:
            if monotonic_ns() > until_ns:
                raise
            sleep(_PAUSE_S)


def _own_vault(conn: Connection) -> None:
    rows = conn.execute(
        """
        SELECT 'SCHEMA', 'vault' FROM pg_namespace WHERE nspname = 'vault' AND nspowner <> to_regrole(%(vault)s)
        UNION ALL
        SELECT 'TABLE', c.oid::regclass::text FROM pg_class c
        WHERE c.relnamespace = 'vault'::regnamespace AND c.relkind IN ('r', 'p') AND c.relowner <> to_regrole(%(vault)s)
        UNION ALL
        SELECT 'FUNCTION', p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'vault'::regnamespace AND p.proowner <> to_regrole(%(vault)s)
        """,
        {"vault": VAULT},
    ).fetchall()
    for what, name in rows:
        conn.execute(f"ALTER {what} {name} OWNER TO {VAULT}".encode())


def _grant(conn: Connection, *, exactly: bool) -> list[Right]:
    wanted, there = needed(conn), granted(conn)
    new = sorted(wanted - there)
    for right in new:
        conn.execute(f"GRANT {right.privilege} ON {right.what} {right.on} TO {APP}".encode())
    for right in sorted(there - wanted) if exactly else ():
        conn.execute(f"REVOKE {right.privilege} ON {right.what} {right.on} FROM {APP}".encode())
    conn.execute(
        compose.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(*map(compose.Identifier, (conn.info.dbname, APP)))
    )
    return new


def give(url: str, *, patience_s: int = 60) -> list[Right]:
    """Makes the roles and gives each exactly what it needs; what was new. Safe to repeat."""
    with psycopg.connect(url, autocommit=True, application_name="tongbao migrate") as conn:
        make(conn)
        return grant(conn, exactly=True, patience_s=patience_s)
