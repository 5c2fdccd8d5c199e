"""Another telephone number of a customer whom a clerk has seen: what he looked at is asked, and a second person decides.

`KINDS` maps the kind of approval to the verb that it runs; the app hands it to `approvals.propose` and `decide`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from tongbao import vault
from tongbao.base import approvals
from tongbao.base.approvals import Approval
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.base.say import Lang
from tongbao.identity import phone_change_store
from tongbao.identity import refusals as no
from tongbao.identity.factors import must_be_open
from tongbao.identity.phone_change import bound, write_phone
from tongbao.identity.phone_change_model import Document, DocumentSeen, PhoneStep, Proposal
from tongbao.identity.phones import masked_phone
from tongbao.identity.registration import customers_of_phone
from tongbao.identity.tell import telephone_of
from tongbao.web import i18n

CHANGE_PHONE: Final = "identity.phone"
MAY_PROPOSE: Final = "customers:write"
_NOBODYS_BROWSER: Final = bytes(32)

DOCUMENT_MESSAGES: Final = {
    Document.IDENTITY_CARD: "Identity card",
    Document.PASSPORT: "Passport",
    Document.RESIDENCE_PERMIT: "Residence permit",
    Document.LICENCE: "Business licence, and the identity card of who signs for the firm",
}
FACT_MESSAGES: Final = {
    "customer": "Customer",
    "phone": "New telephone number",
    "document": "Document",
    "ends": "Its last four places",
    "face": "Person and picture",
}
(COMPARED,) = COMPARED_MESSAGES = ("compared by the clerk",)


async def propose_phone(
    tx: Tx,
    principal: Principal,
    customer_id: UUID,
    phone: str,
    seen: DocumentSeen,
    *,
    id: UUID,
    reason: str,
    caution_days: int,
    at: datetime,
    lang: Lang = "zh",
) -> Approval:
    """Files another number (E.164) for a second person, with what the clerk has looked at. The same proposal again is the same one.

    The last four places of an identity card are compared with what the bank keeps, on record. Refuses `permission_missing` unless
    a person asks, `face_not_compared`, `customer_unknown`, `customer_closed`, `document_not_his`, `phone_same`, `phone_of_another`,
    and what `approvals.propose` refuses.
    """
    principal.require(MAY_PROPOSE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    if not seen.face_compared:
        raise no.FACE_NOT_COMPARED(field="face")
    await must_be_open(tx, customer_id, principal)
    (fingerprint,) = await vault.fingerprint(tx, vault.Kind.PHONE, [phone])
    payload = _payload(customer_id, phone, fingerprint, seen, caution_days)
    known = await phone_change_store.phone_change_of_form(tx, id, _NOBODYS_BROWSER)
    if known is None:
        await _check(tx, principal, customer_id, phone, seen, at)
        sealed = await vault.seal(tx, customer_id, phone.encode(), bound=bound(id), at=at)
        made: Any = {"browser_hash": _NOBODYS_BROWSER, "code_id": id, "sealed": sealed, "is_strong": True}
        await phone_change_store.add_phone_change(tx, id, id, customer_id, **made, lang=lang, at=at)
    kind = CHANGE_PHONE
    return await approvals.propose(tx, principal, KINDS, id=id, kind=kind, payload=payload, reason=reason, at=at)


def _payload(
    customer_id: UUID, phone: str, fingerprint: bytes, seen: DocumentSeen, caution_days: int
) -> dict[str, Any]:
    proposal = Proposal(
        customer_id=customer_id,
        phone_hmac=fingerprint.hex(),
        masked=masked_phone(phone).replace("\u00a0", " "),
        seen=seen,
        caution_days=caution_days,
    )
    return msgspec.to_builtins(proposal)


async def _check(tx: Tx, principal: Principal, customer_id: UUID, phone: str, seen: DocumentSeen, at: datetime) -> None:
    """What can be looked up is not left to the clerk's word."""
    if seen.document is Document.IDENTITY_CARD:
        kind, reason = vault.Kind.ID_NUMBER, "last four places compared for another telephone number"
        kept = await vault.read(tx, [customer_id], [kind], by=principal, reason=reason, at=at)
        number = kept.get(customer_id, {}).get(kind)
        if number is not None and not number.endswith(seen.ends):
            raise no.DOCUMENT_NOT_HIS(field="ends")
    if await telephone_of(tx, customer_id, reason="compared with another telephone number", at=at) == phone:
        raise no.PHONE_SAME(field="phone")
    if set(await customers_of_phone(tx, phone)) - {customer_id}:
        raise no.PHONE_OF_ANOTHER(field="phone")


async def _change(tx: Tx, approval: Approval) -> None:
    """Does what was approved. Refuses as `write_phone`, and `phone_change_over` where the number is known no more."""
    by, at = approvals.decider(approval)
    proposal = msgspec.convert(approval.payload, Proposal)
    found = await phone_change_store.lock_phone_change(tx, approval.id, _NOBODYS_BROWSER)
    if found is None or found.sealed is None or found.step(at) is PhoneStep.DONE:
        raise no.PHONE_CHANGE_OVER()
    customer_id = proposal.customer_id
    phone = (await vault.open_sealed(tx, customer_id, found.sealed, bound=bound(approval.id))).decode()
    said = {
        "approval": str(approval.id),
        "proposed_by": str(approval.proposed_by),
        "document": proposal.seen.document.value,
    }
    caution, lang = timedelta(days=proposal.caution_days), cast("Lang", found.lang)
    await write_phone(
        tx, customer_id, phone, by=by, reason=approval.reason, caution=caution, details=said, at=at, lang=lang
    )
    await phone_change_store.end_phone_change(tx, approval.id, "done", at)


def phone_facts(approval: Approval, lang: Lang) -> list[tuple[str, str]]:
    """What a second person reads: whose number, which one (masked), and what the clerk has looked at."""
    proposal = msgspec.convert(approval.payload, Proposal)
    said = {
        "customer": str(proposal.customer_id),
        "phone": proposal.masked,
        "document": i18n.say(DOCUMENT_MESSAGES[proposal.seen.document], lang),
        "ends": proposal.seen.ends,
        "face": i18n.say(COMPARED, lang),
    }
    return [(i18n.say(FACT_MESSAGES[name], lang), text) for name, text in said.items()]


_ENDS: Final = re.compile(r"[0-9A-Z]{4}")


def read_ends(typed: str) -> str | None:
    """The last four places of a document as a clerk types them; None where they are none."""
    plain = "".join(typed.split()).upper()
    return plain if _ENDS.fullmatch(plain) else None


KINDS: Final[approvals.Kinds] = {CHANGE_PHONE: _change}
