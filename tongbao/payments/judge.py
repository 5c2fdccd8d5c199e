"""What is judged before any lock is taken: here only whether the payer must confirm. `risk.assess` will be asked here."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tongbao.payments.model import Kind, Order


class Verdict(StrEnum):
    APPROVE = "approve"
    CHALLENGE = "challenge"


class Judgement(msgspec.Struct, frozen=True):
    """The verdict on one order and the reason that it gives."""

    verdict: Verdict
    reason: str | None = None


_APPROVED = Judgement(Verdict.APPROVE)
_AGREED = Judgement(Verdict.APPROVE, "agreed beforehand")


def judge(order: Order, confirm_above_minor: int) -> Judgement:
    """A payer who asked to confirm, or pays above the bank's bound (0: none), is challenged; money from outside never."""
    if order.kind in (Kind.TOPUP, Kind.SALARY):
        return _APPROVED
    if order.agreed:
        return _AGREED
    if order.confirm:
        return Judgement(Verdict.CHALLENGE, "confirmation asked for")
    if confirm_above_minor and order.amount_minor > confirm_above_minor:
        return Judgement(Verdict.CHALLENGE, "above the bound for paying without confirmation")
    return _APPROVED
