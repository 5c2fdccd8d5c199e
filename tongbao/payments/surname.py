"""Whether a payee has the surname that his payer typed: yes or no, so many times a day, and never the surname itself."""

from __future__ import annotations

import unicodedata
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from tongbao import identity, vault
from tongbao.base.db import Tx
from tongbao.payments import transfer_store as store
from tongbao.payments.foresee import Payee

TRIES_A_DAY: Final = 5


class Surname(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    USED_UP = "used_up"
    """Nothing was compared: he has had his tries of the day."""


async def check_surname(tx: Tx, lookup_id: UUID, customer_id: UUID, payee: Payee, typed: str, *, day: date) -> None:
    """Keeps with a look-up what came of it. By the first character, of a firm by that of its name; nothing typed is no try.

    The try is counted before anything is compared.
    """
    wanted = _first(typed)
    said = None
    if wanted:
        said = Surname.USED_UP
        if await store.count_surname(tx, customer_id, day, most=TRIES_A_DAY):
            said = Surname.RIGHT if wanted == await _first_of(tx, payee) else Surname.WRONG
    await store.keep_surname(tx, lookup_id, customer_id, said)


async def surname_said(tx: Tx, lookup_id: UUID, customer_id: UUID) -> Surname | None:
    """None where he typed none."""
    said = await store.surname(tx, lookup_id, customer_id)
    return Surname(said) if said else None


async def _first_of(tx: Tx, payee: Payee) -> str:
    assert payee.account_id is not None
    account = (await identity.find_accounts(tx, [payee.account_id]))[payee.account_id]
    owner = (await identity.find_customers(tx, [account.customer_id]))[account.customer_id]
    names = await identity.names_for_others(tx, [owner], mask=vault.Mask.LISTED)
    first = _first(names[owner.id])
    return "" if first == "*" else first


def _first(text: str) -> str:
    """However it is typed: full width, capital, with blanks before it."""
    return unicodedata.normalize("NFKC", text).strip().casefold()[:1]
