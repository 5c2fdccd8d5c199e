"""`tongbao explain ID`: what happened to a payment and why."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from tongbao import payments
from tongbao.base import settings
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal
from tongbao.cli import database, output


def run(
    id: Annotated[UUID, typer.Argument(help="A payment's id, or that of an operation on it, or of a transfer of it.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    chinese: Annotated[bool, typer.Option("--zh", help="In Chinese.")] = False,
) -> None:
    """What happened to a payment and why: every check with its figures, every movement, every event."""
    try:
        story = asyncio.run(_story(database.url(), id))
    except Refusal as refusal:
        typer.echo(refusal.kind.zh if chinese else refusal.kind.en, err=True)
        raise typer.Exit(1) from None
    if as_json:
        output.document(story)
        return
    zone = settings.load().zone
    typer.echo(f"{story.payment_id}  {story.state}")
    for step in story.steps:
        moment = step.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        typer.echo(f"{moment}  {step.zh if chinese else step.en}")


async def _story(url: str, id: UUID) -> payments.Timeline:
    async with Database(url, size=1) as db, db.read() as tx:
        return await payments.timeline(tx, await payments.payment_behind(tx, id) or id)
