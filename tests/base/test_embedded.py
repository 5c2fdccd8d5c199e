"""The embedded server: started twice, killed, started again; what was committed is still there."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tongbao.base.embedded import SERVE, TEST, Cluster, ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="tongbao-embedded-"))
    yield directory
    Cluster(directory, TEST).stop("immediate")
    shutil.rmtree(directory)


def test_it_runs_with_the_settings_given(directory: Path) -> None:
    cluster = Cluster(directory, SERVE)
    cluster.start()
    with psycopg.connect(cluster.url("postgres")) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes", "max_wal_size", "shared_buffers", "jit"):
            shown = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert shown == (SERVE[name],)


def test_two_that_start_it_share_one_server(directory: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda _: Cluster(directory, TEST).start(), range(2)))
    first, second = Cluster(directory, TEST), Cluster(directory, TEST)
    assert first.pid() == second.pid()
    assert first.pid() is not None


def test_what_was_committed_survives_a_kill(directory: Path) -> None:
    cluster = Cluster(directory, SERVE)
    cluster.start()
    with psycopg.connect(cluster.ensure_database()) as connection:
        connection.execute("CREATE TABLE coin AS SELECT 1 AS amount")
        connection.commit()
        cluster.kill()
    assert not cluster.running()
    cluster.start()
    with psycopg.connect(cluster.url()) as connection:
        assert connection.execute("SELECT amount FROM coin").fetchall() == [(1,)]


def test_it_starts_again_when_only_the_postmaster_died(directory: Path) -> None:
    cluster = Cluster(directory, TEST)
    cluster.start()
    pid = cluster.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    cluster.start()
    assert cluster.running()
    assert cluster.pid() != pid


def test_a_long_path_gets_a_short_socket(directory: Path) -> None:
    cluster = Cluster(directory / ("long" * 25), TEST)
    if os.geteuid() == 0:
        directory.chmod(0o755)
    cluster.start()
    with psycopg.connect(cluster.url("postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    cluster.stop()


def test_a_failed_start_shows_the_log(directory: Path) -> None:
    with pytest.raises(ClusterError, match="no_such_setting"):
        Cluster(directory, {**TEST, "no_such_setting": "1"}).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_a_directory_that_the_server_cannot_reach_is_refused(directory: Path) -> None:
    directory.chmod(0o700)
    with pytest.raises(ClusterError, match="cannot reach"):
        Cluster(directory / "inside", TEST).start()
