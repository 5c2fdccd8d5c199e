"""What people ask about their data: filed with a day for the answer, answered by staff, never lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import identity, vault
from tongbao.base import audit, days
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.base.say import Lang
from tongbao.govern import refusals as no
from tongbao.govern import store
from tongbao.govern.model import (
    ANSWERED_WITHIN_DAYS,
    TEXT_LONGEST,
    Request,
    RequestKind,
    RequestState,
    Texts,
)
from tongbao.web import i18n

MAY_READ = "privacy:read"
MAY_ANSWER = "privacy:write"
_MOST_OF_ONE = 100

ANSWERED_MESSAGES = {
    RequestState.DONE: "The bank has done what you asked for about your data. The answer is on your privacy page.",
    RequestState.REFUSED: "The bank has answered what you asked about your data. The answer is on your privacy page.",
}


async def ask(
    tx: Tx, principal: Principal, kind: RequestKind, text: str, *, id: UUID, at: datetime, zone: ZoneInfo
) -> Request:
    """Files a request of the customer's own. The same id again is the same request.

    Refuses `permission_missing`, `request_text_needed`, `request_open` where one of this kind waits for its answer.
    """
    if principal.kind is not PrincipalKind.CUSTOMER or principal.subject_id is None:
        raise PERMISSION_MISSING("a customer asks about himself")
    said = text.strip()
    if (not said and kind in (RequestKind.CORRECTION, RequestKind.COMPLAINT)) or len(said) > TEXT_LONGEST:
        raise no.REQUEST_TEXT_NEEDED(field="text")
    holder, due_on = principal.subject_id, await last_day(tx, days.local_day(at, zone))
    sealed = await vault.seal(tx, holder, said.encode(), bound=_bound(id, "text"), at=at) if said else None
    fresh = await store.add_request(tx, id, holder, kind, sealed, due_on, at)
    found = await store.request(tx, id)
    if found is None or found.customer_id != holder or found.kind is not kind:
        raise no.REQUEST_OPEN()
    if fresh:
        details = {"kind": kind.value, "due_on": due_on.isoformat()}
        await audit.record(tx, principal, "privacy.ask", id, at=at, details=details)
    return found


async def last_day(tx: Tx, asked_on: date) -> date:
    """The fifteenth working day after a day, by the bank's calendar."""
    coming = await days.calendar(tx, asked_on + timedelta(1), asked_on + timedelta(60))
    working = [day for day, is_business in coming.items() if is_business]
    return working[ANSWERED_WITHIN_DAYS - 1]


async def withdraw(tx: Tx, principal: Principal, id: UUID, *, at: datetime) -> Request:
    """By whoever asked. Refuses `request_unknown`, `request_over`; withdrawn again it stays so."""
    found = await store.lock_request(tx, id)
    if found is None or principal.kind is not PrincipalKind.CUSTOMER or found.customer_id != principal.subject_id:
        raise no.REQUEST_UNKNOWN()
    if found.state is RequestState.WITHDRAWN:
        return found
    if found.state is not RequestState.WAITING:
        raise no.REQUEST_OVER()
    await store.decide_request(tx, id, RequestState.WITHDRAWN, None, principal.id, at)
    await audit.record(tx, principal, "privacy.withdraw", id, at=at)
    return await _known(tx, id)


