"""Encrypted messages: opened by their receiver alone, whole, and for what they were meant."""

from __future__ import annotations

import base64
import json
import os
import string
from functools import cache
from typing import Any

import gmalg
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe as joserfc
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.vault import vectors
from tongbao import vault
from tongbao.base.refusal import Refusal
from tongbao.vault import DecryptionKey, EncryptionKey, EnvelopeSuite, keys, policy
from tongbao.vault.jwe import LARGEST

SUITES = list(EnvelopeSuite)
ORDER = '{"payer":"王小明","amount":123450,"currency":"CNY"}'.encode()
KIND = "instruction"
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@cache
def key_of(suite: EnvelopeSuite) -> DecryptionKey:
    if suite is EnvelopeSuite.SM2:
        vectors.sm2_or_skip()
    return vault.generate_decryption_key(suite)


def native(key: DecryptionKey) -> Any:
    return keys.read_private(key.to_pem(passphrase=None), None)


def header_of(envelope: str) -> dict[str, Any]:
    return json.loads(keys.unb64(envelope.split(".")[0]))


def unreadable(key: DecryptionKey, envelope: str, code: str = "envelope_unreadable", kind: str = KIND) -> None:
    with pytest.raises(Refusal) as refused:
        key.decrypt(envelope, kind=kind)
    assert refused.value.code == code, refused.value


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("plain", [b"", b"\0", ORDER, bytes(LARGEST)], ids=len)
def test_the_receiver_reads_what_was_put_in(suite: EnvelopeSuite, plain: bytes) -> None:
    key = key_of(suite)
    envelope = key.public().encrypt(plain, kind=KIND)
    assert key.decrypt(envelope, kind=KIND) == plain
    assert envelope != key.public().encrypt(plain, kind=KIND), "twice the same text looks different"
    unreadable(vault.generate_decryption_key(suite), envelope)


@pytest.mark.parametrize("suite", SUITES)
def test_an_envelope_is_of_one_kind(suite: EnvelopeSuite) -> None:
    envelope = key_of(suite).public().encrypt(ORDER, kind="notice")
    unreadable(key_of(suite), envelope)
    assert key_of(suite).decrypt(envelope, kind="notice") == ORDER


@pytest.mark.parametrize("suite", SUITES)
def test_a_changed_character_anywhere_makes_it_unreadable(suite: EnvelopeSuite) -> None:
    key = key_of(suite)
    envelope = key.public().encrypt(ORDER, kind=KIND)
    for at, was in enumerate(envelope):
        for step in (1, 16) if was in ALPHABET else (0,):
            now = ALPHABET[(ALPHABET.find(was) + step) % 64]
            with pytest.raises(Refusal) as refused:
                key.decrypt(envelope[:at] + now + envelope[at + 1 :], kind=KIND)
            assert refused.value.code in {"envelope_unreadable", "algorithm_refused"}


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_longer_shorter_or_swapped_is_unreadable(suite: EnvelopeSuite) -> None:
    key = key_of(suite)
    one, other = (key.public().encrypt(ORDER, kind=KIND) for _ in range(2))
    parts, others = one.split("."), other.split(".")
    wrong = [one[:-1], one + "A", one + ".", one + "=", one + "\n", one.replace(".", "..", 1), ".".join(parts[:4])]
    wrong += [".".join([*parts[:at], others[at], *parts[at + 1 :]]) for at in range(5) if parts[at] != others[at]]
    wrong += [".".join([*parts[:at], "", *parts[at + 1 :]]) for at in range(5)]
    wrong += [".".join([*parts[:4], parts[4][:16]]), "", "....", "é.é.é.é.é", "A" * 100_000]
    for envelope in wrong:
        unreadable(key, envelope)


@given(suite=st.sampled_from(SUITES), rubbish=st.text(alphabet=ALPHABET + ".={}", max_size=300))
def test_rubbish_is_unreadable_and_no_accident(suite: EnvelopeSuite, rubbish: str) -> None:
    unreadable(key_of(suite), rubbish)


