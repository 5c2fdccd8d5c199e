"""The only Python that touches `history.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tongbao import ledger
from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.history.model import (
    Account,
    Card,
    Client,
    Disposition,
    District,
    Loan,
    Rejected,
    StandingOrder,
)

Q = sql.load("tongbao.history")


async def begin_import(tx: Tx, import_id: UUID, digest: bytes, at: datetime) -> int:
    """Rows that earlier runs have done."""
    await tx.run(Q["begin_import"], id=import_id, digest=digest, at=at)
    row = await tx.row(Q["rows_done"], id=import_id)
    assert row is not None
    return row[0]


async def move_mark(tx: Tx, import_id: UUID, expected: int, upto: int) -> bool:
    return bool(await tx.lock(Rank.IDS, Q["move_mark"], [import_id], expected=expected, upto=upto))


async def finish_import(tx: Tx, import_id: UUID, at: datetime) -> None:
    await tx.run(Q["finish_import"], id=import_id, at=at)


async def other_imports(tx: Tx, import_id: UUID) -> bool:
    row = await tx.row(Q["other_imports"], id=import_id)
    assert row is not None
    return row[0]


async def not_yet_durable(tx: Tx) -> None:
    await tx.run(Q["not_yet_durable"])


async def add_rejected(tx: Tx, import_id: UUID, rejected: Sequence[Rejected]) -> None:
    await tx.run(
        Q["add_rejected"],
        import_id=import_id,
        files=[r.file for r in rejected],
        lines=[r.line for r in rejected],
        reasons=[r.reason for r in rejected],
        details=[r.detail for r in rejected],
    )


async def rejected_lines(tx: Tx, import_id: UUID, file: str) -> dict[int, Rejected]:
    rows = await tx.rows(Q["rejected_lines"], import_id=import_id, file=file)
    return {line: Rejected(file, line, reason, detail) for line, reason, detail in rows}


async def add_districts(tx: Tx, import_id: UUID, rows: Sequence[District]) -> None:
    await tx.run(
        Q["add_districts"],
        import_id=import_id,
        ids=[r.id for r in rows],
        names=[r.name for r in rows],
        regions=[r.region for r in rows],
        figures=[";".join(r.figures) for r in rows],
    )


async def clients(tx: Tx) -> dict[int, UUID]:
    return dict(await tx.rows(Q["clients"]))  # pyright: ignore[reportArgumentType, reportReturnType]


async def add_clients(tx: Tx, import_id: UUID, rows: Sequence[Client], customer_ids: Sequence[UUID]) -> None:
    await tx.run(
        Q["add_clients"],
        import_id=import_id,
        ids=[r.id for r in rows],
        customer_ids=list(customer_ids),
        born_on=[r.born_on for r in rows],
        district_ids=[r.district_id for r in rows],
    )


async def accounts(tx: Tx) -> dict[int, int]:
    """The ledger's number of each account of the past."""
    return dict(await tx.rows(Q["accounts"]))  # pyright: ignore[reportArgumentType, reportReturnType]


async def add_accounts(
    tx: Tx, import_id: UUID, rows: Sequence[Account], identity_ids: Sequence[UUID], ledger_ids: Sequence[int]
) -> None:
    await tx.run(
        Q["add_accounts"],
        import_id=import_id,
        ids=[r.id for r in rows],
        identity_ids=list(identity_ids),
        ledger_ids=list(ledger_ids),
        district_ids=[r.district_id for r in rows],
        statements=[r.statements for r in rows],
        opened_on=[r.opened_on for r in rows],
    )


async def add_dispositions(tx: Tx, import_id: UUID, rows: Sequence[Disposition]) -> None:
    await tx.run(
        Q["add_dispositions"],
        import_id=import_id,
        ids=[r.id for r in rows],
        client_ids=[r.client_id for r in rows],
        account_ids=[r.account_id for r in rows],
        kinds=[r.kind for r in rows],
    )


async def add_cards(tx: Tx, import_id: UUID, rows: Sequence[Card]) -> None:
    await tx.run(
        Q["add_cards"],
        import_id=import_id,
        ids=[r.id for r in rows],
        disposition_ids=[r.disposition_id for r in rows],
        kinds=[r.kind for r in rows],
        issued_on=[r.issued_on for r in rows],
    )


async def add_loans(tx: Tx, import_id: UUID, rows: Sequence[Loan]) -> None:
    await tx.run(
        Q["add_loans"],
        import_id=import_id,
        ids=[r.id for r in rows],
        account_ids=[r.account_id for r in rows],
        granted_on=[r.granted_on for r in rows],
        amounts=[r.amount_minor for r in rows],
        months=[r.months for r in rows],
        instalments=[r.instalment_minor for r in rows],
        outcomes=[r.outcome for r in rows],
    )


async def add_standing_orders(tx: Tx, import_id: UUID, rows: Sequence[StandingOrder]) -> None:
    await tx.run(
        Q["add_standing_orders"],
        import_id=import_id,
        ids=[r.id for r in rows],
        account_ids=[r.account_id for r in rows],
        banks=[r.to_bank for r in rows],
        accounts=[r.to_account for r in rows],
        amounts=[r.amount_minor for r in rows],
        symbols=[r.symbol for r in rows],
    )


async def known_transfers(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """(kind, reason, credited, debited, amount, value date) of those that are posted."""
    return {row[0]: row[1:] for row in await tx.rows(Q["known_transfers"], ids=list(ids))}


async def imported_between(tx: Tx, first: date, last: date) -> dict[int, tuple[int, int]]:
    """Transactions and their sum, by account of the past."""
    rows = await tx.rows(Q["imported_between"], first=first, last=last)
    return {account_id: (count, total) for account_id, count, total in rows}


async def begin_founding(tx: Tx, plan: str, at: datetime) -> None:
    await tx.run(Q["begin_founding"], plan=plan, at=at)


async def founding(tx: Tx) -> tuple[dict[str, Any], bool] | None:
    """The plan of the city and whether it is founded; None where none was begun."""
    row = await tx.row(Q["founding"])
    return (row[0], row[1]) if row else None


async def finish_founding(tx: Tx, at: datetime) -> None:
    await tx.run(Q["finish_founding"], at=at)


async def city_accounts(tx: Tx, currency: str, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["city_accounts"], currency=currency, most=most)


async def city_merchants(tx: Tx, currency: str, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["city_merchants"], currency=currency, most=most)


async def parts(tx: Tx) -> dict[str, UUID]:
    """Who plays what."""
    return dict(await tx.rows(Q["parts"]))


async def add_parts(tx: Tx, parts: Sequence[tuple[str, UUID]]) -> None:
    await tx.run(Q["add_parts"], names=[name for name, _ in parts], ids=[id_ for _, id_ in parts])


async def give_part(tx: Tx, name: str, id: UUID) -> None:
    await tx.run(Q["give_part"], name=name, id=id)


async def open_purses(tx: Tx, currency: str, most: int, customer_id: UUID | None = None) -> list[tuple[UUID, UUID]]:
    """(customer, account), the fullest first."""
    rows = await tx.rows(
        Q["open_purses"], currency=currency, most=most, customer_id=customer_id, open=ledger.State.OPEN.value
    )
    return [(row[0], row[1]) for row in rows]


async def open_shop(tx: Tx, currency: str, category: str, id: UUID | None = None) -> tuple[UUID, str] | None:
    row = await tx.row(Q["open_shops"], currency=currency, category=category, id=id)
    return (row[0], row[1]) if row else None
