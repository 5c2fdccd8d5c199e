"""The nouns of passkeys and device keys: what a customer has, by what he unlocks it, what its maker declares of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from tongbao.identity.model import Sort
from tongbao.vault import PublicKey

OFFER_LASTS: Final = timedelta(minutes=10)
"""How long a passkey may take to be made, or to be shown at the log-in."""
MOST_OF_A_CUSTOMER: Final = 20
"""Passkeys, or device keys, that a customer may have at a time."""
DEVICE_SUITES: Final = ("EdDSA", "ES256", "PS256", "SM2")


class Modality(StrEnum):
    """By what its owner unlocks a passkey. `other`: a PIN or a pattern of the device itself."""

    FINGERPRINT = "fingerprint"
    FACE = "face"
    OTHER = "other"

    @property
    def sorts(self) -> frozenset[Sort]:
        """What is shown by a passkey that asked its owner: the device, and that it is he or that he knows its PIN."""
        return frozenset((Sort.POSSESSION, Sort.KNOWLEDGE if self is Modality.OTHER else Sort.INHERENCE))


class DeviceState(StrEnum):
    """What the app on a device attests of it, each worse than the one before."""

    SOUND = "sound"
    ROOTED = "rooted"
    """Its owner, or whoever broke in, is above its system: what it shows and signs may be another's doing."""
    MALWARE = "malware"

    def is_worse_than(self, other: DeviceState | None) -> bool:
        """Whatever is said is more than nothing."""
        order = tuple(DeviceState)
        return other is None or order.index(self) > order.index(other)


class Bound(msgspec.Struct, frozen=True):
    """What is asked of a modality before it serves large amounts; the highest rates. `spoof_accept` None: not asked for."""

    false_accept: Decimal
    false_reject: Decimal
    spoof_accept: Decimal | None


BOUNDS: Final = {
    Modality.FINGERPRINT: Bound(Decimal("0.00002"), Decimal("0.10"), None),
    Modality.FACE: Bound(Decimal("0.00002"), Decimal("0.10"), Decimal("0.07")),
}
"""As Android asks of a strong sensor (Compatibility Definition, 7.3.10): one stranger in 50,000, one owner in ten turned away, and of a
face, which hangs on every picture, seven likenesses in a hundred. What is unlocked by a PIN of its own has no rates to declare."""


class AuthenticatorModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a maker declares of one model (AAGUID) and modality. Rates between 0 and 1; None: not declared.

    `spoof_accept`: likenesses that get in, which is how liveness is measured (IAPAR). `roots`: certificates (DER) that its
    attestations lead to.
    """

    aaguid: UUID
    modality: Modality
    name: str
    false_accept: Decimal | None
    false_reject: Decimal | None
    spoof_accept: Decimal | None
    roots: tuple[bytes, ...]
    source: str

    @property
    def is_strong(self) -> bool:
        """Whether what is declared keeps within the bounds of its modality."""
        bound = BOUNDS.get(self.modality)
        if bound is None or self.false_accept is None or self.false_reject is None:
            return False
        if self.false_accept > bound.false_accept or self.false_reject > bound.false_reject:
            return False
        return bound.spoof_accept is None or (self.spoof_accept is not None and self.spoof_accept <= bound.spoof_accept)


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey as its owner sees it. `model`: what its maker declares, None where nothing is known or nothing was attested."""

    id: UUID
    customer_id: UUID
    credential_id: bytes
    public_key: bytes
    transports: tuple[str, ...]
    modality: Modality
    name: str
    sign_count: int
    made_at: datetime
    used_at: datetime | None
    suspended_at: datetime | None
    model: AuthenticatorModel | None

    @property
    def capable(self) -> bool:
        """Whether it serves large amounts: its maker has declared how well it knows its owner, and that is well enough."""
        return self.model is not None and self.model.is_strong


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that is about to be made."""

    challenge: bytes
    modality: Modality
    name: str


class DeviceKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key of a customer's own device; `parsed` checks its signatures."""

    id: UUID
    customer_id: UUID
    suite: str
    jwk: dict[str, str]
    name: str
    made_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    parsed: PublicKey
    state: DeviceState | None = None
    """None while its app has said nothing of it."""
