"""Levels of knowing a customer, and the question to the identity provider whether his name and identity number belong together.

A question is written down, and asked later without any transaction (`jobs.py`); what was said is booked here. The provider is asked
again until it has decided, a day at most. Names and numbers lie in the vault.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from tongbao import vault
from tongbao.base import audit
from tongbao.base.approvals import Approval, need_second
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM, Principal
from tongbao.identity import refusals as no
from tongbao.identity import store, verification_store
from tongbao.identity.model import (
    FULL_LEVEL,
    Customer,
    CustomerKind,
    Level,
    Standing,
    Verification,
    VerificationState,
)
from tongbao.identity.providers import Said
from tongbao.web.refusals import ID_TAKEN

CHECKED_LEVEL: Final = 1
"""What a customer rises to whose name and number the provider has found to belong together."""
CLERKS_LEVELS: Final = (2, FULL_LEVEL)
"""What a clerk gives: documents seen, seen at the counter."""
LEASE: Final = timedelta(seconds=30)
GIVES_UP: Final = timedelta(days=1)
"""How long after it was asked a question without an answer counts as failed."""
MOST_A_DAY: Final = 5
"""Questions about one customer within 24 hours: nobody tries out here which name goes with which number."""
_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(minutes=5)
_REASON: Final = "the identity provider is asked whether name and number belong together"


class Question(msgspec.Struct, frozen=True):
    """What the provider is asked, in the clear for as long as that takes. None: it has the question and is asked how it stands."""

    verification: Verification
    lease: UUID
    person: tuple[str, str] | None

    def __repr__(self) -> str:
        return f"Question({self.verification.id})"


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from an answer: how the question stands, and when it is asked again, if at all."""

    state: VerificationState
    tries: int = 0
    next_at: datetime | None = None


def id_number_of(text: str) -> str:
    """An identity number of 18 places (GB 11643-1999) in its one spelling. Refuses `id_number_malformed`."""
    try:
        return ric.validate(re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)))
    except ValidationError:
        raise no.ID_NUMBER_MALFORMED(field="id_number") from None


async def ask_verification(
    tx: Tx,
    customer_id: UUID,
    *,
    id: UUID,
    name: str,
    id_number: str,
    by: Principal,
    at: datetime,
    tells_taken: bool = True,
) -> None:
    """Asks the provider, soon, whether a customer is who he says. The same id again is the same question.

    Without `tells_taken` somebody else's number is not refused but found not to match, as any other that is not his: nobody learns
    so who is a customer. Refuses `customer_unknown`, `customer_closed`, `verification_for_persons`, `already_verified`, `id_taken`,
    `id_number_malformed`, `verification_open`, `verification_too_often`, `id_number_taken`.
    """
    customer = await store.lock_customer(tx, customer_id)
    if customer is None:
        raise no.CUSTOMER_UNKNOWN()
    before = await verification_store.verification(tx, id)
    if before is not None and before.customer_id == customer_id:
        return
    _may_be_asked(customer)
    if before is not None:
        raise ID_TAKEN()
    number = id_number_of(id_number)
    _not_too_often(await verification_store.verifications_of(tx, customer_id, MOST_A_DAY), at)
    is_taken = await _is_another_s(tx, customer_id, number)
    if is_taken and tells_taken:
        raise no.ID_NUMBER_TAKEN(field="id_number")
    if not await verification_store.add_verification(tx, id, customer_id, by.id, at):
        raise ID_TAKEN()
    await audit.record(tx, by, "verification.ask", customer_id, at=at, details={"id": str(id)})
    if is_taken:
        await verification_store.set_verification(
            tx, id, VerificationState.MISMATCH, tries=0, next_at=None, decided_at=at
        )
        await audit.record(tx, SYSTEM, "verification.taken", customer_id, at=at, details={"id": str(id)})
        return
    kept = {vault.Kind.NAME: name.strip(), vault.Kind.ID_NUMBER: number}
    await vault.keep(tx, [vault.Datum(subject_id=customer_id, kind=k, text=t) for k, t in kept.items()], at=at)


def _may_be_asked(customer: Customer) -> None:
    if customer.status is Standing.CLOSED:
        raise no.CUSTOMER_CLOSED()
    if customer.kind is not CustomerKind.PERSON:
        raise no.VERIFICATION_FOR_PERSONS()
    if customer.level >= CHECKED_LEVEL:
        raise no.ALREADY_VERIFIED()


