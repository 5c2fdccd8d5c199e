"""The fingerprint of a client certificate, from whatever somebody has at hand."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tongbao.identity import refusals as no

_HEX: Final = re.compile(r"(?:sha256[ :=])?((?:[0-9a-f]{2}:?){32})", re.IGNORECASE)


def fingerprint(text: str) -> bytes:
    """SHA-256 of a certificate's DER form, from its PEM or from 64 hexadecimal digits, with or without colons.

    Refuses `certificate_malformed`.
    """
    given = text.strip()
    if found := _HEX.fullmatch(given):
        return bytes.fromhex(found[1].replace(":", ""))
    try:
        return sha256(x509.load_pem_x509_certificate(given.encode("ascii")).public_bytes(Encoding.DER)).digest()
    except ValueError:
        raise no.CERTIFICATE_MALFORMED(field="certificate") from None
