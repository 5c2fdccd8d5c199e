"""What the demo tells the pages: who plays which part, the keys of the developer's door, where webhooks arrive.

Written by `tongbao demo` for its own processes, readable by its user alone, gone when it ends. Not read outside of a demo.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base.settings import Settings


class DemoStaff(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff who is let in by a click. Nobody knows the password."""

    id: UUID
    username: str
    name: str
    roles: tuple[str, ...]


class DemoFile(msgspec.Struct, frozen=True, kw_only=True):
    """`receiver` is the noodle shop's own computer: `GET /received?aggregate=PAYMENT` shows what the bank sent it.

    `other_bank` is where top-ups over a rail come from, empty where there is none. `sms` is the gateway behind which everybody's
    phone is: `GET /phones/NUMBER` shows what it was sent.
    """

    address: str
    bank_key: str
    merchant_key: str
    receiver: str
    webhook_id: UUID
    other_bank: str = ""
    sms: str = ""
    day_every_s: int
    li_customer_id: UUID
    li_account_id: UUID
    li_name: str
    noodle_shop_id: UUID
    noodle_shop_name: str
    operator: DemoStaff
    accountant: DemoStaff
    second_accountant: DemoStaff
    auditor: DemoStaff

    @property
    def staff(self) -> tuple[DemoStaff, ...]:
        return self.operator, self.accountant, self.second_accountant, self.auditor

    def __repr__(self) -> str:
        """Without its keys: reprs end in logs."""
        return f"DemoFile({self.address})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("address", self.address)]


def load(path: str | Path) -> DemoFile | None:
    """None where there is no such file, or it is not one of ours."""
    if not str(path):
        return None
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=DemoFile)
    except (OSError, msgspec.DecodeError):
        return None


def of(settings: Settings) -> DemoFile | None:
    """The demo that this process belongs to; None in any other environment, whatever the file says."""
    return load(settings.demo_file) if settings.env == "demo" else None
