"""Chance and ids from one seeded source. Integers only, so that a seed gives the same city on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """Small, fast draws on top of `random.Random(seed).getrandbits`, whose sequence Python keeps stable."""

    __slots__ = ("bits",)

    def __init__(self, seed: int) -> None:
        self.bits = Random(seed).getrandbits

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1; the bias of the multiplication is under n / 2^32."""
        return self.bits(32) * n >> 32

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + (self.bits(32) * (high - low + 1) >> 32)

    def peak(self, n: int) -> int:
        """Like `below`, but the middle is likelier than the ends (the mean of two draws)."""
        return (self.bits(32) + self.bits(32)) * n >> 33

    def one_in(self, n: int) -> bool:
        return self.bits(32) * n >> 32 == 0

    def pick(self, things: Sequence[T]) -> T:
        return things[self.bits(32) * len(things) >> 32]

    def shuffle(self, things: list[T]) -> None:
        for i in range(len(things) - 1, 0, -1):
            j = self.below(i + 1)
            things[i], things[j] = things[j], things[i]

    def uuid7(self, millis: int) -> str:
        """A UUID version 7 (RFC 9562 section 5.7) of a moment in milliseconds since 1970 and 74 seeded bits."""
        when = f"{millis:012x}"
        chance = self.bits(74)
        return f"{when[:8]}-{when[8:]}-7{chance & 0xFFF:03x}-{0x8000 | chance >> 12 & 0x3FFF:04x}-{chance >> 26:012x}"
