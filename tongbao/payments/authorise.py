"""What a payer must show before a payment goes on, what he has shown, and whether that is enough.

Everything that he shows is for one instruction: its SHA-256 stands beside it. Were the amount or the payee another, it would count
for nothing. Secrets are checked by identity, at the edge, before `add_evidence`; a wrong one never comes here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from tongbao import identity
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import Factor, FactorKind, Proven, Sort
from tongbao.payments import authorise_store, policy_store
from tongbao.payments import refusals as no
from tongbao.payments.authorise_store import Evidence
from tongbao.payments.instruction import Instruction, instructions
from tongbao.payments.model import Payment, State
from tongbao.payments.policy import Challenge
from tongbao.payments.seen import Side, may_see_payment

LASTS: Final = timedelta(minutes=5)
"""What was shown counts for so long."""

SIGNING: Final = frozenset({"passkey", "device"})
"""Kinds of what is shown that are a signature over the instruction."""

_ORDER: Final = ("passkey", "device", "pin", "totp", "sms", "password")
"""How a payer is asked who has no favourite: the least trouble first."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One payment that waits for its payer: what he is asked for, to what, and what he has shown."""

    challenge: Challenge
    instruction: Instruction
    evidence: tuple[Evidence, ...]

    def counted(self, at: datetime) -> tuple[Proven, ...]:
        """What counts at this moment: shown for this very instruction, lately, and good for its amount."""
        return tuple(one.proven for one in self.evidence if self.is_of_now(one, at) and self._fits(one))

    def is_of_now(self, one: Evidence, at: datetime) -> bool:
        return one.instruction_hash == self.instruction.digest and at - one.shown_at <= LASTS

    def _fits(self, one: Evidence) -> bool:
        return one.proven.capable or not self.challenge.large

    def is_enough(self, at: datetime) -> bool:
        return is_enough(self.challenge, self.counted(at))

    def refusal(self, at: datetime) -> Refusal | None:
        """Why this payment cannot be confirmed yet; None where it can."""
        if self.is_enough(at):
            return None
        fitting = [one for one in self.evidence if self._fits(one)]
        of_this = [one.proven for one in fitting if one.instruction_hash == self.instruction.digest]
        if is_enough(self.challenge, of_this):
            return no.EVIDENCE_STALE()
        if is_enough(self.challenge, [one.proven for one in fitting]):
            return no.INSTRUCTION_CHANGED()
        return no.AUTHORISATION_NEEDED()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a payer sees who is asked. `methods`: what he has and is asked for now, his favourite first."""

    payment: Payment
    asked: Asked
    counted: tuple[Proven, ...]
    enough: bool
    methods: tuple[Factor, ...]
    looked_at: datetime


def sorts(proven: Iterable[Proven]) -> frozenset[Sort]:
    return frozenset[Sort]().union(*(one.sorts for one in proven))


def sorts_of(factor: Factor) -> frozenset[Sort]:
    """What showing this factor shows."""
    return factor.sorts


def is_enough(challenge: Challenge, proven: Collection[Proven]) -> bool:
    """Of as many different sorts as were asked for; one of them a signature where one was."""
    signed = not challenge.signed or any(one.kind.value in SIGNING for one in proven)
    return signed and len(sorts(proven)) >= challenge.ways


def methods(challenge: Challenge, factors: Iterable[Factor], counted: Collection[Proven]) -> tuple[Factor, ...]:
    """What brings a payer nearer, his favourite first: never less than is needed.

    The log-in password stands in for a payment PIN only where he has none.
    """
    own = list(factors)
    has = sorts(counted)
    lacks = challenge.ways - len(has)
    unsigned = challenge.signed and not any(one.kind.value in SIGNING for one in counted)
    with_pin = any(one.kind is FactorKind.PIN for one in own)

    def helps(factor: Factor) -> bool:
        if factor.kind is FactorKind.PASSWORD and with_pin:
            return False
        signs = factor.kind.value in SIGNING
        if unsigned and lacks <= 1:
            return signs
        return (unsigned and signs) or (lacks > 0 and not sorts_of(factor) <= has)

    found = {factor.kind: factor for factor in reversed(own) if helps(factor)}
    return tuple(sorted(found.values(), key=lambda one: (not one.preferred, _ORDER.index(one.kind.value))))


async def asked_about(tx: Tx, payments: Collection[Payment]) -> dict[UUID, Asked]:
    """Of these payments those whose payers must show something first, in as many statements for many as for one."""
    waiting = {p.id: p for p in payments if p.state == State.CHALLENGED}
    challenges = await policy_store.challenges(tx, waiting) if waiting else {}
    needed = {id_: one for id_, one in challenges.items() if one.ways or one.signed}
    if not needed:
        return {}
    found = await instructions(tx, [waiting[id_] for id_ in needed], needed)
    shown = await authorise_store.evidence(tx, needed)
    return {id_: Asked(challenge=needed[id_], instruction=found[id_], evidence=tuple(shown[id_])) for id_ in found}


async def show_instruction(tx: Tx, payment_id: UUID, *, by: Principal, at: datetime) -> Shown:
    """What the payer is asked for and to what he agrees. Refuses `payment_unknown` to all others, and `not_challenged`."""
    seen = await may_see_payment(tx, by, payment_id)
    if seen.side is not Side.PAYER or by.subject_id is None:
        raise no.PAYMENT_UNKNOWN()
    payment = seen.payment
    asked = (await asked_about(tx, [payment])).get(payment_id)
    if asked is None or payment.due_at is None or at >= payment.due_at:
        raise no.NOT_CHALLENGED()
    counted = asked.counted(at)
    tried = {one.proven.kind for one in asked.evidence if asked.is_of_now(one, at)}
    own = [one for one in (await identity.factors_of(tx, [by.subject_id]))[by.subject_id] if one.kind not in tried]
    return Shown(
        payment=payment,
        asked=asked,
        counted=counted,
        enough=is_enough(asked.challenge, counted),
        methods=methods(asked.challenge, own, counted),
        looked_at=at,
    )


async def check_instruction(tx: Tx, payment_id: UUID, instruction_hash: bytes, *, by: Principal, at: datetime) -> Shown:
    """The same where the payer looks at what he is really asked. Refuses `instruction_changed` otherwise."""
    shown = await show_instruction(tx, payment_id, by=by, at=at)
    if shown.asked.instruction.digest != instruction_hash:
        raise no.INSTRUCTION_CHANGED()
    return shown


async def add_evidence(
    tx: Tx, payment_id: UUID, proven: Proven, *, instruction_hash: bytes, by: Principal, at: datetime
) -> None:
    """Keeps what the payer has shown, checked by identity in this transaction or just before, for what he was shown.

    Refuses `payment_unknown`, `not_challenged`, `instruction_changed`.
    """
    await check_instruction(tx, payment_id, instruction_hash, by=by, at=at)
    new = Evidence(payment_id=payment_id, proven=proven, instruction_hash=instruction_hash, shown_at=at)
    await authorise_store.add_evidence(tx, new)
