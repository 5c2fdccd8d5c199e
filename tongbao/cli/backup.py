"""`tongbao backup`: bases, and the WAL as it is written, in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tongbao.base import archive, backup, restore
from tongbao.base.archive import BackupError, Base, Road
from tongbao.base.programs import Progress as OnProgress
from tongbao.cli import database, output


def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of backups; made where it is missing.")],
    follow: Annotated[bool, typer.Option("--follow", help="Receive the WAL as it is written, until SIGTERM.")] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Bases to keep; older ones go, and WAL that none of them needs.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Only say what is there and to which moments it leads.")
    ] = False,
    slot: Annotated[str, typer.Option(help="The replication slot of --follow.")] = backup.SLOT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make a base backup of the whole server and verify it; or, with --follow, receive the WAL that leads on from it."""
    if follow + listed + (keep is not None) > 1 or (follow and as_json):
        raise typer.BadParameter("--follow, --list and --keep exclude each other, and --follow has no document")
    folder = folder.resolve()
    if listed:
        _list(folder, as_json)
    elif follow:
        backup.follow(database.url(), folder, slot=slot, say=lambda said: typer.echo(f"tongbao: {said}", err=True))
    else:
        _take(folder, keep, slot, as_json)


def _take(folder: Path, keep: int | None, slot: str, as_json: bool) -> None:
    url = database.url()
    with watching() as on_progress:
        made = backup.take(url, folder, keep=keep, on_progress=on_progress)
    followed = backup.is_followed(url, slot)
    if as_json:
        output.document({"base": made, "followed": followed})
    else:
        typer.echo(f"{made.name}  {made.bytes >> 20:,} MiB  whole at {made.ended}  in {folder}")
    if not followed:
        said = f"nobody receives the WAL: run `tongbao backup {folder} --follow`, else only this moment can be restored"
        typer.echo(f"tongbao: {said}", err=True)


class Listed(msgspec.Struct, frozen=True):
    """A base, the last moment that it leads to (none: no program here reads its WAL), and the WAL missing after that."""

    base: Base
    until: datetime | None
    missing: str


def _list(folder: Path, as_json: bool) -> None:
    found: list[Listed] = []
    roads: dict[Path, datetime | None] = {}
    for base in archive.bases(folder):
        road = archive.road(folder, base, archive.newest_timeline(folder, base))
        end = road.segments[-1].path
        if end not in roads:
            roads[end] = _last(road, base)
        until = roads[end]
        found.append(Listed(base, until and max(until, base.ended), road.missing))
    if as_json:
        output.document({"bases": found})
        return
    for one in found:
        base = one.base
        gap = f", and {one.missing} is missing" if one.missing else ""
        typer.echo(
            f"{base.name}  {base.bytes >> 20:>9,} MiB  leads from {base.ended} to {one.until or 'an unknown moment'}{gap}"
        )
    if not found:
        typer.echo(f"no base in {folder}")


def _last(road: Road, base: Base) -> datetime | None:
    try:
        return restore.last_moment(road, base) or base.ended
    except BackupError:
        return None


@contextmanager
def watching() -> Iterator[OnProgress]:
    """Bars on a terminal, one for each thing that is done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:10}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def on_progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield on_progress
