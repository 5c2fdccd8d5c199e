"""Passkeys (WebAuthn): made, shown, suspended where there turn out to be two of one, renamed, removed.

Every one asks its owner (user verification), so each shows two sorts at once: the device, and that it is he or that he knows its PIN.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    options_to_json_dict,
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from tongbao.base import audit, metrics
from tongbao.base.db import Tx
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings, is_loopback
from tongbao.identity import passkey_store
from tongbao.identity import refusals as no
from tongbao.identity.factors import must_be_open
from tongbao.identity.model import FactorKind, Proven
from tongbao.identity.passkey_model import MOST_OF_A_CUSTOMER, OFFER_LASTS, Modality, Offer, Passkey
from tongbao.identity.tell import tell_of_factor

_ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_TRANSPORTS: Final = frozenset(one.value for one in AuthenticatorTransport)
_TIMEOUT_MS: Final = int(OFFER_LASTS.total_seconds()) * 1000
_MALFORMED: Final = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)
"""What comes of reading what a stranger made up as a credential."""


async def offer_passkey(
    tx: Tx, customer_id: UUID, challenge: bytes, *, name: str, modality: Modality, by: Principal, at: datetime
) -> None:
    """A passkey is to be made, within ten minutes; `challenge`: 32 random bytes. Another wish takes the place of this one.

    Refuses `customer_unknown`, `customer_closed`, `too_many_of_these`.
    """
    await must_be_open(tx, customer_id, by)
    if len(await passkey_store.passkeys(tx, [customer_id])) >= MOST_OF_A_CUSTOMER:
        raise no.TOO_MANY_OF_THESE()
    await passkey_store.offer_passkey(tx, customer_id, Offer(challenge=challenge, modality=modality, name=name), at)


async def creation_options(
    tx: Tx, customer_id: UUID, settings: Settings, *, bank: str, holder: str, at: datetime
) -> dict[str, Any] | None:
    """What the browser is asked to make (PublicKeyCredentialCreationOptions as JSON); None where nothing was begun.

    `holder`: how the authenticator shows whose it is; no name, as it may show it to whoever holds the device.
    """
    offer = await passkey_store.passkey_offer(tx, customer_id, at - OFFER_LASTS)
    if offer is None:
        return None
    has = await passkey_store.passkeys(tx, [customer_id])
    return creation_for(customer_id, offer.challenge, settings, bank=bank, holder=holder, has=has)


class Credential(Protocol):
    """What a browser is told of a passkey."""

    @property
    def credential_id(self) -> bytes: ...
    @property
    def transports(self) -> tuple[str, ...]: ...


def creation_for(
    user_id: UUID, challenge: bytes, settings: Settings, *, bank: str, holder: str, has: Iterable[Credential]
) -> dict[str, Any]:
    options = generate_registration_options(
        rp_id=settings.rp_id,
        rp_name=bank,
        user_id=user_id.bytes,
        user_name=holder,
        user_display_name=holder,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        attestation=AttestationConveyancePreference.DIRECT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[_descriptor(one) for one in has],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json_dict(options)


async def add_passkey(
    tx: Tx,
    customer_id: UUID,
    response: str,
    *,
    passkey_id: UUID,
    settings: Settings,
    by: Principal,
    at: datetime,
    lang: Lang = "zh",
) -> Passkey:
    """Keeps what an authenticator made for the offer; audited and told to the customer. Its model counts only where its maker's
    certificate stands behind it.

    Refuses `customer_unknown`, `customer_closed`, `passkey_over`, `passkey_wrong`, `passkey_taken`.
    """
    await must_be_open(tx, customer_id, by)
    offer = await passkey_store.passkey_offer(tx, customer_id, at - OFFER_LASTS)
    if offer is None:
        raise no.PASSKEY_OVER()
    made = verify_made(response, offer.challenge, settings)
    if made is None:
        raise no.PASSKEY_WRONG()
    aaguid = UUID(made.aaguid)
    attested = _is_attested(response, made, await passkey_store.roots_of(tx, aaguid), offer.challenge, settings)
    passkey = Passkey(
        id=passkey_id,
        customer_id=customer_id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        transports=transports_of(response),
        modality=offer.modality,
        name=offer.name,
        sign_count=made.sign_count,
        made_at=at,
        used_at=None,
        suspended_at=None,
        model=None,
    )
    if not await passkey_store.add_passkey(tx, passkey, aaguid=aaguid, attested=attested):
        raise no.PASSKEY_TAKEN()
    await passkey_store.drop_passkey_offer(tx, customer_id)
    details = {"passkey_id": str(passkey_id), "attested": attested, **_about(passkey, aaguid)}
    await audit.record(tx, by, "passkey.add", customer_id, at=at, details=details)
    await tell_of_factor(tx, customer_id, "set", FactorKind.PASSKEY, lang=lang, at=at)
    return next(one for one in await passkey_store.passkeys(tx, [customer_id]) if one.id == passkey_id)


def verify_made(
    response: str, challenge: bytes, settings: Settings, roots: list[bytes] | None = None
) -> VerifiedRegistration | None:
    """What an authenticator made for `challenge`, here and having asked its owner; None where it did not."""
    try:
        client_data = json.loads(response)["response"]["clientDataJSON"]
        return verify_registration_response(
            credential=response,
            expected_challenge=challenge,
            expected_rp_id=settings.rp_id,
            expected_origin=_origin_of(base64url_to_bytes(client_data), settings),
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
            pem_root_certs_bytes_by_fmt={AttestationFormat.PACKED: roots} if roots else None,
        )
    except _MALFORMED:
        return None


def _is_attested(
    response: str, made: VerifiedRegistration, roots: list[bytes], challenge: bytes, settings: Settings
) -> bool:
    """Whether a certificate that its maker has declared stands behind it; what only says of itself what it is does not count."""
    if not roots or made.fmt != AttestationFormat.PACKED:
        return False
    if not parse_attestation_object(made.attestation_object).att_stmt.x5c:
        return False
    pem = [x509.load_der_x509_certificate(root).public_bytes(Encoding.PEM) for root in roots]
    return verify_made(response, challenge, settings, pem) is not None


def transports_of(response: str) -> tuple[str, ...]:
    given = json.loads(response)["response"].get("transports")
    return tuple(sorted({one for one in given if one in _TRANSPORTS})) if isinstance(given, list) else ()


def _about(passkey: Passkey, aaguid: UUID) -> dict[str, str]:
    """What the audit keeps of one: whoever edits it later is found by it."""
    public_key = sha256(passkey.public_key).hexdigest()
    return {"modality": passkey.modality.value, "aaguid": str(aaguid), "public_key": public_key}


async def passkeys_of(tx: Tx, customer_ids: Iterable[UUID]) -> dict[UUID, list[Passkey]]:
    """What each customer has, suspended ones too, the oldest first."""
    found: dict[UUID, list[Passkey]] = {id_: [] for id_ in customer_ids}
    for passkey in await passkey_store.passkeys(tx, found):
        found[passkey.customer_id].append(passkey)
    return found


async def rename_passkey(tx: Tx, customer_id: UUID, id: UUID, name: str, *, by: Principal, at: datetime) -> None:
    """The name that it has already changes nothing. Refuses `customer_unknown`, `customer_closed`, `passkey_unknown`."""
    await must_be_open(tx, customer_id, by)
    if any((one.id, one.name) == (id, name) for one in (await passkeys_of(tx, [customer_id]))[customer_id]):
        return
    if not await passkey_store.rename_passkey(tx, customer_id, id, name):
        raise no.PASSKEY_UNKNOWN()
    await audit.record(tx, by, "passkey.rename", customer_id, at=at, details={"passkey_id": str(id)})


async def remove_passkey(
    tx: Tx, customer_id: UUID, id: UUID, *, by: Principal, at: datetime, lang: Lang = "zh"
) -> None:
    """Takes it for good; audited and told to the customer. Refuses as `rename_passkey`."""
    await must_be_open(tx, customer_id, by)
    if await passkey_store.revoke_passkey(tx, customer_id, id, at) is None:
        raise no.PASSKEY_UNKNOWN()
    await passkey_store.prefer_nothing_gone(tx, customer_id)
    await audit.record(tx, by, "passkey.remove", customer_id, at=at, details={"passkey_id": str(id)})
    await tell_of_factor(tx, customer_id, "remove", FactorKind.PASSKEY, lang=lang, at=at)


async def assertion_options(tx: Tx, customer_id: UUID, challenge: bytes, settings: Settings) -> dict[str, Any]:
    """What the browser is asked to sign `challenge` by (PublicKeyCredentialRequestOptions as JSON): one of his passkeys."""
    has = await passkey_store.passkeys(tx, [customer_id])
    return options_for([one for one in has if one.suspended_at is None], challenge, settings)


def options_for(passkeys: Iterable[Credential], challenge: bytes, settings: Settings) -> dict[str, Any]:
    """With none: whichever passkey for this bank the device has."""
    options = generate_authentication_options(
        rp_id=settings.rp_id,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        allow_credentials=[_descriptor(one) for one in passkeys],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


async def check_assertion(
    tx: Tx,
    customer_id: UUID,
    response: str,
    *,
    challenge: bytes,
    settings: Settings,
    at: datetime,
    lang: Lang = "zh",
) -> Proven | Refusal:
    """Whether one of his passkeys has signed `challenge`, here and having asked its owner. `response`: the credential as JSON.

    Answers `passkey_unknown`, `passkey_suspended`, `passkey_wrong`, not raised: a count that went back suspends it, and that stays.
    """
    found = await check_any(tx, response, challenge=challenge, settings=settings, at=at, lang=lang, of=customer_id)
    return found if isinstance(found, Refusal) else found[1]


async def check_any(
    tx: Tx,
    response: str,
    *,
    challenge: bytes,
    settings: Settings,
    at: datetime,
    lang: Lang,
    of: UUID | None = None,
) -> tuple[Passkey, Proven] | Refusal:
    """As `check_assertion`, of anybody's where `of` is None."""
    shown = shown_in(response)
    if shown is None:
        return no.PASSKEY_WRONG()
    passkey = await passkey_store.lock_passkey(tx, shown.raw_id)
    if passkey is None or (of is not None and passkey.customer_id != of):
        return no.PASSKEY_UNKNOWN()
    if passkey.suspended_at is not None:
        return no.PASSKEY_SUSPENDED()
    if shown.response.user_handle not in (None, b"", passkey.customer_id.bytes):
        return no.PASSKEY_WRONG()
    count = signed_count(shown, passkey.public_key, challenge, settings)
    if count is None:
        return no.PASSKEY_WRONG()
    if (count or passkey.sign_count) and count <= passkey.sign_count:
        return await _suspend(tx, passkey, count, at=at, lang=lang)
    await passkey_store.passkey_used(tx, passkey.id, count, at)
    evidence = {
        "credential_id": _text(passkey.credential_id),
        "public_key": _text(passkey.public_key),
        "rp_id": settings.rp_id,
        "authenticator_data": _text(shown.response.authenticator_data),
        "client_data_json": _text(shown.response.client_data_json),
        "signature": _text(shown.response.signature),
    }
    proven = Proven(kind=FactorKind.PASSKEY, sorts=passkey.modality.sorts, capable=passkey.capable, evidence=evidence)
    return passkey, proven


