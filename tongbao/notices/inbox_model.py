"""What the app tells a person, and on which ways he wants to hear of what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec


class Kind(StrEnum):
    """What a notice is about."""

    MONEY_IN = "money_in"
    MONEY_OUT = "money_out"
    SECURITY = "security"
    HELP = "help"
    TIPS = "tips"


class Way(StrEnum):
    """How a person hears of something."""

    APP = "app"
    SMS = "sms"
    PUSH = "push"


FIXED: Final = frozenset({(Kind.SECURITY, Way.APP), (Kind.SECURITY, Way.SMS)})
"""What nobody turns off: whoever holds a stolen session would begin with it."""
_USUAL: Final = FIXED | {
    (Kind.MONEY_IN, Way.APP),
    (Kind.MONEY_OUT, Way.APP),
    (Kind.HELP, Way.APP),
    (Kind.HELP, Way.SMS),
    (Kind.TIPS, Way.APP),
    *((kind, Way.PUSH) for kind in Kind if kind is not Kind.TIPS),
}
"""What holds for whoever has said nothing. Push reaches only the browsers that he lets receive it."""


class Choices(msgspec.Struct, frozen=True):
    """What one person has said; where he has said nothing, what is usual."""

    said: Mapping[tuple[Kind, Way], bool]

    def wants(self, kind: Kind, way: Way) -> bool:
        return (kind, way) in FIXED or self.said.get((kind, way), (kind, way) in _USUAL)


class What(StrEnum):
    """What became of somebody's money; its sentence is in `words.py`."""

    PAID = "paid"
    RECEIVED = "received"
    SALARY = "salary"
    REFUNDED = "refunded"
    ON_ITS_WAY = "on_its_way"
    ARRIVED = "arrived"
    SET_ASIDE = "set_aside"
    CALLED_BACK = "called_back"
    FREED = "freed"


class NewNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Either `what` with an amount in the currency's smallest unit, or a UTF-8 text sealed under the subject's key and bound by
    `bound_notice(id)`. `path`: the customer's page that says more.
    """

    id: UUID
    subject_id: UUID
    kind: Kind
    at: datetime
    what: What | None = None
    amount_minor: int | None = None
    currency: str | None = None
    sealed_text: bytes | None = None
    path: str | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as it is kept."""

    id: UUID
    kind: Kind
    what: What | None
    amount_minor: int | None
    currency: str | None
    sealed_text: bytes | None
    path: str | None
    told_at: datetime
    read_at: datetime | None


class Unread(msgspec.Struct, frozen=True):
    """How many, at most 100, and when the newest notice of all was told, read or not."""

    number: int = 0
    newest_at: datetime | None = None


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """A browser of somebody's; `sealed`: a `Subscription` as JSON, bound by `bound_subscription(id)`."""

    id: UUID
    subject_id: UUID
    sealed: bytes
