"""The bank's policy of authorisation: what a customer who pays for himself must show, and why. Pure; amounts in minor units.

The first version stands in `schema.sql`, with its sources in `docs/authorisation.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from tongbao.base.money import LARGEST_MINOR

CURRENCY: Final = "CNY"
"""What the bounds of a policy are in. What is paid in another currency always takes two ways."""

GENESIS: Final = bytes(32)
"""Stands before the first version's hash."""

_encode = msgspec.json.Encoder(order="deterministic").encode

Minor = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_MINOR)]
Risk = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
Hour = Annotated[int, msgspec.Meta(ge=0, le=24)]


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version says. Nothing is asked for up to the `none` bounds, one way up to the `one` bounds, two above them."""

    none_per_payment_minor: Minor
    none_per_day_minor: Minor
    """Of a day's payments together, this one among them."""
    none_from_level: Annotated[int, msgspec.Meta(ge=0, le=3)]
    """Customers whom the bank knows less well are always asked."""
    one_per_payment_minor: Minor
    one_per_day_minor: Minor
    large_above_minor: Minor
    """Above it a passkey counts only where its maker has declared how well it knows its owner."""
    signed_above_minor: Minor
    """Above it one of the ways is a signature: a passkey or a device key."""
    refuse_above_minor: Minor
    odd_times: Annotated[int, msgspec.Meta(ge=2, le=1_000)]
    """An amount is odd from so many times the average of this month's payments on,"""
    odd_after: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    """once there were so many of them."""
    night_from: Hour
    night_until: Hour
    """Hours of the bank's zone in which paying is odd: from the one, before the other. Equal: never."""
    changed_within_h: Annotated[int, msgspec.Meta(ge=0, le=24 * 90)]
    """Hours for which a new or changed password, PIN, app or key makes a payment odd."""
    two_from_risk: Risk
    refuse_from_risk: Risk


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A version, never changed. The first has no people; every other was proposed by one and approved by another."""

    version: int
    rules: Rules
    reason: str
    proposed_by: UUID | None
    approved_by: UUID | None
    in_force_at: datetime
    previous_hash: bytes
    hash: bytes


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one payment before it is judged. Counters are of what was paid before it."""

    amount_minor: int
    currency: str
    payee_known: bool
    """A shop, himself, or somebody whom this account has paid before."""
    device_known: bool
    level: int
    day_minor: int = 0
    month_minor: int = 0
    month_count: int = 0
    hour: int = 12
    """Of the bank's zone."""
    changed_h: int | None = None
    """Whole hours since the customer last changed what he proves himself with; None: not since he came."""
    risk: int = 0
    """0 to 1,000; 0 while nobody measures it."""
    family_id: UUID | None = None
    """Where somebody whom the payer trusts is to agree to what is above `family_above_minor`."""
    family_above_minor: int = 0
    typing_unlike: int | None = None
    """How unlike his habit he typed an amount in the last ten minutes, in thousandths; None where he is not measured."""
    device_state: str | None = None
    """The worst that the app of a device bound to him attests: `sound`, `rooted`, `malware`; None where none says anything."""


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What the payer must show. `ways`: of how many different sorts (0, 1 or 2). `why`: codes with spaces between them."""

    ways: int
    large: bool
    refused: bool
    why: str
    policy_version: int
    signed: bool = False
    family_id: UUID | None = None
    """Whose trusted person is to agree before the payer confirms; he is never asked less for it."""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What the payer of one payment was asked for. `nonce`: 32 bytes of chance that go into what he signs."""

    payment_id: UUID
    ways: int
    large: bool
    signed: bool
    policy_version: int
    why: str
    nonce: bytes
    expires_at: datetime


WHYS: Final = (
    "small",
    "new_payee",
    "unknown_device",
    "level",
    "above_none",
    "day_above_none",
    "above_one",
    "day_above_one",
    "foreign_currency",
    "odd_amount",
    "night",
    "factors_changed",
    "risk",
    "takeover",
    "absurd_amount",
    "family",
)
"""Every reason that there is."""


