"""One PostgreSQL for the whole run, one migrated template in it, and a clone of that for whoever asks.

The process that the user started makes the cluster's directory and takes it away again; xdist's workers inherit its name.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from tongbao.base.embedded import TEST, Cluster
from tongbao.base.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUN = "PYTEST_TONGBAO_DIR"
_PREFIX = "tongbao-test-"
_TEMPLATE = "tongbao_template"
_numbers = itertools.count(1)

hypothesis_settings.register_profile("tongbao", deadline=None, max_examples=50)
hypothesis_settings.load_profile("tongbao")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    _sweep()
    os.environ[_RUN] = str(Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getpid()}")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _remove(Path(os.environ[_RUN]))


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The run's server. fsync is off: for tests that cut the power, make a cluster of your own."""
    cluster = Cluster(Path(os.environ[_RUN]), TEST)
    cluster.start()
    return cluster


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """Name of a migrated database to clone; the first worker makes it."""
    with _alone(cluster.data_dir), psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone():
            # Renamed only when complete, so that no worker ever clones a half-migrated template.
            migrate(cluster.ensure_database("tongbao_migrating"))
            conn.execute(f"ALTER DATABASE tongbao_migrating RENAME TO {_TEMPLATE}".encode())
    return _TEMPLATE


@pytest.fixture(scope="session")
def database(cluster: Cluster, template: str) -> Iterator[str]:
    """URL of a migrated database that this worker's tests share: leave rows, but lean on no others."""
    with _clone(cluster, template) as url:
        yield url


@pytest.fixture
def fresh_database(cluster: Cluster, template: str) -> Iterator[str]:
    """URL of a migrated database for this test alone."""
    with _clone(cluster, template) as url:
        yield url


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    """URL of a database without any of our tables."""
    with _clone(cluster, "template0") as url:
        yield url


@contextmanager
def _clone(cluster: Cluster, template: str) -> Iterator[str]:
    name = f"tongbao_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_numbers)}"
    admin = cluster.url("postgres")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)),
        )
    yield cluster.url(name)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    with Path(f"{directory}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sweep() -> None:
    """Runs that were killed left their server behind; each is named after the process that owned it."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = directory.name.removeprefix(_PREFIX)
        if directory.is_dir() and owner.isdigit() and not psutil.pid_exists(int(owner)):
            _remove(directory)


def _remove(directory: Path) -> None:
    if directory.exists():
        Cluster(directory, TEST).stop("immediate")
        shutil.rmtree(directory)
    Path(f"{directory}.lock").unlink(missing_ok=True)
