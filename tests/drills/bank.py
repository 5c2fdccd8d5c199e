"""The bank of the drills."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import psycopg

from tests.kill.bank import Bank

RICH = 1_000_000


class DrillBank(Bank):
    """A few people with money and a shop; its log is kept."""

    def __init__(self, logs: Path, rails: str = "", people: int = 4) -> None:
        super().__init__()
        self.people = people
        self.patience_s = 90
        self.logs = logs
        self.settings = {"TONGBAO_RAILS": rails, "TONGBAO_WEBHOOK_PRIVATE": "true"}

    @property
    def shop(self) -> str:
        return self.merchants[0]

    def pay(self, id_: str | None = None, **other: Any) -> httpx.Response:
        """The first of the people pays the second one yuan, unless told otherwise."""
        order = {"payer_account_id": self.accounts[0], "payee_account_id": self.accounts[1], "amount": 100}
        order |= {"currency": "CNY", **other}
        return self.post("/v1/payments", {k: v for k, v in order.items() if v is not None}, id_ or str(uuid4()))

    def paid(self, id_: str | None = None, **other: Any) -> str:
        """Its id; the payment went through."""
        answer = self.pay(id_, **other)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def balance(self, account: str) -> int:
        return self.get(f"/v1/accounts/{account}")["balance"]

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def said(self, part: str) -> list[dict[str, Any]]:
        """The lines of a part's log."""
        assert self.logs is not None
        lines = (self.logs / part).read_text(encoding="utf-8").splitlines()
        return [msgspec.json.decode(line) for line in lines if line.startswith("{")]

    def _furnish(self) -> None:
        for n in range(self.people):
            person = self._made("/v1/customers", {"kind": "person", "name": f"Person {n}"})
            account = self._made("/v1/accounts", {"customer_id": person, "currency": "CNY"})
            self._made("/v1/topups", {"account_id": account, "amount": RICH, "currency": "CNY"})
            self.accounts.append(account)
        self.merchants.append(self._made("/v1/merchants", {"name": "兰州拉面"}))

    def _made(self, path: str, body: dict[str, Any]) -> str:
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]
