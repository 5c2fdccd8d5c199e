"""What other servers send over the wire, before any route sees it: signatures are checked, each message is let in once, envelopes are
opened, and answers are sealed for whoever asks for that.

A layer between the door and the routes. A request that is neither signed nor sealed passes with one look at its headers.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from tongbao import vault
from tongbao.base import log
from tongbao.base.batch import Batcher
from tongbao.base.clock import Clock
from tongbao.base.db import BUSY, Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import envelopes, http_signatures, signing_keys
from tongbao.identity import refusals as no
from tongbao.identity.http_signatures import Message, Presented
from tongbao.identity.wire_model import KeyUse, Nonce, SigningKey
from tongbao.vault import ENVELOPE_UNREADABLE, DecryptionKey, EncryptionKey, PublicKey
from tongbao.web import body as bodies
from tongbao.web import problem
from tongbao.web.door import ASGIApp, Door, Scope, Send, note, request_id

MEDIA_TYPE: Final = b"application/jose"
REQUEST: Final = "tongbao-request"
ANSWER: Final = "tongbao-answer"
"""The `typ` of each envelope: one is never taken for the other."""

logger = log.get(__name__)

_API: Final = "/v1/"
_LARGEST: Final = 8 << 20
"""Bytes of a signed body; the routes' own bounds are lower or the same."""
_LARGEST_SEALED: Final = 70_000
_NOBODY: Final = UUID(int=0)
_FOR_NS: Final = 2_000_000_000
_KEPT: Final = 10_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """What was found, for two seconds: so a revoked key is refused everywhere within that time, and a new one works at once."""

    def __init__(self, look_up: Callable[[K], Awaitable[V]], *, for_ns: int = _FOR_NS) -> None:
        self._look_up = look_up
        self._for_ns = for_ns
        self._known: dict[K, tuple[int, V]] = {}

    async def __call__(self, key: K) -> V:
        known = self._known.get(key)
        if known is not None and known[0] > time.monotonic_ns():
            return known[1]
        found = await self._look_up(key)
        if found is None:
            self._known.pop(key, None)
            return found
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[key] = (time.monotonic_ns() + self._for_ns, found)
        return found


