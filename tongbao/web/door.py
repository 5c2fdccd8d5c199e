"""The door: who is it, is it well formed, what is answered, and what is kept of the visit.

Everything is a plain function over ASGI's own shapes, so that the hottest route can do without a framework.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final

import msgspec

from tongbao.base import log
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.web import body as bodies
from tongbao.web import problem, refusals, session

Authenticate = Callable[[str], Awaitable[Principal]]
"""From a token to its principal; refuses `invalid_key` and `key_expired`. `identity.Authenticator` is one."""

Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer, for the access log and the metrics. No body, no query, no key."""

    request_id: str
    method: str
    path: str
    """The route's template where one matched (`/v1/accounts/{id}`), so that it may be a metric's label; else `unmatched`."""
    status: int
    duration_s: float
    principal: Principal | None
    code: str | None
    """The refusal's code, where the answer was one."""


Observe = Callable[[Visit], None]
Failed = Callable[[BaseException, str], None]

_logger = log.get(__name__)


def _log_failure(error: BaseException, request_id: str) -> None:
    _logger.error("request_failed", request_id=request_id, exc_info=error)


_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{8,64}\Z")
_BEARER: Final = b"bearer "
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Remembered:
    """Answers of `authenticate`, kept for `for_s` seconds: a yes and a no alike, at most `most` of them.

    So a revoked key is refused everywhere within `for_s`, and a flood of one bad key costs one question in that time.
    Tokens are not kept, only their digests.
    """

    def __init__(self, authenticate: Authenticate, *, for_s: float = 2.0, most: int = 10_000) -> None:
        self._authenticate = authenticate
        self._for_s = for_s
        self._most = most
        self._answers: dict[bytes, tuple[float, Principal | Refusal]] = {}
        self._asking: dict[bytes, asyncio.Future[Principal]] = {}

    async def __call__(self, token: str) -> Principal:
        digest = sha256(token.encode("utf-8", "replace")).digest()
        kept = self._answers.get(digest)
        if kept is not None and kept[0] > time.monotonic():
            if isinstance(kept[1], Refusal):
                raise kept[1].kind(kept[1].detail)
            return kept[1]
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.ensure_future(self._ask(digest, token))
            asking.add_done_callback(lambda done: self._answered(digest, done))
        # Whoever leaves does not take the answer away from the others who wait for it.
        return await asyncio.shield(asking)

    async def _ask(self, digest: bytes, token: str) -> Principal:
        try:
            found = await self._authenticate(token)
        except Refusal as refusal:
            self._keep(digest, refusal.kind(refusal.detail))
            raise
        self._keep(digest, found)
        return found

    def _answered(self, digest: bytes, done: asyncio.Future[Principal]) -> None:
        self._asking.pop(digest, None)
        if not done.cancelled():
            done.exception()

    def _keep(self, digest: bytes, answer: Principal | Refusal) -> None:
        if len(self._answers) >= self._most:
            # Oldest first: a dict keeps the order in which answers came.
            for old in list(self._answers)[: self._most // 10 + 1]:
                del self._answers[old]
        self._answers.pop(digest, None)
        self._answers[digest] = (time.monotonic() + self._for_s, answer)

    def forget(self) -> None:
        """Ask anew, for whoever has just revoked a key in this process."""
        self._answers.clear()


class Door:
    """`authenticate` is handed in by whoever puts the bank together; `observe` hears of every visit."""

    def __init__(
        self,
        authenticate: Authenticate,
        *,
        remember_s: float = 2.0,
        observe: Observe | None = None,
        failed: Failed | None = None,
        largest: int = bodies.LARGEST,
        within_s: float = bodies.WITHIN_S,
        security_headers: Iterable[tuple[bytes, bytes]] = SECURITY_HEADERS,
    ) -> None:
        self._authenticate = Remembered(authenticate, for_s=remember_s)
        self._observe = observe
        self._failed: Failed = failed or _log_failure
        self.largest = largest
        self.within_s = within_s
        self._security_headers = list(security_headers)

    async def principal(self, headers: bodies.Headers, *, method: str = "POST") -> Principal:
        """Who is asking, by key or by session cookie. Refuses `missing_key`, `invalid_key`, `key_expired`, `cross_site`."""
        return await self._authenticate(self.token(headers, method=method))

    def token(self, headers: bodies.Headers, *, method: str = "POST") -> str:
        """What the caller shows. Refuses `missing_key` and, for a cookie that another site's page sends, `cross_site`."""
        bearer = bodies.header(headers, b"authorization")
        if bearer is not None:
            if bearer[:7].lower() != _BEARER or not bearer.isascii():
                raise refusals.MISSING_KEY("the scheme is `Bearer`")
            return bearer[7:].strip().decode("ascii")
        token = session.token(headers)
        if token is None:
            raise refusals.MISSING_KEY()
        if method not in _SAFE and not session.same_origin(headers):
            raise refusals.CROSS_SITE()
        return token

    def forget(self) -> None:
        """Ask anew who holds which key, after one was revoked here."""
        self._authenticate.forget()

    async def body(self, scope: Scope, receive: bodies.Receive, *, largest: int | None = None) -> bytes:
        """The raw body of a JSON request, within the door's bounds."""
        bodies.check_media_type(scope["headers"])
        return await bodies.read(receive, scope["headers"], largest=largest or self.largest, within_s=self.within_s)

    def fail(self, error: BaseException, request_id: str) -> Refusal:
        """An accident: told to staff in full, to the client only as `busy` or `internal_error`."""
        self._failed(error, request_id)
        return problem.of_accident(error)

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """`app` with a request id, security headers and an observed end; the outermost layer of the bank."""

        async def visited(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                return await app(scope, receive, send)
            began = time.perf_counter()
            request_id = request_id_of(scope["headers"])
            visit: dict[str, Any] = {"request_id": request_id}
            scope["tongbao.visit"] = visit
            status = 0

            async def send_on(message: Any) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = self._with_headers(message.get("headers") or (), request_id)
                await send(message)

            try:
                check_address(scope)
                await app(scope, receive, send_on)
            except Refusal as refusal:
                if status:
                    raise
                await answer(scope, send_on, refusal)
            except Exception as error:
                refusal = self.fail(error, request_id)
                if status:
                    # Half an answer is out: only a broken connection tells the client that it is not the whole.
                    raise
                await answer(scope, send_on, refusal)
            finally:
                if self._observe is not None:
                    self._observe(
                        Visit(
                            request_id=request_id,
                            method=scope["method"],
                            path=visit.get("path") or scope.get("path_template") or "unmatched",
                            status=status or 499,
                            duration_s=time.perf_counter() - began,
                            principal=visit.get("principal"),
                            code=visit.get("code"),
                        )
                    )
            return None

        return visited

    def _with_headers(self, headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
        """A route's own header wins over the door's."""
        own = list(headers)
        names = {name.lower() for name, _ in own}
        own += [pair for pair in self._security_headers if pair[0] not in names]
        own.append((b"x-request-id", request_id.encode()))
        return own


def request_id_of(headers: bodies.Headers) -> str:
    """The client's `X-Request-Id` where it is a harmless one, else a new one."""
    given = bodies.header(headers, b"x-request-id")
    return given.decode() if given is not None and _REQUEST_ID.match(given) else token_hex(12)


def note(scope: Scope, **what: object) -> None:
    """Adds to what is kept of this visit: `principal`, `path` (a raw route's template), `code`."""
    visit = scope.get("tongbao.visit")
    if visit is not None:
        visit.update(what)


def request_id(scope: Scope) -> str | None:
    visit = scope.get("tongbao.visit")
    return visit["request_id"] if visit else None


def check_address(scope: Scope) -> None:
    """Refuses a path or a query that no stored text can hold, before any route looks at it."""
    if "\x00" in scope["path"]:
        raise refusals.NUL_CHARACTER()
    if b"%" in scope.get("query_string", b""):
        check_query(scope["query_string"])


_HEX_PAIR = re.compile(rb"%([0-9a-fA-F]{2})")


def check_query(query: bytes) -> None:
    """Refuses what no stored text can hold, before a route reads it: NUL and broken UTF-8 behind percent signs."""
    plain = _HEX_PAIR.sub(lambda pair: bytes((int(pair[1], 16),)), query)
    if b"\x00" in plain:
        raise refusals.NUL_CHARACTER()
    try:
        plain.decode()
    except UnicodeDecodeError:
        raise refusals.BAD_ENCODING() from None


async def answer(scope: Scope, send: Send, refusal: Refusal, **members: object) -> None:
    """Answers a raw ASGI request with a problem."""
    note(scope, code=refusal.code)
    status, headers, body = problem.answer(refusal, members, request_id=request_id(scope))
    await reply(send, status, body, headers=headers)


_JSON: Final = [(b"content-type", b"application/json")]


async def reply(
    send: Send, status: int, body: bytes, *, headers: list[tuple[bytes, bytes]] | None = None, replayed: bool = False
) -> None:
    """Answers a raw ASGI request with `body`, JSON unless `headers` say otherwise."""
    if headers is None:
        headers = [*_JSON, (b"content-length", str(len(body)).encode())]
    if replayed:
        headers = [*headers, (b"idempotency-replayed", b"true")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
