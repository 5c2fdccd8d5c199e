"""What is judged before any lock is taken: whether the payer must confirm, and what a customer who pays for himself must show.

What the rules of risk say comes in here: a denial denies, a hold holds what would be paid, a challenge asks for more, and their points
are the policy's risk.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from tongbao import risk
from tongbao.base.refusal import RefusalKind
from tongbao.payments.model import Kind, Order, OrderShown
from tongbao.payments.policy import Needs, Policy, Situation, needs


class Verdict(StrEnum):
    APPROVE = "approve"
    CHALLENGE = "challenge"
    HOLD = "hold"
    DENY = "deny"


class Judgement(msgspec.Struct, frozen=True):
    """The verdict on one order, the reason that it gives, and what its payer must show where the policy spoke."""

    verdict: Verdict
    reason: str | None = None
    needs: Needs | None = None
    nonce: bytes | None = None
    """32 bytes of chance for what the payer is asked to sign; of a challenge by the policy."""
    within_day_minor: int | None = None
    """It holds while the day's payments, this one among them, come to no more; else `otherwise` holds."""
    otherwise: Judgement | None = None
    refusal: RefusalKind | None = None
    """Why it is denied, where that is not the policy's doing."""
    shown: OrderShown | None = None
    """What the payer has shown with the order."""


_APPROVED: Final = Judgement(Verdict.APPROVE)
_AGREED: Final = Judgement(Verdict.APPROVE, "agreed beforehand")
SIGNED: Final = "signed by the payer"
RISK: Final = "risk"
_ASKED_FOR: Final = "confirmation asked for"
_ABOVE: Final = "above the bound for paying without confirmation"


def is_judged_by_policy(order: Order) -> bool:
    """A customer who pays for himself, now. The bank's keys, what was agreed beforehand, salaries and top-ups are not."""
    return order.payer_id is not None and not order.agreed and order.kind not in (Kind.TOPUP, Kind.SALARY)


def judge(
    order: Order,
    confirm_above_minor: int,
    known: tuple[Policy, Situation] | None = None,
    nonce: bytes | None = None,
    shown: OrderShown | RefusalKind | None = None,
    assessed: risk.Judged | None = None,
) -> Judgement:
    """Whether this order is paid, asked about or denied. `known` and `nonce` are given where `is_judged_by_policy`.

    What rules deny is denied, whatever was agreed beforehand; what they hold waits for a person, once its payer has confirmed it where
    he must; what they challenge is asked about, and takes two ways where the policy judges. A payer who asked to confirm, or pays above the bank's bound (0: none), is challenged; money from outside never. `shown`: what
    the signature shows that an order brings, or why it shows nothing: then the order is denied.
    """
    if isinstance(shown, RefusalKind):
        return Judgement(Verdict.DENY, refusal=shown)
    action = assessed.action if assessed else risk.Action.APPROVE
    if action is risk.Action.DENY:
        return Judgement(Verdict.DENY, RISK)
    is_odd = action is risk.Action.CHALLENGE
    if assessed and known:
        known = _with_risk(*known, assessed.risk, is_odd=is_odd)
    judgement = _judged(order, confirm_above_minor, known, nonce, shown, is_odd=is_odd)
    if action is risk.Action.HOLD and judgement.verdict is Verdict.APPROVE:
        judgement = msgspec.structs.replace(judgement, verdict=Verdict.HOLD, reason=RISK)
    return judgement if shown is None else msgspec.structs.replace(judgement, shown=shown)


def _judged(
    order: Order,
    confirm_above_minor: int,
    known: tuple[Policy, Situation] | None,
    nonce: bytes | None,
    shown: OrderShown | None,
    *,
    is_odd: bool,
) -> Judgement:
    if order.kind in (Kind.TOPUP, Kind.SALARY):
        return _APPROVED
    if order.agreed:
        return _AGREED
    reason = None
    if order.confirm:
        reason = _ASKED_FOR
    elif confirm_above_minor and order.amount_minor > confirm_above_minor:
        reason = _ABOVE
    elif is_odd:
        reason = RISK
    if is_judged_by_policy(order):
        assert known is not None
        return _by_policy(*known, reason, nonce, shown)
    return Judgement(Verdict.CHALLENGE, reason) if reason else _APPROVED


def _with_risk(policy: Policy, situation: Situation, points: int, *, is_odd: bool) -> tuple[Policy, Situation]:
    """Points, or a score, are of 100, the policy's risk is of 1,000; what a rule challenges is never less than what takes two ways."""
    measured = max(points * 10, policy.rules.two_from_risk if is_odd else 0)
    return policy, msgspec.structs.replace(situation, risk=measured)


def _by_policy(
    policy: Policy, situation: Situation, reason: str | None, nonce: bytes | None, shown: OrderShown | None
) -> Judgement:
    asked = needs(policy, situation)
    if asked.refused:
        return Judgement(Verdict.DENY, reason, asked)
    bound, why = policy.rules.none_per_day_minor, None
    if asked.family_id is not None:
        return Judgement(Verdict.CHALLENGE, reason, asked, nonce)
    if shown is not None and reason is None and asked.ways <= len(shown.sorts):
        bound, why = policy.rules.one_per_day_minor, SIGNED
    elif asked.ways or reason:
        return Judgement(Verdict.CHALLENGE, reason, asked, nonce)
    # Others of his payments may be under way at this moment: under the lock of his counters it is looked at once more.
    beyond = needs(policy, msgspec.structs.replace(situation, day_minor=bound))
    return Judgement(
        Verdict.APPROVE,
        why,
        asked,
        within_day_minor=bound,
        otherwise=Judgement(Verdict.CHALLENGE, None, beyond, nonce),
    )