async def answer(
    tx: Tx,
    principal: Principal,
    id: UUID,
    state: RequestState,
    text: str,
    *,
    at: datetime,
    lang: Lang = "zh",
    name: str | None = None,
) -> Request:
    """Staff do what was asked, or say why not; the customer is told. `name` corrects what the bank has; a telephone number is
    changed on a page of its own, by two people.

    A deletion that is done takes what the law does not keep at once; the rest goes on its day (`leave.py`).
    Refuses `permission_missing`, `request_unknown`, `request_over`, `answer_needed`, `customer_still_here`.
    """
    principal.require(MAY_ANSWER)
    assert state in (RequestState.DONE, RequestState.REFUSED)
    found = await store.lock_request(tx, id)
    if found is None:
        raise no.REQUEST_UNKNOWN()
    if found.state is not RequestState.WAITING:
        raise no.REQUEST_OVER()
    said = text.strip()
    if not said or len(said) > TEXT_LONGEST:
        raise no.ANSWER_NEEDED(field="text")
    if state is RequestState.DONE:
        await _do(tx, principal, found, name=name, at=at)
    sealed = await vault.seal(tx, found.customer_id, said.encode(), bound=_bound(id, "answer"), at=at)
    await store.decide_request(tx, id, state, sealed, principal.id, at)
    details = {"kind": found.kind.value, "state": state.value}
    await audit.record(tx, principal, "privacy.answer", id, at=at, details=details)
    told = i18n.say(ANSWERED_MESSAGES[state], lang)
    await identity.tell_customer(tx, found.customer_id, told, about=f"privacy {id}", at=at, path="/me/privacy")
    return await _known(tx, id)


async def _do(tx: Tx, principal: Principal, found: Request, *, name: str | None, at: datetime) -> None:
    if found.kind is RequestKind.CORRECTION and name:
        reason = f"request {found.id}"
        await identity.correct_person(tx, found.customer_id, name=name, reason=reason, by=principal, at=at)
    if found.kind is RequestKind.DELETION:
        customer = (await identity.find_customers(tx, [found.customer_id]))[found.customer_id]
        if customer.status is not identity.Standing.CLOSED:
            raise no.CUSTOMER_STILL_HERE()
        await identity.drop_means(tx, [found.customer_id])


async def find_request(tx: Tx, principal: Principal, id: UUID) -> Request:
    """One request, for its customer or for staff. Refuses `request_unknown`."""
    found = await store.request(tx, id)
    own = principal.kind is PrincipalKind.CUSTOMER
    if found is None or (own and found.customer_id != principal.subject_id):
        raise no.REQUEST_UNKNOWN()
    if not own:
        principal.require(MAY_READ)
    return found


async def texts_of(tx: Tx, principal: Principal, found: Sequence[Request]) -> dict[UUID, Texts]:
    """What was asked and answered, in the clear, in two statements for all of them. Refuses `request_unknown`, `permission_missing`."""
    own = principal.kind is PrincipalKind.CUSTOMER
    if not own:
        principal.require(MAY_READ)
    elif any(one.customer_id != principal.subject_id for one in found):
        raise no.REQUEST_UNKNOWN()
    owners = {one.id: one.customer_id for one in found}
    kept = await store.sealed_texts(tx, owners)
    places = [
        ((id_, what), vault.Sealed(subject_id=owners[id_], sealed=sealed, bound=_bound(id_, what)))
        for id_, both in kept.items()
        for what, sealed in zip(("text", "answer"), both, strict=True)
        if sealed is not None
    ]
    opened = await vault.open_all(tx, [sealed for _, sealed in places])
    plain = {place: text.decode() for (place, _), text in zip(places, opened, strict=True) if text is not None}
    return {id_: Texts(plain.get((id_, "text")), plain.get((id_, "answer"))) for id_ in kept}


async def requests_of(tx: Tx, customer_id: UUID) -> list[Request]:
    """A customer's requests, newest first; a hundred at most."""
    return await store.requests_of(tx, customer_id, _MOST_OF_ONE)


async def list_requests(
    tx: Tx,
    principal: Principal,
    *,
    state: RequestState | None,
    kind: RequestKind | None,
    after: tuple[date, UUID] | None,
    most: int,
) -> list[Request]:
    """A page of all requests, the one that is due first before the others. Refuses `permission_missing`."""
    principal.require(MAY_READ)
    return await store.requests(tx, state, kind, after or (date.min, UUID(int=0)), most)


async def late_requests(tx: Tx, today: date) -> int:
    """How many wait for an answer after their last day."""
    return await store.late_requests(tx, today)


async def _known(tx: Tx, id: UUID) -> Request:
    found = await store.request(tx, id)
    assert found is not None
    return found


def _bound(id: UUID, what: str) -> str:
    return f"govern.request {what} {id}"
