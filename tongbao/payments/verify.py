"""Whether a proof is true: by its own bytes and public keys alone, without the bank, its database or its word.

Read by `tongbao verify-proof`. What it finds wrong it says in one sentence; it trusts nothing that it has not recomputed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography, verify_signature

from tongbao import vault
from tongbao.base.refusal import Refusal
from tongbao.payments import proof
from tongbao.payments.canonical import canonical

LARGEST: Final = 256 * 1024
_USER_VERIFIED: Final = 0x05
"""Flags of authenticator data (WebAuthn section 6.1): somebody was there, and it was he."""


class Wrong(Exception):
    """Why a proof is not true."""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed, and by which key of a bank."""

    bank_kid: str
    instruction: dict[str, Any]
    evidence: list[str]
    confirmed_at: str


def verify(raw: bytes, *, bank_kid: str | None = None) -> Verified:
    """Raises Wrong. `bank_kid`: the key that the bank publishes; without it whoever reads compares it himself."""
    try:
        said, signature = _parsed(raw)
        key = vault.PublicKey.from_jwk(said["bank_key"])
        if bank_kid is not None and key.kid != bank_kid:
            raise Wrong(f"signed by the key {key.kid}, not by the one that was named")
        if not key.verify(canonical(said), signature):
            raise Wrong("the bank's signature does not fit: something was changed")
        agreed = canonical(said["instruction"])
        if sha256(agreed).hexdigest() != said["instruction_sha256"]:
            raise Wrong("the instruction is not the one whose SHA-256 was shown")
        for one in said["evidence"]:
            _check(one, agreed)
        _check_enough(said)
        return Verified(
            bank_kid=key.kid,
            instruction=said["instruction"],
            evidence=[one["kind"] for one in said["evidence"]],
            confirmed_at=said["confirmed_at"],
        )
    except Refusal as refusal:
        raise Wrong(refusal.kind.en) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise Wrong("this is no proof of a payment") from None


def _parsed(raw: bytes) -> tuple[dict[str, Any], bytes]:
    if len(raw) > LARGEST:
        raise Wrong("the file is too large for a proof")
    file = json.loads(raw, object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float)
    said, signature = file["proof"], _unb64(file["signature"])
    if file.keys() != {"proof", "signature"} or said["type"] != proof.TYPE:
        raise Wrong("this is no proof of a payment")
    return said, signature


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that comes twice would let one reader see what another does not."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Wrong("a name comes twice")
    return found


def _no_float(_: str) -> Any:
    raise Wrong("a number that is no integer")


def _check(one: Mapping[str, Any], agreed: bytes) -> None:
    """A signature of the payer's is checked anew; what only the bank could compare stands under its signature alone."""
    shown = one["evidence"]
    if one["kind"] == "device":
        key = vault.PublicKey.from_jwk(shown["jwk"])
        if not key.verify(agreed, _unb64(shown["signature"])):
            raise Wrong("the device's signature is not over this instruction")
    elif one["kind"] == "passkey":
        _check_passkey(shown, sha256(agreed).digest())


def _check_passkey(shown: Mapping[str, str], challenge: bytes) -> None:
    """WebAuthn level 2, section 7.2, as far as it needs nothing that only the bank knows."""
    client_data, authenticator_data = _unb64(shown["client_data_json"]), _unb64(shown["authenticator_data"])
    client = json.loads(client_data)
    if client["type"] != "webauthn.get" or _unb64(client["challenge"]) != challenge:
        raise Wrong("the passkey has signed something else")
    if authenticator_data[:32] != sha256(shown["rp_id"].encode()).digest():
        raise Wrong("the passkey is not of this bank")
    if authenticator_data[32] & _USER_VERIFIED != _USER_VERIFIED:
        raise Wrong("the passkey did not ask its owner")
    key = decoded_public_key_to_cryptography(decode_credential_public_key(_unb64(shown["public_key"])))
    signed = authenticator_data + sha256(client_data).digest()
    alg = decode_credential_public_key(_unb64(shown["public_key"])).alg
    try:
        verify_signature(public_key=key, signature_alg=alg, signature=_unb64(shown["signature"]), data=signed)
    except Exception:
        raise Wrong("the passkey's signature is not over this instruction") from None


def _check_enough(said: Mapping[str, Any]) -> None:
    asked, shown = said["asked"], said["evidence"]
    sorts = {sort for one in shown for sort in one["sorts"] if one["capable"] or not asked["large"]}
    signs = any(one["kind"] in ("passkey", "device") for one in shown)
    if len(sorts) < asked["ways"] or (asked["signed"] and not signs):
        raise Wrong("less was shown than was asked for")


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("not in base64url") from None
