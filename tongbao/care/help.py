"""A customer asks for help, says more, closes his matter; each thing that is said is said once, whoever presses twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from tongbao import payments, vault
from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.care import refusals as no
from tongbao.care import store
from tongbao.care.model import (
    ANSWERED_WITHIN,
    FOR_STAFF,
    OPEN_AT_MOST,
    SAID_AT_MOST,
    TEXT_LONGEST,
    URGENT,
    Context,
    Kind,
    Message,
    Request,
    State,
    What,
)

MAY_READ: Final = "help:read"
MAY_ANSWER: Final = "help:answer"
NEWEST: Final = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
_TAKEN_ALONG: Final = 200
"""Of how many matters a person is given what was said."""
_WORDLESS: Final = frozenset({Kind.NOT_MINE, Kind.LOST, Kind.CALL})
"""What needs no words: what is wanted is plain."""


async def ask(
    tx: Tx, principal: Principal, kind: Kind, text: str, context: Context, *, id: UUID, at: datetime
) -> Request:
    """Opens a matter of the customer's own. The same id again is the same matter.

    Refuses `permission_missing`, `help_text_needed`, `help_too_many`, `help_unknown` for an id that is somebody else's,
    and payments' `payment_unknown`.
    """
    holder = _customer(principal)
    if context.payment_id is not None:
        await payments.may_see_payment(tx, principal, context.payment_id)
    return await begin(tx, principal, holder, kind, text, context, id=id, at=at)


async def begin(
    tx: Tx, by: Principal, customer_id: UUID, kind: Kind, text: str, context: Context, *, id: UUID, at: datetime
) -> Request:
    """Opens a matter, whoever wrote it down: the customer, or staff to whom he spoke. As `ask`."""
    said = _words(text, needed=kind not in _WORDLESS)
    known = await store.request(tx, id)
    if known is None and await store.not_closed(tx, customer_id) >= OPEN_AT_MOST:
        raise no.HELP_TOO_MANY()
    urgent = kind in URGENT
    due_at = at + ANSWERED_WITHIN[urgent]
    fresh = await store.add_request(tx, id, customer_id, kind, context, urgent=urgent, at=at, due_at=due_at)
    found = await store.request(tx, id)
    if found is None and kind is Kind.NOT_MINE and context.payment_id is not None:
        found = await store.open_request_about(tx, context.payment_id)  # somebody was faster: there is one of a payment
    if found is None or found.customer_id != customer_id or found.kind is not kind:
        raise no.HELP_UNKNOWN()
    if fresh:
        sealed = await _sealed(tx, customer_id, id, said, at)
        by_customer = by.kind is PrincipalKind.CUSTOMER
        await store.add_message(tx, id, id, 1, What.ASKED, sealed, by_customer=by_customer, by=by.id, at=at)
        details = {"kind": kind.value, "channel": context.channel.value}
        await audit.record(tx, by, "help.ask", id, at=at, details=details)
    return found


async def write(tx: Tx, principal: Principal, id: UUID, text: str, *, message_id: UUID, at: datetime) -> Request:
    """The customer says more: it is the bank's turn again. Refuses `help_unknown`, `help_text_needed`, `help_closed`, `help_full`."""
    found = await _own(tx, principal, id)
    now = found.turned_at if found.state is State.WAITING else at
    return await say(
        tx, principal, found, What.WRITTEN, text, message_id=message_id, at=at, state=State.WAITING, turned_at=now
    )


async def close(tx: Tx, principal: Principal, id: UUID, *, message_id: UUID, at: datetime) -> Request:
    """The customer needs no more help. Refuses `help_unknown`; a closed one stays so."""
    found = await _own(tx, principal, id)
    if found.state is State.CLOSED:
        return found
    return await say(
        tx, principal, found, What.CLOSED, "", message_id=message_id, at=at, state=State.CLOSED, turned_at=at
    )


