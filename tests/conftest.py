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
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from tongbao.base.embedded import TEST, Cluster
from tongbao.base.migrate import migrate
from tongbao.vault import Keyring

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUN = "PYTEST_TONGBAO_DIR"
_PREFIX = "tongbao-test-"
_TEMPLATE = "tongbao_template"
_MEMORY, _PLENTY = Path("/dev/shm"), 4 << 30
_LONG = (
    ("cli", "test_backup"),
    ("http", "test_schemathesis"),
    ("kill", "test_upgrade"),
    ("history", "test_real_bank"),
    ("kill", "test_rotation"),
    ("cli", "test_demo"),
    ("kill", ""),
    ("payments", "test_rails"),
    ("drills", ""),
    ("http", ""),
    ("clearing", ""),
    ("payments", ""),
    ("cli", ""),
)
"""Folders and beginnings of names of the files that take longest, the longest first."""
_numbers = itertools.count(1)

hypothesis_settings.register_profile("tongbao", deadline=None, max_examples=50)
hypothesis_settings.load_profile("tongbao")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    _sweep()
    run = _room() / f"{_PREFIX}{os.getpid()}"
    os.environ[_RUN] = str(run)
    # Beside the cluster's directory, which nobody else may put anything into. Child processes inherit it.
    _keyring(run).unlink(missing_ok=True)
    keyring = Keyring.create(_keyring(run), datetime.now(UTC))
    os.environ["TONGBAO_KEYRING"] = str(keyring.path)
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        # The tests start hundreds of processes; each would compile the whole bank anew.
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.rootpath / ".pytest_cache" / "bytecode")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest come first, so that no worker is left alone with one at the end of the run."""
    items.sort(key=lambda item: _place(item.path))


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
            # Without fsync copying the files is five times as fast as writing them to the WAL.
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(*map(sql.Identifier, (name, template))),
        )
    yield cluster.url(name)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    with Path(f"{directory}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _place(file: Path) -> int:
    """How early a file is run; the same number keeps the order in which files are found."""
    folder, name = file.parent.name, file.stem
    return next((n for n, (where, what) in enumerate(_LONG) if folder == where and name.startswith(what)), len(_LONG))


def _keyring(run: Path) -> Path:
    return Path(f"{run}.keyring")


def _room() -> Path:
    """Where the server's files lie: in memory if that is plentiful, since some file systems take their time to make a file."""
    plenty = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _PLENTY
    return _MEMORY if plenty and psutil.virtual_memory().available > 2 * _PLENTY else Path(tempfile.gettempdir())


def _sweep() -> None:
    """Runs that were killed left their server behind; each is named after the process that owned it."""
    for directory in (*_MEMORY.glob(f"{_PREFIX}*"), *Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        owner = directory.name.removeprefix(_PREFIX).partition(".")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            _remove(directory.with_name(_PREFIX + owner))


def _remove(directory: Path) -> None:
    if directory.exists():
        Cluster(directory, TEST).stop("immediate")
        shutil.rmtree(directory)
    Path(f"{directory}.lock").unlink(missing_ok=True)
    _keyring(directory).unlink(missing_ok=True)
