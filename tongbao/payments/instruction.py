"""What a payer sees is what he signs: the canonical bytes of an instruction, whose SHA-256 every proof of his is bound to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao import identity
from tongbao.base.db import Tx
from tongbao.payments.canonical import b64, canonical, moment
from tongbao.payments.model import OUTSIDE, Payment
from tongbao.payments.own_accounts import others
from tongbao.payments.policy import Challenge

TYPE: Final = "tongbao.instruction/1"


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """One payment as its payer is shown it: all that he agrees to, and nothing that changes while he looks.

    `payee`: a shop's name, or that of an account's owner as others may see him. `amount_minor` in minor units of `currency`.
    """

    payment_id: UUID
    kind: str
    amount_minor: int
    currency: str
    payer_account: str
    payee: str
    payee_account: str | None
    """Of a transfer. A shop is paid by its id."""
    merchant_id: UUID | None
    order_id: UUID | None
    capture: str
    arrives: str
    reference: str | None
    nonce: bytes
    expires_at: datetime
    policy_version: int

    @property
    def document(self) -> dict[str, Any]:
        """Ready for JSON."""
        said: dict[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__}
        for name in ("payment_id", "merchant_id", "order_id"):
            said[name] = str(said[name]) if said[name] else None
        return {**said, "type": TYPE, "nonce": b64(self.nonce), "expires_at": moment(self.expires_at)}

    @property
    def canonical(self) -> bytes:
        return canonical(self.document)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes: what a passkey or a device key signs."""
        return sha256(self.canonical).digest()


async def instructions(
    tx: Tx, payments: Collection[Payment], challenges: Mapping[UUID, Challenge]
) -> dict[UUID, Instruction]:
    """What the payers of these payments are to agree to, as it is now. Payments that the policy did not ask about are left out."""
    asked = [p for p in payments if p.id in challenges and p.payer_account_id != OUTSIDE]
    ends = {i for p in asked for i in (p.payer_account_id, p.payee_account_id) if i}
    accounts = await identity.find_accounts(tx, ends) if ends else {}
    names = await others(tx, asked, {p.payer_account_id for p in asked}) if asked else {}
    return {p.id: _instruction(p, challenges[p.id], accounts, names[p.id]) for p in asked}


def _instruction(
    payment: Payment, challenge: Challenge, accounts: Mapping[UUID, identity.Account], payee: str | None
) -> Instruction:
    is_transfer = payment.merchant_id is None and payment.payee_account_id in accounts
    return Instruction(
        payment_id=payment.id,
        kind=payment.kind,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        payer_account=accounts[payment.payer_account_id].number,
        payee=payee or "",
        payee_account=accounts[payment.payee_account_id].number if is_transfer and payment.payee_account_id else None,
        merchant_id=payment.merchant_id,
        order_id=payment.order_id,
        capture=payment.capture,
        arrives=payment.arrives,
        reference=payment.reference,
        nonce=challenge.nonce,
        expires_at=challenge.expires_at,
        policy_version=challenge.policy_version,
    )
