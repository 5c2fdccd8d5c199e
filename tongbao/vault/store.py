"""The only Python that asks the functions of `vault.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.vault.model import Kek, Kind, Reading, Suite
from tongbao.vault.suites import NUMBERS as SUITE_NUMBERS

Q = sql.load("tongbao.vault")


class WrappedKek(msgspec.Struct, frozen=True, kw_only=True):
    """A key-encryption key as it is stored; the root key `root_id` opens it."""

    id: int
    suite: Suite
    root_id: str
    wrapped: bytes


class WrappedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A person's key as it is stored, beside the kek that opens it. Without either it was destroyed."""

    subject_id: UUID
    version: int
    suite: Suite
    wrapped: bytes | None
    kek: WrappedKek | None


class SealedDatum(msgspec.Struct, frozen=True, kw_only=True):
    """A datum as it is stored. `canary`: of somebody made up, where that was asked for."""

    subject_id: UUID
    kind: Kind
    key_version: int
    sealed: bytes
    fingerprint: bytes | None
    canary: bool = False


# the ring: keks and the index key


async def active_kek(tx: Tx) -> WrappedKek | None:
    """None before the vault was ever used."""
    row = await tx.row(Q["active_kek"])
    return _kek(row) if row else None


async def index_key(tx: Tx) -> WrappedKek | None:
    row = await tx.row(Q["index_key"])
    return _kek(row) if row else None


def _kek(row: Sequence[Any]) -> WrappedKek:
    return WrappedKek(id=row[0], suite=Suite(row[1]), root_id=row[2], wrapped=bytes(row[3]))


async def claim_kek(tx: Tx, kek: WrappedKek, at: datetime) -> None:
    """The first kek, unless somebody was faster."""
    await tx.run(Q["claim_kek"], id=kek.id, suite=kek.suite.value, root_id=kek.root_id, wrapped=kek.wrapped, at=at)


async def claim_index_key(tx: Tx, index: WrappedKek) -> None:
    await tx.run(Q["claim_index_key"], root_id=index.root_id, wrapped=index.wrapped)


# keys of people


async def newest_keys(tx: Tx, subjects: Iterable[UUID]) -> dict[UUID, WrappedKey]:
    rows = await tx.rows(Q["newest_keys"], subjects=list(subjects))
    return {row[0]: _key(row) for row in rows}


async def key(tx: Tx, subject_id: UUID, version: int) -> WrappedKey | None:
    return (await keys_named(tx, [(subject_id, version)])).get((subject_id, version))


def _key(row: Sequence[Any]) -> WrappedKey:
    subject_id, version, suite, wrapped, *kek = row
    return WrappedKey(
        subject_id=subject_id,
        version=version,
        suite=Suite(suite),
        wrapped=None if wrapped is None else bytes(wrapped),
        kek=None if kek[0] is None else _kek(kek),
    )


async def keys_named(tx: Tx, keys: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], WrappedKey]:
    """By person and version."""
    wanted = list(keys)
    rows = await tx.rows(Q["keys_named"], subjects=[k[0] for k in wanted], versions=[k[1] for k in wanted])
    return {(row[0], row[1]): _key(row) for row in rows}


async def add_keys(tx: Tx, keys: Sequence[WrappedKey], at: datetime) -> None:
    """Those that nobody else has made meanwhile; sorted, for a unique key is a lock."""
    keys = sorted(keys, key=lambda key: (key.subject_id, key.version))
    await tx.run(
        Q["add_keys"],
        subjects=[key.subject_id for key in keys],
        versions=[key.version for key in keys],
        suites=[key.suite.value for key in keys],
        keks=[key.kek.id if key.kek else None for key in keys],
        wrapped=[key.wrapped for key in keys],
        at=at,
    )


async def add_newer_keys(tx: Tx, keys: Sequence[WrappedKey], at: datetime) -> None:
    """For people whose last key lives; `keys` have a kek and are wrapped."""
    await tx.run(
        Q["add_newer_keys"],
        subjects=[key.subject_id for key in keys],
        versions=[key.version for key in keys],
        suites=[key.suite.value for key in keys],
        keks=[key.kek.id if key.kek else None for key in keys],
        wrapped=[key.wrapped for key in keys],
        at=at,
    )


# data


