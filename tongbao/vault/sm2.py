"""SM2 (GB/T 32918, GM/T 0003): signatures with SM3, encryption of small secrets, keys; by the system's OpenSSL 3.

`cryptography` brings SM3 and SM4 but leaves SM2 out, so this asks libcrypto's EVP for it, by public functions alone. Nothing is
computed here; ZA, the digest of the signer's id and key, is EVP's business too. Where the library is missing or was built without
SM2 everything refuses `suite_unavailable`.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cffi import FFI
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tongbao.vault import refusals as no

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_ID: Final = b"1234567812345678"
"""The signer's id where two parties have agreed on no other (GM/T 0009 section 10)."""

_LIBRARIES: Final = ("libcrypto.so.3", "libcrypto.so.4", "libcrypto.3.dylib", "libcrypto-3-x64.dll")
_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
"""SubjectPublicKeyInfo up to the point: id-ecPublicKey on the curve 1.2.156.10197.1.301 (GM/T 0006)."""
_POINT, _HALF = 65, 32
_FUNCTIONS: Final = """
    void *EVP_PKEY_CTX_new_from_name(void *, const char *, const char *);
    void *EVP_PKEY_CTX_new_from_pkey(void *, void *, const char *);
    void EVP_PKEY_CTX_free(void *);
    int EVP_PKEY_CTX_set1_id(void *, const void *, int);
    int EVP_PKEY_keygen_init(void *);
    int EVP_PKEY_generate(void *, void **);
    int EVP_PKEY_public_check(void *);
    int EVP_PKEY_is_a(const void *, const char *);
    void EVP_PKEY_free(void *);
    int EVP_PKEY_encrypt_init(void *);
    int EVP_PKEY_encrypt(void *, unsigned char *, size_t *, const unsigned char *, size_t);
    int EVP_PKEY_decrypt_init(void *);
    int EVP_PKEY_decrypt(void *, unsigned char *, size_t *, const unsigned char *, size_t);
    void *EVP_MD_fetch(void *, const char *, const char *);
    void EVP_MD_free(void *);
    void *EVP_MD_CTX_new(void);
    void EVP_MD_CTX_free(void *);
    void EVP_MD_CTX_set_pkey_ctx(void *, void *);
    int EVP_DigestSignInit_ex(void *, void **, const char *, void *, const char *, void *, const void *);
    int EVP_DigestSign(void *, unsigned char *, size_t *, const unsigned char *, size_t);
    int EVP_DigestVerifyInit_ex(void *, void **, const char *, void *, const char *, void *, const void *);
    int EVP_DigestVerify(void *, const unsigned char *, size_t, const unsigned char *, size_t);
    const void *EVP_aes_256_cbc(void);
    void *BIO_new_mem_buf(const void *, int);
    void *BIO_new(const void *);
    const void *BIO_s_mem(void);
    int BIO_read(void *, void *, int);
    int BIO_free(void *);
    void *PEM_read_bio_PrivateKey(void *, void **, void *, void *);
    int PEM_write_bio_PKCS8PrivateKey(void *, const void *, const void *, const char *, int, void *, void *);
    void *d2i_PUBKEY(void **, const unsigned char **, long);
    int i2d_PUBKEY(const void *, unsigned char **);
    void ERR_clear_error(void);
"""

_ffi: Final = FFI()
_ffi.cdef(_FUNCTIONS)


class PublicKey:
    """A point of the curve."""

    __slots__ = ("_pkey",)

    def __init__(self, pkey: Any) -> None:
        self._pkey = pkey

    @property
    def point(self) -> bytes:
        """65 bytes: 4, x, y."""
        size = len(_SPKI) + _POINT
        room = _ffi.new("unsigned char[]", size)
        _must(_library().i2d_PUBKEY(self._pkey, _ffi.NULL) == size)
        _library().i2d_PUBKEY(self._pkey, _ffi.new("unsigned char **", room))
        return bytes(_ffi.buffer(room))[len(_SPKI) :]

    def verify(self, message: bytes, signature: bytes, *, id: bytes = DEFAULT_ID) -> bool:
        """Whether `signature`, 64 bytes r and s, is this key's over SM3(ZA, message)."""
        if len(signature) != 2 * _HALF:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[:_HALF], signature[_HALF:]))
        der = encode_dss_signature(r, s)
        with _digest(self._pkey, id, signing=False) as (lib, context):
            done = lib.EVP_DigestVerify(context, der, len(der), message, len(message))
            lib.ERR_clear_error()
        return done == 1

    def encrypt(self, plain: bytes) -> bytes:
        """SM2Cipher of GM/T 0009 (ASN.1: x, y, SM3, ciphertext); for keys, not for messages. `plain` is not empty."""
        return _ciphered(self._pkey, plain, "encrypt")


