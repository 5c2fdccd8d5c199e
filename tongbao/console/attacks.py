"""What looks like an attack, told from the refusal alone, and counted in memory: a few steps a refused visit, none for the others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from tongbao.base.say import Lang
from tongbao.web.browser import coarse_place
from tongbao.web.door import Visit

KINDS: Final = {
    "guessing": ("Guessing of passwords, PINs and codes", "猜测密码、支付密码或验证码"),
    "stuffing": ("One address that tries many customers", "同一地址批量试探客户"),
    "codes": ("Too many codes asked for", "频繁索取验证码"),
    "stolen": ("Sessions that were stolen", "登录会话被盗用"),
    "keys": ("Keys and sessions that are none", "使用无效的密钥或会话"),
    "signatures": ("Signatures that are wrong or were sent before", "签名错误或重放"),
    "rights": ("Doing what one may not", "越权操作"),
    "searching": ("Looking for what is not there", "探测不存在的内容"),
    "injection": ("Commands of SQL, scripts and paths in a text", "注入攻击（SQL、脚本或路径）"),
    "malformed": ("Requests that no program of good will sends", "异常构造的请求"),
    "flood": ("More requests than are taken", "请求过于频繁"),
}

_BY_CODE: Final = {
    code: kind
    for kind, codes in {
        "guessing": (
            "login_refused login_locked customer_login_refused factor_wrong factor_locked code_wrong code_locked passkey_wrong"
        ),
        "stuffing": "tries_limited",
        "codes": "code_too_soon codes_limited",
        "stolen": "session_stolen",
        "keys": "invalid_key",
        "signatures": (
            "signature_wrong signature_replayed signature_out_of_time content_digest_wrong device_signature_wrong"
            " passkey_suspended"
        ),
        "rights": "permission_missing cross_site",
        "malformed": "nul_character bad_encoding",
        "flood": "rate_limited",
    }.items()
    for code in codes.split()
}

_BOUNDS: Final = frozenset(("tries_limited", "codes_limited", "rate_limited"))

MOST: Final = 5_000
"""Lines kept between two writings; what comes on top is counted under `MANY`."""
MANY: Final = "many"
UNKNOWN: Final = "unknown"

Line = tuple[datetime, str, str]
"""Minute, kind, source."""


class AttackHour(msgspec.Struct, frozen=True):
    hour: datetime
    kind: str
    visits: int


class AttackSource(msgspec.Struct, frozen=True):
    """`source`: a network such as `203.0.113.*`, or `staff:` and an id, for whoever was logged in."""

    source: str
    kind: str
    visits: int
    minutes: int
    first: datetime
    last: datetime


def kind_of(visit: Visit) -> str | None:
    """Which kind of attack a visit looks like; None for what happens to honest people all day."""
    if visit.injection and visit.code not in _BOUNDS:
        return "injection"
    if visit.code is None:
        return "searching" if visit.status == 404 else None
    return _BY_CODE.get(visit.code) or ("searching" if visit.status == 404 else None)


def source_of(visit: Visit) -> str:
    """Who it was where that is known, else from which network."""
    if visit.principal is not None:
        return f"{visit.principal.kind.value}:{visit.principal.id}"
    return coarse_place(visit.address or "") or UNKNOWN


def word(kind: str, lang: Lang) -> str:
    return KINDS[kind][lang == "zh"]


class Tally:
    """What was counted and is not written down yet, at most `most` lines and one a kind on top."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lines: dict[Line, int] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, at: datetime, kind: str, source: str, visits: int = 1) -> None:
        minute = at.replace(second=0, microsecond=0)
        line = (minute, kind, source)
        if line not in self._lines and len(self._lines) >= self._most:
            line = (minute, kind, MANY)
        self._lines[line] = self._lines.get(line, 0) + visits

    def take(self) -> dict[Line, int]:
        """What is to be written down; from here on it counts anew."""
        taken, self._lines = self._lines, {}
        return taken

    def put_back(self, lines: Iterable[tuple[Line, int]]) -> None:
        """What could not be written down."""
        for (minute, kind, source), visits in lines:
            self.add(minute, kind, source, visits)
