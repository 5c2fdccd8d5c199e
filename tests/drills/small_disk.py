"""A file system of a few hundred megabytes, mounted for one test: by root, or by anybody in a namespace of his own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_MIB = 400
_MOUNTED = "DRILL_SMALL_DISK"
_NEEDED = "a small file system needs root, or `unshare` with user namespaces"


@contextmanager
def mounted() -> Iterator[Path | None]:
    """Where it is; None where it was mounted for another process, which has done the whole test."""
    if given := os.environ.get(_MOUNTED):
        yield Path(given)
        return
    place = Path(tempfile.mkdtemp(prefix="tongbao-disk-"))
    try:
        if _run(_mount(place)):
            yield place
        elif os.geteuid() != 0 and _run(["unshare", "--map-root-user", "--mount", *_mount(place)]):
            _in_a_namespace(place)
            yield None
        else:
            assert not os.environ.get("CI"), _NEEDED
            pytest.skip(_NEEDED)
    finally:
        _run(["umount", "--lazy", str(place)])
        place.rmdir()


def _mount(place: Path) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=0755", "tongbao-drill", str(place)]


def _in_a_namespace(place: Path) -> None:
    """The test that runs now once more, as the same user, where the file system is mounted for nobody else."""
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    own = ["unshare", "--user", f"--map-user={os.getuid()}", f"--map-group={os.getgid()}"]
    script = 'place=$1; shift; chmod 0777 "$place" && exec "$@"'
    as_root = ["unshare", "--map-root-user", "--mount", "sh", "-ec", f"{' '.join(_mount(place))}; {script}", "-", place]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*as_root, *own, *pytest_],
        env={**kept, _MOUNTED: str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _run(command: list[str]) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def fill(file: Path, but_bytes: int = 0) -> None:
    """Writes until there is room for so many bytes."""
    piece = b"\0" * (1 << 16)
    with contextlib.suppress(OSError), file.open("ab", buffering=0) as out:
        while free(file.parent) > but_bytes:
            out.write(piece[: max(1, min(len(piece), free(file.parent) - but_bytes))])


def free(folder: Path) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize
