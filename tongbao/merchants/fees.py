"""What a payment costs the merchant. Pure integer arithmetic.

    fee = min(amount, clamp(half_up(amount x basis points / 10,000) + fixed, smallest, largest))

This is the merchant service charge as acquirers write it in contracts (an ad-valorem rate in basis points plus a fixed part,
with a floor and a cap); half a minor unit is rounded up (away from zero, amounts being positive), once. It never exceeds the
amount, so a payment never costs the merchant money. It never falls when the amount rises, so the fee of a part is the fee
of everything captured so far less what was charged before, and the parts of any split add up to the fee of the whole.
"""

from __future__ import annotations

from uuid import UUID

import msgspec

ANY = "*"


class FeeRate(msgspec.Struct, frozen=True, kw_only=True):
    """Rate for a payment method (`*`: any) in a currency (`*`: any; then basis points only). `largest_minor` None: no cap."""

    method: str
    currency: str
    basis_points: int
    fixed_minor: int = 0
    smallest_minor: int = 0
    largest_minor: int | None = None


class FeePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Immutable: a change makes a new version under a new id. `merchant_id` None: the bank's own plan, for all without one."""

    id: UUID
    merchant_id: UUID | None
    version: int
    rates: tuple[FeeRate, ...]

    def rate(self, method: str, currency: str) -> FeeRate | None:
        """The most particular rate: of this currency before any, of this method before any."""
        by_key = {(rate.method, rate.currency): rate for rate in self.rates}
        for key in ((method, currency), (ANY, currency), (method, ANY), (ANY, ANY)):
            if key in by_key:
                return by_key[key]
        return None


def fee(plan: FeePlan, method: str, currency: str, amount_minor: int) -> int:
    """The fee of a payment in minor units. Raises LookupError for a plan that has no rate, which no stored plan is."""
    if amount_minor <= 0:
        return 0
    rate = plan.rate(method, currency)
    if rate is None:
        raise LookupError(f"fee plan {plan.id} has no rate for {method} in {currency}")
    share = (amount_minor * rate.basis_points + 5_000) // 10_000 + rate.fixed_minor
    share = max(share, rate.smallest_minor)
    if rate.largest_minor is not None:
        share = min(share, rate.largest_minor)
    return min(share, amount_minor)


def fee_of_next(plan: FeePlan, method: str, currency: str, captured_minor: int, more_minor: int) -> int:
    """The fee of capturing `more_minor` after `captured_minor`."""
    return fee(plan, method, currency, captured_minor + more_minor) - fee(plan, method, currency, captured_minor)
