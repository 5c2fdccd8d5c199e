"""What makers declare of their authenticators: read from FIDO metadata statements, kept by model and modality."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from cryptography import x509

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.identity import passkey_store
from tongbao.identity import refusals as no
from tongbao.identity.passkey_model import AuthenticatorModel, Modality

_MODALITIES: Final = {"fingerprint_internal": Modality.FINGERPRINT, "faceprint_internal": Modality.FACE}
"""Of the FIDO registry of user verification methods; what a PIN or a pattern unlocks declares no rates."""


def read_statements(text: str, *, source: str) -> list[AuthenticatorModel]:
    """Every model and modality that a file declares: one metadata statement, several, or the payload of the FIDO service (version 3).

    A biometric that a statement names without rates is kept without them. Refuses `authenticators_malformed`.
    """
    try:
        return [model for one in _statements(json.loads(text, parse_float=Decimal)) for model in _models(one, source)]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise no.AUTHENTICATORS_MALFORMED(str(error)[:200]) from None


def _statements(document: Any) -> Iterable[dict[str, Any]]:
    if isinstance(document, dict) and "entries" in document:
        found = [one.get("metadataStatement") for one in document["entries"]]
    else:
        found = document if isinstance(document, list) else [document]
    # Keys of U2F have no AAGUID: none of them ever asks its owner.
    return [one for one in found if one and one.get("aaguid")]


def _models(statement: dict[str, Any], source: str) -> Iterable[AuthenticatorModel]:
    aaguid = UUID(statement["aaguid"])
    roots = tuple(b64decode(one) for one in statement.get("attestationRootCertificates", ()))
    for root in roots:
        x509.load_der_x509_certificate(root)
    declared: dict[Modality, dict[str, Any]] = {}
    for alternative in statement.get("userVerificationDetails", ()):
        for method in alternative:
            modality = _MODALITIES.get(method.get("userVerificationMethod"))
            if modality is not None:
                declared[modality] = method.get("baDesc") or {}
    for modality, rates in declared.items():
        yield AuthenticatorModel(
            aaguid=aaguid,
            modality=modality,
            name=statement["description"][:200],
            false_accept=_rate(rates, "selfAttestedFAR"),
            false_reject=_rate(rates, "selfAttestedFRR"),
            spoof_accept=_rate(rates, "iAPARThreshold"),
            roots=roots,
            source=source[:200],
        )


def _rate(rates: dict[str, Any], name: str) -> Decimal | None:
    """Between 0 and 1. A rate of 0 is what statements say that leave it open: nothing is declared by it."""
    rate = Decimal(rates.get(name) or 0)
    if not 0 <= rate <= 1:
        raise ValueError(f"{name} is no rate")
    return rate or None


async def load_authenticators(tx: Tx, models: Sequence[AuthenticatorModel], *, by: Principal, at: datetime) -> int:
    """Keeps what is declared in place of what was; how many. Passkeys that were attested by these count by it at once."""
    last = {(one.aaguid, one.modality): one for one in models}
    await passkey_store.put_models(tx, last.values(), at)
    await audit.record(tx, by, "authenticators.load", "authenticators", at=at, details={"models": len(last)})
    return len(last)
