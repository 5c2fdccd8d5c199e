"""What was sent and what was acknowledged, in order: in memory, and one NDJSON line each in a file.

A line is on its way to the disk before the request is on its way to the bank, so that a killed load process can still
be audited from its file. Money is in minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

Verb = Literal["topup", "pay", "capture", "cancel", "refund"]
Outcome = Literal["success", "failure", "unknown"]


class Opening(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="event", tag="opening"):
    """An account before anything was done with it. For a merchant, the account that its takings collect on."""

    account: str
    balance: int
    held: int
    merchant: str | None = None


class OpeningDay(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="event", tag="opening_day"):
    """The bank's business date when it began. A merchant's takings leave its account when the date moves on."""

    business_date: str | None


class Sent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="event", tag="sent"):
    """A step towards the bank. `payment` is the payment it belongs to; for `topup` and `pay` that is `id` itself."""

    id: str
    verb: Verb
    payment: str
    amount: int
    expect: Outcome
    payer: str | None = None
    payee: str | None = None
    merchant: str | None = None
    manual: bool = False
    final: bool = False


class Answered(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="event", tag="answered"
):
    """How a step ended. A later line about the same id says more: `unknown` may become `success` or `failure`."""

    id: str
    outcome: Outcome
    status: int = 0
    code: str | None = None


class Lie(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="event", tag="lie"):
    """The bank contradicted itself in front of our eyes, such as two answers to one id."""

    id: str
    what: str


class Known(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="event", tag="known"):
    """What was true of a thief's order, and the state in which the bank left it, or the code with which it refused it."""

    id: str
    truth: str
    state: str
    known_after_s: int | None = None
    """After so long somebody finds out; None: nobody ever does."""


Record = Opening | OpeningDay | Sent | Answered | Lie | Known


class Journal:
    """`path` is overwritten. Without a path it is kept in memory only."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.records: list[Record] = []
        self._encoder = msgspec.json.Encoder()
        self._file = path.open("wb", buffering=0) if path else None

    def add(self, record: Record) -> None:
        self.records.append(record)
        if self._file is not None:
            self._file.write(self._encoder.encode(record) + b"\n")

    def restart(self, openings: Iterable[Record]) -> None:
        """Forget what has been audited; begin again from these balances."""
        self.records = []
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
        for record in openings:
            self.add(record)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def read(path: Path) -> Iterator[Record]:
    """The records of a file. A last line that was cut off by a kill is left out."""
    decoder = msgspec.json.Decoder(Record)
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield decoder.decode(line)
