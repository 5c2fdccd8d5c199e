"""Signing and checking in every suite, keys as files and as JSON Web Keys, and what is refused by policy."""

from __future__ import annotations

import copy
import json
import pickle
from functools import cache
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from hypothesis import given
from hypothesis import strategies as st

from tests.vault import vectors
from tongbao import vault
from tongbao.base.refusal import Refusal
from tongbao.vault import PrivateKey, PublicKey, SignatureSuite, keys, policy

SUITES = list(SignatureSuite)
PASSPHRASE = b"seven machines made this"
DOCUMENT = "付 ¥1,234.50 给老王面馆，订单 20261122-7".encode()


@cache
def key_of(suite: SignatureSuite) -> PrivateKey:
    if suite is SignatureSuite.SM2:
        vectors.sm2_or_skip()
    return vault.generate(suite)


def pem(key: Any, *, wrapped: Any = None, traditional: bool = False) -> bytes:
    layout = serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, layout, wrapped or serialization.NoEncryption())


def public_pem(key: Any) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("suite", SUITES)
def test_what_one_signs_everybody_can_check(suite: SignatureSuite) -> None:
    key = key_of(suite)
    signature = key.sign(DOCUMENT)
    assert key.public().verify(DOCUMENT, signature)
    assert len(signature) == (384 if suite in {SignatureSuite.PS256, SignatureSuite.PS512} else 64)
    assert not vault.generate(suite).public().verify(DOCUMENT, signature), "another's key"
    assert key.public().verify(b"", key.sign(b""))


@pytest.mark.parametrize("suite", SUITES)
def test_a_changed_byte_anywhere_fails(suite: SignatureSuite) -> None:
    key = key_of(suite)
    public, signature = key.public(), key.sign(DOCUMENT)
    for at in range(len(signature)):
        assert not public.verify(DOCUMENT, changed(signature, at)), at
    for at in range(len(DOCUMENT)):
        assert not public.verify(changed(DOCUMENT, at), signature), at


def changed(text: bytes, at: int) -> bytes:
    other = bytearray(text)
    other[at] ^= 1
    return bytes(other)


@given(suite=st.sampled_from(SUITES), rubbish=st.binary(max_size=400))
def test_rubbish_is_a_wrong_signature_and_no_accident(suite: SignatureSuite, rubbish: bytes) -> None:
    assert not key_of(suite).public().verify(DOCUMENT, rubbish)


@pytest.mark.parametrize("suite", SUITES)
def test_a_signature_with_something_behind_it_is_wrong(suite: SignatureSuite) -> None:
    key = key_of(suite)
    assert not key.public().verify(DOCUMENT, key.sign(DOCUMENT) + b"\0")
    assert not key.public().verify(DOCUMENT, key.sign(DOCUMENT)[:-1])
    signature = key.sign(DOCUMENT)
    half = len(signature) // 2
    for other in (b"\0" + signature, signature[:half] + b"\0" + signature[half:]):
        assert not key.public().verify(DOCUMENT, other), "the same numbers, spelled otherwise"


def test_the_two_suites_of_one_rsa_key_do_not_mix() -> None:
    key = key_of(SignatureSuite.PS256)
    as_512 = PrivateKey.from_pem(key.to_pem(passphrase=None), passphrase=None, suite=SignatureSuite.PS512)
    assert as_512.public().kid == key.public().kid
    assert as_512.public() != key.public()
    assert not as_512.public().verify(DOCUMENT, key.sign(DOCUMENT))
    assert as_512.public().verify(DOCUMENT, as_512.sign(DOCUMENT))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
def test_a_key_travels_as_a_file(suite: SignatureSuite, passphrase: bytes | None) -> None:
    key = key_of(suite)
    file = key.to_pem(passphrase=passphrase)
    assert file.startswith(b"-----BEGIN ENCRYPTED PRIVATE" if passphrase else b"-----BEGIN PRIVATE")
    again = PrivateKey.from_pem(file, passphrase=passphrase, suite=suite)
    assert key.public().verify(DOCUMENT, again.sign(DOCUMENT))
    assert PublicKey.from_pem(key.public().to_pem(), suite) == key.public()
    for wrong in (b"another machine's words", None) if passphrase else (PASSPHRASE,):
        with pytest.raises(Refusal, match="key_malformed"):
            PrivateKey.from_pem(file, passphrase=wrong, suite=suite)


