"""`tongbao risk`: how well payments are judged."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import datetime
from importlib.util import find_spec
from typing import Annotated, Final
from uuid import UUID

import typer

from tongbao import risk
from tongbao.cli import database, output
from tongbao.risk import ExpressionError, Replayed, Result
from tongbao.risk import jobs as risk_jobs

app = typer.Typer(name="risk", help="How well payments are judged.", no_args_is_help=True)
backtests = typer.Typer(help="On a history whose frauds are known.", no_args_is_help=True)
app.add_typer(backtests, name="backtest")

_NEEDS: Final = ("numpy", "duckdb", "sklearn", "xgboost")


@backtests.command("fraud-handbook", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def fraud_handbook(context: typer.Context) -> None:
    """DIR [--train-from DATE] [--json]: the Fraud Detection Handbook's features and models, and our own model, by its protocol."""
    _installed(*_NEEDS)
    done = subprocess.run([sys.executable, "-m", "tongbao_bench.fraud_handbook", *context.args], check=False)
    raise typer.Exit(done.returncode)


@app.command("train")
def train(
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="What was known by then, in the bank's zone; now without one."),
    ] = None,
    label_delay_days: Annotated[
        int, typer.Option(min=0, max=365, help="Payments younger than this are left out: of those it is not known yet.")
    ] = 7,
    outliers: Annotated[
        bool, typer.Option("--outliers", help="One that asks for no labels, and tells how unlike others a payment is.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Learn a model from the bank's own labelled payments, and register it as a candidate. Two people make it champion."""
    _installed("numpy", "sklearn", "xgboost")
    trained = asyncio.run(_train(until, label_delay_days, outliers=outliers))
    if as_json:
        output.document(trained)
        return
    facts = trained.facts
    typer.echo(
        f"model {trained.number}, {trained.sha256[:12]}: learned from {facts.learned.payments} payments, "
        f"{facts.learned.frauds} frauds; tried on {facts.validated.payments}, {facts.validated.frauds} frauds: "
        f"AUC {facts.auc / 10_000:.4f}, average precision {facts.average_precision / 10_000:.4f}"
    )


async def _train(until: datetime | None, label_delay_days: int, *, outliers: bool) -> risk_jobs.Trained:
    async with database.office("risk") as office:
        known = until.replace(tzinfo=office.settings.zone) if until else office.clock.now()
        try:
            return await risk_jobs.train(
                office.db, office.clock, until=known, label_delay_days=label_delay_days, outliers=outliers
            )
        except risk_jobs.LearnError as error:
            sys.exit(f"tongbao: {error}")


def _installed(*names: str) -> None:
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        sys.exit(f"tongbao: {missing[0]} is not installed; this command takes the extra `risk`")


@app.command("replay")
def replay(
    payment_id: Annotated[UUID | None, typer.Argument(metavar="ID", help="One payment.", show_default=False)] = None,
    sample: Annotated[int, typer.Option(min=0, max=10_000, help="So many from all over what is remembered.")] = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Others for another one.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Past decisions made again by the rules, lists and features of then; status 1 where one comes out otherwise."""
    if (payment_id is None) == (sample == 0):
        sys.exit("tongbao: name one payment, or say how many with --sample")
    again = asyncio.run(_replay(payment_id, sample, seed))
    if payment_id is not None and not again:
        sys.exit("tongbao: risk has not looked at this payment")
    apart = [one for one in again if one.again is not None and not one.agrees]
    unknown = [one for one in again if one.again is None]
    if as_json:
        counts = {"looked_at": len(again), "agree": len(again) - len(apart) - len(unknown)}
        output.document({**counts, "differ": apart, "cannot_be_recomputed": unknown})
    else:
        for one in (*apart, *unknown):
            typer.echo(f"{one.id}  then: {_said(one.then)}  now: {_said(one.again)}")
        typer.echo(f"{len(again) - len(apart) - len(unknown)} of {len(again)} come out the same")
    raise typer.Exit(1 if apart or unknown else 0)


async def _replay(payment_id: UUID | None, sample: int, seed: int) -> list[Replayed]:
    async with database.office("risk") as office, office.db.read() as tx:
        return await risk.replay(tx, [payment_id] if payment_id else await risk.sample(tx, most=sample, seed=seed))


def _said(judged: risk.Judged | None) -> str:
    if judged is None:
        return "cannot be recomputed"
    hits = " ".join(f"{hit.name}/{hit.version}" for hit in judged.hits)
    return f"{judged.action}, {judged.points} points{', ' + hits if hits else ''}"


@app.command("trial")
def trial(
    expression: Annotated[str, typer.Argument(metavar="CONDITION", help="As a rule has it.")],
    days: Annotated[int, typer.Option(min=1, max=92, help="Of the bank, back from the open one.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """What a condition would have met of the payments that are remembered; nothing is changed. Pages do the same and keep it."""
    found = asyncio.run(_trial(expression, days))
    if isinstance(found, str):
        sys.exit(f"tongbao: {found}: try fewer days")
    if as_json:
        output.document(found)
        return
    new = found.new
    typer.echo(
        f"meets {new.hits} of {found.looked} payments, {new.frauds} of {found.frauds} known frauds; "
        f"disturbs {new.annoyed} customers whose payments were good; {found.unknown} payments left out"
    )


async def _trial(expression: str, days: int) -> Result | str:
    async with database.office("risk") as office:
        try:
            return await risk_jobs.try_now(office.db, office.clock, expression, days_=days)
        except ExpressionError as error:
            sys.exit(f"tongbao: {error.said('en')}")
