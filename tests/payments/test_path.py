"""The way of a payment through the files is itself a snapshot, and so is what happens while accounts are locked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from inline_snapshot import snapshot

import tongbao
from tests.payments.town import Town
from tongbao import payments
from tongbao.base.db import Tx

PACKAGE = Path(tongbao.__file__).parent


class Walk:
    """Functions of the bank in the order in which they are first entered; small ones of structs and SQL are left out."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def __enter__(self) -> Walk:
        sys.setprofile(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _enter(self, frame: Any, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event != "call" or not path.is_relative_to(PACKAGE):
            return
        here = path.relative_to(PACKAGE)
        name = frame.f_code.co_name
        if here.parts[0] == "base" or name.startswith("<") or name.startswith("__") or here.name == "model.py":
            return
        step = f"{here}:{name}"
        if step not in self.steps:
            self.steps.append(step)


async def test_the_way_of_a_payment(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    await town.pay_by_http(payer, shop, 100)
    with Walk() as walk:
        assert (await town.pay_by_http(payer, shop, 100)).status == 201
    assert walk.steps == snapshot()


class Watch:
    """How many statements transactions run after their first account lock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seen: list[int] = []
        rows = Tx.rows

        async def counted(tx: Tx, query: Any, **params: Any) -> Any:
            found = await rows(tx, query, **params)
            self._seen.append(tx.statements_since_account_lock or 0)
            return found

        monkeypatch.setattr(Tx, "rows", counted)

    def most(self) -> int:
        found = max(self._seen, default=0)
        self._seen.clear()
        return found


async def test_three_statements_while_accounts_are_locked(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [await town.person(1_000_000) for _ in range(5)]
    shop = await town.shop()
    watch = Watch(monkeypatch)
    orders = [
        {**town.order_body(people[n % 5], shop if n % 2 else people[n % 5 - 1], 1 + n, **more), "id": str(town.id())}
        for n in range(40)
        for more in ({"capture": "manual"} if n % 4 == 1 else {"confirm": "explicit"} if n % 4 == 2 else {},)
    ]
    assert (await town.send("POST", "/v1/payments/batch", {"orders": orders})).status == 200
    assert watch.most() == 3
    held = [order["id"] for order in orders if order.get("capture") == "manual"]
    for verb in ("capture", "refund", "cancel"):
        operations = [
            payments.Operation(id=town.id(), payment_id=id_, principal_id=town.bank.id, request_hash=b"", amount_minor=1)
            for id_ in map(UUID, held)
        ]
        await town.intake.ask_many(verb, operations)
        assert 0 < watch.most() <= 3, verb

