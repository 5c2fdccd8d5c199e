"""What machines ask: alive, ready, figures."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import conninfo

from tests.console.conftest import Office
from tongbao.base import migrate
from tongbao.base.db import Database
from tongbao.base.settings import Settings
from tongbao.web import health


async def _ask(office: Office, path: str) -> httpx.Response:
    return await office.http.get(path)


async def test_a_bank_that_can_serve_says_so_without_a_key(office: Office) -> None:
    assert (await _ask(office, "/healthz")).json() == {"status": "ok"}
    ready = await _ask(office, "/readyz")
    assert (ready.status_code, ready.json()) == (
        200,
        {
            "status": "ok",
            "checks": {"database": "ok", "migrations": "ok", "business_day": "ok", "draining": "ok"},
        },
    )
    figures = await _ask(office, "/metrics")
    assert figures.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# TYPE tongbao_requests_total counter" in figures.content


@pytest.fixture
def ending() -> Iterator[None]:
    health.drain()
    yield
    health.drain(False)


@pytest.mark.usefixtures("ending")
async def test_a_process_that_ends_asks_for_no_new_traffic(office: Office) -> None:
    ready = await _ask(office, "/readyz")
    assert (ready.status_code, ready.json()["checks"]["draining"]) == (503, "the process is about to end")
    assert (await _ask(office, "/healthz")).status_code == 200


async def test_a_bank_without_a_day_is_not_ready(fresh_database: str) -> None:
    async with Database(fresh_database, size=2) as db:
        office = Office(db, Settings())
        ready = await _ask(office, "/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["business_day"].startswith("The bank has no business day yet")
        refused = await office.ask("mei", "GET", "/v1/business-day")
        assert (refused.status_code, refused.json()["code"]) == (503, "bank_not_founded")


async def test_missing_migrations_are_named_and_later_ones_do_no_harm(fresh_database: str) -> None:
    last = migrate.present()[-1]
    async with Database(fresh_database, size=2) as db:
        office = Office(db, Settings())
        with psycopg.connect(fresh_database, autocommit=True) as conn:
            conn.execute("INSERT INTO public.schema_migrations (version) VALUES ('29990101000000')")
            conn.execute("DELETE FROM public.schema_migrations WHERE version = %s", [last])
        checks = (await _ask(office, "/readyz")).json()["checks"]
        assert checks["migrations"] == f"run `tongbao migrate`; missing: {last}"
        with psycopg.connect(fresh_database, autocommit=True) as conn:
            conn.execute("INSERT INTO public.schema_migrations (version) VALUES (%s)", [last])
        assert (await _ask(office, "/readyz")).json()["checks"]["migrations"] == "ok"


async def test_a_database_that_is_away_is_told_of_at_once(fresh_database: str) -> None:
    async with Database(fresh_database, size=2) as db:
        office = Office(db, Settings())
        name = conninfo.conninfo_to_dict(fresh_database)["dbname"]
        away = f"away_{uuid4().hex[:8]}"
        admin = conninfo.make_conninfo(fresh_database, dbname="postgres")
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            conn.execute(f'ALTER DATABASE "{name}" RENAME TO {away}'.encode())
            try:
                ready = await _ask(office, "/readyz")
                assert ready.status_code == 503
                assert ready.json()["checks"] == {"database": "does not answer within 2 s", "draining": "ok"}
                assert (await _ask(office, "/healthz")).status_code == 200
            finally:
                conn.execute(f'ALTER DATABASE {away} RENAME TO "{name}"'.encode())