@pytest.mark.parametrize("suite", SUITES)
def test_a_public_key_travels_as_json(suite: SignatureSuite) -> None:
    public = key_of(suite).public()
    jwk = json.loads(json.dumps(public.jwk))
    assert PublicKey.from_jwk(jwk) == public
    assert jwk["alg"] == suite.value
    assert jwk["kid"] == public.kid
    assert not {"d", "p", "q"} & jwk.keys()
    assert hash(PublicKey.from_jwk(jwk)) == hash(public)


def test_a_thumbprint_is_that_of_rfc_8037() -> None:
    """Appendix A.3."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "EdDSA"}
    assert PublicKey.from_jwk(jwk).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("suite", SUITES)
def test_a_private_key_shows_nothing(suite: SignatureSuite) -> None:
    key = key_of(suite)
    assert repr(key) == str(key) == f"{key!s}" == "<PrivateKey>"
    assert not hasattr(key, "__dict__")
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode):
        with pytest.raises(TypeError):
            leak(key)
    assert repr(key.public()) == f"PublicKey({suite.name}, {key.public().kid})"


@pytest.mark.parametrize("passphrase", [b"", b"fifteen letters", b"x" * 1025, b"sixteen letters\0and NUL"])
def test_a_passphrase_that_protects_too_little_is_refused(passphrase: bytes) -> None:
    for suite in (SignatureSuite.ED25519, SignatureSuite.SM2):
        with pytest.raises(Refusal, match="passphrase_weak"):
            key_of(suite).to_pem(passphrase=passphrase)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"x" * 20_000,
    ],
)
def test_what_is_no_key_file_is_refused(file: bytes) -> None:
    with pytest.raises(Refusal, match="key_malformed"):
        PrivateKey.from_pem(file, passphrase=None)
    with pytest.raises(Refusal, match="key_malformed"):
        PublicKey.from_pem(file.replace(b"PRIVATE", b"PUBLIC"))


def test_a_file_holds_one_key_of_the_kind_that_is_asked_for() -> None:
    key = key_of(SignatureSuite.ED25519)
    file = key.to_pem(passphrase=None)
    with pytest.raises(Refusal, match="key_malformed"):
        PrivateKey.from_pem(file + file, passphrase=None)
    with pytest.raises(Refusal, match="key_malformed"):
        PrivateKey.from_pem(key.public().to_pem(), passphrase=None)
    with pytest.raises(Refusal, match="key_malformed"):
        PublicKey.from_pem(file)
    with pytest.raises(Refusal, match="key_malformed"):
        PrivateKey.from_pem(file, passphrase=None, suite=SignatureSuite.ES256)
    with pytest.raises(Refusal, match="key_malformed"):
        PublicKey.from_pem(key.public().to_pem(), SignatureSuite.SM2)


OLD_FILES = {
    "MD5 and DES": (
        "MIGwMBsGCSqGSIb3DQEFAzAOBAgYUbZaBzXtKwICCAAEgZDQWzR7vhcjRs+oLhi4"
        "41vk1x9OYC+B8FBw9EVOzdT99FnL0P0pwUxFwsrEGiTb3unAM7pAxW/6gOQM7rT4"
        "0cEXh/qpWGwXby6lQhT5EtP1/DDnDkX2C/3sliMUKi6iHLZEPJi0Ub94/wrDhP+x"
        "MRWXFl6BhHlxxeQtoMZdi4bV1QsfDJ3qJXB5oive24BvEk8="
    ),
    "SHA-1 and 3DES": (
        "MIGxMBwGCiqGSIb3DQEMAQMwDgQIcSMh0kSMEKMCAggABIGQ4W91nBbF2SkbQejk"
        "Lf9qAQqh0q/kKd/CEwFyujMW0f090qF5e630VkD7SPvjES0FWgkxGq556IAC3dJl"
        "huMo6jgjwZyTVpOdBKcsjsc1pbe4ffvU58IK9oosYkcNlUKCLoFL0TRZDL+eF3y6"
        "uoM4nVJJk2x+tehRsji3Y1O1dM+uaEVlM5GvyNP+67js0CY9"
    ),
    "SHA-1 and RC4": (
        "MIGrMBwGCiqGSIb3DQEMAQEwDgQIg2qMBJDKaxQCAggABIGKsgBtQAxn86cXt1hI"
        "vkaOO+qiElu3eMAsQt8TggAc52TdSIszb+OEox7bFwURe//9HufvikDemi+2zbqG"
        "f0grXazfTSzokTa2dQPmjGZ8vIXM4tdLqsc5v2m8OigE/PUA6/YhgP6HeonfLyW+"
        "SBjIHx5fQG0adO6K+GMNzLNacrCKR2DBvQj4D1lR"
    ),
    "PBES2 with 3DES": (
        "MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAjc/D8y/9dpDwICCAAw"
        "DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIgWhts/OG1dQEgZCdmT126uHtgQvF"
        "QIITsDLR1g3wyfGRHPEHOp6+m5FmnlMUrsAs3PiQk4GQ9Zk78I9qKyskGZ4YM0qT"
        "Z17eD5KJujaVHK30qQMnHaU3phoGAUUASUBeuf3dQrwd0fcmgAa4xoW0/HXoEfVE"
        "v1OouRM9i8PJyjcaElhPj5l8SWlJVJ8SSs9WOGueI130zmX/qlk="
    ),
}
"""One P-256 key, its file encrypted by OpenSSL in ways that are refused, under the word `password`."""


ED = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "EdDSA"}
EC = {"kty": "EC", "crv": "P-256", "alg": "ES256"}


@pytest.mark.parametrize(
    ("jwk", "code"),
    [
        ({**ED, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}, "key_malformed"),
        ({**ED, "use": "enc"}, "key_malformed"),
        ({**ED, "x": ED["x"] + "="}, "key_malformed"),
        ({**ED, "x": ED["x"][:-1] + "p"}, "key_malformed"),
        ({**ED, "x": ED["x"][:-2]}, "key_malformed"),
        ({**ED, "x": 7}, "key_malformed"),
        ({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA"}, "key_malformed"),
        ({**ED, "alg": "ES256"}, "key_malformed"),
        ({**ED, "alg": "none"}, "algorithm_refused"),
        ({**ED, "alg": None}, "algorithm_refused"),
        ({**ED, "crv": "Ed448"}, "algorithm_refused"),
        ({**ED, "crv": "X25519"}, "algorithm_refused"),
        ({"kty": "oct", "k": "AAAA", "alg": "EdDSA"}, "key_malformed"),
        ({**EC, "x": "AA", "y": "AA"}, "key_malformed"),
        ({**EC, "x": keys.b64(bytes(32)), "y": keys.b64(bytes(32))}, "key_malformed"),
        ({**EC, "crv": "secp256k1", "x": keys.b64(bytes(32)), "y": keys.b64(bytes(32))}, "algorithm_refused"),
    ],
)
def test_a_json_web_key_that_is_wrong_is_refused(jwk: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        PublicKey.from_jwk(jwk)
    assert refused.value.code == code


@pytest.mark.parametrize("name", sorted({name for banned in policy.BANNED for name in banned.means}))
def test_a_banned_algorithm_is_refused_by_each_of_its_names(name: str) -> None:
    for spelled in (name, name.upper(), f" {name}"):
        assert spelled not in set(SignatureSuite)
        with pytest.raises(Refusal, match="algorithm_refused") as refused:
            PublicKey.from_jwk({**ED, "alg": spelled})
        reason = next(banned for banned in policy.BANNED if name in banned.means)
        assert refused.value.detail == f"{reason.name}: {reason.why}"


def test_the_table_names_what_the_bank_said_it_refuses() -> None:
    assert {"none", "DES", "3DES", "RC4", "MD5", "SHA-1"} <= {banned.name for banned in policy.BANNED}
    assert "rsa1_5" in {name for banned in policy.BANNED for name in banned.means}
    assert vault.refused_algorithm("ROT13").detail == "'ROT13' is not in use here"
    assert vault.refused_algorithm(None).code == "algorithm_refused"


@pytest.mark.parametrize("bits", [1024, 2047])
def test_rsa_below_2048_bits_is_refused(bits: int) -> None:
    key = rsa.generate_private_key(65537, bits)
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "alg": "PS256", "e": "AQAB", "n": keys.b64(numbers.n.to_bytes((bits + 7) // 8))}
    for attempt in (
        lambda: PrivateKey.from_pem(pem(key), passphrase=None),
        lambda: PublicKey.from_pem(public_pem(key)),
        lambda: PublicKey.from_jwk(jwk),
    ):
        with pytest.raises(Refusal, match="algorithm_refused"):
            attempt()


def test_rsa_that_is_huge_or_has_an_odd_exponent_is_refused() -> None:
    small_exponent = rsa.generate_private_key(3, 2048)
    with pytest.raises(Refusal, match="algorithm_refused"):
        PublicKey.from_pem(public_pem(small_exponent))
    huge = {"kty": "RSA", "alg": "PS256", "e": "AQAB", "n": keys.b64((1 << 9000 | 1).to_bytes(1126))}
    with pytest.raises(Refusal, match="algorithm_refused"):
        PublicKey.from_jwk(huge)
    assert PublicKey.from_pem(public_pem(rsa.generate_private_key(65537, 2048))).suite is SignatureSuite.PS256


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed448.Ed448PrivateKey.generate(),
        dsa.generate_private_key(2048),
    ],
    ids=["secp256k1", "P-384", "Ed448", "DSA"],
)
def test_kinds_of_keys_that_are_not_in_use_are_refused(key: Any) -> None:
    with pytest.raises(Refusal, match="algorithm_refused"):
        PrivateKey.from_pem(pem(key), passphrase=None)
    with pytest.raises(Refusal, match="algorithm_refused"):
        PublicKey.from_pem(public_pem(key))


@pytest.mark.parametrize("protected", OLD_FILES)
def test_a_key_file_that_des_3des_or_rc4_protects_is_refused(protected: str) -> None:
    file = f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{OLD_FILES[protected]}\n-----END ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(Refusal, match="algorithm_refused"):
        PrivateKey.from_pem(file.encode(), passphrase=b"password")


def test_a_key_file_older_than_pkcs_8_is_refused() -> None:
    """Its passphrase becomes a key by MD5."""
    key = ec.generate_private_key(ec.SECP256R1())
    for wrapped, passphrase in ((serialization.BestAvailableEncryption(PASSPHRASE), PASSPHRASE), (None, None)):
        with pytest.raises(Refusal, match="key_malformed"):
            PrivateKey.from_pem(pem(key, wrapped=wrapped, traditional=True), passphrase=passphrase)


def test_sha_1_and_pkcs_1_signatures_are_wrong_here() -> None:
    """The right key, the right message, the wrong algorithm."""
    p256 = ec.generate_private_key(ec.SECP256R1())
    sha1 = hashes.Hash(hashes.SHA1())
    sha1.update(DOCUMENT)
    for der in (
        p256.sign(DOCUMENT, ec.ECDSA(hashes.SHA1())),
        p256.sign(sha1.finalize(), ec.ECDSA(Prehashed(hashes.SHA1()))),
    ):
        assert not PublicKey.from_pem(public_pem(p256)).verify(DOCUMENT, raw(der))
    key = rsa.generate_private_key(65537, 2048)
    for suite in (SignatureSuite.PS256, SignatureSuite.PS512):
        public = PublicKey.from_pem(public_pem(key), suite)
        assert not public.verify(DOCUMENT, key.sign(DOCUMENT, padding.PKCS1v15(), hashes.SHA256()))
        for digest, salt in ((hashes.SHA1(), 20), (hashes.SHA256(), 20), (hashes.SHA512(), 32)):
            signature = key.sign(DOCUMENT, padding.PSS(padding.MGF1(digest), salt), digest)
            assert not public.verify(DOCUMENT, signature)


def raw(der: bytes) -> bytes:
    r, s = (value.to_bytes(32) for value in keys.sm2.decode_dss_signature(der))
    return r + s