def with_header(envelope: str, **changes: Any) -> str:
    """The same envelope under another head; a member that becomes None is taken out."""
    header = {name: value for name, value in {**header_of(envelope), **changes}.items() if value is not None}
    return ".".join([keys.b64(json.dumps(header).encode()), *envelope.split(".")[1:]])


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    "changes",
    [{"zip": "DEF"}, {"crit": ["exp"], "exp": 1}, {"jku": "https://evil.example/"}, {"jwk": {}}, {"typ": None},
     {"typ": 7}, {"kid": "another"}, {"cty": "JWT"}],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_a_head_that_says_anything_else_is_unreadable(suite: EnvelopeSuite, changes: dict[str, Any]) -> None:
    unreadable(key_of(suite), with_header(key_of(suite).public().encrypt(ORDER, kind=KIND), **changes))


@pytest.mark.parametrize(
    "extra",
    [{}, {"kid": "another"}, {"zip": "DEF"}, {"cty": "JWT"}, {"apu": "QWxpY2U"}],
    ids=lambda extra: str([*extra]),
)
def test_a_well_made_envelope_with_another_head_is_unreadable_too(extra: dict[str, str]) -> None:
    """Its sender has the right key, so that nothing but the head is wrong."""
    key = key_of(EnvelopeSuite.P256)
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "typ": KIND, **extra}
    registry = joserfc.JWERegistry(algorithms=["ECDH-ES+A256KW", "A256GCM", "DEF"])
    point = ECKey.import_key(key.public().to_pem())
    envelope = joserfc.encrypt_compact(header, ORDER, point, registry=registry)
    if extra:
        unreadable(key, envelope)
    else:
        assert key.decrypt(envelope, kind=KIND) == ORDER


def test_a_well_made_sm2_envelope_that_names_another_cipher_is_unreadable() -> None:
    key = key_of(EnvelopeSuite.SM2)
    wrap = keys.read_public(key.public().to_pem())
    assert isinstance(wrap, keys.sm2.PublicKey)
    content_key, nonce = os.urandom(16), os.urandom(12)
    for enc in ("SM4GCM", "A256GCM"):
        head = keys.b64(json.dumps({"alg": "SM2", "enc": enc, "typ": KIND}).encode())
        cipher = Cipher(algorithms.SM4(content_key), modes.GCM(nonce)).encryptor()
        cipher.authenticate_additional_data(head.encode())
        body = cipher.update(ORDER) + cipher.finalize()
        envelope = ".".join([head, *map(keys.b64, (wrap.encrypt(content_key), nonce, body, cipher.tag))])
        if enc == "SM4GCM":
            assert key.decrypt(envelope, kind=KIND) == ORDER
        else:
            unreadable(key, envelope)


@pytest.mark.parametrize("member", ["alg", "enc"])
@pytest.mark.parametrize("name", sorted({name for banned in policy.BANNED for name in banned.means}))
def test_a_banned_algorithm_is_refused_before_a_key_is_touched(member: str, name: str) -> None:
    key = key_of(EnvelopeSuite.P256)
    unreadable(key, with_header(key.public().encrypt(ORDER, kind=KIND), **{member: name}), "algorithm_refused")


@pytest.mark.parametrize(
    "changes",
    [{"alg": "RSA1_5"}, {"alg": "none"}, {"enc": "DES-CBC"}, {"enc": "DES-EDE3-CBC"}, {"alg": "dir"},
     {"alg": "A256KW"}, {"alg": "RSA-OAEP"}, {"alg": "ECDH-ES"}, {"alg": "PBES2-HS512+A256KW"}, {"enc": "A128CBC-HS256"},
     {"alg": None}, {"enc": None}, {"alg": 1}],
    ids=str,
)  # fmt: skip
def test_names_that_are_not_in_use_are_refused(changes: dict[str, Any]) -> None:
    for suite in SUITES:
        envelope = key_of(suite).public().encrypt(ORDER, kind=KIND)
        unreadable(key_of(suite), with_header(envelope, **changes), "algorithm_refused")