class Wire:
    """Built once a process. `check` belongs to the door, `wrap` around the routes."""

    def __init__(self, db: Database, clock: Clock, door: Door) -> None:
        self._db = db
        self._clock = clock
        self._door = door
        self._signing_key = Kept(self._look_up_signing_key)
        self._envelope_key = Kept(self._look_up_envelope_key)
        self._answer_key = Kept(self._look_up_answer_key)
        self._nonces: Batcher[Nonce, bool | None] = Batcher(self._claim, failed=_failed)

    @staticmethod
    def check(scope: Scope, principal: Principal) -> None:
        """What a key must show besides its secret. Refuses `signature_missing`, `certificate_needed`."""
        rules = principal.rules
        assert rules is not None
        if rules.signature and scope.get("tongbao.signed_by") != principal.id:
            raise no.SIGNATURE_MISSING()
        if rules.certificate is not None:
            shown = scope.get("tongbao.certificate")
            if shown is None or not compare_digest(shown, rules.certificate):
                raise no.CERTIFICATE_NEEDED()

    def wrap(self, app: ASGIApp) -> ASGIApp:
        async def received(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or not _concerns(scope["headers"]) or not scope["path"].startswith(_API):
                return await app(scope, receive, send)
            return await self._received(app, scope, receive, send)

        return received

    async def _received(self, app: ASGIApp, scope: Scope, receive: bodies.Receive, send: Send) -> None:
        headers = scope["headers"]
        principal = await self._door.principal(headers, method=scope["method"])
        note(scope, principal=principal)
        answer_key = await self._asked_for(headers, principal)
        outer = send if answer_key is None else _Sealing(send, answer_key)
        try:
            await app(scope, await self._unwrapped(scope, receive, principal), outer)
        except Refusal as refusal:
            # Of what was asked in an envelope, nothing goes out in the clear: not even why it was refused.
            if answer_key is None:
                raise
            note(scope, code=refusal.code)
            status, names, body = problem.answer(refusal, request_id=request_id(scope))
            await outer({"type": "http.response.start", "status": status, "headers": names})
            await outer({"type": "http.response.body", "body": body})

    async def _asked_for(self, headers: bodies.Headers, principal: Principal) -> EncryptionKey | None:
        """The caller's own key, where the answer is to be sealed. Refuses `answer_key_unknown`."""
        if MEDIA_TYPE not in (bodies.header(headers, b"accept") or b""):
            return None
        key = await self._answer_key(principal.id)
        if key is None:
            raise no.ANSWER_KEY_UNKNOWN()
        return key

    async def _unwrapped(self, scope: Scope, receive: bodies.Receive, principal: Principal) -> bodies.Receive:
        """Makes the request what its route knows: signature checked and its nonce taken, envelope opened. Answers the body's source."""
        headers = scope["headers"]
        sealed = _is_sealed(headers)
        largest = _LARGEST_SEALED if sealed else _LARGEST
        raw = await bodies.read(receive, headers, largest=largest, within_s=self._door.within_s)
        if bodies.header(headers, b"signature-input") is not None or bodies.header(headers, b"signature") is not None:
            await self._check_signature(_message(scope, raw), principal)
            scope["tongbao.signed_by"] = principal.id
        # Who must sign is told so before anything of his is opened.
        if principal.rules is not None:
            self.check(scope, principal)
        if sealed:
            raw = await self._opened(raw)
            scope["headers"] = _as_json(headers, len(raw))
        return _given(raw, receive)

    async def _check_signature(self, message: Message, principal: Principal) -> None:
        """Refuses as `http_signatures.verify` does, and `signature_replayed`. The nonce goes last: a forger uses up nobody's."""
        presented, at = http_signatures.read(message), self._clock.now()
        key_id, key = await self._key_of(presented, principal)
        http_signatures.verify(message, presented, key, at=at)
        assert presented.nonce is not None
        ends = datetime.fromtimestamp(presented.moment("expires") or 0, UTC)
        first = await self._nonces.submit(Nonce(key_id=key_id, nonce=presented.nonce, claim=uuid7(at), expires_at=ends))
        if first is None:
            raise BUSY(retry_after_s=1)
        if not first:
            raise no.SIGNATURE_REPLAYED()

    async def _key_of(self, presented: Presented, principal: Principal) -> tuple[UUID, PublicKey | None]:
        """The key that the signature names, where it is this caller's and was not revoked. None is answered as a wrong signature."""
        try:
            id_ = UUID(presented.keyid or "")
        except ValueError:
            return _NOBODY, None
        found = await self._signing_key(id_)
        if found is None or found[0].principal_id != principal.id:
            return id_, None
        return id_, found[1]

    async def _opened(self, raw: bytes) -> bytes:
        """Refuses `algorithm_refused` and, for whatever else does not open, `envelope_unreadable`."""
        try:
            envelope = raw.decode("ascii")
            kid = vault.kid_of(envelope)
        except UnicodeDecodeError:
            raise ENVELOPE_UNREADABLE() from None
        key = await self._envelope_key(kid) if kid else None
        if key is None:
            raise ENVELOPE_UNREADABLE("its `kid` names no key of `GET /v1/encryption-keys`")
        return key.decrypt(envelope, kind=REQUEST)

    async def _claim(self, nonces: list[Nonce]) -> Sequence[bool]:
        async def work(tx: Tx) -> set[UUID]:
            return await signing_keys.claim_nonces(tx, nonces)

        first = await self._db.retry(work)
        return [nonce.claim in first for nonce in nonces]

    async def _look_up_signing_key(self, id: UUID) -> tuple[SigningKey, PublicKey] | None:
        async with self._db.read() as tx:
            key = (await signing_keys.find_signing_keys(tx, [id])).get(id)
        if key is None or key.revoked_at is not None or key.use is not KeyUse.SIGNATURE:
            return None
        return key, key.parsed()

    async def _look_up_answer_key(self, principal_id: UUID) -> EncryptionKey | None:
        async with self._db.read() as tx:
            key = await signing_keys.answer_key_of(tx, principal_id)
        return key.parsed_for_answers() if key else None

    async def _look_up_envelope_key(self, kid: str) -> DecryptionKey | None:
        async with self._db.read() as tx:
            return await envelopes.open_envelope_key(tx, kid, at=self._clock.now())


class _Sealing:
    """Holds an answer back until it is whole, then sends it in an envelope. Its status stays in the clear."""

    def __init__(self, send: Send, key: EncryptionKey) -> None:
        self._send = send
        self._key = key
        self._start: dict[str, Any] = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._over = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body" or self._over:
            return
        self._parts.append(message.get("body", b""))
        self._size += len(self._parts[-1])
        if self._size > vault.ENVELOPE_LARGEST:
            await self._too_large()
        elif not message.get("more_body"):
            await self._seal(b"".join(self._parts), self._start["status"], self._start.get("headers") or ())

    async def _too_large(self) -> None:
        status, _, body = problem.answer(no.ANSWER_TOO_LARGE())
        await self._seal(body, status, ())

    async def _seal(self, plain: bytes, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._over = True
        kept = [pair for pair in headers if pair[0].lower() not in (b"content-type", b"content-length")]
        body = self._key.encrypt(plain, kind=ANSWER).encode() if plain else b""
        told = [(b"content-type", MEDIA_TYPE)] if plain else []
        told.append((b"content-length", b"%d" % len(body)))
        await self._send({"type": "http.response.start", "status": status, "headers": [*kept, *told]})
        await self._send({"type": "http.response.body", "body": body})


def _concerns(headers: bodies.Headers) -> bool:
    for name, value in headers:  # noqa: SIM110  a generator costs three times as much, and every request comes by here
        if name in _TELLING and (name in _SIGNED or MEDIA_TYPE in value):
            return True
    return False


_SIGNED: Final = frozenset((b"signature-input", b"signature"))
_TELLING: Final = _SIGNED | {b"content-type", b"accept"}


def _is_sealed(headers: bodies.Headers) -> bool:
    kind = bodies.header(headers, b"content-type") or b""
    return kind.partition(b";")[0].strip().lower() == MEDIA_TYPE


def _message(scope: Scope, body: bytes) -> Message:
    """The request as its sender saw it; who is in front of the bank hands `Host` on as it came."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    query: bytes = scope.get("query_string") or b""
    return Message(
        method=scope.get("tongbao.method") or scope["method"],
        scheme=scope.get("scheme") or "http",
        authority=next((value for name, value in headers if name == "host"), ""),
        path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        query=query.decode("latin-1") if query else None,
        headers=headers,
        body=body,
    )


def _as_json(headers: bodies.Headers, size: int) -> list[tuple[bytes, bytes]]:
    """The headers of what was in the envelope: JSON, or the route refuses it."""
    about_the_body = (b"content-type", b"content-length", b"content-digest")
    kept = [pair for pair in headers if pair[0] not in about_the_body]
    return [*kept, (b"content-type", b"application/json"), (b"content-length", b"%d" % size)]


def _given(body: bytes, receive: bodies.Receive) -> bodies.Receive:
    """A body that was read already, then whatever comes after it: the client's leaving."""
    told = False

    async def again() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _failed(nonce: Nonce, error: Exception) -> None:
    """Nobody knows whether the nonce was free: the caller signs anew."""
    logger.error("nonce_not_claimed", key_id=str(nonce.key_id), exc_info=error)
