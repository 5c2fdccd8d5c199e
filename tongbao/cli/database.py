"""Which database a command works on: the one in `TONGBAO_DATABASE_URL`, or the embedded one, started if need be."""

from __future__ import annotations

from tongbao.base import settings
from tongbao.base.embedded import Cluster, default_data_dir


def url() -> str:
    given = settings.load().database_url
    return given or start_embedded()


def start_embedded(port: int | None = None) -> str:
    """Start the embedded server or attach to it; the URL of the bank's database in it."""
    cluster = Cluster(default_data_dir(), port=port)
    cluster.start()
    return cluster.ensure_database()