def needs(policy: Policy, situation: Situation) -> Needs:
    """What this policy asks of a customer in this situation."""
    rules = policy.rules
    refusals, two, one = _refusals(rules, situation), _two(rules, situation), _one(rules, situation)
    ways = 2 if two else 1 if one else 0
    foreign = situation.currency != CURRENCY
    is_family_asked = situation.family_id is not None and (
        foreign or situation.amount_minor > situation.family_above_minor
    )
    return Needs(
        ways=ways,
        large=ways > 0 and (foreign or situation.amount_minor > rules.large_above_minor),
        signed=ways > 0 and not foreign and situation.amount_minor > rules.signed_above_minor,
        family_id=situation.family_id if is_family_asked else None,
        refused=bool(refusals),
        why=" ".join([*(refusals or two or one or ["small"]), *_named(family=is_family_asked)]),
        policy_version=policy.version,
    )


def _refusals(rules: Rules, s: Situation) -> list[str]:
    return _named(
        absurd_amount=s.amount_minor > rules.refuse_above_minor,
        # A stranger with a stolen session or telephone: a new way to prove himself, a new device, and much money.
        takeover=_changed(rules, s) and not s.device_known and s.amount_minor > rules.one_per_payment_minor,
        risk=s.risk >= rules.refuse_from_risk,
    )


def _two(rules: Rules, s: Situation) -> list[str]:
    """Small payments are odd to nobody, as long as they stay small together."""
    matters = s.amount_minor > rules.none_per_payment_minor
    return _named(
        above_one=s.amount_minor > rules.one_per_payment_minor,
        day_above_one=s.day_minor + s.amount_minor > rules.one_per_day_minor,
        foreign_currency=s.currency != CURRENCY,
        unknown_device=matters and not s.device_known,
        odd_amount=matters and _odd(rules, s),
        night=matters and _at_night(rules, s.hour),
        factors_changed=matters and _changed(rules, s),
        risk=s.risk >= rules.two_from_risk,
    )


def _one(rules: Rules, s: Situation) -> list[str]:
    return _named(
        above_none=s.amount_minor > rules.none_per_payment_minor,
        day_above_none=s.day_minor + s.amount_minor > rules.none_per_day_minor,
        unknown_device=not s.device_known,
        new_payee=not s.payee_known,
        level=s.level < rules.none_from_level,
    )


def _named(**found: bool) -> list[str]:
    return [why for why, holds in found.items() if holds]


def _odd(rules: Rules, s: Situation) -> bool:
    return s.month_count >= rules.odd_after and s.amount_minor * s.month_count >= rules.odd_times * s.month_minor


def _at_night(rules: Rules, hour: int) -> bool:
    if rules.night_from <= rules.night_until:
        return rules.night_from <= hour < rules.night_until
    return hour >= rules.night_from or hour < rules.night_until


def _changed(rules: Rules, s: Situation) -> bool:
    return s.changed_h is not None and s.changed_h < rules.changed_within_h


def is_sound(rules: Rules) -> bool:
    """Whether the bounds rise: nothing that asks for less reaches further than what asks for more."""
    amounts = (rules.none_per_payment_minor, rules.one_per_payment_minor, rules.refuse_above_minor)
    days = (rules.none_per_payment_minor, rules.none_per_day_minor, rules.one_per_day_minor)
    return (
        list(amounts) == sorted(amounts)
        and list(days) == sorted(days)
        and rules.one_per_payment_minor <= rules.one_per_day_minor
        and rules.two_from_risk <= rules.refuse_from_risk
    )


def seal(
    *,
    version: int,
    content: Mapping[str, Any],
    reason: str,
    proposed_by: UUID | None,
    approved_by: UUID | None,
    in_force_at: datetime,
    previous_hash: bytes,
) -> bytes:
    """SHA-256 over all that a version says and the hash before it, as JSON with sorted names."""
    said = {
        "version": version,
        "content": content,
        "reason": reason,
        "proposed_by": proposed_by,
        "approved_by": approved_by,
        "in_force_at": f"{in_force_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "previous_hash": previous_hash.hex(),
    }
    return sha256(_encode(said)).digest()
