"""`tongbao risk backtest fraud-handbook`, in a process of its own: what it needs is heavy, and not everybody's."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn

from tongbao.cli import output
from tongbao_bench import handbook, handbook_folds


def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="With the handbook's two files.", file_okay=False)],
    train_from: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="One fold from this day; else the four latest that fit."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """By the Fraud Detection Handbook's protocol: its features, its models, and our own.

    A fold learns from 7 days, leaves out 7 while labels arrive, and is judged on 7. Needs the extra `risk`.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), *Progress.get_default_columns()[1:3])
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=1)

        def progress(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        try:
            found = handbook_folds.backtest(folder, train_from.date() if train_from else None, progress)
        except handbook.HandbookError as error:
            sys.exit(f"tongbao: {error}")
    if as_json:
        output.document(found)
        return
    wrong = sum(count for name, count in found.differences.items() if name != "rows")
    typer.echo(f"{found.differences['rows']} payments: {wrong} values of the book's features are others than ours.")
    for fold in found.folds:
        typer.echo(f"Learned from {fold.train_from} on, judged on {fold.test_from} to {fold.test_until}:")
        for name, scores in {"ours": fold.ours, **fold.published}.items():
            said = f"{scores.auc:.3f} / {scores.average_precision:.3f} / {scores.card_precision_100:.3f}"
            typer.echo(f"  {name:20} {said}   (AUC / average precision / card precision@100)")
    typer.echo(
        f"Ours, in the mean: {found.auc:.3f} / {found.average_precision:.3f} / {found.card_precision_100:.3f}"
        f" of {found.perfect_precision_100:.3f} that can be had."
    )


if __name__ == "__main__":
    typer.run(run)
