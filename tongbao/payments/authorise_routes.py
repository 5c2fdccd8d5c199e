"""JSON routes by which a payer authorises a payment of his; and how what he shows is checked, for these and for the pages.

A secret is compared outside of any transaction, after a try at it was taken and committed.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao import identity, vault
from tongbao.base import say
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.identity import CodePurpose, FactorKind, Guarded, Proven, require_or_own
from tongbao.payments import authorise, proof
from tongbao.payments import refusals as no
from tongbao.payments.authorise import Shown, show_instruction
from tongbao.payments.authorise_bodies import (
    AuthorisationView,
    CodeOrder,
    CodeView,
    EvidenceOrder,
    ProofKeysView,
    ProofView,
)
from tongbao.payments.canonical import from_b64
from tongbao.payments.door import PATH
from tongbao.payments.instruction import Instruction
from tongbao.payments.seen import Side, may_see_payment
from tongbao.web import i18n
from tongbao.web.export import ReadersLang
from tongbao.web.refusals import MISSING_FIELD
from tongbao.web.site import By, Config, Db, Id, Key, Now, problems

_HASHERS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")

CODE_MESSAGES: Final = (
    "%(code)s confirms that you pay %(amount)s to %(payee)s, good for 5 minutes. Never pass it on: nobody at the bank will "
    "ask you for it. If you are not paying this, tell the bank at once."
)


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a payer shows for one payment, for what he looked at. `code_id`: of a code by SMS, what it was asked for under.

    `secret` is typed; `key_id` and `signature` are a device's, `assertion` is a passkey's, as JSON.
    """

    payment_id: UUID
    kind: FactorKind
    instruction_hash: bytes
    secret: str = ""
    code_id: UUID | None = None
    key_id: UUID | None = None
    signature: bytes = b""
    assertion: str = ""

    def __repr__(self) -> str:
        return f"Given({self.payment_id}, {self.kind.value})"


async def show(
    db: Database, clock: Clock, settings: Settings, principal: Principal, given: Given, lang: Lang
) -> Refusal | None:
    """Checks what a payer shows and keeps it; None where it was right, or had been shown already.

    Answers what identity says to what is wrong; refuses as `add_evidence`, and `not_asked_for`.
    """
    async with db.read() as tx:
        shown = await authorise.check_instruction(
            tx, given.payment_id, given.instruction_hash, by=principal, at=clock.now()
        )
    if any(one.kind is given.kind for one in shown.counted):
        return None
    if all(factor.kind is not given.kind for factor in shown.methods):
        raise no.NOT_ASKED_FOR()
    if given.kind in (FactorKind.PIN, FactorKind.PASSWORD):
        return await _show_secret(db, clock, principal, given, lang)

    agreed = shown.asked.instruction

    async def check(tx: Tx) -> Refusal | None:
        if given.kind in (FactorKind.DEVICE, FactorKind.PASSKEY):
            return await _show_signature(tx, clock, settings, principal, given, agreed)
        return await _show_code(tx, clock, principal, given, lang)

    return await db.retry(check)


async def _show_secret(db: Database, clock: Clock, principal: Principal, given: Given, lang: Lang) -> Refusal | None:
    holder_id = _holder(principal)

    async def take(tx: Tx) -> Guarded | Refusal:
        return await identity.attempt(tx, holder_id, given.kind, at=clock.now())

    guarded = await db.retry(take)
    if isinstance(guarded, Refusal):
        return guarded
    loop = asyncio.get_running_loop()
    is_right = await loop.run_in_executor(_HASHERS, identity.verify_password, guarded.stored, given.secret)

    async def settle(tx: Tx) -> Refusal | None:
        wrong = await identity.settle_attempt(tx, guarded, is_right, at=clock.now(), lang=lang)
        return wrong or await _keep(tx, clock, principal, given, {})

    return await db.retry(settle)


async def _show_signature(
    tx: Tx, clock: Clock, settings: Settings, principal: Principal, given: Given, agreed: Instruction
) -> Refusal | None:
    """Over what the bank would pay, made anew: whatever was signed instead does not fit."""
    holder_id, at = _holder(principal), clock.now()
    if given.kind is FactorKind.PASSKEY:
        proven = await identity.check_assertion(
            tx, holder_id, given.assertion, challenge=agreed.digest, settings=settings, at=at
        )
    else:
        key_id = given.key_id or await _signing_key(tx, holder_id, agreed.canonical, given.signature)
        proven = await identity.check_device_signature(tx, holder_id, key_id, agreed.canonical, given.signature, at=at)
    if isinstance(proven, Refusal):
        return proven
    hash_ = given.instruction_hash
    return await authorise.add_evidence(tx, given.payment_id, proven, instruction_hash=hash_, by=principal, at=at)


