"""`tongbao verify-proof FILE`: whether a proof of a payment is true, without a database and without the bank."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tongbao import payments
from tongbao.base import say
from tongbao.cli import output


def run(
    file: Annotated[Path, typer.Argument(help="As the bank hands it out.", exists=True, dir_okay=False, readable=True)],
    bank_key: Annotated[
        str | None, typer.Option(help="The `kid` that the bank publishes; a proof under another key is not true.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Whether a proof is true: the bank's signature, the payer's, and that it is over this amount and this payee.

    Ends with status 0 where it is, with 1 where anything in it was changed.
    """
    with file.open("rb") as raw:
        content = raw.read(payments.LARGEST_PROOF + 1)
    try:
        found = payments.verify_proof(content, bank_kid=bank_key)
    except payments.WrongProof as wrong:
        typer.echo(f"tongbao: not true: {wrong}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        output.document(found)
        return
    said = found.instruction
    amount = say.money(said["amount_minor"], said["currency"], "en")
    typer.echo(f"True. {amount} to {_payee(said)} from {said.get('payer_account') or said['payer_account_id']}.")
    typer.echo(f"Payment {said['payment_id']}, agreed to at {found.confirmed_at}, shown: {', '.join(found.evidence)}.")
    if bank_key is None:
        typer.echo(f"Signed by the key {found.bank_kid}: compare it with the one that the bank publishes.")


def _payee(said: dict[str, Any]) -> str:
    """The name that was shown, with the number of an account; of an order that came signed, what it names."""
    if "payee" not in said:
        return str(said["merchant_id"] or said["payee_account_id"])
    return f"{said['payee']} ({said['payee_account']})" if said["payee_account"] else str(said["payee"])
