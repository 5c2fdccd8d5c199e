"""How often somebody may ask: buckets of tokens in this process, each a look-up and a sum, and never more of them than `MOST`.

A key counts by itself, wherever it is used; a person by himself and by each of his sessions; everybody else by address. Tries to come
in and codes that go out as SMS have buckets of their own by address, so that whoever tries one password at many customers is slowed.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from typing import Any, Final

from tongbao.base.principal import Principal
from tongbao.base.refusal import RefusalKind
from tongbao.base.settings import Settings
from tongbao.web.body import header
from tongbao.web.refusals import CODES_LIMITED, RATE_LIMITED, TRIES_LIMITED

MOST: Final = 20_000
"""Buckets of a kind that are kept; the one that was used longest ago goes first."""

_SECOND_NS: Final = 10**9
_MINUTE_NS: Final = 60 * _SECOND_NS

Scope = dict[str, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Buckets:
    """A bucket for each key, kept as the moment at which it will be full again (the generic cell rate algorithm, ITU-T I.371)."""

    def __init__(
        self, a_minute: int, burst_s: int = 60, *, most: int = MOST, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """`a_minute` tokens come back in a minute; those of `burst_s` seconds, but one at least, may be taken at once."""
        self._every_ns = max(1, _MINUTE_NS // a_minute)
        self._room_ns = (max(1, a_minute * burst_s // 60) - 1) * self._every_ns
        self._most = most
        self._now_ns = now_ns
        self._full: OrderedDict[Hashable, int] = OrderedDict()

    @property
    def kept(self) -> int:
        return len(self._full)

    def take(self, key: Hashable) -> int:
        """Takes a token: 0, or for how many nanoseconds there is none. What is refused takes nothing."""
        now = self._now_ns()
        full = max(self._full.get(key, now), now)
        wait = full - self._room_ns - now
        if wait > 0:
            self._full.move_to_end(key)
            return wait
        self._full[key] = full + self._every_ns
        self._full.move_to_end(key)
        if len(self._full) > self._most:
            self._full.popitem(last=False)
        return 0

    def wait(self, key: Hashable) -> int:
        """As `take`, and takes nothing."""
        now = self._now_ns()
        return max(0, self._full.get(key, now) - self._room_ns - now)

    def give_back(self, key: Hashable) -> None:
        """The last token that was taken."""
        if key in self._full:
            self._full[key] -= self._every_ns


class Limits:
    """The buckets of a process. A rate is requests a minute; 0: no bound."""

    def __init__(
        self,
        *,
        key: int = 0,
        address: int = 0,
        account: int = 0,
        device: int = 0,
        tries: int = 0,
        codes: int = 0,
        burst_s: int = 60,
        proxies: str = "",
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        def buckets(a_minute: int) -> Buckets | None:
            return Buckets(a_minute, burst_s, now_ns=now_ns) if a_minute else None

        self._key = buckets(key)
        self._address = buckets(address)
        self._account = buckets(account)
        self._device = buckets(device)
        self._tries = buckets(tries)
        self._codes = buckets(codes)
        self._proxies = tuple(ipaddress.ip_network(one.strip()) for one in proxies.split(",") if one.strip())

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Those in force by the settings of a process."""
        if not settings.limits_rates:
            return cls(proxies=settings.proxies)
        return cls(
            key=settings.rate_key,
            address=settings.rate_address,
            account=settings.rate_account,
            device=settings.rate_device,
            tries=settings.rate_tries,
            codes=settings.rate_codes,
            burst_s=settings.rate_burst_s,
            proxies=settings.proxies,
        )

    def arrived(self, scope: Scope, was_good: Callable[[str], bool]) -> None:
        """Refuses `rate_limited` where an address asks too often, before anything else is looked at.

        A key is counted by itself, so that a shop's server does not share with its neighbours; only where its address has
        nothing left must it be one that was good lately (`was_good`): a flood of made-up keys stays outside.
        """
        if self._proxies:
            scope["client"] = asked_from(scope, self._proxies)
        if self._address is None or (network := _network(scope)) is None:
            return
        token = _bearer(scope)
        wait = self._address.take(network) if token is None else self._address.wait(network)
        if wait and not (token is not None and was_good(token)):
            _refuse(RATE_LIMITED, wait)

    def known(self, principal: Principal) -> None:
        """Refuses `rate_limited` where a key, a person or one of his sessions asks too often."""
        if principal.session_id is None:
            _take(self._key, principal.id)
        else:
            _take(self._device, principal.session_id)
            _take(self._account, principal.subject_id or principal.id)

    def tried(self, scope: Scope) -> None:
        """Somebody tries to come in. Refuses `tries_limited`."""
        if self._tries is not None and (network := _network(scope)) is not None:
            _take(self._tries, network, TRIES_LIMITED)
            _visit(scope)["tried"] = True

    def sends_code(self, scope: Scope) -> None:
        """A code is about to go out as SMS. Refuses `codes_limited`."""
        if self._codes is not None and (network := _network(scope)) is not None:
            _take(self._codes, network, CODES_LIMITED)
            # Asking for a code always seems to succeed, so that nobody learns who is a customer; it stays a try.
            _visit(scope).pop("tried", None)

    def answered(self, scope: Scope, status: int) -> None:
        """Whoever came in gets his try back; a bearer that turned out to be nobody's counts for its address."""
        visit = _visit(scope)
        if self._tries is not None and visit.get("tried") and 200 <= status < 400:
            self._tries.give_back(_network(scope))
        if self._address is None or (network := _network(scope)) is None:
            return
        if visit.get("principal") is None and _bearer(scope) is not None:
            self._address.take(network)


OFF: Final = Limits()
"""No bounds at all."""


def _take(buckets: Buckets | None, key: Hashable, kind: RefusalKind = RATE_LIMITED) -> None:
    if buckets is not None and (wait := buckets.take(key)):
        _refuse(kind, wait)


def _refuse(kind: RefusalKind, wait_ns: int) -> None:
    raise kind(retry_after_s=-(-wait_ns // _SECOND_NS))


def _visit(scope: Scope) -> dict[str, Any]:
    return scope.get("tongbao.visit") or {}


def _bearer(scope: Scope) -> str | None:
    """The token that a program shows; to pages, which know cookies alone, it shows nothing by it."""
    if not scope["path"].startswith("/v1/"):
        return None
    shown = header(scope["headers"], b"authorization")
    return shown[7:].strip().decode("latin-1") if shown is not None else None


def _network(scope: Scope) -> str | None:
    client = scope.get("client")
    return network_of(client[0]) if client else None


@lru_cache(MOST)
def network_of(address: str) -> str | None:
    """What counts as one address: of IPv6 the first 64 bits. None for this machine, whose programs are the bank's own."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return None
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(ipaddress.IPv6Address(int(found) >> 64 << 64))


@lru_cache(MOST)
def _is_of(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def asked_from(scope: Scope, proxies: Iterable[Network]) -> tuple[str, int] | None:
    """Who asks, where one of `proxies` hands it on: the last address of `X-Forwarded-For` that is none of them.

    What stands before it was written by whoever asks, and is believed from nobody.
    """
    client, trusted = scope.get("client"), tuple(proxies)
    if not client or not _is_of(client[0], trusted):
        return client
    said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    for one in reversed(said.split(",")):
        address = one.strip()
        if not _is_of(address, trusted):
            return (address, 0) if _is_address(address) else client
    return client


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