async def _signing_key(tx: Tx, customer_id: UUID, message: bytes, signature: bytes) -> UUID:
    """Of a browser, which knows its key and not its name: by which of his it has signed; else one that nobody has."""
    own = [key for key in await identity.device_keys_of(tx, customer_id) if key.revoked_at is None]
    return next((key.id for key in own if key.parsed.verify(message, signature)), own[0].id if own else UUID(int=0))


async def _show_code(tx: Tx, clock: Clock, principal: Principal, given: Given, lang: Lang) -> Refusal | None:
    holder_id, at = _holder(principal), clock.now()
    code = "".join(c for c in given.secret if not c.isspace())
    if given.kind is FactorKind.TOTP:
        wrong = await identity.check_totp(tx, holder_id, code, at=at, lang=lang)
        return wrong or await _keep(tx, clock, principal, given, {})
    if given.code_id is None:
        return identity.CODE_WRONG(field="code")
    id_ = _code_id(given.payment_id, given.instruction_hash, given.code_id)
    checked = await identity.check_code(tx, id_, code, purpose=CodePurpose.PAY, at=at, subject_id=holder_id)
    if isinstance(checked, Refusal):
        return checked
    return await _keep(tx, clock, principal, given, {"code_id": str(id_)})


async def _keep(tx: Tx, clock: Clock, principal: Principal, given: Given, evidence: dict[str, Any]) -> None:
    proven = Proven(kind=given.kind, sorts=frozenset((given.kind.sort,)), capable=True, evidence=evidence)
    hash_ = given.instruction_hash
    await authorise.add_evidence(tx, given.payment_id, proven, instruction_hash=hash_, by=principal, at=clock.now())


def _holder(principal: Principal) -> UUID:
    assert principal.subject_id is not None, "nobody but a payer comes here"
    return principal.subject_id


def _code_id(payment_id: UUID, instruction_hash: bytes, asked_as: UUID) -> UUID:
    """A code is good for one instruction alone: its id, which the bank keeps its HMAC with, is made of that."""
    return derived(payment_id, f"code {instruction_hash.hex()} {asked_as}")


async def send_code(
    db: Database,
    clock: Clock,
    principal: Principal,
    payment_id: UUID,
    instruction_hash: bytes,
    asked_as: UUID,
    lang: Lang,
) -> Refusal | None:
    """Sends the payer a code that names payee and amount and is good for nothing else. The same id again sends nothing.

    Answers `code_too_soon`; refuses as `check_instruction`, and `not_asked_for` where he has no telephone.
    """
    code = f"{secrets.randbelow(1_000_000):06}"

    async def send(tx: Tx) -> Refusal | None:
        at = clock.now()
        shown = await authorise.check_instruction(tx, payment_id, instruction_hash, by=principal, at=at)
        if all(factor.kind is not FactorKind.SMS for factor in shown.methods):
            raise no.NOT_ASKED_FOR()
        holder = (await identity.find_customers(tx, [_holder(principal)]))[_holder(principal)]
        phone = (await identity.own_details(tx, holder, by=principal)).phone
        if phone is None:
            raise no.NOT_ASKED_FOR()
        said = shown.asked.instruction
        amount = say.money(said.amount_minor, said.currency, lang)
        return await identity.new_code(
            tx,
            id=_code_id(payment_id, instruction_hash, asked_as),
            purpose=CodePurpose.PAY,
            subject_id=holder.id,
            phone=phone,
            code=code,
            at=at,
            lang=lang,
            instead=i18n.say(CODE_MESSAGES, lang, code=code, amount=amount, payee=said.payee),
        )

    return await db.retry(send)


def _view(shown: Shown) -> AuthorisationView:
    challenge, instruction = shown.asked.challenge, shown.asked.instruction
    return AuthorisationView(
        payment_id=shown.payment.id,
        instruction=instruction.document,
        instruction_sha256=instruction.digest.hex(),
        ways=challenge.ways,
        signed=challenge.signed,
        large=challenge.large,
        why=challenge.why.split(),
        shown=[one.kind.value for one in shown.counted],
        enough=shown.enough,
        methods=[one.kind.value for one in shown.methods],
        expires_at=challenge.expires_at,
    )


@get(
    f"{PATH}/{{id:uuid}}/authorisation",
    guards=[require_or_own("payments:read", "me:read")],
    tags=["payments"],
    summary="What the payer is asked for, and exactly what he agrees to",
    operation_id="get_authorisation",
    response_description="The instruction, what he has shown and what he may show now. To the payer alone.",
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_CHALLENGED),
)
async def get_authorisation(id: Id, principal: By, db: Db, clock: Now) -> AuthorisationView:
    async with db.read() as tx:
        return _view(await show_instruction(tx, id, by=principal, at=clock.now()))


