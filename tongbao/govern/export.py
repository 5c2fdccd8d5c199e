"""All that the bank knows of a customer as a person, in one document that he may take elsewhere (PIPL, article 45)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tongbao import identity, notices, payments, vault
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.govern import store
from tongbao.govern.requests import texts_of

FORMAT: Final = "tongbao-personal-data/1"
_MOST: Final = 1000
_KINDS: Final = (vault.Kind.NAME, vault.Kind.PHONE, vault.Kind.ID_NUMBER)


async def export_person(tx: Tx, principal: Principal, *, at: datetime) -> dict[str, Any]:
    """JSON-ready. Lists are bounded by a thousand, newest first; payments and entries are files of their own pages.

    Refuses `permission_missing` for anybody but the customer himself.
    """
    if principal.kind is not PrincipalKind.CUSTOMER or principal.subject_id is None:
        raise PERMISSION_MISSING("a customer takes his own data")
    holder = principal.subject_id
    customer = (await identity.find_customers(tx, [holder]))[holder]
    accounts = await identity.accounts_of(tx, holder, most=100)
    known = await vault.read(tx, [holder], _KINDS, by=principal, reason="own export", at=at)
    return {
        "format": FORMAT,
        "made_at": at,
        "customer": {
            "id": holder,
            "kind": customer.kind,
            "since": customer.created_at,
            "status": customer.status,
            "level": customer.level,
            **{kind.value: text for kind, text in known.get(holder, {}).items()},
        },
        "accounts": [_account(one) for one in accounts],
        "factors": [
            {"kind": factor.kind, "set_at": factor.set_at}
            for factor in (await identity.factors_of(tx, [holder]))[holder]
        ],
        "verifications": [
            {"state": one.state, "asked_at": one.asked_at, "decided_at": one.decided_at}
            for one in await identity.verifications(tx, holder)
        ],
        "preferences": _preferences(await identity.preferences_of(tx, holder)),
        "consents": [
            {"purpose": c.purpose, "version": c.version, "text": c.zh, "given": c.given, "at": c.answered_at}
            for c in await identity.consent_history(tx, holder)
        ],
        "typing": await _typing(tx, holder, at),
        "messages": await _messages(tx, holder),
        **await _notices(tx, holder),
        "requests": await _requests(tx, principal, holder),
        "standing_orders": await _orders(tx, accounts),
        "transfers": await _transfers(tx, holder),
        "family": await _family(tx, holder, at),
        "read_by": await readings_of(tx, holder),
    }


async def readings_of(tx: Tx, customer_id: UUID) -> list[dict[str, Any]]:
    """Who of the bank has read what of him, and why: newest first."""
    return [
        {"at": one.at, "by": one.by_kind, "kinds": one.kinds, "reason": one.reason}
        for one in await vault.readings(tx, subject_id=customer_id, most=_MOST)
    ]


def _account(account: identity.Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in ("number", "currency", "product", "status", "opened_at")}


def _preferences(found: identity.Preferences) -> dict[str, Any]:
    return {
        "home": found.home,
        "theme": found.theme,
        "type": found.type,
        "language": found.language,
        "actions": [action.name for action in found.actions],
    }


async def _typing(tx: Tx, customer_id: UUID, at: datetime) -> list[dict[str, Any]]:
    """How he typed, in milliseconds: what was measured with his consent."""
    return [
        {
            "form": one.form,
            "intervals_ms": one.intervals,
            "holds_ms": one.holds,
            "unlike_habit_thousandths": one.unlike,
            "at": one.recorded_at,
        }
        for one in await identity.rhythms_kept(tx, customer_id, at=at, most=_MOST)
    ]


async def _messages(tx: Tx, customer_id: UUID) -> list[dict[str, Any]]:
    """What was sent to him by which channel, and when."""
    return [
        {"channel": m.channel, "kind": m.kind, "state": m.state, "at": m.queued_at}
        for m in await notices.messages_to(tx, customer_id, most=_MOST)
    ]


async def _notices(tx: Tx, customer_id: UUID) -> dict[str, Any]:
    """What the app has told him, on which ways he wants to hear of what, and how many browsers of his are pushed to."""
    told = await identity.worded(tx, customer_id, await notices.inbox_of(tx, customer_id, most=_MOST), "zh")
    chosen = (await notices.choices_of(tx, [customer_id]))[customer_id]
    return {
        "notices": [
            {"kind": one.notice.kind, "text": one.text, "at": one.notice.told_at, "read_at": one.notice.read_at}
            for one in told
        ],
        "notice_ways": [{"kind": kind, "way": way, "wanted": wanted} for (kind, way), wanted in chosen.said.items()],
        "pushed_to": len(await notices.subscriptions_of(tx, [customer_id])),
    }


async def _orders(tx: Tx, accounts: Sequence[identity.Account]) -> list[dict[str, Any]]:
    """What is paid by itself from each account, and what was."""
    numbers = {account.id: account.number for account in accounts}
    return [
        {
            "account": numbers[one.payer_account_id],
            "amount": one.amount_minor,
            "currency": one.currency,
            "every": one.every,
            "starts_on": one.starts_on,
            "ends_on": one.ends_on,
            "state": one.state,
            "reference": one.reference,
        }
        for one in await payments.standing_orders(tx, numbers)
    ]


async def _transfers(tx: Tx, customer_id: UUID) -> dict[str, Any] | None:
    """When his transfers arrive unless he says otherwise, and how many payees he looked up on the last day on which he did."""
    habit = await payments.transfer_habit(tx, customer_id)
    return habit and {"arrives": habit.arrives, "looked_up": habit.looked_up, "on": habit.day}


async def _family(tx: Tx, customer_id: UUID, at: datetime) -> list[dict[str, Any]]:
    """Whom he trusts and who trusts him: the other one is somebody else, and not in it."""
    return [
        {
            "as": "owner" if one.owner_id == customer_id else "trusted",
            "tell_above": one.tell_above_minor,
            "ask_above": one.ask_above_minor,
            "asked_at": one.asked_at,
            "accepted_at": one.accepted_at,
            "ends_at": one.ends_at,
        }
        for one in await payments.families_of(tx, customer_id, at=at)
    ]


async def _requests(tx: Tx, principal: Principal, customer_id: UUID) -> list[dict[str, Any]]:
    found = await store.requests_of(tx, customer_id, 100)
    texts = await texts_of(tx, principal, found)
    return [
        {
            "kind": one.kind,
            "state": one.state,
            "asked_at": one.asked_at,
            "due_on": one.due_on,
            "asked": texts[one.id].asked,
            "answer": texts[one.id].answer,
        }
        for one in found
    ]
