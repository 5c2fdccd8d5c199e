"""What a story about the vault needs: somebody of whom something is known, and a look at what is really stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tongbao import vault
from tongbao.base.db import Database
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.vault import Datum, Keyring, Kind

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DAY = AT.date()
CLERK = Principal(id=UUID(int=7), kind=PrincipalKind.STAFF)
WANG = {Kind.NAME: "王小明", Kind.PHONE: "+8613800138000", Kind.ID_NUMBER: "11010519491231002X"}


class House:
    def __init__(self, db: Database, url: str, keyring: Keyring) -> None:
        self.db, self.url, self.keyring = db, url, keyring

    async def person(self, known: dict[Kind, str] | None = None) -> UUID:
        """Somebody of whom this is known; Wang unless told."""
        subject = uuid4()
        await self.keep(subject, WANG if known is None else known)
        return subject

    async def keep(self, subject: UUID, known: dict[Kind, str]) -> None:
        async with self.db.tx() as tx:
            await vault.keep(tx, [Datum(subject_id=subject, kind=k, text=t) for k, t in known.items()], at=AT)

    async def read(self, *subjects: UUID, kinds: tuple[Kind, ...] = tuple(Kind)) -> dict[UUID, dict[Kind, str]]:
        async with self.db.tx() as tx:
            return await vault.read(tx, subjects, kinds, by=CLERK, reason="the customer asked", at=AT)

    async def find(self, kind: Kind, text: str) -> list[UUID]:
        async with self.db.tx() as tx:
            return await vault.find(tx, kind, text)

    async def seal(self, subject: UUID, plain: bytes, bound: str = "notices.message") -> bytes:
        async with self.db.tx() as tx:
            return await vault.seal(tx, subject, plain, bound=bound, at=AT)

    async def open(self, subject: UUID, sealed: bytes, bound: str = "notices.message") -> bytes:
        async with self.db.tx() as tx:
            return await vault.open_sealed(tx, subject, sealed, bound=bound)

    async def erase(self, subject: UUID) -> None:
        async with self.db.tx() as tx:
            await vault.erase(tx, subject, by=CLERK, reason="asked to be forgotten", at=AT)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as conn:
            cursor = conn.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []
