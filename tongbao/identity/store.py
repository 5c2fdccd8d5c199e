"""The only Python that touches `identity.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.identity.model import (
    Account,
    ApiKey,
    Counterparty,
    Customer,
    CustomerKind,
    Details,
    KeyKind,
    NewAccount,
    NewCustomer,
    NewStaff,
    Product,
    Role,
    Staff,
    Standing,
    Token,
    VisitorKind,
)

Q = sql.load("tongbao.identity")

Row = tuple[Any, ...]


def _customer(row: Row) -> Customer:
    id_, kind, name, phone, status, created_at, level = row
    return Customer(
        id=id_,
        kind=CustomerKind(kind),
        status=Standing(status),
        created_at=created_at,
        level=level,
        unsealed=None if name is None else Details(name=name, phone=phone),
    )


def _account(row: Row) -> Account:
    id_, ledger_id, customer_id, number, currency, product, status, opened_at, kind, customer_status = row
    return Account(
        id=id_,
        ledger_id=ledger_id,
        customer_id=customer_id,
        number=number,
        currency=currency,
        product=Product(product),
        status=Standing(status),
        opened_at=opened_at,
        customer_kind=CustomerKind(kind),
        customer_status=Standing(customer_status),
    )


def _key(row: Row) -> ApiKey:
    id_, public_id, principal_id, kind, subject_id, permissions, note, created, expires, revoked, rotated, used = row
    return ApiKey(
        id=id_,
        public_id=public_id,
        principal_id=principal_id,
        kind=KeyKind(kind),
        subject_id=subject_id,
        permissions=frozenset(permissions),
        note=note,
        created_at=created,
        expires_at=expires,
        revoked_at=revoked,
        rotated_to=rotated,
        last_used_on=used,
    )


def _staff(row: Row) -> Staff:
    """Without a name where that lies in the vault: `people.named_staff` puts it in."""
    id_, username, name, roles, status, created_at = row
    return Staff(
        id=id_,
        username=username,
        name=name or "",
        roles=frozenset(Role(role) for role in roles),
        status=status,
        created_at=created_at,
    )


async def claim_ids(
    tx: Tx, kind: str, asked: Sequence[tuple[UUID, bytes]], principal_id: UUID, at: datetime
) -> set[UUID]:
    """Those of the ids, each once and sorted, that were free and are now claimed."""
    ids, hashes = [id_ for id_, _ in asked], [digest for _, digest in asked]
    rows = await tx.lock(Rank.IDS, Q["claim_ids"], ids, kind=kind, principal_id=principal_id, hashes=hashes, at=at)
    return {row[0] for row in rows}


async def claims(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, tuple[str, UUID, bytes]]:
    """Kind, principal and hash of each id that is claimed."""
    rows = await tx.rows(Q["claims"], ids=list(ids))
    return {id_: (kind, principal_id, digest) for id_, kind, principal_id, digest in rows}


async def rehash_claims(tx: Tx, before: Mapping[UUID, bytes], after: Sequence[bytes]) -> None:
    await tx.run(Q["rehash_claims"], ids=list(before), before=list(before.values()), after=list(after))


async def add_customers(tx: Tx, new: Sequence[NewCustomer], level: int, at: datetime) -> None:
    await tx.run(
        Q["add_customers"],
        ids=[c.id for c in new],
        kinds=[c.kind.value for c in new],
        level=level,
        at=at,
    )


async def customers(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Customer]:
    return {row[0]: _customer(row) for row in await tx.rows(Q["customers"], ids=list(ids))}


async def customers_after(
    tx: Tx, before: UUID | None, kind: CustomerKind | None, status: Standing | None, most: int
) -> list[Customer]:
    wanted = {"kind": kind.value if kind else None, "status": status.value if status else None}
    return [_customer(row) for row in await tx.rows(Q["customers_after"], before=before, most=most, **wanted)]


async def unsealed_customers(tx: Tx, after: UUID, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["unsealed_customers"], after=after, most=most)]


async def lock_unsealed_customers(tx: Tx, ids: Iterable[UUID]) -> list[Customer]:
    return [_customer(row) for row in await tx.lock(Rank.IDS, Q["lock_unsealed_customers"], set(ids))]


async def customers_sealed(tx: Tx, ids: Iterable[UUID]) -> None:
    await tx.run(Q["customers_sealed"], ids=list(ids))


async def unsealed_staff(tx: Tx, after: UUID, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["unsealed_staff"], after=after, most=most)]


async def lock_unsealed_staff(tx: Tx, ids: Iterable[UUID]) -> list[Staff]:
    return [_staff(row) for row in await tx.lock(Rank.IDS, Q["lock_unsealed_staff"], set(ids))]


async def staff_sealed(tx: Tx, ids: Iterable[UUID]) -> None:
    await tx.run(Q["staff_sealed"], ids=list(ids))


async def customers_called(tx: Tx, *, name: str | None, phone: str | None, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["customers_called"], name=name, phone=phone, most=most)]


async def customers_named(tx: Tx, after: UUID, most: int) -> list[tuple[UUID, bool]]:
    return [(row[0], row[1]) for row in await tx.rows(Q["customers_named"], after=after, most=most)]


async def staff_named(tx: Tx, after: UUID, most: int) -> list[tuple[UUID, bool]]:
    return [(row[0], row[1]) for row in await tx.rows(Q["staff_named"], after=after, most=most)]


async def count_unsealed(tx: Tx) -> tuple[int, int]:
    """Customers, staff."""
    row = await tx.row(Q["count_unsealed"])
    assert row is not None
    return row[0], row[1]


async def hold_customers(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Customer]:
    return {row[0]: _customer(row) for row in await tx.lock(Rank.IDS, Q["hold_customers"], set(ids))}


async def lock_customer(tx: Tx, customer_id: UUID) -> Customer | None:
    rows = await tx.lock(Rank.IDS, Q["lock_customers"], [customer_id])
    return _customer(rows[0]) if rows else None


async def lock_customers(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Customer]:
    return {row[0]: _customer(row) for row in await tx.lock(Rank.IDS, Q["lock_customers"], set(ids))}


async def customers_with_accounts(tx: Tx, ids: Iterable[UUID]) -> set[UUID]:
    return {row[0] for row in await tx.rows(Q["customers_with_accounts"], ids=list(ids))}


async def set_customer_status(tx: Tx, customer_id: UUID, status: Standing) -> None:
    await tx.run(Q["set_customer_status"], id=customer_id, status=status.value)


async def next_numbers(tx: Tx, count: int) -> list[int]:
    return [row[0] for row in await tx.rows(Q["next_numbers"], count=count)]


async def add_accounts(
    tx: Tx, new: Sequence[NewAccount], ledger_ids: Sequence[int], numbers: Sequence[str], at: datetime
) -> None:
    await tx.run(
        Q["add_accounts"],
        ids=[a.id for a in new],
        ledger_ids=list(ledger_ids),
        customer_ids=[a.customer_id for a in new],
        numbers=list(numbers),
        currencies=[a.currency for a in new],
        products=[a.product.value for a in new],
        at=at,
    )


async def accounts(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Account]:
    return {row[0]: _account(row) for row in await tx.rows(Q["accounts"], ids=list(ids))}


async def accounts_of(tx: Tx, customer_id: UUID, after: UUID | None, most: int) -> list[Account]:
    rows = await tx.rows(Q["accounts_of"], customer_id=customer_id, after=after, most=most)
    return [_account(row) for row in rows]


async def account_ids_of(tx: Tx, customer_id: UUID) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["account_ids_of"], customer_id=customer_id)]


async def account_by_number(tx: Tx, number: str) -> Account | None:
    row = await tx.row(Q["account_by_number"], number=number)
    return _account(row) if row else None


async def accounts_of_ledger(tx: Tx, ledger_ids: Iterable[int]) -> dict[int, UUID]:
    rows = await tx.rows(Q["accounts_of_ledger"], ledger_ids=list(ledger_ids))
    return dict(rows)  # pyright: ignore[reportArgumentType, reportReturnType]


async def counterparties(tx: Tx, ledger_ids: Iterable[int]) -> dict[int, Counterparty]:
    rows = await tx.rows(Q["counterparties"], ledger_ids=list(ledger_ids))
    return {row[0]: Counterparty(row[1], row[2], _customer(row[3:])) for row in rows}


async def lock_account(tx: Tx, account_id: UUID) -> Account | None:
    rows = await tx.lock(Rank.IDS, Q["lock_accounts"], [account_id])
    return _account(rows[0]) if rows else None


async def set_account_status(tx: Tx, account_id: UUID, status: Standing, at: datetime) -> None:
    closed_at = at if status is Standing.CLOSED else None
    await tx.run(Q["set_account_status"], id=account_id, status=status.value, closed_at=closed_at)


async def add_key(tx: Tx, key: ApiKey, token: Token, by: UUID) -> None:
    await tx.run(
        Q["add_key"],
        id=key.id,
        public_id=key.public_id,
        principal_id=key.principal_id,
        kind=key.kind.value,
        subject_id=key.subject_id,
        permissions=sorted(key.permissions),
        note=key.note,
        secret_hash=token.secret_hash,
        at=key.created_at,
        by=by,
        expires_at=key.expires_at,
    )


async def keys(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, ApiKey]:
    return {row[0]: _key(row) for row in await tx.rows(Q["keys"], ids=list(ids))}


async def lock_key(tx: Tx, key_id: UUID) -> ApiKey | None:
    rows = await tx.lock(Rank.IDS, Q["lock_keys"], [key_id])
    return _key(rows[0]) if rows else None


async def list_keys(tx: Tx, subject_id: UUID | None, before: UUID | None, most: int) -> list[ApiKey]:
    rows = await tx.rows(Q["list_keys"], subject_id=subject_id, before=before, most=most)
    return [_key(row) for row in rows]


async def key_shown(tx: Tx, public_id: str) -> Row | None:
    """(principal, kind, subject, permissions, secret hash, expires, revoked, last used, signature required, certificate)."""
    return await tx.row(Q["key_shown"], public_id=public_id)


async def key_used(tx: Tx, public_id: str, day: date) -> None:
    await tx.run(Q["key_used"], public_id=public_id, day=day)


async def key_rotated(tx: Tx, key_id: UUID, rotated_to: UUID, expires_at: datetime) -> None:
    await tx.run(Q["key_rotated"], id=key_id, rotated_to=rotated_to, expires_at=expires_at)


async def revoke_key(tx: Tx, key_id: UUID, at: datetime) -> None:
    await tx.run(Q["revoke_key"], id=key_id, at=at)


async def add_staff(tx: Tx, new: NewStaff, password_hash: str, by: UUID, at: datetime) -> bool:
    row = await tx.row(
        Q["add_staff"],
        id=new.id,
        username=new.username,
        password_hash=password_hash,
        roles=sorted(role.value for role in new.roles),
        at=at,
        by=by,
    )
    return row is not None


async def staff(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Staff]:
    return {row[0]: _staff(row) for row in await tx.rows(Q["staff"], ids=list(ids))}


async def list_staff(tx: Tx, *, before: UUID | None, most: int) -> list[Staff]:
    return [_staff(row) for row in await tx.rows(Q["list_staff"], before=before, most=most)]


async def staff_by_username(tx: Tx, username: str) -> tuple[Staff, str] | None:
    """The member of staff and the password's hash."""
    row = await tx.row(Q["staff_by_username"], username=username)
    return (_staff(row[:-1]), row[-1]) if row else None


async def lock_staff(tx: Tx, staff_id: UUID) -> Staff | None:
    rows = await tx.lock(Rank.IDS, Q["lock_staff"], [staff_id])
    return _staff(rows[0]) if rows else None


async def set_staff_status(tx: Tx, staff_id: UUID, status: str) -> None:
    await tx.run(Q["set_staff_status"], id=staff_id, status=status)


async def add_session(
    tx: Tx, session_id: UUID, staff_id: UUID, token: Token, at: datetime, expires_at: datetime, *, limited: bool
) -> None:
    await tx.run(
        Q["add_session"],
        limited=limited,
        id=session_id,
        public_id=token.public_id,
        staff_id=staff_id,
        secret_hash=token.secret_hash,
        at=at,
        expires_at=expires_at,
    )


async def session_shown(tx: Tx, public_id: str) -> Row | None:
    """(id, staff, roles, status, secret hash, seen, expires, ended)."""
    return await tx.row(Q["session_shown"], public_id=public_id)


async def session_seen(tx: Tx, public_id: str, at: datetime) -> None:
    await tx.run(Q["session_seen"], public_id=public_id, at=at)


async def end_session(tx: Tx, public_id: str, at: datetime) -> bool:
    return await tx.run(Q["end_session"], public_id=public_id, at=at) > 0