def shown_in(response: str) -> AuthenticationCredential | None:
    """The credential that a browser sent as JSON; None where it is none."""
    try:
        shown = parse_authentication_credential_json(response)
        parse_client_data_json(shown.response.client_data_json)
    except _MALFORMED:
        return None
    return shown


def signed_count(
    shown: AuthenticationCredential, public_key: bytes, challenge: bytes, settings: Settings
) -> int | None:
    """The signature count of a credential that signed `challenge`, here and having asked its owner; None where it did not."""
    try:
        verified = verify_authentication_response(
            credential=shown,
            expected_challenge=challenge,
            expected_rp_id=settings.rp_id,
            expected_origin=_origin_of(shown.response.client_data_json, settings),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except _MALFORMED:
        return None
    return verified.new_sign_count


async def _suspend(tx: Tx, passkey: Passkey, count: int, *, at: datetime, lang: Lang) -> Refusal:
    """A right signature with a count that was there before: somebody has a copy. Which of the two is his, nobody can tell."""
    himself = Principal(id=passkey.customer_id, kind=PrincipalKind.CUSTOMER, subject_id=passkey.customer_id)
    await passkey_store.suspend_passkey(tx, passkey.id, at)
    details = {"passkey_id": str(passkey.id), "count": count, "was": passkey.sign_count}
    await audit.record(tx, himself, "passkey.suspend", passkey.customer_id, at=at, details=details)
    await tell_of_factor(tx, passkey.customer_id, "copied", FactorKind.PASSKEY, lang=lang, at=at)
    metrics.PASSKEYS_SUSPENDED.inc()
    return no.PASSKEY_SUSPENDED()


def _origin_of(client_data: bytes, settings: Settings) -> str:
    """The origin that the browser names, where it is the bank's; else one that is not, so that it is refused."""
    origin = parse_client_data_json(client_data).origin
    if settings.origins:
        allowed = origin in settings.origin_list
    elif is_loopback(settings.rp_id):
        parts = urlsplit(origin)
        allowed = parts.scheme in ("http", "https") and parts.hostname == settings.rp_id
    else:
        allowed = origin == f"https://{settings.rp_id}"
    return origin if allowed else ""


def _descriptor(passkey: Credential) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(one) for one in passkey.transports]
    return PublicKeyCredentialDescriptor(id=passkey.credential_id, transports=transports or None)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