async def write_data(tx: Tx, data: Sequence[SealedDatum], at: datetime) -> int:
    """How many were written: those whose key was destroyed meanwhile are not."""
    data = sorted(data, key=lambda datum: (datum.subject_id, datum.kind))
    return await _count(
        tx,
        Q["write_data"],
        subjects=[datum.subject_id for datum in data],
        kinds=[datum.kind.value for datum in data],
        versions=[datum.key_version for datum in data],
        sealed=[datum.sealed for datum in data],
        fingerprints=[datum.fingerprint for datum in data],
        at=at,
    )


async def _count(tx: Tx, query: LiteralString, **params: Any) -> int:
    """What a function counted."""
    row = await tx.row(query, **params)
    return row[0] if row else 0


async def read_data(
    tx: Tx, subjects: Iterable[UUID], kinds: Iterable[Kind], *, by: Principal, reason: str, at: datetime
) -> list[tuple[SealedDatum, WrappedKey]]:
    """On record, and with the alarm raised where a canary is among them, before anything is handed out."""
    rows = await tx.rows(
        Q["read_data"],
        subjects=list(subjects),
        kinds=_sorted(kinds),
        own=by.subject_id,
        by_id=by.id,
        by_kind=by.kind.value,
        reason=reason,
        at=at,
    )
    return [_datum(row[:-1], canary=row[-1]) for row in rows]


async def own_data(tx: Tx, subject_id: UUID, kinds: Iterable[Kind]) -> list[tuple[SealedDatum, WrappedKey]]:
    rows = await tx.rows(Q["own_data"], subject_id=subject_id, kinds=_sorted(kinds))
    return [_datum(row[:-1], canary=row[-1]) for row in rows]


async def data_to_mask(tx: Tx, subjects: Iterable[UUID], kinds: Iterable[Kind]) -> list[tuple[SealedDatum, WrappedKey]]:
    """Of kinds by which people are found."""
    rows = await tx.rows(Q["data_to_mask"], subjects=list(subjects), kinds=_sorted(kinds))
    return [_datum(row[:-1], canary=row[-1]) for row in rows]


def _sorted(kinds: Iterable[Kind]) -> list[str]:
    return sorted(kind.value for kind in kinds)


def _datum(row: Sequence[Any], *, canary: bool = False) -> tuple[SealedDatum, WrappedKey]:
    subject_id, kind, version, sealed, fingerprint, *key = row
    datum = SealedDatum(
        subject_id=subject_id,
        kind=Kind(kind),
        key_version=version,
        sealed=bytes(sealed),
        fingerprint=None if fingerprint is None else bytes(fingerprint),
        canary=canary,
    )
    return datum, _key([subject_id, version, *key])


async def lacking(tx: Tx, subjects: Iterable[UUID], kind: Kind) -> set[UUID]:
    return {row[0] for row in await tx.rows(Q["lacking"], subjects=list(subjects), kind=kind.value)}


async def subjects_with(tx: Tx, kind: Kind, fingerprint: bytes) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["subjects_with"], kind=kind.value, fingerprint=fingerprint)]


async def readings(
    tx: Tx, *, subject_id: UUID | None, by_id: UUID | None, below: int | None, in_bulk: bool, most: int
) -> list[Reading]:
    rows = await tx.rows(Q["readings"], subject_id=subject_id, by_id=by_id, below=below, in_bulk=in_bulk, most=most)
    return [
        Reading(
            id=row[0],
            at=row[1],
            verb=row[2],
            by_id=row[3],
            by_kind=PrincipalKind(row[4]),
            subjects=row[5],
            kinds=row[6],
            reason=row[7],
        )
        for row in rows
    ]


async def lock_keys(tx: Tx, subject_id: UUID) -> int:
    """For whoever destroys them; how many there are."""
    return len(await tx.lock(Rank.IDS, Q["lock_keys"], [subject_id]))


async def erase(tx: Tx, subject_id: UUID, *, by: Principal, reason: str, at: datetime) -> None:
    """Data, cards and keys; on record."""
    await tx.rows(
        Q["erase_person"],
        subject_id=subject_id,
        kinds=_sorted(Kind),
        by_id=by.id,
        by_kind=by.kind.value,
        reason=reason,
        at=at,
    )


# rotation


async def lock_kek(tx: Tx, id: int) -> bool:
    """Whether it still wraps; then nobody else retires it."""
    return bool(await tx.lock(Rank.IDS, Q["lock_kek"], [id]))


async def replace_kek(tx: Tx, old_id: int, new: WrappedKek, at: datetime) -> None:
    await tx.run(
        Q["replace_kek"],
        old_id=old_id,
        id=new.id,
        suite=new.suite.value,
        root_id=new.root_id,
        wrapped=new.wrapped,
        at=at,
    )


