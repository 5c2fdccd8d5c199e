"""A folder of backups, read: its bases, the WAL that was received, and the road from a base to a moment.

    DIR/base/20261122T031500.123Z/data/         a data directory as pg_basebackup made it
    DIR/base/20261122T031500.123Z/backup.json   what `Base` says
    DIR/wal/000000010000000000000003            WAL as pg_receivewal received it; the newest ends in .partial
    DIR/wal.20261122T040000123456Z/             what was received before a gap, or before the bank was restored

A base that is being made has a name that begins with a point and is no base to anybody.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

_SEGMENT: Final = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?")
_PARENT: Final = re.compile(r"^\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)", re.MULTILINE)
_SYSTEM_IDENTIFIER_AT: Final = 24
"""Where the first page of a segment keeps it (`XLogLongPageHeaderData`)."""


class BackupError(RuntimeError):
    """No backup was made, or nothing was restored; the sentence says why and what to do."""


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """One whole base backup. Moments are the database server's; `ended` is the first that it can be restored to."""

    name: str
    tongbao: str
    """Version that made it."""
    postgresql: int
    """Major version of the server: only the same one can read it."""
    migration: str
    """The newest one in the database."""
    system_identifier: str
    timeline: int
    started: datetime
    ended: datetime
    start_lsn: str
    end_lsn: str
    segment_bytes: int
    bytes: int
    user: str
    database: str


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One file of WAL. `partial`: it may end before its last byte, so that nothing can follow it."""

    timeline: int
    number: int
    path: Path
    partial: bool


Segments = Mapping[tuple[int, int], Segment]


class Road(msgspec.Struct, frozen=True, kw_only=True):
    """Segments without a gap, from where recovery of a base begins. `missing` is the first that lacks where others follow.

    `histories` are all that the archive has: whoever is restored from it begins a timeline that none of them has.
    """

    segments: list[Segment]
    histories: list[Path]
    missing: str = ""


def lsn(text: str) -> int:
    """Bytes of WAL before a place that PostgreSQL writes as `1A/2B3C4D5E`."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def segment_name(timeline: int, number: int, segment_bytes: int) -> str:
    high, low = divmod(number, (1 << 32) // segment_bytes)
    return f"{timeline:08X}{high:08X}{low:08X}"


def bases(folder: Path) -> list[Base]:
    """Whole bases, oldest first."""
    found = [
        msgspec.json.decode(path.read_bytes(), type=Base)
        for path in folder.joinpath("base").glob("*/backup.json")
        if not path.parent.name.startswith(".")
    ]
    return sorted(found, key=lambda base: (base.ended, base.name))


def data_of(folder: Path, base: Base) -> Path:
    return folder.joinpath("base", base.name, "data")


def received(folder: Path, segment_bytes: int) -> dict[tuple[int, int], Segment]:
    """All WAL of an archive, by timeline and number."""
    found: dict[tuple[int, int], Segment] = {}
    for place in wal_folders(folder):
        for key, segment in wal_in(place, segment_bytes).items():
            found[key] = better(found.get(key), segment)
    return found


def wal_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("wal*") if path.is_dir())


