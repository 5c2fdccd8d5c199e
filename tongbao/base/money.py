"""Money is an integer of minor units and an ISO 4217 code. No floats, ever."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

# ISO 4217 minor-unit exponents that differ from 2, and the two-digit ones a bank is likely to open.
# Source: ISO 4217 list one (SIX), as carried by pycountry and Unicode CLDR.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
                     "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("AED", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD", "HUF",
                     "IDR", "ILS", "INR", "KES", "KZT", "LKR", "MOP", "MXN", "MYR", "NGN", "NOK", "NZD", "PHP",
                     "PKR", "PLN", "QAR", "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD",
                     "UZS", "ZAR"), 2),
}  # fmt: skip

LARGEST_MINOR = 2**53 - 1
"""The largest amount that every JSON reader keeps exactly (RFC 8259 section 6)."""


def exponent(currency: str) -> int:
    """Digits after the decimal point of `currency`. Raises KeyError for a code the bank does not know."""
    return _EXPONENTS[currency]


def is_currency(code: str) -> bool:
    return code in _EXPONENTS


class Money(msgspec.Struct, frozen=True, order=True):
    """`amount_minor` minor units of `currency` (JPY 0, CNY 2, KWD 3 digits)."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise TypeError(f"an amount is an int of minor units, not {type(self.amount_minor).__name__}")
        if self.currency not in _EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount_minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount_minor, self.currency)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add")
        return other.amount_minor

    def split(self, weights: Sequence[int]) -> list[Money]:
        """Shares in proportion to `weights` that add up exactly; odd units go to the largest remainders, first wins."""
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise ValueError("weights must not be negative and not all zero")
        sign = -1 if self.amount_minor < 0 else 1
        whole = abs(self.amount_minor)
        shares = [whole * w // total for w in weights]
        order = sorted(range(len(weights)), key=lambda i: (-(whole * weights[i] % total), i))
        for i in order[: whole - sum(shares)]:
            shares[i] += 1
        return [Money(sign * s, self.currency) for s in shares]

    def share(self, rate: Decimal, rounding: str = ROUND_HALF_EVEN) -> Money:
        """`rate` of this amount, rounded once to a minor unit with a named `decimal` rounding."""
        return Money(int((self.amount_minor * rate).quantize(Decimal(1), rounding=rounding)), self.currency)

    def __str__(self) -> str:
        digits = exponent(self.currency)
        whole, part = divmod(abs(self.amount_minor), 10**digits)
        sign = "-" if self.amount_minor < 0 else ""
        return f"{self.currency} {sign}{whole:,}" + (f".{part:0{digits}d}" if digits else "")