async def end_sessions_of(tx: Tx, staff_id: UUID, at: datetime) -> int:
    return await tx.run(Q["end_sessions_of"], staff_id=staff_id, at=at)


async def forget_sessions(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_sessions"], before=before)


async def add_visitor_session(
    tx: Tx,
    session_id: UUID,
    kind: VisitorKind,
    holder_id: UUID,
    token: Token,
    at: datetime,
    expires_at: datetime,
    device_id: UUID | None = None,
) -> None:
    await tx.run(
        Q["add_visitor_session"],
        id=session_id,
        public_id=token.public_id,
        kind=kind.value,
        holder_id=holder_id,
        secret_hash=token.secret_hash,
        at=at,
        expires_at=expires_at,
        device_id=device_id,
    )


async def visitor_session_shown(tx: Tx, public_id: str, at: datetime) -> Row | None:
    """(session, kind, holder, secret hash, seen, expires, ended, device where it is trusted, offered, renewed, spent, warned,
    look)."""
    return await tx.row(Q["visitor_session_shown"], public_id=public_id, at=at)


async def visitor_session_seen(tx: Tx, public_id: str, at: datetime) -> None:
    await tx.run(Q["visitor_session_seen"], public_id=public_id, at=at)


async def end_visitor_session(tx: Tx, public_id: str, at: datetime) -> tuple[UUID, VisitorKind, UUID] | None:
    """(session, kind, holder), where it had not ended before."""
    row = await tx.row(Q["end_visitor_session"], public_id=public_id, at=at)
    return (row[0], VisitorKind(row[1]), row[2]) if row else None


async def end_visitor_sessions_of(tx: Tx, kind: VisitorKind, holder_id: UUID, at: datetime) -> int:
    return await tx.run(Q["end_visitor_sessions_of"], kind=kind.value, holder_id=holder_id, at=at)


async def forget_visitor_sessions(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_visitor_sessions"], before=before)
