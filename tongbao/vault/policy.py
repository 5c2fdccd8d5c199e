"""Which algorithms the bank never uses, by all the names under which they arrive, and why.

What is not named here is not thereby allowed: every door has a short list of its own of what it takes. This table gives the reason.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tongbao.base.refusal import Refusal
from tongbao.vault import refusals as no

SMALLEST_RSA: Final = 2048
"""Bits; NIST SP 800-131A allows no fewer."""
LARGEST_RSA: Final = 8192
"""Bits; beyond that one check costs so much that keys become a weapon."""


class Banned(msgspec.Struct, frozen=True):
    """An algorithm that is refused, the names that mean it (lower case), and the reason."""

    name: str
    means: frozenset[str]
    why: str


BANNED: Final = (
    Banned("none", frozenset({"none", "null", "plain", ""}), "it protects nothing"),
    Banned(
        "DES", frozenset({"des", "des-cbc", "des-ecb", "des-cfb", "des-ofb"}), "56 bits of key are searched in a day"
    ),
    Banned(
        "3DES",
        frozenset(
            {"3des", "tdes", "tdea", "des3", "des-ede", "des-ede-cbc", "des-ede3", "des-ede3-cbc", "tripledes-cbc"}
        ),
        "its blocks of 64 bits repeat after 32 GiB; NIST withdrew it at the end of 2023",
    ),
    Banned(
        "RC4", frozenset({"rc4", "arc4", "arcfour", "rc4-128", "arcfour128"}), "its key stream is biased (RFC 7465)"
    ),
    Banned("MD5", frozenset({"md5", "hmac-md5", "rsa-md5", "md5withrsa"}), "collisions are made in seconds"),
    Banned(
        "SHA-1",
        frozenset(
            {"sha", "sha1", "sha-1", "rs1", "rsa-sha1", "sha1withrsa", "ecdsa-sha1", "dsa-sha1", "hmac-sha1", "hs1"}
        ),
        "collisions have been made",
    ),
    Banned(
        "RSA PKCS #1 v1.5 encryption",
        frozenset({"rsa1_5", "rsa-1_5", "rsaes-pkcs1-v1_5"}),
        "its padding tells an attacker whether it was right",
    ),
    Banned(
        "RSA PKCS #1 v1.5 signatures",
        frozenset({"rs256", "rs384", "rs512", "rsa-v1_5-sha256", "rsassa-pkcs1-v1_5", "sha256withrsa"}),
        "careless checks of its padding let forgeries through; RSA-PSS has a proof",
    ),
    Banned(
        "shared secrets as signatures",
        frozenset({"hs256", "hs384", "hs512", "hmac-sha256", "hmac-sha512"}),
        "who can check such a signature can make one, so it proves nothing to a third",
    ),
)
"""Everything that is refused by name. Refused by size are RSA keys outside `SMALLEST_RSA` and `LARGEST_RSA`."""

_REASONS: Final = {name: banned for banned in BANNED for name in banned.means}


def refused(name: object) -> Refusal:
    """The refusal of an algorithm that a door does not take, with the reason where it is a known bad one."""
    said = name if isinstance(name, str) else "none"
    banned = _REASONS.get(said.strip().lower())
    if banned is None:
        return no.ALGORITHM_REFUSED(f"{said[:40]!r} is not in use here")
    return no.ALGORITHM_REFUSED(f"{banned.name}: {banned.why}")


def check_rsa(bits: int, exponent: int) -> None:
    """Refuses `algorithm_refused` for RSA keys that are too small, too large, or have an exponent other than 65537."""
    if not SMALLEST_RSA <= bits <= LARGEST_RSA:
        raise no.ALGORITHM_REFUSED(f"RSA of {bits} bits; {SMALLEST_RSA} to {LARGEST_RSA} are taken")
    if exponent != 65537:
        raise no.ALGORITHM_REFUSED("RSA with an exponent other than 65537")
