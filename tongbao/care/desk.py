"""What staff do about a matter: take it, answer, hand it over with its history, close it; or write one down for whoever calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from tongbao import identity, notices
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.care import refusals as no
from tongbao.care import store
from tongbao.care.help import MAY_ANSWER, MAY_READ, NEWEST, begin, say
from tongbao.care.model import Context, Kind, Request, State, Waiting, What
from tongbao.web import i18n

TOLD_MESSAGES: Final = "The bank has answered your request for help. The answer is in the app, under Help."
_FIRST: Final = (False, datetime(1, 1, 2, tzinfo=UTC), UUID(int=0))


async def find(tx: Tx, principal: Principal, id: UUID) -> Request:
    """Refuses `permission_missing`, `help_unknown`."""
    principal.require(MAY_READ)
    found = await store.request(tx, id)
    if found is None:
        raise no.HELP_UNKNOWN()
    return found


async def queue(
    tx: Tx,
    principal: Principal,
    *,
    kind: Kind | None = None,
    owner_id: UUID | None = None,
    after: tuple[bool, datetime, UUID] = _FIRST,
    most: int,
) -> list[Request]:
    """What waits for the bank: what is urgent first, then by the promised time. `after`: not urgent, due, id of the last one seen."""
    principal.require(MAY_READ)
    return await store.queue(tx, kind=kind, owner_id=owner_id, after=after, most=most)


async def every(
    tx: Tx,
    principal: Principal,
    *,
    state: State | None = None,
    kind: Kind | None = None,
    owner_id: UUID | None = None,
    before: store.Place = NEWEST,
    most: int,
) -> list[Request]:
    """All matters, newest first. Refuses `permission_missing`."""
    principal.require(MAY_READ)
    return await store.requests(tx, state=state, kind=kind, owner_id=owner_id, before=before, most=most)


async def write_down(
    tx: Tx, principal: Principal, customer_id: UUID, kind: Kind, text: str, context: Context, *, id: UUID, at: datetime
) -> Request:
    """A matter of somebody who called or came in. Refuses `permission_missing`, `customer_unknown`, and what `begin` refuses."""
    principal.require(MAY_ANSWER)
    if customer_id not in await identity.find_customers(tx, [customer_id]):
        raise identity.CUSTOMER_UNKNOWN(field="customer")
    return await begin(tx, principal, customer_id, kind, text, context, id=id, at=at)


async def answer(tx: Tx, principal: Principal, id: UUID, text: str, *, message_id: UUID, at: datetime) -> Request:
    """The customer is told that there is an answer. Whoever answers has the matter from then on, where nobody had it.

    Refuses `permission_missing`, `help_unknown`, `help_text_needed`, `help_closed`, `help_full`.
    """
    found = await _locked(tx, principal, id)
    owner = found.owner_id or principal.id
    after = await say(
        tx,
        principal,
        found,
        What.ANSWERED,
        text,
        message_id=message_id,
        at=at,
        state=State.ANSWERED,
        turned_at=at,
        owner_id=owner,
    )
    if after is not found:
        told = i18n.say(TOLD_MESSAGES, found.lang)
        about, path = f"help {message_id}", f"/me/help/{id}"
        await identity.tell_customer(tx, found.customer_id, told, about=about, at=at, kind=notices.Kind.HELP, path=path)
    return after


async def note(tx: Tx, principal: Principal, id: UUID, text: str, *, message_id: UUID, at: datetime) -> Request:
    """For colleagues; the customer does not see it. Refuses as `answer`."""
    found = await _locked(tx, principal, id)
    return await say(
        tx,
        principal,
        found,
        What.NOTE,
        text,
        message_id=message_id,
        at=at,
        state=found.state,
        turned_at=found.turned_at,
    )


async def take(tx: Tx, principal: Principal, id: UUID, *, message_id: UUID, at: datetime) -> Request:
    """It is his from now on. Refuses as `answer`."""
    return await _handed(tx, principal, id, principal.id, "", message_id, at)


async def hand_over(
    tx: Tx, principal: Principal, id: UUID, username: str, text: str, *, message_id: UUID, at: datetime
) -> Request:
    """To a colleague who may answer, with everything that was said. Refuses as `answer`, and `colleague_unknown`."""
    principal.require(MAY_ANSWER)
    colleague = await _colleague(tx, username.strip())
    return await _handed(tx, principal, id, colleague, text, message_id, at)


async def _colleague(tx: Tx, username: str) -> UUID:
    try:
        id_ = await identity.staff_id_of(tx, username)
    except Refusal:
        raise no.COLLEAGUE_UNKNOWN(field="username") from None
    colleague = (await identity.find_staff(tx, [id_]))[id_]
    if colleague.status != "active" or not any(
        MAY_ANSWER in identity.ROLE_PERMISSIONS[role] for role in colleague.roles
    ):
        raise no.COLLEAGUE_UNKNOWN(field="username")
    return id_


async def _handed(
    tx: Tx, principal: Principal, id: UUID, to: UUID, text: str, message_id: UUID, at: datetime
) -> Request:
    found = await _locked(tx, principal, id)
    if found.owner_id == to:
        return found
    return await say(
        tx,
        principal,
        found,
        What.HANDED_OVER,
        text,
        message_id=message_id,
        at=at,
        state=found.state,
        turned_at=found.turned_at,
        owner_id=to,
    )


async def close(tx: Tx, principal: Principal, id: UUID, *, message_id: UUID, at: datetime) -> Request:
    """Nothing more is to be done. A closed one stays so. Refuses as `answer`."""
    found = await _locked(tx, principal, id)
    if found.state is State.CLOSED:
        return found
    return await say(
        tx, principal, found, What.CLOSED, "", message_id=message_id, at=at, state=State.CLOSED, turned_at=at
    )


async def waiting(tx: Tx, at: datetime) -> Waiting:
    """How many wait for the bank, how many too long, and since when the oldest one does."""
    return await store.waiting(tx, at)


async def _locked(tx: Tx, principal: Principal, id: UUID) -> Request:
    principal.require(MAY_ANSWER)
    found = await store.lock_request(tx, id)
    if found is None:
        raise no.HELP_UNKNOWN()
    return found
