"""What a proposal would do, in words, for whoever decides on it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao import identity, ledger, merchants, payments
from tongbao.base import say
from tongbao.base.approvals import Approval
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.web import i18n

_KIND_MESSAGES: Final = {
    "ledger.journal": "Journal",
    "ledger.close_period": "Close of period",
    "payments.resolve": "Resolve a payment",
    "payments.release": "Let a held payment go on",
    "payments.policy": "Change of the policy of authorisation",
    "payments.resume": "Take stopped payments again",
    "identity.phone": "Change of a telephone number",
    "identity.raise_level": "Raise a customer's level",
    "identity.unfreeze_customer": "Thaw a customer",
    "identity.lift_restriction": "Lift what bounds a customer's payments",
    "identity.unfreeze_account": "Thaw an account",
    "identity.issue_key": "Make an API key",
    "identity.rotate_key": "Replace an API key",
    "identity.enable_staff": "Let a member of staff in",
    "identity.staff_roles": "Change a colleague's roles",
    "identity.reset_password": "Give a colleague a one-time password",
    "identity.forget_factors": "Remove a colleague's app and passkeys",
    "govern.lift_hold": "Lift a hold on an erasure",
    "risk.rule": "Rule of risk",
    "risk.list": "List of risk",
    "risk.model": "Model of risk",
    "risk.limit": "Limits of an indicator",
    "risk.stance": "Going back to the usual rules of risk",
}
_FACT_MESSAGES: Final = {
    "customer_id": "Customer",
    "account_id": "Account number",
    "level": "Level of verification",
    "staff_id": "Member of staff",
    "roles": "Roles",
    "key_id": "API key",
    "overlap_s": "The old key ends",
    "kind": "Kind",
    "permissions": "What it may do",
    "subject_id": "Acts for",
    "expires_at": "Ends",
    "note": "Note",
    "key": "Payments",
}
_OVERLAP_MESSAGES: Final = {0: "at once", 3600: "in an hour", 86_400: "in a day", 604_800: "in a week"}
_UNSAID: Final = frozenset({"id", "scope", "expected"})


def kind_word(kind: str, lang: Lang) -> str:
    return i18n.say(_KIND_MESSAGES.get(kind, kind), lang)


async def facts(tx: Tx, approval: Approval, lang: Lang) -> list[tuple[str, str]]:
    """What it would do: each fact's name and itself."""
    if approval.kind == "ledger.journal":
        return _journal(approval, lang)
    if approval.kind == identity.CHANGE_PHONE:
        return identity.phone_facts(approval, lang)
    known = {name: value for name, value in approval.payload.items() if name not in _UNSAID}
    return [
        (i18n.say(_FACT_MESSAGES.get(name, name), lang), await _said(tx, approval, name, value, lang))
        for name, value in known.items()
        if value is not None or name == "permissions"
    ]


async def _said(tx: Tx, approval: Approval, name: str, value: Any, lang: Lang) -> str:
    match name:
        case "customer_id":
            found = await identity.find_customers(tx, [UUID(value)])
            masked = await identity.masked_details(tx, found.values())
            return f"{masked[UUID(value)].name} · {value}" if UUID(value) in masked else str(value)
        case "account_id":
            account = (await identity.find_accounts(tx, [UUID(value)])).get(UUID(value))
            return account.number if account else str(value)
        case "staff_id":
            who = (await identity.find_staff(tx, [UUID(value)])).get(UUID(value))
            return f"{who.name} ({who.username})" if who else str(value)
        case "key_id":
            key = (await identity.find_keys(tx, [UUID(value)])).get(UUID(value))
            return f"tb_{key.kind}_{key.public_id}_…" if key else str(value)
        case "key" if approval.kind == "payments.resume":
            return await _stopped(tx, approval.payload["scope"], value, lang)
        case _:
            return _plain(name, value, lang)


def _plain(name: str, value: Any, lang: Lang) -> str:
    match name:
        case "roles":
            between = "、" if lang == "zh" else ", "
            return between.join(identity.role_word(identity.Role(role), lang) for role in value)
        case "level":
            return identity.level_word(int(value), lang)
        case "overlap_s" if value in _OVERLAP_MESSAGES:
            return i18n.say(_OVERLAP_MESSAGES[value], lang)
        case "kind":
            return identity.key_kind_word(value, lang)
        case "permissions":
            whole = i18n.say("everything that a key of this kind can do", lang)
            return whole if value is None else ", ".join(sorted(value))
        case _:
            return str(value)


async def _stopped(tx: Tx, scope: str, key: str, lang: Lang) -> str:
    if scope == payments.Scope.KIND:
        return payments.kind_word(key, lang)
    if scope == payments.Scope.METHOD:
        return payments.method_word(key, lang)
    if scope == payments.Scope.COUNTRY:
        return i18n.say("merchants in %(country)s", lang, country=key)
    shop = (await merchants.find(tx, [UUID(key)])).get(UUID(key))
    return shop.name if shop else key


def _journal(approval: Approval, lang: Lang) -> list[tuple[str, str]]:
    journal = msgspec.convert(approval.payload, ledger.Journal)
    return [
        (
            str(number),
            i18n.say(
                "Account %(debit)s pays %(amount)s to account %(credit)s",
                lang,
                debit=line.debit,
                amount=say.money(line.amount_minor, line.currency, lang),
                credit=line.credit,
            ),
        )
        for number, line in enumerate(journal.lines, 1)
    ]
