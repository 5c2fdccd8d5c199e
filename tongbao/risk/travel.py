"""How far two places lie from one another. Floats, for sines and cosines, end here: metres are whole."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import Final

Spot = tuple[int, int]
"""Latitude and longitude (WGS 84) in millionths of a degree."""

_DIAMETER_M: Final = 2 * 6_371_009
"""Of the earth, of mean radius (Moritz, Geodetic Reference System 1980, Journal of Geodesy 74, 2000)."""


def metres(one: Spot, other: Spot) -> int:
    """Along the great circle, by the haversine formula (Sinnott, Virtues of the Haversine, Sky and Telescope 68, 1984)."""
    if one == other:
        return 0
    here, there = radians(one[0] / 1e6), radians(other[0] / 1e6)
    east = radians((other[1] - one[1]) / 1e6)
    half = sin((there - here) / 2) ** 2 + cos(here) * cos(there) * sin(east / 2) ** 2
    return round(_DIAMETER_M * asin(sqrt(min(1.0, half))))