class PrivateKey:
    """A number that stays inside libcrypto; it leaves by `to_pem` alone."""

    __slots__ = ("_pkey",)

    def __init__(self, pkey: Any) -> None:
        self._pkey = pkey

    def __repr__(self) -> str:
        return "<private key>"

    def public(self) -> PublicKey:
        return PublicKey(self._pkey)

    def sign(self, message: bytes, *, id: bytes = DEFAULT_ID) -> bytes:
        """r and s, 32 bytes each."""
        with _digest(self._pkey, id, signing=True) as (lib, context):
            room = _ffi.new("size_t *", 128)
            out = _ffi.new("unsigned char[128]")
            _must(lib.EVP_DigestSign(context, out, room, message, len(message)) == 1)
            r, s = decode_dss_signature(bytes(_ffi.buffer(out, room[0])))
        return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")

    def decrypt(self, cipher: bytes) -> bytes:
        """What was encrypted to this key. Refuses `key_malformed` where it was not, or was altered."""
        if not _is_one_sequence(cipher):
            raise no.KEY_MALFORMED()
        return _ciphered(self._pkey, cipher, "decrypt")

    def to_pem(self, passphrase: bytes | None) -> bytes:
        """PKCS #8; under a passphrase by PBES2 with AES-256-CBC."""
        lib = _library()
        bio = lib.BIO_new(lib.BIO_s_mem())
        try:
            cipher = lib.EVP_aes_256_cbc() if passphrase else _ffi.NULL
            word = passphrase or _ffi.NULL
            length = len(passphrase or b"")
            _must(lib.PEM_write_bio_PKCS8PrivateKey(bio, self._pkey, cipher, word, length, _ffi.NULL, _ffi.NULL) == 1)
            out = _ffi.new("char[4096]")
            return bytes(_ffi.buffer(out, lib.BIO_read(bio, out, 4096)))
        finally:
            lib.BIO_free(bio)


def available() -> bool:
    """Whether this machine's libcrypto has SM2 and SM3."""
    return _found() is not None


def generate() -> PrivateKey:
    lib = _library()
    context = lib.EVP_PKEY_CTX_new_from_name(_ffi.NULL, b"SM2", _ffi.NULL)
    try:
        out = _ffi.new("void **")
        _must(lib.EVP_PKEY_keygen_init(context) == 1 and lib.EVP_PKEY_generate(context, out) == 1)
        return PrivateKey(_owned(out[0]))
    finally:
        lib.EVP_PKEY_CTX_free(context)


def from_point(point: bytes) -> PublicKey:
    """The public key at `point`, 65 bytes: 4, x, y. Refuses `key_malformed` off the curve."""
    lib = _library()
    der = _SPKI + point
    at = _ffi.new("const unsigned char **", _ffi.from_buffer("unsigned char[]", der))
    pkey = _owned(lib.d2i_PUBKEY(_ffi.NULL, at, len(der))) if len(point) == _POINT else _ffi.NULL
    if pkey == _ffi.NULL or lib.EVP_PKEY_is_a(pkey, b"SM2") != 1:
        lib.ERR_clear_error()
        raise no.KEY_MALFORMED()
    return PublicKey(pkey)


