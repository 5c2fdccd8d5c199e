"""Everything of the source but its transactions: read, checked against each other, rejected line by line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Protocol, TypeVar

import msgspec

from tongbao.history import source
from tongbao.history.model import (
    Account,
    Card,
    Client,
    Disposition,
    District,
    Loan,
    Malformed,
    Rejected,
    StandingOrder,
)


class _Known(Protocol):
    @property
    def id(self) -> int: ...


_T = TypeVar("_T", bound=_Known)


class Registers(msgspec.Struct, frozen=True):
    """Rows that were taken, by file. Each account has an owner: `owners` is client id by account id."""

    districts: list[District]
    clients: list[Client]
    accounts: list[Account]
    dispositions: list[Disposition]
    cards: list[Card]
    loans: list[Loan]
    orders: list[StandingOrder]
    owners: dict[int, int]
    rejected: list[Rejected]


class _Reader:
    """Reads file by file, in the order in which rows name each other, and remembers which rows were taken."""

    def __init__(self, files: source.Source) -> None:
        self.files = files
        self.rejected: list[Rejected] = []
        self.owners: dict[int, int] = {}
        self.districts: set[int] = set()
        self.clients: set[int] = set()
        self.accounts: set[int] = set()
        self.dispositions: set[int] = set()

    def rows(
        self, name: str, make: Callable[[list[str], int], _T], check: Callable[[_T], None], seen: set[int]
    ) -> list[_T]:
        def checked(found: list[str], line: int) -> _T:
            noun = make(found, line)
            check(noun)
            if noun.id in seen:
                raise Malformed("duplicate_id", str(noun.id))
            seen.add(noun.id)
            return noun

        return self.files.register(name, checked, self.rejected)

    def in_a_district(self, noun: Client | Account) -> None:
        _must_know(self.districts, noun.district_id, "unknown_district")

    def disposes(self, noun: Disposition) -> None:
        _must_know(self.clients, noun.client_id, "unknown_client")
        _must_know(self.accounts, noun.account_id, "unknown_account")
        if noun.kind == "owner" and self.owners.setdefault(noun.account_id, noun.client_id) != noun.client_id:
            raise Malformed("second_owner", str(noun.account_id))

    def hangs_on_a_disposition(self, noun: Card) -> None:
        _must_know(self.dispositions, noun.disposition_id, "unknown_disposition")

    def on_an_account(self, noun: Loan | StandingOrder) -> None:
        _must_know(self.accounts, noun.account_id, "unknown_account")

    def drop_ownerless(self, accounts: list[Account]) -> list[Account]:
        for account in accounts:
            if account.id not in self.owners:
                self.rejected.append(Rejected("account.asc", account.line, "account_without_owner", str(account.id)))
        self.accounts &= self.owners.keys()
        return [account for account in accounts if account.id in self.owners]


def read(files: source.Source) -> Registers:
    """Reads the seven small files; a row that names another row which was not taken is rejected with it."""
    reader = _Reader(files)
    districts = reader.rows("district.asc", source.district, lambda _: None, reader.districts)
    clients = reader.rows("client.asc", source.client, reader.in_a_district, reader.clients)
    accounts = reader.rows("account.asc", source.account, reader.in_a_district, reader.accounts)
    dispositions = reader.rows("disp.asc", source.disposition, reader.disposes, reader.dispositions)
    accounts = reader.drop_ownerless(accounts)
    dispositions = [noun for noun in dispositions if noun.account_id in reader.accounts]
    reader.dispositions = {noun.id for noun in dispositions}
    return Registers(
        districts,
        clients,
        accounts,
        dispositions,
        reader.rows("card.asc", source.card, reader.hangs_on_a_disposition, set()),
        reader.rows("loan.asc", source.loan, reader.on_an_account, set()),
        reader.rows("order.asc", source.standing_order, reader.on_an_account, set()),
        reader.owners,
        reader.rejected,
    )


def _must_know(known: Container[int], id_: int, reason: str) -> None:
    if id_ not in known:
        raise Malformed(reason, str(id_))
