"""Seals, envelopes and signatures a second of one core: each suite made and checked, one thread, nothing stored.

All of it in turn, round after round; medians; seconds are those that the thread computed, so that neighbours count less. `ratio` is to the yardstick of the same round: what is sealed or enveloped is
compared with AES-256-GCM over as many bytes by the library alone, what is signed with Ed25519 by the library alone. Quote the ratios.
"""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongbao import identity, vault
from tongbao.base.refusal import Refusal
from tongbao.vault import EnvelopeSuite, SignatureSuite, Suite
from tongbao.vault.suites import bound_to, fresh_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = (32, 1024, 16_384)
"""Bytes that are sealed: a name or a number, a document, a picture."""
SIGNED = 512
"""Bytes that are signed: an instruction."""
ENVELOPED = 1024


class Work(NamedTuple):
    """One thing to do over and over. `yardstick` names what it is compared with; without one it is itself a yardstick."""

    suite: str
    what: str
    size: int
    do: Callable[[], object]
    yardstick: str | None = None

    @property
    def name(self) -> str:
        return f"{self.suite} {self.what} {self.size}"


def bench(rounds: int = 5, seconds: float = 0.15, said: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """A row for each suite and what it does: how often a second, and how that compares with the yardstick."""
    works, missing = _works()
    rates: dict[str, list[float]] = {work.name: [] for work in works}
    for turn in range(rounds):
        said(f"round {turn + 1} of {rounds}")
        for work in works:
            rates[work.name].append(_rate(work.do, seconds))
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "library": backend.openssl_version_text(),
        "rounds": rounds,
        "seconds": seconds,
        "missing": missing,
        "suites": [_row(work, rates) for work in works],
    }


def _row(work: Work, rates: dict[str, list[float]]) -> dict[str, Any]:
    found = {"suite": work.suite, "what": work.what, "bytes": work.size, "per_s": round(median(rates[work.name]))}
    if work.yardstick is None:
        return found
    ratios = [one / other for one, other in zip(rates[work.name], rates[work.yardstick], strict=True)]
    return {**found, "ratio": round(median(ratios), 4)}


def _rate(do: Callable[[], object], seconds: float) -> float:
    """How often a second; the clock is looked at so seldom that it does not count."""
    count, step, began = 0, 1, time.thread_time()
    while True:
        for _ in range(step):
            do()
        count += step
        took = time.thread_time() - began
        if took >= seconds:
            return count / took
        step = max(1, min(count, round((seconds - took) * count / took)))


def _works() -> tuple[list[Work], list[str]]:
    """What this machine can do, and the suites that it cannot."""
    works: list[Work] = []
    missing: list[str] = []
    for size in SIZES:
        works += _bare_cipher(size)
    works += _bare_signature()
    for suite in Suite:
        works += [work for size in SIZES for work in _seals(suite, size)]
    made = [*((_envelopes(suite), suite) for suite in EnvelopeSuite), *((_signatures(s), s) for s in SignatureSuite)]
    for found, suite in made:
        try:
            works += found
        except Refusal as refusal:
            missing.append(f"{type(suite).__name__} {suite.name}: {refusal.code}")
    works += _http()
    return works, missing


def _bare_cipher(size: int) -> Iterator[Work]:
    cipher, text = AESGCM(os.urandom(32)), os.urandom(size)
    nonce = os.urandom(12)
    closed = cipher.encrypt(nonce, text, b"bound")
    yield Work("library AES-256-GCM", "seal", size, lambda: cipher.encrypt(nonce, text, b"bound"))
    yield Work("library AES-256-GCM", "open", size, lambda: cipher.decrypt(nonce, closed, b"bound"))


def _bare_signature() -> Iterator[Work]:
    key, text = Ed25519PrivateKey.generate(), os.urandom(SIGNED)
    public, signature = key.public_key(), key.sign(text)
    yield Work("library Ed25519", "sign", SIGNED, lambda: key.sign(text))
    yield Work("library Ed25519", "verify", SIGNED, lambda: public.verify(signature, text))


def _seals(suite: Suite, size: int) -> Iterator[Work]:
    key, text, bound = fresh_key(suite, 1), os.urandom(size), bound_to("bench", "name")
    sealed = key.seal(text, bound)
    _must(key.open(sealed, bound) == text)
    yield Work(suite.value, "seal", size, lambda: key.seal(text, bound), f"library AES-256-GCM seal {size}")
    yield Work(suite.value, "open", size, lambda: key.open(sealed, bound), f"library AES-256-GCM open {size}")


def _envelopes(suite: EnvelopeSuite) -> Iterator[Work]:
    key, text = vault.generate_decryption_key(suite), os.urandom(ENVELOPED)
    public = key.public()
    closed = public.encrypt(text, kind="bench")
    _must(key.decrypt(closed, kind="bench") == text)
    name = f"JWE {suite.name}"
    yield Work(name, "encrypt", ENVELOPED, lambda: public.encrypt(text, kind="bench"), _sealed(ENVELOPED))
    yield Work(name, "decrypt", ENVELOPED, lambda: key.decrypt(closed, kind="bench"), _sealed(ENVELOPED))


def _sealed(size: int) -> str:
    return f"library AES-256-GCM seal {size}"


def _signatures(suite: SignatureSuite) -> Iterator[Work]:
    key, text = vault.generate(suite), os.urandom(SIGNED)
    public, signature = key.public(), key.sign(text)
    _must(public.verify(text, signature))
    yield Work(suite.name, "sign", SIGNED, lambda: key.sign(text), f"library Ed25519 sign {SIGNED}")
    yield Work(suite.name, "verify", SIGNED, lambda: public.verify(text, signature), f"library Ed25519 verify {SIGNED}")


def _http() -> Iterator[Work]:
    """A request of a partner, signed by RFC 9421 with Ed25519: read, checked in all its parts, verified."""
    key, at = vault.generate(SignatureSuite.ED25519), datetime.now(UTC)
    public = key.public()
    plain = identity.HttpMessage(
        method="POST",
        authority="bank.example",
        path="/v1/payments",
        headers=(("Content-Type", "application/json"),),
        body=os.urandom(SIGNED),
    )

    def sign() -> identity.HttpMessage:
        until = at + timedelta(minutes=1)
        return identity.sign_message(plain, key, keyid="bench", nonce="0123456789abcdef", created=at, expires=until)

    def verify() -> None:
        identity.verify_signature(message, identity.read_signature(message), public, at=at)

    message = sign()
    verify()
    yield Work("RFC 9421 ED25519", "sign", SIGNED, sign, f"library Ed25519 sign {SIGNED}")
    yield Work("RFC 9421 ED25519", "verify", SIGNED, verify, f"library Ed25519 verify {SIGNED}")


def _must(right: bool) -> None:
    if not right:
        raise RuntimeError("what was made does not check")
