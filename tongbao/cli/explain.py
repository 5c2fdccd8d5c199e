"""`tongbao explain ID`: what an id stands for, what happened to it and why."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from tongbao import console, payments
from tongbao.base import settings
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal
from tongbao.cli import database, output


def run(
    id: Annotated[
        UUID, typer.Argument(help="Of a payment, an operation on it, a journal, a settlement, any transfer.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    chinese: Annotated[bool, typer.Option("--zh", help="In Chinese.")] = False,
) -> None:
    """What happened and why: every check of a payment with its figures; of any transfer its postings and who made it."""
    try:
        story = asyncio.run(_story(database.url(), id))
    except Refusal as refusal:
        typer.echo(refusal.kind.zh if chinese else refusal.kind.en, err=True)
        raise typer.Exit(1) from None
    if as_json:
        output.document(story)
        return
    zone = settings.load().zone
    what = (story.id, story.kind) if isinstance(story, console.Story) else (story.payment_id,)
    typer.echo("  ".join(map(str, (*what, story.state))))
    for step in story.steps:
        moment = step.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        typer.echo(f"{moment}  {step.zh if chinese else step.en}")


async def _story(url: str, id: UUID) -> payments.Timeline | console.Story:
    async with Database(url, size=1) as db, db.read() as tx:
        payment_id = await payments.payment_behind(tx, id)
        return await (payments.timeline(tx, payment_id) if payment_id else console.explain(tx, id))
