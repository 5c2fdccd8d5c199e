"""A visitor's cookie is replaced now and then: what somebody has copied from it is soon worth nothing, and shows that he has."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Final

from tongbao.web import session
from tongbao.web.body import Headers

Renew = Callable[[str], Awaitable[tuple[str, int] | None]]
"""From the token that is shown to the one that takes its place and the seconds for which it may be kept; None: it stays."""

_ASKED_EVERY_NS: Final = 60 * 10**9
_MOST: Final = 10_000
_RENEWED: Final = "tongbao.renewed"


class Renewal:
    """Asks `renew` of each cookie once a minute in this process."""

    def __init__(self, renew: Renew, *, production: bool = False) -> None:
        self._renew = renew
        self._production = production
        self._asked_ns: dict[bytes, int] = {}

    async def look(self, scope: dict[str, Any], area: str) -> None:
        """Leaves in `scope` the cookie that the answer shall set, if there is one."""
        token = session.token(scope["headers"], session.NAMES[area])
        if token is None or not self._is_due(sha256(token.encode("utf-8", "replace")).digest()):
            return
        found = await self._renew(token)
        if found is not None:
            secure = self._production or not session.is_loopback(scope["headers"])
            scope[_RENEWED] = session.cookie(found[0], max_age_s=found[1], secure=secure, name=session.NAMES[area])

    def _is_due(self, digest: bytes) -> bool:
        now = time.monotonic_ns()
        if self._asked_ns.get(digest, now) > now:
            return False
        if len(self._asked_ns) >= _MOST:
            self._asked_ns.clear()
        self._asked_ns[digest] = now + _ASKED_EVERY_NS
        return True


async def put_cookie(message: Any, scope: Any) -> None:
    """A hook of the framework: the answer takes the new cookie along, unless it sets this area's cookie itself."""
    made = scope.get(_RENEWED)
    if made is None or message["type"] != "http.response.start":
        return
    name = made.partition("=")[0].encode()
    headers: Headers = message.get("headers") or []
    if not any(key.lower() == b"set-cookie" and value.startswith(name + b"=") for key, value in headers):
        message["headers"] = [*headers, (b"set-cookie", made.encode())]
