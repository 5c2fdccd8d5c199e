"""Known answers: how their files are read, those of GM/T 0003.5, and the encodings that SM2 keys and ciphers travel in."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

import cryptography_vectors
import pytest

from tongbao import vault

SM2_D = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
SM2_POINT = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
SM2_K = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
SM2_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
SM2_C1 = bytes.fromhex(
    "0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
)
SM2_C2 = bytes.fromhex("21886CA989CA9C7D58087307CA93092D651EFA")
SM2_C3 = bytes.fromhex("59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766")


def sm2_or_skip() -> None:
    """For tests that need SM2. A machine without it may skip; what checks changes may not."""
    if vault.sm2_available():
        return
    if os.environ.get("CI"):
        pytest.fail("libcrypto lacks SM2 or SM3")
    pytest.skip("libcrypto lacks SM2 or SM3")


def records(path: str) -> Iterator[dict[str, str]]:
    """The blocks of a NIST file; each knows the last head in square brackets as `[`."""
    with cryptography_vectors.open_vector_file(path, "r") as file:
        head, found = "", {}
        for line in [*file.read().splitlines(), ""]:
            if line.startswith("["):
                head = line.strip("[]")
            elif " = " in line or line.endswith(" ="):
                key, _, value = line.partition(" =")
                found[key.strip()] = value.strip()
            elif found and not line.strip():
                yield {**found, "[": head}
                found = {}


def pkcs8_of_sm2(d: bytes) -> bytes:
    """The PEM file of the SM2 key with this number, without its public half."""
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
    inner = _der(0x30, b"\x02\x01\x01" + _der(0x04, d))
    outer = _der(0x30, b"\x02\x01\x00" + algorithm + _der(0x04, inner))
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(outer) + b"-----END PRIVATE KEY-----\n"


def number_of_sm2(pem: bytes) -> bytes:
    """The number in a plain PEM file of an SM2 key."""
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    at = der.index(b"\x02\x01\x01\x04\x20") + 5
    return der[at : at + 32]


def sm2_cipher(c1: bytes, c3: bytes, c2: bytes) -> bytes:
    """SM2Cipher of GM/T 0009."""
    x, y = (_integer(half) for half in (c1[1:33], c1[33:]))
    return _der(0x30, x + y + _der(0x04, c3) + _der(0x04, c2))


def sm2_cipher_parts(der: bytes) -> tuple[bytes, bytes, bytes]:
    """C1, C3 and C2 of a short SM2Cipher."""
    rest, parts = der[2:] if der[1] < 0x80 else der[3:], []
    while rest:
        parts.append(rest[2 : 2 + rest[1]])
        rest = rest[2 + rest[1] :]
    x, y = (part.lstrip(b"\0").rjust(32, b"\0") for part in parts[:2])
    return b"\x04" + x + y, parts[2], parts[3]


def _integer(raw: bytes) -> bytes:
    bare = raw.lstrip(b"\0")
    return _der(0x02, b"\0" + bare if bare[0] & 0x80 else bare)


def _der(tag: int, body: bytes) -> bytes:
    size = bytes([len(body)]) if len(body) < 0x80 else bytes([0x81, len(body)])
    return bytes([tag]) + size + body