def _not_too_often(newest: list[Verification], at: datetime) -> None:
    if any(one.state.is_open for one in newest):
        raise no.VERIFICATION_OPEN()
    if len(newest) == MOST_A_DAY and (since := at - newest[-1].asked_at) < timedelta(days=1):
        raise no.VERIFICATION_TOO_OFTEN(retry_after_s=max(1, (timedelta(days=1) - since) // timedelta(seconds=1)))


async def _is_another_s(tx: Tx, customer_id: UUID, number: str) -> bool:
    """Of two who name one number at the same moment the second waits here for the first."""
    (fingerprint,) = await vault.fingerprint(tx, vault.Kind.ID_NUMBER, [number])
    await verification_store.hold_identity_number(tx, fingerprint)
    others = set(await vault.find(tx, vault.Kind.ID_NUMBER, number)) - {customer_id}
    # Whoever named it and was found to be somebody else does not keep its owner out.
    return bool(others and await verification_store.identified(tx, others))


async def raise_level(
    tx: Tx,
    customer_id: UUID,
    level: int,
    *,
    reason: str,
    by: Principal,
    at: datetime,
    seconded: Approval | None = None,
) -> Customer:
    """What a clerk has seen, documents or the person: the customer may pay more from now on. Audited.

    Refuses `customer_unknown`, `customer_closed`, `level_not_given`, `level_not_higher`; staff alone `takes_a_second_person`.
    """
    need_second(by, seconded)
    customer = await must_rise(tx, customer_id, level)
    await verification_store.set_level(tx, customer_id, level)
    details = {"from": customer.level, "to": level}
    await audit.record(tx, by, "customer.level", customer_id, at=at, reason=reason, details=details)
    return msgspec.structs.replace(customer, level=level)


async def must_rise(tx: Tx, customer_id: UUID, level: int) -> Customer:
    """The customer, locked, who can be given this level. Refuses as `raise_level`."""
    customer = await store.lock_customer(tx, customer_id)
    if customer is None:
        raise no.CUSTOMER_UNKNOWN()
    if customer.status is Standing.CLOSED:
        raise no.CUSTOMER_CLOSED()
    if level not in CLERKS_LEVELS:
        raise no.LEVEL_NOT_GIVEN(field="level")
    if level <= customer.level:
        raise no.LEVEL_NOT_HIGHER(field="level")
    return customer


async def find_verification(tx: Tx, id: UUID) -> Verification | None:
    """One question and what became of it."""
    return await verification_store.verification(tx, id)


async def levels(tx: Tx) -> list[Level]:
    """What may be paid at each level, the lowest first."""
    return await verification_store.levels(tx)


async def verification_of(tx: Tx, customer_ids: Iterable[UUID]) -> dict[UUID, Verification]:
    """The newest question about each customer; whoever was never asked about is left out."""
    return await verification_store.newest_verifications(tx, customer_ids)


async def verifications(tx: Tx, customer_id: UUID, *, most: int = 20) -> list[Verification]:
    """The questions about one customer, newest first."""
    return await verification_store.verifications_of(tx, customer_id, most)


async def verifications_waiting(tx: Tx) -> tuple[int, datetime | None]:
    """How many questions have no answer yet, and when the oldest of them was asked."""
    return await verification_store.verifications_waiting(tx)


async def take_due(tx: Tx, lease: UUID, at: datetime, *, most: int) -> list[Question]:
    """Leases questions that are due to one caller for half a minute. What is read from the vault leaves word there."""
    due = await verification_store.lease_verifications(tx, lease, at, at + LEASE, most)
    new = [one.customer_id for one in due if one.state is VerificationState.ASKED]
    kinds = (vault.Kind.NAME, vault.Kind.ID_NUMBER)
    known = await vault.read(tx, new, kinds, by=SYSTEM, reason=_REASON, at=at) if new else {}
    return [Question(one, lease, _person(known.get(one.customer_id, {}))) for one in due]


def _person(known: dict[vault.Kind, str]) -> tuple[str, str] | None:
    name, number = known.get(vault.Kind.NAME), known.get(vault.Kind.ID_NUMBER)
    return (name, number) if name and number else None


async def book_answer(tx: Tx, question: Question, said: Said, *, at: datetime) -> VerificationState | None:
    """What the provider said becomes what the question is; verified, and the customer rises to level 1.

    None where somebody else has the question by now, or it is over: then nothing is changed.
    """
    verification = await verification_store.lock_verification(tx, question.verification.id, question.lease)
    if verification is None:
        return None
    then = turn(verification, said, at)
    decided_at = None if then.state.is_open else at
    await verification_store.set_verification(
        tx, verification.id, then.state, tries=then.tries, next_at=then.next_at, decided_at=decided_at
    )
    if then.state is VerificationState.VERIFIED:
        await verification_store.set_level(tx, verification.customer_id, CHECKED_LEVEL)
    if decided_at:
        action = f"verification.{then.state.value}"
        await audit.record(tx, SYSTEM, action, verification.customer_id, at=at, details={"id": str(verification.id)})
    return then.state


def turn(verification: Verification, said: Said, at: datetime) -> Turn:
    """What follows from what was said. Pure; the one place where asking again and giving up are decided."""
    if said is Said.VERIFIED:
        return Turn(state=VerificationState.VERIFIED)
    if said is Said.MISMATCH:
        return Turn(state=VerificationState.MISMATCH)
    if said is Said.NOBODY or at >= verification.asked_at + GIVES_UP:
        return Turn(state=VerificationState.FAILED, tries=verification.tries)
    tries = verification.tries + 1
    state = verification.state
    if said is Said.PENDING:
        state = VerificationState.PENDING
    elif said is Said.NEVER_SEEN:
        state = VerificationState.ASKED
    return Turn(state=state, tries=tries, next_at=at + pause(tries))


def pause(tries: int) -> timedelta:
    """How long to wait after the n-th time without a decision: 2, 4, 8 ... seconds, at most five minutes."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(tries - 1, 10))
