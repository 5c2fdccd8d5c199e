"""Whether a pattern may have met its frauds by chance alone: the tail of the hypergeometric distribution (Fisher's exact test)."""

from __future__ import annotations

from math import comb


def is_chance(met: int, hits: int, frauds: int, payments: int, *, one_in: int) -> bool:
    """Whether so many hits, drawn blindly, would hold `met` frauds or more at least once in `one_in` draws. Whole numbers alone.

    `hits` of `payments` are drawn, `frauds` of which are frauds.
    """
    honest = payments - frauds
    n = max(met, hits - honest)
    if n > min(hits, frauds):
        return False
    enough = comb(payments, hits)
    draws = comb(frauds, n) * comb(honest, hits - n)
    found = draws
    while found * one_in < enough and n < min(hits, frauds):
        draws = draws * (frauds - n) * (hits - n) // ((n + 1) * (honest - hits + n + 1))
        found += draws
        n += 1
    return found * one_in >= enough
