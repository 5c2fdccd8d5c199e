"""What customers prove themselves with: set, tried, preferred, removed.

A secret is never compared here: hashing a password is slow on purpose. Whoever checks one takes a try (`attempt`) and commits,
compares outside of any transaction, and settles the try (`settle_attempt`) in another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao import vault
from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import factor_store, passkey_store, store, tries
from tongbao.identity import refusals as no
from tongbao.identity.model import FREE_TRIES, Factor, FactorKind, Guarded, Sort, Standing
from tongbao.identity.own import may_see_customer
from tongbao.identity.tell import tell_of_factor

REMOVABLE: Final = frozenset({FactorKind.PIN, FactorKind.TOTP})
_HASHED: Final = frozenset({FactorKind.PASSWORD, FactorKind.PIN})


async def set_password(
    tx: Tx, customer_id: UUID, password_hash: str, *, by: Principal, at: datetime, lang: Lang = "zh"
) -> None:
    """Sets or changes the password by which a customer logs in: `check_own_password`, then `hash_password`, then this.

    Refuses `customer_unknown`, `customer_closed`.
    """
    await write_factor(tx, customer_id, FactorKind.PASSWORD, password_hash.encode(), by=by, at=at, lang=lang)


async def set_pin(tx: Tx, customer_id: UUID, pin_hash: str, *, by: Principal, at: datetime, lang: Lang = "zh") -> None:
    """Sets or changes the payment PIN: `check_pin`, then `hash_password`, then this. Refuses as `set_password`."""
    await write_factor(tx, customer_id, FactorKind.PIN, pin_hash.encode(), by=by, at=at, lang=lang)


async def set_sms(tx: Tx, customer_id: UUID, *, by: Principal, at: datetime) -> None:
    """Codes go to the customer's own telephone, on which he has just read one; so he is told nothing more.

    Refuses as `set_password`.
    """
    await must_be_open(tx, customer_id, by)
    await factor_store.set_factor(tx, customer_id, FactorKind.SMS, None, None, at)
    await audit.record(tx, by, "factor.set", customer_id, at=at, details={"kind": FactorKind.SMS.value})


async def write_factor(
    tx: Tx,
    customer_id: UUID,
    kind: FactorKind,
    secret: bytes,
    *,
    by: Principal,
    at: datetime,
    lang: Lang,
    used_step: int | None = None,
) -> None:
    """Keeps a secret sealed in place of the one before; tries at it count anew. Audited and told to the customer."""
    await must_be_open(tx, customer_id, by)
    sealed = await vault.seal(tx, customer_id, secret, bound=bound(kind), at=at)
    await factor_store.set_factor(tx, customer_id, kind, sealed, used_step, at)
    await tries.forgive(tx, guarding(customer_id, kind))
    await _changed(tx, customer_id, "set", kind, by=by, at=at, lang=lang)


async def remove_factor(
    tx: Tx, customer_id: UUID, kind: FactorKind, *, by: Principal, at: datetime, lang: Lang = "zh"
) -> None:
    """Removes a payment PIN or an authenticator app. Refuses `customer_unknown`, `factor_stays`, `factor_unknown`."""
    await must_be_open(tx, customer_id, by)
    if kind not in REMOVABLE:
        raise no.FACTOR_STAYS()
    if not await factor_store.remove_factor(tx, customer_id, kind):
        raise no.FACTOR_UNKNOWN()
    await _changed(tx, customer_id, "remove", kind, by=by, at=at, lang=lang)


async def prefer(
    tx: Tx, customer_id: UUID, kind: FactorKind, *, by: Principal, at: datetime, lang: Lang = "zh"
) -> None:
    """What the customer would rather be asked for. Refuses `customer_unknown`, `factor_unknown`. Again, it does nothing."""
    await must_be_open(tx, customer_id, by)
    own = {factor.kind: factor for factor in (await factors_of(tx, [customer_id]))[customer_id]}
    if kind not in own:
        raise no.FACTOR_UNKNOWN()
    if own[kind].preferred:
        return
    await factor_store.prefer_factor(tx, customer_id, kind)
    await _changed(tx, customer_id, "prefer", kind, by=by, at=at, lang=lang)


async def attempt(tx: Tx, holder_id: UUID, kind: FactorKind, *, at: datetime) -> Guarded | Refusal:
    """Takes one try at a password or PIN, to be compared once this has committed; or answers `factor_locked`.

    Of many at once exactly as many are let through as may be compared: five, then one after each wait. A holder who does not
    exist is counted and compared like one who does, so that neither answer nor time tells who is a customer: for a telephone
    number that nobody has, hand in an id that is made of it.
    """
    assert kind in _HASHED, f"{kind} is checked in one step"
    number = await tries.take(tx, guarding(holder_id, kind), at=at)
    if isinstance(number, tries.Shut):
        return no.FACTOR_LOCKED(retry_after_s=number.retry_after_s)
    found = await factor_store.factor(tx, holder_id, kind)
    if found is None:
        return Guarded(holder_id=holder_id, kind=kind, number=number, stored=None, set_at=None)
    sealed, set_at = found
    stored = (await vault.open_sealed(tx, holder_id, sealed, bound=bound(kind))).decode()
    return Guarded(holder_id=holder_id, kind=kind, number=number, stored=stored, set_at=set_at)


async def settle_attempt(tx: Tx, guarded: Guarded, ok: bool, *, at: datetime, lang: Lang = "zh") -> Refusal | None:
    """What a try has shown: None where it was right, and the count starts anew; else `factor_wrong`, returned.

    A secret that was changed while the old one was compared is wrong. A try that is never settled stays spent.
    """
    found = await factor_store.factor(tx, guarded.holder_id, guarded.kind)
    if ok and found is not None and found[1] == guarded.set_at:
        await tries.forgive(tx, guarding(guarded.holder_id, guarded.kind))
        return None
    if found is not None:
        await went_wrong(tx, guarded.holder_id, guarded.kind, guarded.number, at=at, lang=lang)
    return no.FACTOR_WRONG()


async def went_wrong(tx: Tx, customer_id: UUID, kind: FactorKind, number: int, *, at: datetime, lang: Lang) -> None:
    """The audit keeps each wrong try at what a customer has; he is told of the fifth in a row."""
    himself = Principal(id=customer_id, kind=PrincipalKind.CUSTOMER, subject_id=customer_id)
    details = {"kind": kind.value, "in_a_row": number}
    await audit.record(tx, himself, "factor.wrong", customer_id, at=at, details=details)
    if number == FREE_TRIES + 1:
        await tell_of_factor(tx, customer_id, "shut", kind, lang=lang, at=at)


async def factors_of(tx: Tx, customer_ids: Iterable[UUID]) -> dict[UUID, list[Factor]]:
    """What each customer proves himself with, in the order in which he set it, each passkey and device after that; an empty list
    for whoever has nothing."""
    found: dict[UUID, list[Factor]] = {id_: [] for id_ in customer_ids}
    rows = [(id_, FactorKind(kind), *rest) for id_, kind, *rest in await factor_store.factors(tx, found)]
    shut = await factor_store.tries_shut(tx, [guarding(id_, kind) for id_, kind, *_ in rows]) if rows else {}
    for id_, kind, set_at, preferred in rows:
        until = shut.get(guarding(id_, kind))
        shown = frozenset((kind.sort,))
        found[id_].append(Factor(kind=kind, set_at=set_at, preferred=preferred, shut_until=until, sorts=shown))
    for id_, factor in await passkey_store.signing_factors(tx, found):
        found[id_].append(factor)
    return found


def one_sort_only(factors: Iterable[Factor]) -> bool:
    """Whether these are not two factors: all that he knows, or all that he has, or nothing at all."""
    return len(frozenset[Sort]().union(*(factor.sorts for factor in factors))) < 2


def guarding(holder_id: UUID, kind: FactorKind) -> bytes:
    """The row that counts tries at a factor of somebody."""
    return tries.guarding("factor", kind.value, holder_id.hex)


def bound(kind: FactorKind) -> str:
    """Where a sealed secret belongs: it opens as no other factor, and under no other customer's key."""
    return f"identity.factor {kind.value}"


async def must_be_open(tx: Tx, customer_id: UUID, by: Principal) -> None:
    """Locks the customer, so that his factors change one at a time. Refuses `customer_unknown`, `customer_closed`."""
    may_see_customer(by, customer_id)
    customer = await store.lock_customer(tx, customer_id)
    if customer is None:
        raise no.CUSTOMER_UNKNOWN()
    if customer.status is Standing.CLOSED:
        raise no.CUSTOMER_CLOSED()


async def _changed(
    tx: Tx, customer_id: UUID, what: str, kind: FactorKind, *, by: Principal, at: datetime, lang: Lang
) -> None:
    await audit.record(tx, by, f"factor.{what}", customer_id, at=at, details={"kind": kind.value})
    await tell_of_factor(tx, customer_id, what, kind, lang=lang, at=at)
