"""How busy the city is at a moment of its day, for live traffic: the same bands as the history, speeded up."""

from __future__ import annotations

from tongbao_sim.city import CATEGORIES, GIFT_BANDS, Band

MICROS = 1_000_000
_NIGHT = 150
"""Traffic that never sleeps, in thousandths of the mean, so that the small hours of a demo are not empty."""


def _busyness() -> tuple[int, ...]:
    """For each minute of a working day its traffic in thousandths of the mean."""
    raw = [0] * 1440
    for band in [b for category in CATEGORIES for b in category.bands] + list(GIFT_BANDS):
        for minute in range(band.start, band.end):
            raw[minute] += band.working * 1_000_000 // (band.end - band.start)
    total = sum(raw)
    return tuple(_NIGHT + (1000 - _NIGHT) * 1440 * weight // total for weight in raw)


BUSYNESS = _busyness()


class Pace:
    """`rate_per_s` is the mean over a day of the city, which takes `day_s` seconds and begins at six in the morning.

    `rate_per_s` must be positive; `flat` leaves the rhythm out.
    """

    START_MINUTE = 6 * 60

    def __init__(self, rate_per_s: int, day_s: int, *, flat: bool = False) -> None:
        if rate_per_s < 1 or day_s < 1:
            raise ValueError("a rate and the length of a day are at least 1")
        self.rate_per_s, self.day_s = rate_per_s, day_s
        self._busyness = (1000,) * 1440 if flat else BUSYNESS
        self._upto = [0]
        for minute in range(1440):
            self._upto.append(self._upto[-1] + self._busyness[(self.START_MINUTE + minute) % 1440])

    def due(self, elapsed_us: int) -> int:
        """How many steps should have begun after so many microseconds."""
        minutes_x = elapsed_us * 1440
        per_minute = self.day_s * MICROS
        minute, part = divmod(minutes_x, per_minute)
        days, minute = divmod(minute, 1440)
        here = self._upto[minute + 1] - self._upto[minute]
        area = (days * self._upto[-1] + self._upto[minute]) * per_minute + here * part
        return self.rate_per_s * self.day_s * area // (1440 * 1000 * per_minute)

    def minute(self, elapsed_us: int) -> int:
        """The minute of the city's day."""
        return (self.START_MINUTE + elapsed_us * 1440 // (self.day_s * MICROS)) % 1440


def active(minute: int) -> dict[str, int]:
    """The categories of shops that sell at this minute and how much, for picking one by weight."""
    weights = {c.code: sum(_density(b, minute) for b in c.bands) for c in CATEGORIES}
    return {code: weight for code, weight in weights.items() if weight}


def _density(band: Band, minute: int) -> int:
    return (band.working + band.free) * 1000 // (band.end - band.start) if band.start <= minute < band.end else 0