def test_the_names_of_two_suites_do_not_mix() -> None:
    one, other = (key_of(suite) for suite in SUITES)
    envelope = one.public().encrypt(ORDER, kind=KIND)
    unreadable(other, envelope)
    unreadable(one, with_header(envelope, enc="SM4GCM"))
    unreadable(one, with_header(envelope, alg="SM2", enc="SM4GCM"))


def test_whole_envelopes_of_refused_algorithms_do_not_open() -> None:
    """Well made by others, for keys that exist."""
    key = key_of(EnvelopeSuite.P256)
    point = ECKey.import_key(key.to_pem(passphrase=None))
    direct = joserfc.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM", "typ": KIND}, ORDER, point)
    weaker = joserfc.encrypt_compact(
        {"alg": "ECDH-ES+A128KW", "enc": "A128GCM", "typ": KIND}, ORDER, point, ["ECDH-ES+A128KW", "A128GCM"]
    )
    oct_key = OctKey.import_key(os.urandom(32))
    shared = joserfc.encrypt_compact({"alg": "dir", "enc": "A256GCM", "typ": KIND}, ORDER, oct_key)
    rsa_key = RSAKey.import_key(
        rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.warns(SecurityWarning):
        old = joserfc.encrypt_compact(
            {"alg": "RSA1_5", "enc": "A256GCM", "typ": KIND}, ORDER, rsa_key, ["RSA1_5", "A256GCM"]
        )
    for envelope in (direct, weaker, shared, old):
        unreadable(key, envelope, "algorithm_refused")


def test_a_point_that_is_off_the_curve_tells_nothing() -> None:
    """Else an attacker learns the key from what fails (invalid curve attack)."""
    key = key_of(EnvelopeSuite.P256)
    envelope = key.public().encrypt(ORDER, kind=KIND)
    epk = header_of(envelope)["epk"]
    for wrong in (
        {**epk, "y": epk["x"]},
        {**epk, "crv": "P-384"},
        {"kty": "OKP", "crv": "X25519", "x": epk["x"]},
        {},
        None,
    ):
        unreadable(key, with_header(envelope, epk=wrong))


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def test_by_the_book_rfc_7518_opens_what_we_closed() -> None:
    """Without the library: ECDH, Concat KDF, AES key wrap, AES-GCM."""
    key = key_of(EnvelopeSuite.P256)
    head, wrapped, nonce, body, tag = key.public().encrypt(ORDER, kind=KIND).split(".")
    header = json.loads(unb64(head))
    assert (header["alg"], header["enc"], header["typ"], header["kid"]) == (
        "ECDH-ES+A256KW", "A256GCM", KIND, key.public().kid,
    )  # fmt: skip
    x, y = (int.from_bytes(unb64(header["epk"][name])) for name in "xy")
    point = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    wrapping = concat_kdf(native(key).exchange(ec.ECDH(), point))
    content_key = aes_key_unwrap(wrapping, unb64(wrapped))
    assert AESGCM(content_key).decrypt(unb64(nonce), unb64(body) + unb64(tag), head.encode()) == ORDER


def test_we_open_what_was_closed_by_the_book() -> None:
    """From a sender who names no `kid`."""
    key = key_of(EnvelopeSuite.P256)
    ephemeral, content_key, nonce = ec.generate_private_key(ec.SECP256R1()), os.urandom(32), os.urandom(12)
    header = {"enc": "A256GCM", "alg": "ECDH-ES+A256KW", "epk": keys.write_jwk(ephemeral.public_key()), "typ": KIND}
    head = keys.b64(json.dumps(header).encode())
    wrapping = concat_kdf(ephemeral.exchange(ec.ECDH(), native(key).public_key()))
    closed = AESGCM(content_key).encrypt(nonce, ORDER, head.encode())
    parts = (aes_key_wrap(wrapping, content_key), nonce, closed[:-16], closed[-16:])
    assert key.decrypt(".".join([head, *map(keys.b64, parts)]), kind=KIND) == ORDER


def concat_kdf(secret: bytes) -> bytes:
    """RFC 7518 section 4.6.2 for A256KW, parties unnamed."""
    name = b"ECDH-ES+A256KW"
    info = len(name).to_bytes(4) + name + bytes(4) + bytes(4) + (256).to_bytes(4)
    return ConcatKDFHash(hashes.SHA256(), 32, info).derive(secret)


def test_another_implementation_opens_and_closes_sm2_envelopes() -> None:
    key = key_of(EnvelopeSuite.SM2)
    number = vectors.number_of_sm2(key.to_pem(passphrase=None))
    head, wrapped, nonce, body, tag = key.public().encrypt(ORDER, kind=KIND).split(".")
    c1, c3, c2 = vectors.sm2_cipher_parts(unb64(wrapped))
    content_key = gmalg.SM2(number).decrypt(c1 + c3 + c2)
    cipher = Cipher(algorithms.SM4(content_key), modes.GCM(unb64(nonce), unb64(tag))).decryptor()
    cipher.authenticate_additional_data(head.encode())
    assert cipher.update(unb64(body)) + cipher.finalize() == ORDER

    cipher = Cipher(algorithms.SM4(content_key), modes.GCM(bytes(12))).encryptor()
    cipher.authenticate_additional_data(head.encode())
    body = cipher.update(b"answer") + cipher.finalize()
    closed = gmalg.SM2(pk=gmalg.SM2(number).generate_pk(number)).encrypt(content_key)
    wrapped = vectors.sm2_cipher(closed[:65], closed[65:97], closed[97:])
    envelope = ".".join([head, *map(keys.b64, (wrapped, bytes(12), body, cipher.tag))])
    assert key.decrypt(envelope, kind=KIND) == b"answer"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("passphrase", [None, b"seven machines made this"], ids=["plain", "encrypted"])
def test_keys_travel(suite: EnvelopeSuite, passphrase: bytes | None) -> None:
    key = key_of(suite)
    again = DecryptionKey.from_pem(key.to_pem(passphrase=passphrase), passphrase=passphrase)
    public = EncryptionKey.from_jwk(json.loads(json.dumps(key.public().jwk)))
    assert again.decrypt(public.encrypt(ORDER, kind=KIND), kind=KIND) == ORDER
    assert EncryptionKey.from_pem(key.public().to_pem()).kid == public.kid
    assert repr(key) == str(key) == "<DecryptionKey>"
    assert repr(public) == f"EncryptionKey({suite.name}, {public.kid})"
    for wrong in (
        {**public.jwk, "use": "sig"},
        {**public.jwk, "crv": "SM2" if suite is EnvelopeSuite.P256 else "P-256"},
    ):
        with pytest.raises(Refusal, match="key_malformed"):
            EncryptionKey.from_jwk(wrong)


def test_a_key_that_signs_does_not_encrypt() -> None:
    signing = vault.generate(vault.SignatureSuite.ED25519)
    with pytest.raises(Refusal, match="key_malformed"):
        DecryptionKey.from_pem(signing.to_pem(passphrase=None), passphrase=None)
    with pytest.raises(Refusal, match="key_malformed"):
        EncryptionKey.from_pem(signing.public().to_pem())
    with pytest.raises(Refusal, match="algorithm_refused"):
        EncryptionKey.from_jwk(signing.public().jwk)
    with pytest.raises(ValueError, match="holds"):
        key_of(EnvelopeSuite.P256).public().encrypt(bytes(LARGEST + 1), kind=KIND)
