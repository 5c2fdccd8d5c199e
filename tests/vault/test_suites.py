"""Ciphers give what the standards print, and open nothing that was changed."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import cryptography_vectors
import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from tongbao.base.refusal import Refusal
from tongbao.vault.model import Suite
from tongbao.vault.suites import SHORTEST, Key, bound_to, decrypt, encrypt, fresh_key, named

if TYPE_CHECKING:
    from collections.abc import Iterator

# RFC 8998, appendix A.1
SM4_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
SM4_IV = bytes.fromhex("00001234567800000000ABCD")
SM4_AAD = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
SM4_PLAIN = b"".join(bytes([b]) * 8 for b in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA))
SM4_CIPHER = bytes.fromhex(
    "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
    "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
)
SM4_TAG = bytes.fromhex("83DE3541E4C2B58177E065A9BF7B62EC")


def test_sm4_gcm_gives_what_rfc_8998_prints() -> None:
    assert encrypt(Suite.SM4_GCM, SM4_KEY, SM4_IV, SM4_PLAIN, SM4_AAD) == SM4_CIPHER + SM4_TAG
    assert decrypt(Suite.SM4_GCM, SM4_KEY, SM4_IV, SM4_CIPHER + SM4_TAG, SM4_AAD) == SM4_PLAIN


def _nist() -> Iterator[dict[str, bytes]]:
    """NIST's CAVP vectors of AES-256-GCM with a nonce of 96 bits and a tag of 128."""
    here, found = {}, {}
    with cryptography_vectors.open_vector_file("ciphers/AES/GCM/gcmEncryptExtIV256.rsp", "r") as lines:
        for line in lines:
            name, _, value = line.strip().strip("[]").partition("=")
            name, value = name.strip(), value.strip()
            if name in {"IVlen", "Taglen"}:
                here[name] = value
            elif name in {"Key", "IV", "PT", "AAD", "CT", "Tag"}:
                found[name] = bytes.fromhex(value)
                if name == "Tag" and here == {"IVlen": "96", "Taglen": "128"}:
                    yield found
                    found = {}


def test_aes_gcm_gives_what_nist_prints() -> None:
    known = list(_nist())
    assert len(known) > 300
    for one in known:
        sealed = one["CT"] + one["Tag"]
        assert encrypt(Suite.AES_256_GCM, one["Key"], one["IV"], one["PT"], one["AAD"]) == sealed
        assert decrypt(Suite.AES_256_GCM, one["Key"], one["IV"], sealed, one["AAD"]) == one["PT"]


@pytest.mark.parametrize("suite", Suite)
def test_every_byte_counts(suite: Suite) -> None:
    key, bound = fresh_key(suite, 3), bound_to("here", "it")
    sealed = key.seal("王小明".encode(), bound)
    assert len(sealed) == SHORTEST + 9
    assert named(sealed) == (suite, 3)
    assert key.open(sealed, bound) == "王小明".encode()
    for n in range(len(sealed)):
        for bit in range(8):
            with pytest.raises(Refusal, match="seal_broken"):
                key.open(sealed[:n] + bytes([sealed[n] ^ 1 << bit]) + sealed[n + 1 :], bound)
    for other in (sealed[:-1], sealed + b"\0", b"", sealed[:SHORTEST]):
        with pytest.raises(Refusal, match="seal_broken"):
            key.open(other, bound)
    with pytest.raises(Refusal, match="seal_broken"):
        key.open(sealed, bound_to("here", "another"))
    with pytest.raises(Refusal, match="seal_broken"):
        fresh_key(suite, 3).open(sealed, bound)


@pytest.mark.parametrize("suite", Suite)
@given(plain=st.binary(max_size=300), bound=st.binary(max_size=60))
def test_what_is_sealed_is_opened(suite: Suite, plain: bytes, bound: bytes) -> None:
    key = fresh_key(suite, 2**32 - 1)
    assert key.open(key.seal(plain, bound), bound) == plain


def test_a_wrong_tag_is_no_text() -> None:
    with pytest.raises(InvalidTag):
        decrypt(Suite.SM4_GCM, SM4_KEY, SM4_IV, SM4_CIPHER + bytes(16), SM4_AAD)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_no_two_places_are_written_alike(one: list[str], other: list[str]) -> None:
    assert (bound_to(*one) == bound_to(*other)) == (one == other)


def test_a_fingerprint_is_hmac_sha256() -> None:
    """RFC 4231, test case 6: the key is longer than a block there, so that its digest stands for it, which has our length."""
    from hashlib import sha256

    key = Key(Suite.AES_256_GCM, 1, sha256(b"\xaa" * 131).digest())
    assert key.fingerprint(b"Test Using Larger Than Block-Size Key - Hash Key First").hex() == (
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    )


@pytest.mark.parametrize("suite", Suite)
def test_a_key_never_shows_its_bytes(suite: Suite) -> None:
    secret = bytes(range(32 if suite is Suite.AES_256_GCM else 16))
    key = Key(suite, 1, secret)
    assert repr(secret) not in f"{key} {key!r} {[key]}"
    assert secret.hex() not in f"{key} {key!r}"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(ValueError):
        Key(suite, 1, secret[:-1])
