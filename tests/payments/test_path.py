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
    """Files of the bank in the order in which a call first enters them."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def __enter__(self) -> Walk:
        sys.setprofile(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _enter(self, frame: Any, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event != "call" or not path.is_relative_to(PACKAGE):
            return
        here = str(path.relative_to(PACKAGE))
        # Nouns and columns are met everywhere on the way.
        if not here.endswith(("model.py", "base/columns.py", "base/log.py")) and here not in self.files:
            self.files.append(here)


async def test_the_way_of_a_payment(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    await town.pay_by_http(payer, shop, 100)
    key = town.id()
    with Walk() as walk:
        assert (await town.pay_by_http(payer, shop, 100, key=key)).status == 201
    assert walk.files == snapshot(
        [
            "web/door.py",
            "web/body.py",
            "web/rates.py",
            "payments/door.py",
            "base/principal.py",
            "payments/intake.py",
            "base/batch.py",
            "base/clock.py",
            "base/days.py",
            "payments/facts.py",
            "payments/judge.py",
            "payments/signed.py",
            "payments/assess.py",
            "base/db.py",
            "risk/in_force.py",
            "risk/models_in_force.py",
            "risk/recall.py",
            "risk/feature.py",
            "risk/reading.py",
            "risk/store.py",
            "risk/ruleset.py",
            "risk/models_score.py",
            "base/tracing.py",
            "payments/submit.py",
            "payments/store.py",
            "risk/remember.py",
            "payments/desk.py",
            "ledger/book.py",
            "ledger/store.py",
            "payments/limits.py",
            "merchants/fees.py",
            "payments/events.py",
            "base/ids.py",
            "base/outbox.py",
            "payments/view.py",
            "payments/actions.py",
        ]
    )


class Watch:
    """How many statements transactions run after their first account lock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seen: list[int] = []
        count = Tx._count

        def counted(tx: Tx) -> None:
            count(tx)
            self._seen.append(tx.statements_since_account_lock or 0)

        monkeypatch.setattr(Tx, "_count", counted)

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
            payments.Operation(
                id=town.id(), payment_id=id_, principal_id=town.bank.id, request_hash=b"", amount_minor=1
            )
            for id_ in map(UUID, held)
        ]
        await town.intake.ask_many(verb, operations)
        assert 0 < watch.most() <= 3, verb