async def say(
    tx: Tx,
    by: Principal,
    found: Request,
    what: What,
    text: str,
    *,
    message_id: UUID,
    at: datetime,
    state: State,
    turned_at: datetime,
    owner_id: UUID | None = None,
) -> Request:
    """Adds to a locked matter what was said and whose turn it is then. The same id again changes nothing.

    Refuses `help_unknown` for an id of another matter, `help_text_needed`, `help_closed`, `help_full`.
    """
    before = await store.said_before(tx, message_id)
    if before is not None:
        if before != found.id:
            raise no.HELP_UNKNOWN()
        return found
    said = _words(text, needed=what not in (What.CLOSED, What.HANDED_OVER))
    if found.state is State.CLOSED:
        raise no.HELP_CLOSED()
    if found.said >= SAID_AT_MOST:
        raise no.HELP_FULL()
    sealed = await _sealed(tx, found.customer_id, message_id, said, at)
    is_customers = by.kind is PrincipalKind.CUSTOMER
    place = found.said + 1
    await store.add_message(tx, message_id, found.id, place, what, sealed, by_customer=is_customers, by=by.id, at=at)
    answered_at = found.answered_at or (at if what is What.ANSWERED else None)
    after = replace(
        found,
        state=state,
        said=place,
        turned_at=turned_at,
        owner_id=owner_id or found.owner_id,
        answered_at=answered_at,
        closed_at=at if state is State.CLOSED else None,
    )
    await store.turn(tx, after)
    await audit.record(tx, by, f"help.{what.value}", found.id, at=at)
    return after


async def find_own(tx: Tx, principal: Principal, id: UUID) -> Request:
    """Refuses `help_unknown`, also for what is somebody else's."""
    found = await store.request(tx, id)
    if found is None or found.customer_id != _customer(principal):
        raise no.HELP_UNKNOWN()
    return found


async def requests_of(tx: Tx, customer_id: UUID, *, before: store.Place = NEWEST, most: int = 50) -> list[Request]:
    """A customer's matters, newest first."""
    return await store.requests_of(tx, customer_id, before, most)


async def history(tx: Tx, found: Request, *, for_staff: bool) -> list[Message]:
    """What was said, in order, in two statements. A customer does not see what staff wrote to each other."""
    rows = [row for row in await store.messages(tx, found.id) if for_staff or What(row[2]) not in FOR_STAFF]
    places = [
        (row[0], vault.Sealed(subject_id=found.customer_id, sealed=bytes(row[5]), bound=_bound(row[0])))
        for row in rows
        if row[5] is not None
    ]
    opened = await vault.open_all(tx, [sealed for _, sealed in places])
    plain = {id_: text.decode() for (id_, _), text in zip(places, opened, strict=True) if text is not None}
    return [
        Message(id=id_, said_at=at, what=What(what), by_customer=by_customer, by_id=by_id, text=plain.get(id_))
        for id_, at, what, by_customer, by_id, _ in rows
    ]


async def helped(tx: Tx, customer_id: UUID) -> list[dict[str, Any]]:
    """What he asked for and was answered, for the document that he may take elsewhere: newest matter first, in two statements; JSON-ready."""
    rows = await store.said_of_person(tx, customer_id, [one.value for one in FOR_STAFF], _TAKEN_ALONG)
    places = [
        (row[0], vault.Sealed(subject_id=customer_id, sealed=bytes(row[4]), bound=_bound(row[0])))
        for row in rows
        if row[4] is not None
    ]
    opened = await vault.open_all(tx, [sealed for _, sealed in places])
    plain = {id_: text.decode() for (id_, _), text in zip(places, opened, strict=True) if text is not None}
    return [
        {"request_id": of, "about": kind, "what": what, "at": at, "by_me": by_customer, "text": plain.get(id_)}
        for id_, at, what, by_customer, _, of, kind in rows
    ]


async def _own(tx: Tx, principal: Principal, id: UUID) -> Request:
    found = await store.lock_request(tx, id)
    if found is None or found.customer_id != _customer(principal):
        raise no.HELP_UNKNOWN()
    return found


def _customer(principal: Principal) -> UUID:
    if principal.kind is not PrincipalKind.CUSTOMER or principal.subject_id is None:
        raise PERMISSION_MISSING("a customer asks for himself")
    return principal.subject_id


def _words(text: str, *, needed: bool) -> str:
    said = text.strip()
    if (needed and not said) or len(said) > TEXT_LONGEST:
        raise no.HELP_TEXT_NEEDED(field="text")
    return said


async def _sealed(tx: Tx, customer_id: UUID, message_id: UUID, said: str, at: datetime) -> bytes | None:
    return await vault.seal(tx, customer_id, said.encode(), bound=_bound(message_id), at=at) if said else None


def _bound(message_id: UUID) -> str:
    return f"care.message {message_id}"
