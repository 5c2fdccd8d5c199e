"""Countries by their two letters, ISO 3166-1 alpha-2, as carried by pycountry."""

from __future__ import annotations

from typing import Final

import pycountry

COUNTRIES: Final = tuple(sorted(country.alpha_2 for country in pycountry.countries))
HOME: Final = "CN"
"""Where the bank is, and a merchant of which nothing else was said."""
_CODES: Final = frozenset(COUNTRIES)


def is_country(code: str) -> bool:
    return code in _CODES