def wal_in(place: Path, segment_bytes: int) -> dict[tuple[int, int], Segment]:
    """Segments in a folder by timeline and number; one that is there whole hides its `.partial`."""
    segments: dict[tuple[int, int], Segment] = {}
    for path in sorted(place.iterdir()) if place.exists() else []:
        if match := _SEGMENT.fullmatch(path.name):
            timeline, high, low = (int(part, 16) for part in match.groups()[:3])
            number = high * ((1 << 32) // segment_bytes) + low
            found = Segment(timeline=timeline, number=number, path=path, partial=match[4] is not None)
            # Sorted: the whole one comes first.
            segments.setdefault((timeline, number), found)
    return segments


def better(one: Segment | None, other: Segment) -> Segment:
    """Of two copies, the one that has more."""
    if one is None:
        return other
    if one.partial and other.partial:
        return max(one, other, key=_written)
    return other if one.partial else one


def present(segment: Path) -> Path:
    """Where a segment is now: a `.partial` one is renamed when it is full."""
    return segment if segment.suffix != ".partial" or segment.exists() else segment.with_suffix("")


def system_identifier_of(segment: Path) -> str:
    """The server that wrote a segment; empty where nothing has been written yet."""
    with present(segment).open("rb") as file:
        head = file.read(_SYSTEM_IDENTIFIER_AT + 8)
    if len(head) < _SYSTEM_IDENTIFIER_AT + 8:
        return ""
    (found,) = struct.unpack_from("=Q", head, _SYSTEM_IDENTIFIER_AT)
    return str(found) if found else ""


def strangers(folder: Path, system_identifier: str) -> bool:
    """Whether the folder holds backups of another server."""
    found = {base.system_identifier for base in bases(folder)}
    for place in wal_folders(folder):
        names = sorted(path for path in place.iterdir() if _SEGMENT.fullmatch(path.name))
        found |= {system_identifier_of(path) for path in names[-1:]} - {""}
    return bool(found - {system_identifier})


def choose(
    folder: Path, *, to: datetime | None = None, name: str | None = None, timeline: int | None = None
) -> tuple[Base, int]:
    """The base to begin with, and the timeline to follow: the newest unless told.

    Raises BackupError where no base leads to that moment.
    """
    whole = bases(folder)
    if not whole:
        raise BackupError(f"{folder} holds no whole base backup; `tongbao backup {folder}` makes one")
    histories = _histories(folder, whole)
    target = timeline or max([*histories, *(base.timeline for base in whole)])
    line = _lineage(histories, target)
    there = [base for base in whole if _lies_on(line, base)]
    if name is not None:
        there = [base for base in there if base.name == name]
    if not there:
        what = f"base {name}" if name else "base"
        raise BackupError(f"{folder} holds no {what} on timeline {target}; it has {_listed(whole)}")
    before = [base for base in there if to is None or base.ended <= to]
    if not before:
        raise BackupError(f"{to} is too early: {there[0].name} is the first base, whole at {there[0].ended}")
    return before[-1], target


def newest_timeline(folder: Path, base: Base) -> int:
    """The newest timeline to which the base leads."""
    histories = _histories(folder, bases(folder))
    later = sorted((tli for tli in histories if tli > base.timeline), reverse=True)
    return next((tli for tli in later if _lies_on(_lineage(histories, tli), base)), base.timeline)


def road(folder: Path, base: Base, timeline: int) -> Road:
    """The WAL from `base` along `timeline`: from the archive, and what the base brought itself."""
    size = base.segment_bytes
    archived = received(folder, size)
    brought = wal_in(data_of(folder, base).joinpath("pg_wal"), size)
    histories = _histories(folder, bases(folder))
    line = _lineage(histories, timeline)
    number = lsn(base.start_lsn) // size
    last_brought = (lsn(base.end_lsn) - 1) // size
    segments: list[Segment] = []
    while found := _pick(line, number, size, archived, brought, last_brought):
        segments.append(found)
        number += 1
        if found.partial:
            break
    if not segments:
        raise BackupError(f"base {base.name} has lost the WAL that it was made with; take an older one with --base")
    further = _goes_on(line, archived, number, size)
    if further:
        # Behind a partial one it is the partial one's rest that lacks.
        number -= segments[-1].partial
    missing = segment_name(line[0][0], number, size) if further else ""
    return Road(segments=segments, histories=[*histories.values()], missing=missing)


def _goes_on(line: Sequence[tuple[int, int]], archived: Segments, number: int, size: int) -> bool:
    """Whether the archive has anything of these timelines from segment `number` on, before each was left."""
    left: int | None = None
    for tli, begins in line:
        if any(t == tli and number <= n and (left is None or n <= left) for t, n in archived):
            return True
        left = begins // size
    return False


def _pick(
    line: Sequence[tuple[int, int]], number: int, size: int, archived: Segments, brought: Segments, last_brought: int
) -> Segment | None:
    """The segment of the timeline that was in force: where a timeline was left, the new one begins with a copy."""
    tli = next(tli for tli, begins in line if begins // size <= number)
    found, own = archived.get((tli, number)), brought.get((tli, number))
    if own is None:
        return found
    # The base's last segment ends where the base ended.
    return better(found, msgspec.structs.replace(own, partial=number >= last_brought))


def _written(segment: Segment) -> int:
    """Bytes up to the last that is not zero: of two beginnings of one segment, the longer has more."""
    return len(present(segment.path).read_bytes().rstrip(b"\0"))


def _histories(folder: Path, whole: Sequence[Base]) -> dict[int, Path]:
    places = [*(data_of(folder, base).joinpath("pg_wal") for base in whole), *wal_folders(folder)]
    found = [path for place in places if place.exists() for path in place.glob("*.history")]
    return {int(path.stem, 16): path for path in found}


def _lineage(histories: dict[int, Path], timeline: int) -> list[tuple[int, int]]:
    """Timelines that lead to `timeline`, newest first, each with the place where it begins."""
    if timeline not in histories:
        if timeline != 1:
            raise BackupError(f"the history of timeline {timeline} is not in the archive: {timeline:08X}.history")
        return [(1, 0)]
    line: list[tuple[int, int]] = []
    begins = 0
    for parent, branch in _PARENT.findall(histories[timeline].read_text(encoding="utf-8")):
        line.append((int(parent), begins))
        begins = lsn(branch)
    return [(timeline, begins), *reversed(line)]


def _lies_on(line: Sequence[tuple[int, int]], base: Base) -> bool:
    """Whether the base was whole before its timeline was left."""
    left: int | None = None
    for tli, begins in line:
        if tli == base.timeline:
            return left is None or lsn(base.end_lsn) <= left
        left = begins
    return False


def _listed(whole: Sequence[Base]) -> str:
    return ", ".join(f"{base.name} (timeline {base.timeline})" for base in whole)
