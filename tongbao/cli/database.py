"""Which database a command works on: the one in `TONGBAO_DATABASE_URL`, or the embedded one, started if need be."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from tongbao.base import migrate, settings
from tongbao.base.clock import Clock
from tongbao.base.db import BULK, Database
from tongbao.base.embedded import Cluster, default_data_dir
from tongbao.base.settings import Settings


class Office(msgspec.Struct, frozen=True):
    """What a command works with: the settings in force, the bank's clock, a pool with the long time limits."""

    settings: Settings
    clock: Clock
    db: Database


def url() -> str:
    given = settings.load().database_url
    return given or start_embedded()


def start_embedded(port: int | None = None) -> str:
    """Start the embedded server or attach to it; the URL of the bank's database in it."""
    cluster = Cluster(default_data_dir(), port=port)
    cluster.start()
    return cluster.ensure_database()


def migrated_url() -> str:
    """As `url`; ends the command where the schema is older than this version."""
    found = url()
    missing = sorted(set(migrate.present()) - set(migrate.applied(found)))
    if missing:
        sys.exit(f"tongbao: the database lacks {', '.join(missing)}; run `tongbao migrate`")
    return found


@asynccontextmanager
async def office(name: str) -> AsyncIterator[Office]:
    """Opens the bank for a command called `name`."""
    chosen = msgspec.structs.replace(settings.load(), database_url=migrated_url())
    async with Database(chosen.database_url, size=2, limits=BULK, name=f"tongbao {name}") as db:
        yield Office(chosen, chosen.make_clock(), db)
