"""Definitions that between them use every measure, entity, filter and edge that the memory answers."""

from __future__ import annotations

from tongbao.risk import DAY, HOUR, MINUTE, Edge, Entity, Feature, Filter, Measure


def named(entity: Entity, measure: Measure, window_s: int | None, **more: object) -> Feature:
    edge = Edge.EXACT if window_s is not None and window_s <= HOUR else Edge.HOUR
    name = "_".join(str(part) for part in (entity, measure, window_s, *more.values()))
    return Feature(name=name, entity=entity, measure=measure, window_s=window_s, edge=edge, **more)  # pyright: ignore[reportArgumentType]


SUMS = (Measure.COUNT, Measure.SUM, Measure.MEAN, Measure.RATIO)
FEATURES = (
    *(
        named(entity, measure, window, only=only)
        for entity, measures in (
            (Entity.PAYER, SUMS),
            (Entity.PAYEE, SUMS),
            (Entity.DEVICE, (Measure.COUNT,)),
            (Entity.PAIR, SUMS),
            (Entity.RECEIVED, (Measure.COUNT, Measure.SUM)),
        )
        for measure in measures
        for window in (MINUTE, HOUR, DAY, 7 * DAY, None)
        for only in Filter
        if entity is not Entity.PAIR or window is None or window > HOUR
    ),
    *(
        named(entity, Measure.DISTINCT, window, of=of)
        for entity, of in (
            (Entity.PAYER, Entity.PAYEE),
            (Entity.PAYER, Entity.DEVICE),
            (Entity.PAYEE, Entity.PAYER),
            (Entity.DEVICE, Entity.PAYER),
        )
        for window in (HOUR * 2, DAY, 7 * DAY)
    ),
    *(named(Entity.PAYEE, Measure.FRAUDS_KNOWN, window) for window in (2 * HOUR, DAY, 7 * DAY)),
    *(
        named(Entity.PAYEE, Measure.FRAUD_SHARE, window, delay_s=delay)
        for window in (DAY, 7 * DAY)
        for delay in (5 * HOUR, 2 * DAY)
    ),
    *(named(Entity.PAYER, measure, DAY) for measure in (Measure.DISTANCE, Measure.SPEED)),
    *(named(entity, measure, None) for entity in Entity for measure in (Measure.SINCE_LAST, Measure.SINCE_FIRST)),
)
