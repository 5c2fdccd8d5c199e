"""Consent per purpose: asked in one wording, given and withdrawn by the customer himself, and heeded by whoever uses his data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.identity import consent_store, rhythm_store, store
from tongbao.identity import refusals as no
from tongbao.identity.consent_model import Consent, Purpose

_HISTORY = 1000


async def consents_of(tx: Tx, customer_id: UUID) -> list[Consent]:
    """Every purpose in its newest wording, with the customer's answer to it."""
    return await consent_store.consents(tx, customer_id)


async def consent_history(tx: Tx, customer_id: UUID) -> list[Consent]:
    """What he has answered, newest first, each with the wording that he read; a thousand at most."""
    return await consent_store.consent_history(tx, customer_id, _HISTORY)


async def set_consent(
    tx: Tx, customer_id: UUID, purpose: str, version: int, given: bool, *, id: UUID, by: Principal, at: datetime
) -> None:
    """Gives or withdraws; only the customer himself does. The answer holds from the next use on; the one
    that holds already, said once more, adds nothing. With the consent goes what was kept for its sake.

    Refuses `permission_missing`, `purpose_unknown`, and `wording_outdated` for an answer to a text that is not asked any more.
    """
    if by.kind is not PrincipalKind.CUSTOMER or by.subject_id != customer_id:
        raise PERMISSION_MISSING("only the customer himself agrees")
    asked = {one.purpose: one for one in await consent_store.consents(tx, customer_id)}
    if purpose not in asked:
        raise no.PURPOSE_UNKNOWN(purpose, field="purpose")
    if asked[purpose].version != version:
        raise no.WORDING_OUTDATED()
    if asked[purpose].given is given:
        return
    withdrawn = purpose == Purpose.TYPING.value and not given
    if withdrawn:
        # Whoever writes down how he typed waits for this lock, and then finds that he does not agree.
        await store.lock_customer(tx, customer_id)
    if not await consent_store.add_consent(tx, id, customer_id, purpose, version, given, at):
        return
    if withdrawn:
        await rhythm_store.drop_rhythms(tx, customer_id)
    details = {"purpose": purpose, "version": version}
    await audit.record(tx, by, f"consent.{'give' if given else 'withdraw'}", customer_id, at=at, details=details)


async def may_use(tx: Tx, customer_ids: Iterable[UUID], purpose: Purpose) -> set[UUID]:
    """Who agrees now. Ask in the transaction that uses the data, so that a withdrawal holds at once."""
    return await consent_store.agreed(tx, customer_ids, purpose.value)
