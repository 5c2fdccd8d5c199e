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
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.web import body as bodies
from tongbao.web import injection, problem, rates, refusals, session
from tongbao.web.renewal import Renewal

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
    address: str | None = None
    """Who asked, as the connection says it; for judging alone, it is written nowhere."""
    injection: bool = False
    """It was refused, and what was sent would have been a command to a careless program."""


Observe = Callable[[Visit], None]
InBrowser = Callable[[Scope, Refusal], tuple[int, list[tuple[bytes, bytes]], bytes] | None]
"""Status, headers and page of a refusal for whoever asks with a browser; None for everybody else."""
Failed = Callable[[BaseException, str], None]
Check = Callable[[Scope, Principal], None]
"""Refuses a caller who does not show what his key must show besides its secret."""

_logger = log.get(__name__)


def _nothing_shown(_scope: Scope, _principal: Principal) -> None:
    raise refusals.INVALID_KEY("this key must show more than its secret, and nobody here can check it")


def _log_failure(error: BaseException, request_id: str) -> None:
    _logger.error("request_failed", request_id=request_id, exc_info=error)


_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{8,64}\Z")
_BEARER: Final = b"bearer "
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_AREAS: Final = {PrincipalKind.STAFF: "staff", PrincipalKind.CUSTOMER: "me", PrincipalKind.MERCHANT: "shop"}

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
"""For a bank that serves TLS itself: a browser that was here once never asks in the clear again."""


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

    def was_good(self, token: str) -> bool:
        """Whether the last answer for this token was a yes, however old; nobody is asked."""
        kept = self._answers.get(sha256(token.encode("utf-8", "replace")).digest())
        return kept is not None and not isinstance(kept[1], Refusal)

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
        self.renewal: Renewal | None = None
        """Handed in by whoever puts the bank together; without it cookies stay as they are."""
        self.in_browser: InBrowser | None = None
        """Handed in by `site`, for what is refused before the framework is asked."""
        self.check: Check = _nothing_shown
        """Handed in by whoever knows what is signed and by whom."""
        self.limits = rates.OFF
        """Handed in by whoever knows the settings: how often somebody may ask."""
        self._security_headers = list(security_headers)

    async def caller(self, scope: Scope) -> Principal:
        """Who asks over the API, with all that his key must show. Refuses as `principal` and `check` do."""
        found = await self._authenticate(self.token(scope["headers"], method=scope["method"]))
        self.meet(scope, found)
        if found.rules is not None:
            self.check(scope, found)
        return found

    def meet(self, scope: Scope, found: Principal) -> None:
        """Keeps who it is with the visit. Refuses `rate_limited`."""
        note(scope, principal=found)
        self.limits.known(found)

    async def principal(self, headers: bodies.Headers, *, method: str = "POST") -> Principal:
        """Who is asking, by key or by session cookie. Refuses `missing_key`, `invalid_key`, `key_expired`, `cross_site`."""
        return await self._authenticate(self.token(headers, method=method))

    async def visitor(self, headers: bodies.Headers, area: str, *, method: str = "POST") -> Principal:
        """Who looks at the pages of an area, by that area's cookie. Refuses as `principal` does."""
        token = session.token(headers, session.NAMES[area])
        if token is None:
            raise refusals.MISSING_KEY()
        if method not in _SAFE and not session.same_origin(headers):
            raise refusals.CROSS_SITE()
        found = await self._authenticate(token)
        if _AREAS.get(found.kind) != area:
            raise refusals.INVALID_KEY()
        return found

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
        raw = await bodies.read(receive, scope["headers"], largest=largest or self.largest, within_s=self.within_s)
        note(scope, body=raw)
        return raw

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
            scope["tongbao.visit"] = dict[str, Any](request_id=request_id)
            status, asked = 0, scope["method"]
            if asked == "HEAD":
                scope, receive, send = _as_get(scope), _gone, _headers_only(send)

            async def send_on(message: Any) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = self._with_headers(message.get("headers") or (), request_id)
                await send(message)

            try:
                self.limits.arrived(scope, self._authenticate.was_good)
                check_address(scope)
                await app(scope, receive, send_on)
            except Refusal as refusal:
                if status:
                    raise
                await self._refuse(scope, send_on, refusal)
            except Exception as error:
                refusal = self.fail(error, request_id)
                if status:
                    # Half an answer is out: only a broken connection tells the client that it is not the whole.
                    raise
                await answer(scope, send_on, refusal)
            finally:
                self._ended(scope, asked, status, time.perf_counter() - began)
            return None

        return visited

    def _ended(self, scope: Scope, method: str, status: int, duration_s: float) -> None:
        self.limits.answered(scope, status)
        if self._observe is None:
            return
        visit = scope["tongbao.visit"]
        self._observe(
            Visit(
                request_id=visit["request_id"],
                method=method,
                path=visit.get("path") or scope.get("path_template") or "unmatched",
                status=status or 499,
                duration_s=duration_s,
                principal=visit.get("principal"),
                code=visit.get("code"),
                address=(scope.get("client") or (None,))[0],
                injection=400 <= status < 500 and injection.suspected(scope, visit.get("body")),
            )
        )

    async def _refuse(self, scope: Scope, send: Send, refusal: Refusal) -> None:
        page = self.in_browser(scope, refusal) if self.in_browser else None
        if page is None:
            return await answer(scope, send, refusal)
        note(scope, code=refusal.code)
        return await reply(send, page[0], page[2], headers=page[1])

    def _with_headers(self, headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
        """A route's own header wins over the door's."""
        own = list(headers)
        names = {name.lower() for name, _ in own}
        own += [pair for pair in self._security_headers if pair[0] not in names]
        own.append((b"x-request-id", request_id.encode()))
        return own


def _as_get(scope: Scope) -> Scope:
    """What was asked stays known: a signature covers it."""
    return {**scope, "method": "GET", "tongbao.method": scope["method"]}


async def _gone() -> dict[str, Any]:
    """Nobody waits for the body of an answer to HEAD: what would stream ends at once."""
    return {"type": "http.disconnect"}


def _headers_only(send: Send) -> Send:
    """What a GET would answer, without its body (RFC 9110, section 9.3.2). The server still knows that it was a HEAD."""
    ended = False

    async def send_on(message: Any) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b""})

    return send_on


def request_id_of(headers: bodies.Headers) -> str:
    """The client's `X-Request-Id` where it is a harmless one, else a new one."""
    given = bodies.header(headers, b"x-request-id")
    return given.decode() if given is not None and _REQUEST_ID.match(given) else token_hex(12)


def note(scope: Scope, **what: object) -> None:
    """Adds to what is kept of this visit: `principal`, `path` (a raw route's template), `code`, `body`."""
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
