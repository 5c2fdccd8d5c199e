"""SM2 against an implementation by others, and its edges: points off the curve, files of other keys, a machine without it."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import gmalg
import pytest

from tests.vault import vectors
from tongbao import vault
from tongbao.base.refusal import Refusal
from tongbao.vault import SignatureSuite, sm2

MESSAGES = (b"", b"\0", "王小明付李娜五百元整".encode(), bytes(range(256)) * 40)


@pytest.fixture(autouse=True)
def _here(request: pytest.FixtureRequest) -> None:
    if "without_sm2" not in request.fixturenames:
        vectors.sm2_or_skip()


@pytest.fixture
def without_sm2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm2, "_found", lambda: None)


@pytest.fixture
def key() -> sm2.PrivateKey:
    return sm2.generate()


def oracle(key: sm2.PrivateKey, id: bytes = sm2.DEFAULT_ID) -> gmalg.SM2:
    return gmalg.SM2(vectors.number_of_sm2(key.to_pem(None)), id, key.public().point)


@pytest.mark.parametrize("message", MESSAGES, ids=len)
@pytest.mark.parametrize("id", [sm2.DEFAULT_ID, b"ALICE123@YAHOO.COM"])
def test_each_accepts_what_the_other_signed(key: sm2.PrivateKey, message: bytes, id: bytes) -> None:
    signature = key.sign(message, id=id)
    assert oracle(key, id).verify(message, signature[:32], signature[32:])
    r, s = (half.rjust(32, b"\0") for half in oracle(key, id).sign(message))
    assert key.public().verify(message, r + s, id=id)
    assert not key.public().verify(message + b".", r + s, id=id)
    assert not key.public().verify(message, r + s, id=b"somebody else")


@pytest.mark.parametrize("message", [b"k", bytes(16), bytes(range(90))], ids=len)
def test_each_opens_what_the_other_closed(key: sm2.PrivateKey, message: bytes) -> None:
    c1, c3, c2 = vectors.sm2_cipher_parts(key.public().encrypt(message))
    assert oracle(key).decrypt(c1 + c3 + c2) == message
    closed = oracle(key).encrypt(message)
    assert key.decrypt(vectors.sm2_cipher(closed[:65], closed[65:97], closed[97:])) == message


def test_the_standard_s_own_numbers_come_out_of_the_other_too() -> None:
    """So that the two agree for the reason that both are right."""
    other = gmalg.SM2(vectors.SM2_D, sm2.DEFAULT_ID, rnd_fn=lambda _: vectors.SM2_K)
    assert b"".join(other.sign(b"message digest")) == vectors.SM2_SIGNATURE
    assert other.encrypt(b"encryption standard") == vectors.SM2_C1 + vectors.SM2_C3 + vectors.SM2_C2
    assert sm2.from_pem(vectors.pkcs8_of_sm2(vectors.SM2_D), None).public().point == vectors.SM2_POINT


def test_two_signatures_of_one_message_differ(key: sm2.PrivateKey) -> None:
    assert key.sign(b"once") != key.sign(b"once"), "a number that repeats would give the key away"


def test_many_threads_share_a_key(key: sm2.PrivateKey) -> None:
    """libcrypto lets go of the interpreter's lock."""
    texts = [bytes([number]) * 4096 for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        signatures = list(threads.map(key.sign, texts))
        assert all(threads.map(key.public().verify, texts, signatures))
        assert list(threads.map(key.decrypt, threads.map(key.public().encrypt, texts[1:]))) == texts[1:]


def test_a_cipher_that_was_changed_anywhere_is_refused(key: sm2.PrivateKey) -> None:
    cipher = key.public().encrypt(b"sixteen bytes...")
    for at in range(len(cipher)):
        for bit in range(8):
            changed = bytearray(cipher)
            changed[at] ^= 1 << bit
            with pytest.raises(Refusal, match="key_malformed"):
                key.decrypt(bytes(changed))
    for changed in (b"", cipher[:-1], cipher + b"\0", cipher[1:], b"\x30\x82\x00\x00"):
        with pytest.raises(Refusal, match="key_malformed"):
            key.decrypt(changed)
    with pytest.raises(Refusal, match="key_malformed"):
        sm2.generate().decrypt(cipher)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_is_wrong(key: sm2.PrivateKey, length: int) -> None:
    assert not key.public().verify(b"m", bytes(length))


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64], ids=["zeros", "ones"])
def test_numbers_outside_the_group_are_no_signature(key: sm2.PrivateKey, signature: bytes) -> None:
    assert not key.public().verify(b"m", signature)


@pytest.mark.parametrize(
    "point",
    [
        b"",
        b"\x04" + bytes(64),
        vectors.SM2_POINT[:-1],
        vectors.SM2_POINT[:-1] + b"\x14",
        b"\x03" + vectors.SM2_POINT[1:33],
    ],
    ids=["nothing", "origin", "short", "off the curve", "compressed"],
)
def test_what_is_no_point_of_the_curve_is_no_key(point: bytes) -> None:
    with pytest.raises(Refusal, match="key_malformed"):
        sm2.from_point(point)


def test_a_key_shows_nothing(key: sm2.PrivateKey) -> None:
    assert repr(key) == str(key) == f"{key}" == "<private key>"
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(key)
    assert not hasattr(key, "__dict__")


def test_a_machine_without_sm2_says_so_and_signs_otherwise(without_sm2: None) -> None:
    assert not vault.sm2_available()
    for wanted in (
        lambda: vault.generate(SignatureSuite.SM2),
        lambda: vault.generate_decryption_key(vault.EnvelopeSuite.SM2),
        lambda: vault.PrivateKey.from_pem(vectors.pkcs8_of_sm2(vectors.SM2_D), passphrase=None),
    ):
        with pytest.raises(Refusal) as refused:
            wanted()
        assert (refused.value.code, refused.value.kind.status) == ("suite_unavailable", 501)
    key = vault.generate(SignatureSuite.ED25519)
    assert key.public().verify(b"m", key.sign(b"m"))
