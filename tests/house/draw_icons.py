"""Draws the icons of the app from the bank's sign: a coin with a square hole, ink on paper. `python -m tests.house.draw_icons` writes them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Final

from tests.house.slices import BANK

INK: Final = (0x1D, 0x1B, 0x18)
PAPER: Final = (0xFB, 0xFA, 0xF7)
FINE: Final = 4
"""Samples of a side of each pixel."""
ICONS: Final = {"sign-192.png": (192, 82), "sign-512.png": (512, 82), "sign-maskable-512.png": (512, 62)}
"""The side in pixels, and how many hundredths of it the coin takes: a mask may cut all but the middle four fifths."""


def _is_ink(x: int, y: int, unit: int) -> bool:
    """Whether the sign (`sign.svg`, 32 units a side, its middle at 0, 0) is drawn here; `unit` is a tenth of one of its units."""
    square = x * x + y * y
    ring = (124 * unit) ** 2 <= square <= (150 * unit) ** 2
    disc = square <= (106 * unit) ** 2 and not (abs(x) <= 50 * unit and abs(y) <= 50 * unit)
    return ring or disc


def _png(side: int, rows: list[bytes]) -> bytes:
    """An image of 8 bits and three colours (RFC 2083)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\x00" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def draw(side: int, share: int) -> bytes:
    """A square of paper with the sign in its middle, each pixel the mean of its samples."""
    # Samples stand at odd places of a grid of halves; the coin is 300 tenths of a unit wide.
    scale, wide = 150 * 100, side * FINE * share
    rows: list[bytes] = []
    for row in range(side):
        line = bytearray()
        for column in range(side):
            inked = 0
            for sample in range(FINE * FINE):
                x = 2 * (column * FINE + sample % FINE) + 1 - side * FINE
                y = 2 * (row * FINE + sample // FINE) + 1 - side * FINE
                inked += _is_ink(x * scale, y * scale, wide)
            line += bytes(
                (i * inked + p * (FINE * FINE - inked)) // (FINE * FINE) for i, p in zip(INK, PAPER, strict=True)
            )
        rows.append(bytes(line))
    return _png(side, rows)


def main() -> None:
    for name, (side, share) in ICONS.items():
        Path(BANK / "web" / "static" / name).write_bytes(draw(side, share))


if __name__ == "__main__":
    main()
