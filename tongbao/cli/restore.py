"""`tongbao restore`: the bank as it was at a moment, in a folder of its own, proved."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from psycopg_pool import PoolTimeout

from tongbao.base import migrate, prove, restore
from tongbao.base import settings as base_settings
from tongbao.base.archive import BackupError
from tongbao.base.db import BULK, Database
from tongbao.base.embedded import SUPERUSER, ClusterError
from tongbao.base.restore import Restored
from tongbao.base.settings import Settings
from tongbao.cli import output
from tongbao.cli.backup import watching
from tongbao.cli.prove import CHECKS


def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of `tongbao backup`.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="Where the restored bank shall live: an empty folder.")
    ],
    to: Annotated[
        str | None,
        typer.Option(help="The moment, such as 2026-11-22T10:15:00+08:00. Without it: all that the archive has."),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="The base to begin with. Without it: the newest that will do.")
    ] = None,
    timeline: Annotated[int | None, typer.Option(help="The timeline to follow, after restores and failovers.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Prove from the beginning, not from the last proof.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the restored server afterwards, as after a drill.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Restore a bank to a moment and prove it. Ends with 0 if its books hold, 1 if not, 2 if nothing was restored or proved."""
    moment, settings = _moment(to), base_settings.load()
    try:
        plan = restore.plan(folder.resolve(), to=moment, base=base, timeline=timeline)
        with watching() as on_progress:
            restored = restore.restore(plan, target.resolve(), on_progress=on_progress)
    except (BackupError, ClusterError) as error:
        typer.echo(f"tongbao: not restored: {error}", err=True)
        raise typer.Exit(2) from error
    try:
        proof, why = asyncio.run(_prove(restored.url, settings, full)), ""
    except (NotProved, psycopg.Error, PoolTimeout, TimeoutError) as error:
        proof, why = None, str(error)
    if stop:
        restored.cluster.stop()
    _tell(restored, proof, why, running=not stop, as_json=as_json)
    raise typer.Exit(2 if proof is None else int(any(done.findings for done in proof)))


class NotProved(Exception):
    """The restored bank is there, and its books have not been looked at."""


def _moment(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(f"{given} is no moment such as 2026-11-22T10:15:00+08:00") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{given} needs an offset, such as {given}+08:00")
    return moment


async def _prove(url: str, settings: Settings, full: bool) -> list[prove.Done]:
    missing = sorted(set(migrate.present()) - set(migrate.applied(url)))
    if missing:
        raise NotProved(f"it lacks {', '.join(missing)}; run `tongbao migrate` and `tongbao prove` on it")
    async with Database(url, size=3, limits=BULK, name="tongbao restore") as db:
        return await prove.prove(db, CHECKS, settings.make_clock(), full=full)


def _tell(restored: Restored, proof: list[prove.Done] | None, why: str, *, running: bool, as_json: bool) -> None:
    base, home = restored.base, restored.cluster.data_dir
    ours = (base.user, base.database) == (SUPERUSER, "tongbao")
    serve = f"TONGBAO_HOME={home} tongbao serve" if ours else f"TONGBAO_DATABASE_URL='{restored.url}' tongbao serve"
    findings = [finding for done in proof or [] for finding in done.findings]
    if as_json:
        told = {"base": base, "reached": restored.reached, "data": str(restored.cluster.pgdata), "url": restored.url}
        rows = sum(done.rows for done in proof or [])
        books = {"holds": not findings, "rows": rows, "findings": findings} if proof is not None else None
        output.document({**told, "running": running, "serve": serve, "proof": books, "not_proved": why})
        return
    typer.echo(f"restored from {base.name}; the last transaction is of {restored.reached}")
    for finding in findings:
        typer.echo(f"  {finding.invariant} {finding.table} {finding.key}: {finding.expected}; found {finding.found}")
    typer.echo(f"not proved: {why}" if proof is None else "the books are BROKEN" if findings else "the books hold")
    if running:
        typer.echo(f"it runs; serve it with: {serve}")
    else:
        typer.echo(f"it is stopped; its data directory is {restored.cluster.pgdata}")