def from_pem(pem: bytes, passphrase: bytes | None) -> PrivateKey:
    """Refuses `key_malformed` where it is no SM2 key, or the passphrase is another."""
    lib = _library()
    bio = lib.BIO_new_mem_buf(pem, len(pem))
    # Without a word libcrypto would ask the terminal for one.
    word = _ffi.new("char[]", passphrase or b"")
    pkey = _owned(lib.PEM_read_bio_PrivateKey(bio, _ffi.NULL, _ffi.NULL, word))
    lib.BIO_free(bio)
    if pkey == _ffi.NULL or lib.EVP_PKEY_is_a(pkey, b"SM2") != 1:
        lib.ERR_clear_error()
        raise no.KEY_MALFORMED()
    return PrivateKey(pkey)


@cache
def _found() -> Any:
    """libcrypto with SM2 and SM3 in it, or None."""
    for name in _LIBRARIES:
        try:
            lib: Any = _ffi.dlopen(name)
            context = lib.EVP_PKEY_CTX_new_from_name(_ffi.NULL, b"SM2", _ffi.NULL)
            digest = lib.EVP_MD_fetch(_ffi.NULL, b"SM3", _ffi.NULL)
        except (OSError, AttributeError):
            continue
        whole = context != _ffi.NULL and digest != _ffi.NULL
        lib.EVP_PKEY_CTX_free(context)
        lib.EVP_MD_free(digest)
        if whole:
            return lib
        lib.ERR_clear_error()
    return None


def _library() -> Any:
    lib = _found()
    if lib is None:
        raise no.SUITE_UNAVAILABLE("SM2 needs OpenSSL 3 with SM2 and SM3; none is installed")
    return lib


def _owned(pkey: Any) -> Any:
    return pkey if pkey == _ffi.NULL else _ffi.gc(pkey, _library().EVP_PKEY_free)


def _must(done: bool) -> None:
    """For calls that only a broken machine makes fail."""
    if not done:
        _library().ERR_clear_error()
        raise RuntimeError("libcrypto failed")


@contextmanager
def _digest(pkey: Any, id: bytes, *, signing: bool) -> Iterator[tuple[Any, Any]]:
    """libcrypto and a context that digests ZA and then the message, for one signature."""
    lib = _library()
    key = lib.EVP_PKEY_CTX_new_from_pkey(_ffi.NULL, pkey, _ffi.NULL)
    context = lib.EVP_MD_CTX_new()
    try:
        _must(lib.EVP_PKEY_CTX_set1_id(key, id, len(id)) == 1)
        lib.EVP_MD_CTX_set_pkey_ctx(context, key)
        begin = lib.EVP_DigestSignInit_ex if signing else lib.EVP_DigestVerifyInit_ex
        _must(begin(context, _ffi.NULL, b"SM3", _ffi.NULL, _ffi.NULL, pkey, _ffi.NULL) == 1)
        yield lib, context
    finally:
        lib.EVP_MD_CTX_free(context)
        lib.EVP_PKEY_CTX_free(key)


def _ciphered(pkey: Any, given: bytes, way: str) -> bytes:
    """`given` encrypted or decrypted, as `way` says."""
    lib = _library()
    context = lib.EVP_PKEY_CTX_new_from_pkey(_ffi.NULL, pkey, _ffi.NULL)
    act = getattr(lib, f"EVP_PKEY_{way}")
    try:
        _must(getattr(lib, f"EVP_PKEY_{way}_init")(context) == 1)
        room = _ffi.new("size_t *", len(given) + 256)
        out = _ffi.new("unsigned char[]", len(given) + 256)
        if act(context, out, room, given, len(given)) != 1:
            lib.ERR_clear_error()
            raise no.KEY_MALFORMED()
        return bytes(_ffi.buffer(out, room[0]))
    finally:
        lib.EVP_PKEY_CTX_free(context)


def _is_one_sequence(der: bytes) -> bool:
    """libcrypto would overlook what stands behind the sequence."""
    if len(der) < 4 or der[0] != 0x30:
        return False
    if der[1] < 0x80:
        return len(der) == 2 + der[1]
    if der[1] == 0x81:
        return der[2] >= 0x80 and len(der) == 3 + der[2]
    return der[1] == 0x82 and der[2] > 0 and len(der) == 4 + int.from_bytes(der[2:4])