@post(
    f"{PATH}/{{id:uuid}}/codes",
    status_code=202,
    guards=[require_or_own("payments:confirm", "me:pay")],
    tags=["payments"],
    summary="Send the payer a code by SMS, good for this payment alone",
    operation_id="send_payment_code",
    response_description="What to name when the code is shown. The same key again sends nothing.",
    responses=problems(
        no.PAYMENT_UNKNOWN,
        no.NOT_CHALLENGED,
        no.INSTRUCTION_CHANGED,
        no.NOT_ASKED_FOR,
        identity.CODE_TOO_SOON,
        make=True,
    ),
)
async def send_payment_code(
    id: Id, data: JSONBody[CodeOrder], key: Key, principal: By, db: Db, clock: Now, lang: ReadersLang = "zh"
) -> CodeView:
    refusal = await send_code(db, clock, principal, id, bytes.fromhex(data.instruction), key, lang)
    if refusal is not None:
        raise refusal
    return CodeView(code_id=key)


@post(
    f"{PATH}/{{id:uuid}}/evidence",
    status_code=200,
    guards=[require_or_own("payments:confirm", "me:pay")],
    tags=["payments"],
    summary="The payer shows that it is he, for exactly what he was shown; each try counts",
    operation_id="add_evidence",
    response_description="What he has shown now. Once it is enough, he confirms.",
    responses=problems(
        no.PAYMENT_UNKNOWN,
        no.NOT_CHALLENGED,
        no.INSTRUCTION_CHANGED,
        no.NOT_ASKED_FOR,
        identity.FACTOR_LOCKED,
        identity.FACTOR_WRONG,
        identity.CODE_EXPIRED,
        identity.CODE_LOCKED,
        identity.CODE_USED,
        identity.CODE_WRONG,
        write=True,
    ),
)
async def add_evidence(
    id: Id,
    data: JSONBody[EvidenceOrder],
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    lang: ReadersLang = "zh",
) -> AuthorisationView:
    refusal = await show(db, clock, settings, principal, _given(id, data), lang)
    if refusal is not None:
        raise refusal
    async with db.read() as tx:
        return _view(await show_instruction(tx, id, by=principal, at=clock.now()))


@get(
    f"{PATH}/{{id:uuid}}/proof",
    guards=[require_or_own("payments:read", "me:read")],
    tags=["payments"],
    summary="The proof of what the payer agreed to, signed by the bank",
    operation_id="get_proof",
    response_description="To the bank and to the payer. `tongbao verify-proof` checks it without the bank.",
    responses=problems(no.PAYMENT_UNKNOWN, no.NO_PROOF),
)
async def get_proof(id: Id, principal: By, db: Db, clock: Now) -> ProofView:
    async with db.read() as tx:
        seen = await may_see_payment(tx, principal, id)
        if seen.side not in (Side.BANK, Side.PAYER):
            raise no.NO_PROOF()
        return ProofView(**proof.as_file(await proof.proof_of(tx, seen.payment, at=clock.now())))


@get(
    "/v1/proof-keys",
    guards=[require_or_own("payments:read", "me:read")],
    tags=["payments"],
    summary="The keys that the bank signs proofs with",
    operation_id="list_proof_keys",
    response_description="JSON Web Keys, the newest first. `kid` is what a proof names.",
    responses=problems(),
)
async def list_proof_keys(db: Db) -> ProofKeysView:
    async with db.read() as tx:
        return ProofKeysView(keys=[key.jwk for key in await vault.bank_keys(tx)])


def _given(id: UUID, data: EvidenceOrder) -> Given:
    """Refuses `missing_field`."""
    kind = FactorKind(data.kind)
    needed = {FactorKind.DEVICE: ("key_id", "signature"), FactorKind.PASSKEY: ("assertion",)}.get(kind, ("secret",))
    for name in needed:
        if getattr(data, name) is None:
            raise MISSING_FIELD(f"`{name}`", field=name)
    return Given(
        payment_id=id,
        kind=kind,
        instruction_hash=bytes.fromhex(data.instruction),
        secret=data.secret or "",
        code_id=data.code_id,
        key_id=data.key_id,
        signature=from_b64(data.signature or ""),
        assertion=msgspec.json.encode(data.assertion).decode() if data.assertion else "",
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    get_authorisation,
    send_payment_code,
    add_evidence,
    get_proof,
    list_proof_keys,
)
