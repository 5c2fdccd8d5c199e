"""HTTP messages that are signed: RFC 9421, with the body held by a digest of RFC 9530.

Pure: the message, the key and the time are handed in. Whoever calls `verify` remembers `(keyid, nonce)` of what it accepted until
`expires`: a signature says who sent a message, not that it came once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, quote

import msgspec

from tongbao.identity import refusals as no
from tongbao.identity import structured_fields as fields
from tongbao.vault import PrivateKey, PublicKey, SignatureSuite, refused_algorithm

ALGORITHMS: Final = {
    SignatureSuite.ED25519: "ed25519",
    SignatureSuite.ES256: "ecdsa-p256-sha256",
    SignatureSuite.PS512: "rsa-pss-sha512",
    SignatureSuite.PS256: "rsa-pss-sha256",
    SignatureSuite.SM2: "sm2-sm3",
}
"""`alg` of each suite. The first three are registered; RFC 9421 has no names for the other two, these are the bank's."""

_TYPES: Final[dict[str, type]] = {
    "created": int, "expires": int, "nonce": str, "alg": str, "keyid": str, "tag": str,
}  # fmt: skip
_DIGESTS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")
_NONCE: Final = re.compile(r"[\x21-\x7e]{16,128}")
_MOST_COMPONENTS: Final = 32
_PORTS: Final = {"http": ":80", "https": ":443"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A request or, where `status` is set, a response, as its sender saw it: behind a proxy that is the outer address.

    `path` and `query` are raw, percent-encoded; a response may name the `request` that it answers.
    """

    method: str = "GET"
    scheme: str = "https"
    authority: str = ""
    path: str = "/"
    query: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int | None = None
    request: Message | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature must cover and say. `where_there` are fields that must be covered if the message has them."""

    components: tuple[str, ...] = ("@method", "@authority", "@path", "@query")
    where_there: tuple[str, ...] = ("content-digest", "content-type", "idempotency-key")
    parameters: tuple[str, ...] = ("created", "expires", "nonce", "keyid", "alg")
    longest: timedelta = timedelta(minutes=5)
    skew: timedelta = timedelta(seconds=30)


REQUEST: Final = Policy()
"""For requests to the bank."""


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """The one signature of a message, read and not yet believed."""

    label: str
    covered: fields.InnerList
    signature: bytes

    @property
    def keyid(self) -> str | None:
        return self._text("keyid")

    @property
    def nonce(self) -> str | None:
        return self._text("nonce")

    def _text(self, name: str) -> str | None:
        value = self.covered.params.get(name)
        return value if isinstance(value, str) else None

    def moment(self, name: str) -> int | None:
        """Seconds since 1970 of `created` or `expires`."""
        value = self.covered.params.get(name)
        return value if isinstance(value, int) else None


def read(message: Message) -> Presented:
    """The message's signature; look its key up by `keyid`, then `verify`.

    Refuses `signature_missing`, and `signature_malformed` for more than one signature and for whatever is not understood.
    """
    inputs, signatures = (_field(message, name) for name in ("signature-input", "signature"))
    if inputs is None or signatures is None:
        raise no.SIGNATURE_MISSING()
    try:
        said, given = fields.parse_dictionary(inputs), fields.parse_dictionary(signatures)
    except fields.Malformed as error:
        raise no.SIGNATURE_MALFORMED(str(error)) from None
    if len(said) != 1 or said.keys() != given.keys():
        raise no.SIGNATURE_MALFORMED("exactly one signature, under one label")
    [(label, covered)] = said.items()
    item = given[label]
    if not isinstance(covered, fields.InnerList) or not isinstance(item, fields.Item) or item.params:
        raise no.SIGNATURE_MALFORMED(label)
    if not isinstance(item.value, bytes):
        raise no.SIGNATURE_MALFORMED(label)
    _check_understood(covered)
    return Presented(label=label, covered=covered, signature=item.value)


def verify(
    message: Message, presented: Presented, key: PublicKey | None, *, at: datetime, policy: Policy = REQUEST
) -> None:
    """Returns if `key` signed this message and the signature is valid at `at`. No key: answered as a wrong signature is.

    Refuses `algorithm_refused`, `signature_incomplete`, `signature_out_of_time`, `content_digest_wrong`, `signature_wrong`.
    """
    named = presented.covered.params.get("alg")
    if named is not None and named not in ALGORITHMS.values():
        raise refused_algorithm(named)
    _check_complete(message, presented.covered, policy)
    _check_time(presented, at, policy)
    _check_digest(message)
    if key is None or named not in (None, ALGORITHMS[key.suite]):
        raise no.SIGNATURE_WRONG()
    if not key.verify(signature_base(message, presented.covered), presented.signature):
        raise no.SIGNATURE_WRONG()


def sign(
    message: Message,
    key: PrivateKey,
    *,
    keyid: str,
    nonce: str,
    created: datetime,
    expires: datetime,
    components: tuple[str, ...] = (),
    policy: Policy = REQUEST,
    label: str = "sig1",
) -> Message:
    """The message with `Content-Digest` where it has a body, `Signature-Input` and `Signature`.

    Covers what `policy` asks for and `components` beside; `nonce` is 16 to 128 visible characters that were never used before.
    """
    if message.body and _field(message, "content-digest") is None:
        message = _with(message, ("Content-Digest", content_digest(message.body)))
    there = tuple(name for name in policy.where_there if _field(message, name) is not None)
    names = dict.fromkeys((*policy.components, *there, *components))
    covered = fields.InnerList(
        tuple(fields.Item(name, {}) for name in names),
        {
            "created": _seconds(created),
            "expires": _seconds(expires),
            "nonce": nonce,
            "keyid": keyid,
            "alg": ALGORITHMS[key.suite],
        },
    )
    _check_understood(covered)
    signature = base64.b64encode(key.sign(signature_base(message, covered))).decode()
    said = f"{label}={fields.write_inner_list(covered)}"
    return _with(message, ("Signature-Input", said), ("Signature", f"{label}=:{signature}:"))


def signature_base(message: Message, covered: fields.InnerList) -> bytes:
    """What is signed (RFC 9421 section 2.5). Refuses `signature_incomplete` where the message lacks a component."""
    lines = [f"{fields.write_item(item)}: {_component(message, item)}" for item in covered.items]
    lines.append(f'"@signature-params": {fields.write_inner_list(covered)}')
    return "\n".join(lines).encode("ascii")


def content_digest(body: bytes) -> str:
    """A `Content-Digest` field (RFC 9530) with SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _with(message: Message, *headers: tuple[str, str]) -> Message:
    return msgspec.structs.replace(message, headers=(*message.headers, *headers))


def _check_understood(covered: fields.InnerList) -> None:
    """Each component once, and only what is known here; parameters of the right kind."""
    seen: set[str] = set()
    for item in covered.items:
        written = fields.write_item(item)
        name = item.value
        if written in seen or not isinstance(name, str):
            raise no.SIGNATURE_MALFORMED(f"component {written[:80]}")
        seen.add(written)
        extra = item.params.keys() - {"req"} - ({"name"} if name == "@query-param" else set())
        if extra or item.params.get("req", True) is not True or name == "@signature-params":
            raise no.SIGNATURE_MALFORMED(f"component {written[:80]}")
    if len(seen) > _MOST_COMPONENTS:
        raise no.SIGNATURE_MALFORMED(f"more than {_MOST_COMPONENTS} components")
    for name, value in covered.params.items():
        if name not in _TYPES or type(value) is not _TYPES[name]:
            raise no.SIGNATURE_MALFORMED(f"parameter {name[:40]}")


def _check_complete(message: Message, covered: fields.InnerList, policy: Policy) -> None:
    for name in policy.parameters:
        if name not in covered.params:
            raise no.SIGNATURE_INCOMPLETE(f"parameter {name}")
    nonce = covered.params.get("nonce")
    if "nonce" in policy.parameters and (not isinstance(nonce, str) or _NONCE.fullmatch(nonce) is None):
        raise no.SIGNATURE_INCOMPLETE("a nonce has 16 to 128 visible characters")
    whole = {item.value for item in covered.items if not item.params}
    needed = [*policy.components, *(name for name in policy.where_there if _field(message, name) is not None)]
    if message.body and "content-digest" in policy.where_there:
        needed.append("content-digest")
    for name in needed:
        if name not in whole:
            raise no.SIGNATURE_INCOMPLETE(f"component {name}")


def _check_time(presented: Presented, at: datetime, policy: Policy) -> None:
    """Valid from `created`, with some patience for clocks that are fast, until just before `expires`, without any."""
    now, skew = _seconds(at), policy.skew // timedelta(seconds=1)
    created, expires = presented.moment("created"), presented.moment("expires")
    if created is not None and created > now + skew:
        raise no.SIGNATURE_OUT_OF_TIME("created lies in the future")
    if expires is not None and now >= expires:
        raise no.SIGNATURE_OUT_OF_TIME("expired")
    if created is not None and expires is not None:
        longest = policy.longest // timedelta(seconds=1)
        if not 0 < expires - created <= longest:
            raise no.SIGNATURE_OUT_OF_TIME(f"a signature is valid for at most {longest} seconds")


def _check_digest(message: Message) -> None:
    """Every digest that is stated fits the body. One by an algorithm that is not in use here is refused, not ignored."""
    stated = _field(message, "content-digest")
    if stated is None:
        return
    try:
        digests = fields.parse_dictionary(stated)
    except fields.Malformed as error:
        raise no.SIGNATURE_MALFORMED(f"content-digest {error}") from None
    if not digests:
        raise no.SIGNATURE_MALFORMED("content-digest")
    for name, item in digests.items():
        if name not in _DIGESTS:
            raise refused_algorithm(name)
        value = item.value if isinstance(item, fields.Item) else None
        if not isinstance(value, bytes) or not hmac.compare_digest(value, _DIGESTS[name](message.body).digest()):
            raise no.CONTENT_DIGEST_WRONG()


def _component(message: Message, item: fields.Item) -> str:
    """Its value in the message (RFC 9421 sections 2.1 and 2.2)."""
    name, params = str(item.value), item.params
    source: Message | None = message
    if "req" in params:
        source = message.request if message.status is not None else None
    value = None
    if source is not None:
        is_derived = name.startswith("@")
        value = _derived(source, name, params) if is_derived else _field(source, name)
    if value is None or _VALUE.fullmatch(value) is None:
        raise no.SIGNATURE_INCOMPLETE(f"the message has no {name[:80]}, or one that cannot be signed")
    return value


def _derived(message: Message, name: str, params: fields.Params) -> str | None:
    if message.status is not None:
        return str(message.status) if name == "@status" else None
    query = "" if message.query is None else f"?{message.query}"
    match name:
        case "@method":
            return message.method
        case "@scheme":
            return message.scheme.lower()
        case "@authority":
            return _authority(message)
        case "@target-uri":
            return f"{message.scheme.lower()}://{_authority(message)}{message.path or '/'}{query}"
        case "@request-target":
            return f"{message.path or '/'}{query}"
        case "@path":
            return message.path or "/"
        case "@query":
            return query or "?"
        case "@query-param":
            return _query_param(message.query or "", params.get("name"))
        case _:
            return None


def _authority(message: Message) -> str:
    return message.authority.lower().removesuffix(_PORTS.get(message.scheme.lower(), " "))


def _query_param(query: str, wanted: object) -> str | None:
    """The value of a parameter that stands once, encoded anew (RFC 9421 section 2.2.8)."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError:
        return None
    found = [value for name, value in pairs if _encoded(name) == wanted]
    return _encoded(found[0]) if len(found) == 1 else None


def _encoded(text: str) -> str:
    return quote(text, safe="*").replace("~", "%7E")


def _field(message: Message, name: str) -> str | None:
    """All lines of a field in their order, joined; None where there is none."""
    if _NAME.fullmatch(name) is None:
        return None
    lines = [value.strip(" \t") for key, value in message.headers if key.lower() == name]
    return ", ".join(lines) if lines else None


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)