async def lock_keks(tx: Tx) -> list[WrappedKek]:
    return [_kek(row) for row in await tx.lock(Rank.IDS, Q["lock_keks"], [])]


async def lock_index_key(tx: Tx) -> WrappedKek | None:
    rows = await tx.lock(Rank.IDS, Q["lock_index_key"], [])
    return _kek(rows[0]) if rows else None


async def rewrite_keks(tx: Tx, keks: Sequence[WrappedKek]) -> None:
    if keks:
        await tx.run(
            Q["rewrite_keks"],
            ids=[kek.id for kek in keks],
            roots=[kek.root_id for kek in keks],
            wrapped=[kek.wrapped for kek in keks],
        )


async def rewrite_index_key(tx: Tx, index: WrappedKek) -> None:
    await tx.run(Q["rewrite_index_key"], root_id=index.root_id, wrapped=index.wrapped)


async def keys_to_rewrap(tx: Tx, after: tuple[UUID, str], most: int) -> list[WrappedKey]:
    rows = await tx.lock(Rank.IDS, Q["keys_to_rewrap"], [], after=after[0], after_version=int(after[1] or 0), most=most)
    return [_key(row) for row in rows]


async def rewrite_keys(tx: Tx, keys: Sequence[WrappedKey]) -> None:
    if keys:
        await tx.run(
            Q["rewrite_keys"],
            subjects=[key.subject_id for key in keys],
            versions=[key.version for key in keys],
            keks=[key.kek.id if key.kek else None for key in keys],
            wrapped=[key.wrapped for key in keys],
        )


async def data_to_reseal(
    tx: Tx, after: tuple[UUID, str], suites: Iterable[Suite], most: int, *, by: Principal, at: datetime
) -> list[tuple[SealedDatum, WrappedKey]]:
    """Of suites that are not in force any more; on record."""
    rows = await tx.rows(
        Q["data_to_reseal"],
        after=after[0],
        after_kind=after[1],
        suites=[SUITE_NUMBERS[suite] for suite in suites],
        most=most,
        by_id=by.id,
        by_kind=by.kind.value,
        at=at,
    )
    return [_datum(row) for row in rows]


async def rewrite_data(tx: Tx, pairs: Sequence[tuple[SealedDatum, SealedDatum]]) -> int:
    """As it was, and as it is to be; how many were still as they were."""
    if not pairs:
        return 0
    return await _count(
        tx,
        Q["rewrite_data"],
        subjects=[new.subject_id for _, new in pairs],
        kinds=[new.kind.value for _, new in pairs],
        versions=[new.key_version for _, new in pairs],
        sealed=[new.sealed for _, new in pairs],
        before=[old.sealed for old, _ in pairs],
    )


async def forget_keks(tx: Tx, before: datetime) -> int:
    return await _count(tx, Q["forget_keks"], before=before)


# how it stands


async def keks(tx: Tx) -> list[Kek]:
    return [
        Kek(id=row[0], suite=Suite(row[1]), root_id=row[2], made_at=row[3], retired_at=row[4], keys=row[5])
        for row in await tx.rows(Q["keks"])
    ]


async def count_data(tx: Tx) -> dict[str, int]:
    """By suite; bytes that name none count as unknown."""
    names = {number: suite.value for suite, number in SUITE_NUMBERS.items()}
    counts: dict[str, int] = {}
    for number, many in await tx.rows(Q["count_data"]):
        name = names.get(number, "unknown")
        counts[name] = counts.get(name, 0) + many
    return counts


async def count_erased(tx: Tx) -> int:
    return await _count(tx, Q["count_erased"])


async def data_to_prove(
    tx: Tx, after: tuple[UUID, str], most: int, *, by: Principal, at: datetime
) -> list[tuple[SealedDatum, WrappedKey]]:
    """A range of all data; on record."""
    rows = await tx.rows(
        Q["data_to_prove"],
        after=after[0],
        after_kind=after[1],
        most=most,
        by_id=by.id,
        by_kind=by.kind.value,
        at=at,
    )
    return [_datum(row) for row in rows]


async def keys_to_prove(tx: Tx, after: tuple[UUID, str], most: int) -> list[WrappedKey]:
    rows = await tx.rows(Q["keys_to_prove"], after=after[0], after_version=int(after[1] or 0), most=most)
    return [_key(row) for row in rows]
