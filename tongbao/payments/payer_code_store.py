"""The Python that touches `payments.payer_code`, `payments.collection` and `payments.terminal_guess`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.payments.payer_code_model import Collection, ShownCode

Q = sql.load("tongbao.payments", "payer_code")


async def add_code(
    tx: Tx, new: ShownCode, customer_id: UUID, session_id: UUID, code_hmac: bytes, *, grace: datetime
) -> bool:
    """False where somebody shows the same digits. Earlier codes of this session end at `grace`."""
    made = {"id": new.id, "account_id": new.account_id, "at": new.made_at, "expires_at": new.expires_at}
    whose = {"customer_id": customer_id, "session_id": session_id, "code_hmac": code_hmac, "grace": grace}
    return bool(await tx.rows(Q["add_code"], **made, **whose))


async def code(tx: Tx, id: UUID, customer_id: UUID) -> ShownCode | None:
    row = await tx.row(Q["code"], id=id, customer_id=customer_id)
    if row is None:
        return None
    account_id, made_at, expires_at, used_at, payment_id = row
    return ShownCode(
        id=id, account_id=account_id, made_at=made_at, expires_at=expires_at, used_at=used_at, payment_id=payment_id
    )


async def take_guess(tx: Tx, terminal_id: UUID, at: datetime, *, before: datetime, most: int) -> bool:
    """False where the terminal has had its most since `before`. Its row stays locked until the transaction ends."""
    return bool(await tx.rows(Q["take_guess"], terminal_id=terminal_id, at=at, before=before, most=most))


async def give_guess_back(tx: Tx, terminal_id: UUID) -> None:
    await tx.run(Q["give_guess_back"], terminal_id=terminal_id)


async def guessing_since(tx: Tx, terminal_id: UUID) -> datetime | None:
    row = await tx.row(Q["guessing_since"], terminal_id=terminal_id)
    return row[0] if row else None


async def use_code(tx: Tx, code_hmac: bytes, at: datetime) -> tuple[UUID, UUID, UUID, bool] | None:
    """(code, customer, account, whether his browser is known)."""
    row = await tx.row(Q["use_code"], code_hmac=code_hmac, at=at)
    return (row[0], row[1], row[2], row[3]) if row else None


async def add_collection(tx: Tx, new: Collection) -> bool:
    """False where the id has been used."""
    given: dict[str, Any] = {
        "payment_id": new.payment_id,
        "code_id": new.code_id,
        "merchant_id": new.merchant_id,
        "terminal_id": new.terminal_id,
        "request_hash": new.request_hash,
        "customer_id": new.customer_id,
        "account_id": new.account_id,
        "device_known": new.device_known,
        "at": new.collected_at,
    }
    return bool(await tx.rows(Q["add_collection"], **given))


async def collection(tx: Tx, payment_id: UUID) -> Collection | None:
    row = await tx.row(Q["collection"], payment_id=payment_id)
    if row is None:
        return None
    id_, code_id, merchant_id, terminal_id, request_hash, customer_id, account_id, device_known, at, is_paid_for = row
    return Collection(
        payment_id=id_,
        code_id=code_id,
        merchant_id=merchant_id,
        terminal_id=terminal_id,
        request_hash=bytes(request_hash),
        customer_id=customer_id,
        account_id=account_id,
        device_known=device_known,
        collected_at=at,
        is_paid_for=is_paid_for,
    )


async def forget_codes(tx: Tx, until: datetime, most: int) -> int:
    return await tx.run(Q["forget_codes"], until=until, most=most)


async def forget_guesses(tx: Tx, until: datetime, most: int) -> int:
    return await tx.run(Q["forget_guesses"], until=until, most=most)


async def collections_after(tx: Tx, after: UUID, most: int) -> list[tuple[Any, ...]]:
    """(id, shop and account as taken, shop, account and method of the payment, None where there is none)."""
    return await tx.rows(Q["wrong_collections"], after=after, most=most)


async def wrong_codes(tx: Tx, most: int) -> list[tuple[Any, ...]]:
    """(code, whether it is used, the payment that it was used for, whether that is of the same payer)."""
    return await tx.rows(Q["wrong_codes"], most=most)
