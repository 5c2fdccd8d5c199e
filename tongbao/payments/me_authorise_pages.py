"""Paying what the bank asks about: whom and how much once more, large, then what the payer has to show that it is he.

What he looks at travels with the form as its SHA-256. What he shows counts for that and for nothing else; once it is enough, the
payment is confirmed by the same press.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from tongbao import identity, risk
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import Factor, FactorKind
from tongbao.payments import authorise_routes, family, model, proof
from tongbao.payments import refusals as no
from tongbao.payments.asked import Pays
from tongbao.payments.authorise import Shown, show_instruction, sorts, sorts_of
from tongbao.payments.authorise_routes import Given
from tongbao.payments.bodies import NoOrder
from tongbao.payments.canonical import b64, from_b64
from tongbao.payments.door import payer_of
from tongbao.payments.intake import Intake
from tongbao.payments.policy_words import asked_words
from tongbao.payments.seen import Side, may_see_payment
from tongbao.web import forms, i18n, pages
from tongbao.web.body import canonical_hash
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor

NAME_MESSAGES: Final = {
    "passkey": "Passkey",
    "device": "Device key",
    "pin": "Payment PIN",
    "totp": "Authenticator app",
    "sms": "Code by SMS",
    "password": "Log-in password",
}
PAID, CODE_SENT, RIGHT = DONE_MESSAGES = (
    "You have confirmed the payment.",
    "A code is on its way to your telephone.",
    "That was right.",
)
Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Evidence(Form, frozen=True):
    """`instruction`: the SHA-256 of what the page shows. `code_id`: under what a code by SMS was asked for. `response`: what a
    passkey or the browser's own key has signed."""

    id: UUID
    instruction: Hash
    method: Annotated[str, msgspec.Meta(pattern="^(pin|totp|sms|password|passkey|device)$")]
    secret: Annotated[str, msgspec.Meta(max_length=256)] = ""
    code_id: str = ""
    response: Annotated[str, msgspec.Meta(max_length=8_000)] = ""


class NewCode(Form, frozen=True):
    id: UUID
    instruction: Hash


