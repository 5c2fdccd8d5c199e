"""QR codes as pages draw them."""

from __future__ import annotations

import segno


def qr_path(text: str) -> tuple[int, str]:
    """A QR code (ISO/IEC 18004, level M) as the side of its square and the path of an SVG: one run of dark modules after the other."""
    code = segno.make(text, error="m", micro=False)
    border = 4
    rows = [bytes(row) for row in code.matrix]
    runs: list[str] = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            if end > x:
                runs.append(f"M{x + border} {y + border}h{end - x}v1h-{end - x}z")
            x = end + 1
    return len(rows) + 2 * border, "".join(runs)
