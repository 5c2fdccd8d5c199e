"""Known answers of signatures, key wrapping, SM3 and SM4: given, accepted, or refused, as published. Seals have theirs beside them."""

from __future__ import annotations

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from tests.vault import vectors
from tongbao.base.refusal import Refusal
from tongbao.vault import PrivateKey, PublicKey, SignatureSuite, keys

LARGEST_SHOWN = 400
"""Vectors of one long file that a run looks at."""


def test_ed25519_gives_the_signatures_of_rfc_8032() -> None:
    """The file begins with the tests of RFC 8032 section 7.1."""
    with cryptography_vectors.open_vector_file("asymmetric/Ed25519/sign.input", "r") as file:
        lines = file.read().split()
    assert lines[0].startswith("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    for line in lines:
        secret, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
        key = PrivateKey(SignatureSuite.ED25519, Ed25519PrivateKey.from_private_bytes(secret[:32]))
        assert key.sign(message) == signed[:64]
        checker = PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": keys.b64(public), "alg": "EdDSA"})
        assert checker == key.public()
        assert checker.verify(message, signed[:64])
        assert not checker.verify(message + b"\0", signed[:64])


def test_p256_judges_as_nist_does() -> None:
    """FIPS 186-3, with its wrong ones: message, r, s or key changed."""
    judged = {"P": 0, "F": 0}
    for record in vectors.records("asymmetric/ECDSA/FIPS_186-3/SigVer.rsp"):
        if record["["] != "P-256,SHA-256":
            continue
        x, y, r, s = (bytes.fromhex(record[name].rjust(64, "0")) for name in ("Qx", "Qy", "R", "S"))
        jwk = {"kty": "EC", "crv": "P-256", "alg": "ES256", "x": keys.b64(x), "y": keys.b64(y)}
        try:
            right = PublicKey.from_jwk(jwk).verify(bytes.fromhex(record["Msg"]), r + s)
        except Refusal:
            right = False
        assert right == (record["Result"][0] == "P"), record
        judged[record["Result"][0]] += 1
    assert judged["P"] >= 3
    assert judged["F"] >= 8


def test_rsa_pss_takes_one_length_of_salt() -> None:
    """NIST's signatures with a salt of ten bytes are right, and not ours: a suite has one shape."""
    seen = 0
    modulus = ""
    for record in vectors.records("asymmetric/RSA/FIPS_186-2/SigVerPSS_186-3.rsp"):
        modulus = record.get("n", modulus)
        if record["["] != "mod = 2048" or record.get("SHAAlg") != "SHA256" or record["Result"][0] != "P":
            continue
        numbers = rsa.RSAPublicNumbers(int(record["e"], 16), int(modulus, 16))
        message, signature = bytes.fromhex(record["Msg"]), bytes.fromhex(record["S"])
        digest = hashes.SHA256()
        numbers.public_key().verify(signature, message, padding.PSS(padding.MGF1(digest), 10), digest)
        assert not PublicKey(SignatureSuite.PS256, numbers.public_key()).verify(message, signature)
        seen += 1
    assert seen >= 1


def test_aes_256_wraps_keys_as_nist_does() -> None:
    """What ECDH-ES+A256KW wraps a content key with (NIST SP 800-38F)."""
    wrapped = [r for r in vectors.records("keywrap/kwtestvectors/KW_AE_256.txt") if "C" in r][:LARGEST_SHOWN]
    assert len(wrapped) >= 100
    for record in wrapped:
        assert aes_key_wrap(bytes.fromhex(record["K"]), bytes.fromhex(record["P"])).hex() == record["C"]
    wrong = 0
    for record in [r for r in vectors.records("keywrap/kwtestvectors/KW_AD_256.txt") if "C" in r][:LARGEST_SHOWN]:
        key, cipher = bytes.fromhex(record["K"]), bytes.fromhex(record["C"])
        if "P" in record:
            assert aes_key_unwrap(key, cipher).hex() == record["P"]
            continue
        with pytest.raises(InvalidUnwrap):
            aes_key_unwrap(key, cipher)
        wrong += 1
    assert wrong > 10


def test_sm2_accepts_the_signature_of_gmt_0003_5() -> None:
    vectors.sm2_or_skip()
    key = PrivateKey.from_pem(vectors.pkcs8_of_sm2(vectors.SM2_D), passphrase=None)
    x, y = (keys.b64(half) for half in (vectors.SM2_POINT[1:33], vectors.SM2_POINT[33:]))
    published = PublicKey.from_jwk({"kty": "EC", "crv": "SM2", "alg": "SM2", "x": x, "y": y})
    assert key.public() == published, "the key of the standard"
    assert published.verify(b"message digest", vectors.SM2_SIGNATURE)
    assert not published.verify(b"message Digest", vectors.SM2_SIGNATURE)
    for at in range(64):
        changed = bytearray(vectors.SM2_SIGNATURE)
        changed[at] ^= 1
        assert not published.verify(b"message digest", bytes(changed)), at


def test_sm2_opens_the_cipher_of_gmt_0003_5() -> None:
    vectors.sm2_or_skip()
    key = keys.read_private(vectors.pkcs8_of_sm2(vectors.SM2_D), None)
    assert isinstance(key, keys.sm2.PrivateKey)
    cipher = vectors.sm2_cipher(vectors.SM2_C1, vectors.SM2_C3, vectors.SM2_C2)
    assert key.decrypt(cipher) == b"encryption standard"


def test_sm3_digests_as_oscca_says() -> None:
    published = list(vectors.records("hashes/SM3/oscca.txt"))
    assert len(published) >= 5
    for record in published:
        digest = hashes.Hash(hashes.SM3())
        digest.update(bytes.fromhex(record["Msg"])[: int(record["Len"]) // 8])
        assert digest.finalize().hex() == record["MD"]


def test_sm4_of_gbt_32907_once_and_a_million_times() -> None:
    key = text = bytes.fromhex("0123456789abcdeffedcba9876543210")
    block = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()
    text = block.update(text)
    assert text.hex() == "681edf34d206965e86b3e94f536e4246"
    for _ in range(999_999):
        text = block.update(text)
    assert text.hex() == "595298c7c6fd271f0402f804c33d3f66"