@get("/me/payments/{id:uuid}/authorise", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def authorise_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """A payment that asks for nothing, or no longer, is shown as it is."""
    async with db.read() as tx:
        try:
            shown = await show_instruction(tx, id, by=principal, at=clock.now())
        except Refusal as refusal:
            if refusal.code != no.NOT_CHALLENGED.code:
                raise
            return pages.go(f"/me/payments/{id}")
        if not (await family.check_agreed(tx, [id])).get(id, True):
            return pages.go(f"/me/payments/{id}")
        options = await _options(tx, shown, principal, settings)
        measured = await _measured(tx, principal)
        known_from = await _known_from(tx, shown, principal, clock.now())
        told = await _told(request, tx, id)
    given = {name: request.query_params.get(name, "") for name in ("method", "code_id")}
    return _page(request, shown, forms.blank(**given), options, measured=measured, known_from=known_from, told=told)


async def _known_from(tx: Tx, shown: Shown, principal: Principal, at: datetime) -> datetime | None:
    """From when on the device counts as known, where it is asked about because it does not yet."""
    if principal.subject_id is None or "unknown_device" not in shown.asked.challenge.why.split():
        return None
    known = await identity.devices_of(tx, principal.subject_id, session_id=principal.session_id, at=at)
    return next((one.trusted_from for one in known if one.here and one.cools_off(at)), None)


async def _told(request: PageRequest, tx: Tx, id: UUID) -> tuple[str, ...]:
    """What the rules of risk that ask say to him."""
    return (await risk.sayings(tx, id, pages.language(request))).told


async def _measured(tx: Tx, principal: Principal) -> bool:
    return principal.subject_id is not None and await identity.is_measured(tx, principal.subject_id)


async def _options(tx: Tx, shown: Shown, principal: Principal, settings: Settings) -> str:
    """What the browser is asked to show a passkey by, for exactly this instruction; nothing where he is not asked for one."""
    if principal.subject_id is None or all(one.kind is not FactorKind.PASSKEY for one in shown.methods):
        return ""
    challenge = shown.asked.instruction.digest
    return json.dumps(await identity.assertion_options(tx, principal.subject_id, challenge, settings))


def _page(
    request: PageRequest,
    shown: Shown,
    form: Filled[Any],
    options: str,
    status: int = 200,
    *,
    measured: bool = False,
    known_from: datetime | None = None,
    told: tuple[str, ...] = (),
) -> Page:
    lang = pages.language(request)
    usable = shown.methods
    chosen = next((one for one in usable if one.kind.value == form.given.get("method")), usable[0] if usable else None)
    code_id = _uuid(form.given.get("code_id", ""))
    return pages.show(
        request,
        "payments/me_authorise.html",
        status=status,
        payment=shown.payment,
        agreed=shown.asked.instruction,
        instruction_hash=shown.asked.instruction.digest.hex(),
        why=asked_words(shown.asked.challenge.why, lang),
        ways=shown.asked.challenge.ways,
        shown=[i18n.say(NAME_MESSAGES[one.kind.value], lang) for one in shown.counted],
        enough=shown.enough,
        chosen=chosen.kind.value if chosen else None,
        last=chosen is not None and len(sorts(shown.counted) | sorts_of(chosen)) >= shown.asked.challenge.ways,
        shut_until=chosen.shut_until if chosen and _is_shut(chosen, shown) else None,
        others=[(one.kind.value, i18n.say(NAME_MESSAGES[one.kind.value], lang)) for one in usable if one != chosen],
        code_id=code_id,
        options=options,
        message=b64(shown.asked.instruction.canonical),
        form=form,
        measured=measured,
        known_from=known_from,
        told=told,
    )


def _is_shut(factor: Factor, shown: Shown) -> bool:
    return factor.shut_until is not None and factor.shut_until > shown.looked_at


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@post("/me/payments/{id:uuid}/authorise", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def authorise(
    request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config, intake: Pays
) -> Page:
    filled, lang = await forms.read(request, Evidence), pages.language(request)
    wanted = filled.value
    if wanted is not None and not (wanted.secret or wanted.response):
        said = i18n.say("Please fill this in.", lang)
        filled, wanted = Filled[Any](None, filled.given, {"secret": said}), None
    if wanted is None:
        return await _again(request, id, principal, db, clock, settings, filled, 422)
    given = Given(
        payment_id=id,
        kind=FactorKind(wanted.method),
        instruction_hash=bytes.fromhex(wanted.instruction),
        secret=wanted.secret,
        code_id=_uuid(wanted.code_id),
        signature=from_b64(wanted.response),
        assertion=wanted.response,
    )
    try:
        refusal = await authorise_routes.show(db, clock, settings, principal, given, lang)
    except Refusal as raised:
        refusal = raised
    if refusal is not None:
        if refusal.code == no.NOT_CHALLENGED.code:
            return pages.go(f"/me/payments/{id}")  # the same form a second time, or too late
        again = filled.refused(refusal, lang, field=_field(refusal))
        return await _again(request, id, principal, db, clock, settings, again, refusal.kind.status)
    return await _go_on(request, id, principal, db, clock, intake, wanted.id)


def _field(refusal: Refusal) -> str | None:
    """What is wrong with what was typed stands beside it."""
    of_payment = (no.INSTRUCTION_CHANGED.code, no.NOT_ASKED_FOR.code)
    return "" if refusal.code in of_payment else "secret"


async def _again(
    request: PageRequest,
    id: UUID,
    principal: Principal,
    db: Database,
    clock: Clock,
    settings: Settings,
    form: Filled[Any],
    status: int,
) -> Page:
    """The page as it is now. Nothing secret is in it again."""
    async with db.read() as tx:
        shown = await show_instruction(tx, id, by=principal, at=clock.now())
        options = await _options(tx, shown, principal, settings)
        measured = await _measured(tx, principal)
        told = await _told(request, tx, id)
    return _page(request, shown, form, options, status, measured=measured, told=told)


async def _go_on(
    request: PageRequest, id: UUID, principal: Principal, db: Database, clock: Clock, intake: Intake, form_id: UUID
) -> Page:
    """Confirms once enough was shown; else asks for the next."""
    async with db.read() as tx:
        shown = await show_instruction(tx, id, by=principal, at=clock.now())
    if not shown.enough:
        return pages.go(f"/me/payments/{id}/authorise", said=RIGHT)
    operation = model.Operation(
        id=derived(form_id, f"confirm {id}"),
        payment_id=id,
        principal_id=principal.id,
        request_hash=canonical_hash(NoOrder()),
        payer_id=payer_of(principal),
    )
    try:
        refusal = (await intake.ask("confirm", operation)).refusal
    except Refusal as raised:  # no room, no database: what was shown stays shown
        refusal = raised
    if refusal is None:
        return pages.go(f"/me/payments/{id}", said=PAID)
    again = forms.blank().refused(refusal, pages.language(request))
    return _page(request, shown, again, "", refusal.kind.status)


@post("/me/payments/{id:uuid}/authorise/code", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def send_code(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang = await forms.read(request, NewCode), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return await _again(request, id, principal, db, clock, settings, filled, 422)
    hash_ = bytes.fromhex(wanted.instruction)
    try:
        refusal = await authorise_routes.send_code(db, clock, principal, id, hash_, wanted.id, lang)
    except Refusal as raised:
        refusal = raised
    if refusal is None:
        return pages.go(f"/me/payments/{id}/authorise?method=sms&code_id={wanted.id}", said=CODE_SENT)
    if refusal.code == no.NOT_CHALLENGED.code:
        return pages.go(f"/me/payments/{id}")
    again = forms.blank(method="sms").refused(refusal, lang)
    return await _again(request, id, principal, db, clock, settings, again, refusal.kind.status)


@get("/me/payments/{id:uuid}/proof", guards=[visitor("me", "me:read")], include_in_schema=False)
async def proof_file(id: Id, principal: By, db: Db, clock: Now) -> Response[bytes]:
    """The file that `tongbao verify-proof` reads."""
    async with db.read() as tx:
        seen = await may_see_payment(tx, principal, id)
        if seen.side is not Side.PAYER:
            raise no.NO_PROOF()
        found = await proof.proof_of(tx, seen.payment, at=clock.now())
    headers = {"Content-Disposition": f'attachment; filename="proof-{id}.json"', "Cache-Control": "no-store"}
    content = msgspec.json.format(msgspec.json.encode(proof.as_file(found)), indent=2)
    return Response(content, media_type="application/json", headers=headers)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (authorise_page, authorise, send_code, proof_file)
