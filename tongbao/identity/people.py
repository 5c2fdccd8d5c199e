"""What people are called, and their telephone numbers: kept in the vault, shown in full with a reason or masked without one.

A row that was written before that still has both in the clear until `seal_people` moves them. Whoever looks reads the row first and
the vault second: what was moved in between is found there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.identity import claims, store
from tongbao.identity.model import Customer, CustomerKind, Details, NewCustomer, Staff
from tongbao.vault import Datum, Kind, Mask

NOBODY: Final = "****"
"""The name of somebody of whom nothing is kept any more."""
_KINDS: Final = (Kind.NAME, Kind.PHONE)


async def keep_people(tx: Tx, new: Sequence[NewCustomer], *, at: datetime) -> None:
    """Seals names and telephone numbers of customers, in as many statements for many as for one."""
    data = [Datum(subject_id=one.id, kind=Kind.NAME, text=one.name) for one in new]
    data += [Datum(subject_id=one.id, kind=Kind.PHONE, text=one.phone) for one in new if one.phone is not None]
    await vault.keep(tx, data, at=at)


async def details_of(
    tx: Tx, customers: Iterable[Customer], *, by: Principal, reason: str, at: datetime
) -> dict[UUID, Details]:
    """In full: a row in the vault's log, with the reason, unless it is his own that somebody reads."""
    people = list(customers)
    kept = await vault.read(tx, _sealed(people), _KINDS, by=by, reason=reason, at=at)
    return _details(people, kept)


async def own_details(tx: Tx, customer: Customer, *, by: Principal) -> Details:
    """His own, for himself: `by` acts for this customer."""
    assert by.subject_id == customer.id, "somebody reads what is his own"
    kept = await vault.own(tx, _KINDS, by=by) if _is_kept(customer) else {}
    return _details([customer], {customer.id: kept})[customer.id]


async def masked_details(tx: Tx, customers: Iterable[Customer]) -> dict[UUID, Details]:
    """For lists: 李*, 138****1234. Firms are public and appear under their names."""
    people = list(customers)
    kept = await vault.masked(tx, _sealed(people), _KINDS, public=_firms(people))
    return _details(people, kept, Mask.LISTED)


async def names_for_others(tx: Tx, customers: Iterable[Customer], *, mask: vault.Mask = Mask.OTHERS) -> dict[UUID, str]:
    """As those see them who pay them or are paid by them: *伟. Firms are public."""
    people = list(customers)
    kept = await vault.masked(tx, _sealed(people), [Kind.NAME], mask=mask, public=_firms(people))
    return {id_: details.name for id_, details in _details(people, kept, mask).items()}


def _is_kept(customer: Customer) -> bool:
    """Whether the vault is asked: also where a row of before has no number, for one may have been told since."""
    return customer.unsealed is None or customer.unsealed.phone is None


def _sealed(people: Iterable[Customer]) -> list[UUID]:
    return [one.id for one in people if _is_kept(one)]


def _firms(people: Iterable[Customer]) -> set[UUID]:
    return {one.id for one in people if one.kind is CustomerKind.FIRM}


def _details(
    people: Iterable[Customer], kept: Mapping[UUID, Mapping[Kind, str]], mask: Mask | None = None
) -> dict[UUID, Details]:
    found: dict[UUID, Details] = {}
    for one in people:
        of_him = kept.get(one.id, {})
        if one.unsealed is None:
            found[one.id] = Details(name=of_him.get(Kind.NAME, NOBODY), phone=of_him.get(Kind.PHONE))
        else:
            clear = one.unsealed if mask is None else _masked(one.kind, one.unsealed, mask)
            found[one.id] = Details(name=clear.name, phone=clear.phone or of_him.get(Kind.PHONE))
    return found


def _masked(kind: CustomerKind, clear: Details, mask: Mask) -> Details:
    name = clear.name if kind is CustomerKind.FIRM else vault.masked_text(Kind.NAME, clear.name, mask)
    return Details(name=name, phone=clear.phone and vault.masked_text(Kind.PHONE, clear.phone))


async def find_people(tx: Tx, *, name: str | None = None, phone: str | None = None, most: int = 50) -> list[Customer]:
    """Who is called exactly so, or has this telephone number (E.164), in whatever spelling; newest first. The vault is asked by its
    blind index, and nothing is opened.
    """
    # The rows before the vault: whoever is moved in between is found there.
    found = set(await store.customers_called(tx, name=name, phone=phone, most=most))
    for kind, text in ((Kind.NAME, name), (Kind.PHONE, phone)):
        if text is not None:
            found |= set(await vault.find(tx, kind, text))
    known = await store.customers(tx, found)
    return sorted(known.values(), key=lambda customer: customer.id, reverse=True)[:most]


async def named_staff(tx: Tx, staff: Iterable[Staff]) -> list[Staff]:
    """With their names. Colleagues know each other: no word is left of it."""
    people = list(staff)
    sealed = {one.id for one in people if not one.name}
    kept = await vault.masked(tx, sealed, [Kind.NAME], public=sealed)
    return [
        one if one.name else msgspec.structs.replace(one, name=kept.get(one.id, {}).get(Kind.NAME, NOBODY))
        for one in people
    ]


async def keep_staff_name(tx: Tx, staff_id: UUID, name: str, *, at: datetime) -> None:
    await vault.keep(tx, [Datum(subject_id=staff_id, kind=Kind.NAME, text=name)], at=at)


async def seal_customers(tx: Tx, *, after: UUID, most: int, at: datetime) -> UUID | None:
    """Moves names and telephone numbers of some customers into the vault; the last id looked at, None where there was nobody.

    What the vault has already is newer and stays. Whoever is at hand to somebody else is left for the next time.
    """
    ids = await store.unsealed_customers(tx, after, most)
    if not ids:
        return None
    people = await store.lock_unsealed_customers(tx, ids)
    data = [
        Datum(subject_id=one.id, kind=kind, text=text)
        for one in people
        if one.unsealed is not None
        for kind, text in ((Kind.NAME, one.unsealed.name), (Kind.PHONE, one.unsealed.phone))
        if text is not None
    ]
    await _keep_missing(tx, data, at)
    await store.customers_sealed(tx, [one.id for one in people])
    await claims.key_hashes(tx, [one.id for one in people])
    return ids[-1]


async def seal_staff(tx: Tx, *, after: UUID, most: int, at: datetime) -> UUID | None:
    """The same for the names of staff."""
    ids = await store.unsealed_staff(tx, after, most)
    if not ids:
        return None
    people = await store.lock_unsealed_staff(tx, ids)
    await _keep_missing(tx, [Datum(subject_id=one.id, kind=Kind.NAME, text=one.name) for one in people], at)
    await store.staff_sealed(tx, [one.id for one in people])
    await claims.key_hashes(tx, [one.id for one in people])
    return ids[-1]


async def _keep_missing(tx: Tx, data: Collection[Datum], at: datetime) -> None:
    there = await vault.masked(tx, {datum.subject_id for datum in data}, _KINDS)
    await vault.keep(tx, [one for one in data if one.kind not in there.get(one.subject_id, {})], at=at)


async def unsealed(tx: Tx) -> tuple[int, int]:
    """How many customers and members of staff are still named in the clear."""
    return await store.count_unsealed(tx)
