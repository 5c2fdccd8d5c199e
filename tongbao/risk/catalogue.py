"""The catalogue: every feature of a payment that rules and models may use, and what each one says, in words.

A name's kind says what it is compared with. Windows up to an hour begin at the second, longer ones at the full hour before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tongbao.base.say import Lang
from tongbao.risk.expression_model import Kind, Sort, Unit
from tongbao.risk.feature import DAY, HOUR, MINUTE, Edge, Entity, Feature, Filter, Measure
from tongbao.web import i18n

_SUFFIXES: Final = {
    MINUTE: "1m",
    10 * MINUTE: "10m",
    HOUR: "1h",
    DAY: "1d",
    7 * DAY: "7d",
    30 * DAY: "30d",
    90 * DAY: "90d",
}
_WINDOW_MESSAGES: Final = {
    MINUTE: "1 minute",
    10 * MINUTE: "10 minutes",
    HOUR: "1 hour",
    DAY: "1 day",
    7 * DAY: "7 days",
    30 * DAY: "30 days",
    90 * DAY: "90 days",
}
_SHORT: Final = (MINUTE, 10 * MINUTE, HOUR)
_LONG: Final = (DAY, 7 * DAY, 30 * DAY, 90 * DAY)


def _over(
    entity: Entity,
    measure: Measure,
    *windows: int,
    only: Filter = Filter.ALL,
    of: Entity | None = None,
    delay_s: int = 0,
) -> tuple[Feature, ...]:
    """The same measure over several windows, each named after what it is: `payer_count_1h`."""
    what = f"{of.value}s" if of else measure.value if only is Filter.ALL else f"{only.value}_{measure.value}"
    return tuple(
        Feature(
            name=f"{entity.value}_{what}_{_SUFFIXES[window]}",
            entity=entity,
            measure=measure,
            window_s=window,
            only=only,
            of=of,
            delay_s=delay_s,
            edge=Edge.EXACT if window <= HOUR and of is None else Edge.HOUR,
        )
        for window in windows
    )


def _since(entity: Entity) -> tuple[Feature, ...]:
    return tuple(
        Feature(name=f"{entity.value}_{measure.value}", entity=entity, measure=measure)
        for measure in (Measure.SINCE_LAST, Measure.SINCE_FIRST)
    )


CATALOGUE: Final[tuple[Feature, ...]] = (
    *_over(Entity.PAYER, Measure.COUNT, *_SHORT, *_LONG),
    *_over(Entity.PAYER, Measure.SUM, *_SHORT[1:], *_LONG[:3]),
    *_over(Entity.PAYER, Measure.MEAN, *_LONG[1:]),
    *_over(Entity.PAYER, Measure.RATIO, *_LONG[1:]),
    *_over(Entity.PAYER, Measure.DISTINCT, *_LONG[:3], of=Entity.PAYEE),
    *_over(Entity.PAYER, Measure.DISTINCT, DAY, 30 * DAY, of=Entity.DEVICE),
    *_over(Entity.PAYER, Measure.COUNT, *_SHORT[1:], *_LONG[:2], only=Filter.DECLINED),
    *_over(Entity.PAYER, Measure.COUNT, *_LONG[1:], only=Filter.NIGHT),
    *_over(Entity.PAYER, Measure.DISTANCE, DAY),
    *_over(Entity.PAYER, Measure.SPEED, DAY),
    *_since(Entity.PAYER),
    *_over(Entity.PAYEE, Measure.COUNT, *_SHORT, *_LONG[:3]),
    *_over(Entity.PAYEE, Measure.SUM, HOUR, *_LONG[:2]),
    *_over(Entity.PAYEE, Measure.MEAN, 30 * DAY),
    *_over(Entity.PAYEE, Measure.RATIO, 30 * DAY),
    *_over(Entity.PAYEE, Measure.DISTINCT, *_LONG[:3], of=Entity.PAYER),
    *_over(Entity.PAYEE, Measure.COUNT, *_LONG[:2], only=Filter.DECLINED),
    *_over(Entity.PAYEE, Measure.COUNT, 7 * DAY, only=Filter.NIGHT),
    *_over(Entity.PAYEE, Measure.FRAUDS_KNOWN, 90 * DAY),
    *_over(Entity.PAYEE, Measure.FRAUD_SHARE, 30 * DAY, delay_s=7 * DAY),
    *_since(Entity.PAYEE),
    *_over(Entity.DEVICE, Measure.COUNT, *_SHORT[1:], DAY, 30 * DAY),
    *_over(Entity.DEVICE, Measure.DISTINCT, *_LONG[:3], of=Entity.PAYER),
    *_over(Entity.DEVICE, Measure.COUNT, HOUR, DAY, only=Filter.DECLINED),
    *_since(Entity.DEVICE),
    *_over(Entity.PAIR, Measure.COUNT, DAY, *_LONG[2:]),
    *_over(Entity.PAIR, Measure.SUM, DAY, 30 * DAY),
    *_since(Entity.PAIR),
    *_over(Entity.RECEIVED, Measure.COUNT, HOUR, DAY),
    *_over(Entity.RECEIVED, Measure.SUM, HOUR, DAY, 7 * DAY),
    *_since(Entity.RECEIVED)[:1],
)


VERSION: Final = 3
"""Of the catalogue: what was remembered of a payment is in the order of the version that it was remembered by."""

_NEW_IN_2: Final = ("payee_frauds_known_90d",)
_NEW_IN_3: Final = ("payer_distance_1d", "payer_speed_1d", "payee_fraud_share_30d")
_NAMES_OF: Final = {
    1: tuple(feature.name for feature in CATALOGUE if feature.name not in _NEW_IN_2 + _NEW_IN_3),
    2: tuple(feature.name for feature in CATALOGUE if feature.name not in _NEW_IN_3),
    VERSION: tuple(feature.name for feature in CATALOGUE),
}
"""By version. Whoever changes the catalogue raises VERSION and writes down here what the version before it was."""


def names_of(version: int) -> tuple[str, ...]:
    """Names of the features that were remembered by a version, in their order. Raises KeyError for one that never was."""
    return _NAMES_OF[version]


_PLACES: Final = {
    version: tuple(names.index(name) if name in names else None for name in _NAMES_OF[VERSION])
    for version, names in _NAMES_OF.items()
}


def in_newest(version: int, features: Sequence[int | None]) -> Sequence[int | None]:
    """What was remembered by a version, in the order of the newest; None for what that version did not know. Raises KeyError."""
    if version == VERSION:
        return features
    return [None if place is None else features[place] for place in _PLACES[version]]


OWN: Final[dict[str, Kind]] = {
    "amount_minor": Kind(Sort.INT, Unit.MONEY),
    "currency": Kind(Sort.TEXT),
    "kind": Kind(Sort.TEXT),
    "method": Kind(Sort.TEXT),
    "hour": Kind(Sort.INT),
    "is_weekend": Kind(Sort.BOOL),
    "is_night": Kind(Sort.BOOL),
    "device_known": Kind(Sort.BOOL),
    "payee_known": Kind(Sort.BOOL),
    "account_age": Kind(Sort.INT, Unit.SECONDS),
    "factors_changed": Kind(Sort.INT, Unit.SECONDS),
    "level": Kind(Sort.INT),
    "typing_unlike": Kind(Sort.INT),
    "device_state": Kind(Sort.TEXT),
    "payer": Kind(Sort.TEXT, Unit.ACCOUNT),
    "payee": Kind(Sort.TEXT, Unit.ACCOUNT),
    "device": Kind(Sort.TEXT, Unit.DEVICE),
    "merchant": Kind(Sort.TEXT),
    "merchant_country": Kind(Sort.TEXT),
    "district": Kind(Sort.TEXT),
    "model_score": Kind(Sort.INT),
    "odd_score": Kind(Sort.INT),
}
"""What a payment itself says, and what the model in force says of it."""

SAID_BY_MODELS: Final = frozenset({"model_score", "odd_score"})

_OWN_MESSAGES: Final = {
    "amount_minor": "The amount of this payment",
    "currency": "Its currency, such as 'CNY'",
    "kind": "What it is: 'payment' or 'transfer'",
    "method": "How it is paid: 'account', 'qr', 'card' or 'api'",
    "hour": "The hour of the day in the bank's zone, 0 to 23",
    "is_weekend": "Whether it is Saturday or Sunday",
    "is_night": "Whether it is night in the bank's zone",
    "device_known": "Whether the bank knows the payer's device",
    "payee_known": "Whether the payer has paid this payee before, or the payee is a shop",
    "account_age": "For how long the payer's account has been open",
    "factors_changed": "How long ago the payer changed a password or another proof; missing where he never has",
    "level": "How well the bank knows the payer: level 0 to 3",
    "typing_unlike": (
        "How unlike the payer's habit the amount was typed, where the payer lets it be measured, in thousandths: 1,000 is as usual"
    ),
    "device_state": (
        "The worst that an app attests of a device bound to the payer: 'sound', 'rooted' or 'malware'; missing where none says"
    ),
    "payer": "The payer's account, for lists of accounts",
    "payee": "The payee's account, for lists of accounts",
    "device": "The payer's device, for lists of devices",
    "merchant": "The merchant's id; missing where no merchant is paid",
    "merchant_country": "The merchant's country, such as 'CN'; missing where no merchant is paid",
    "district": "The district of the shop in which it is paid; missing where it is not paid in a shop",
    "model_score": "What the model in force says: the chance of fraud, 0 to 100; missing where there is no model",
    "odd_score": "How unlike others it is: of 100 payments so many are more usual; missing where no model says so",
}

_MONEY: Final = frozenset({Measure.SUM, Measure.MEAN})
_SECONDS: Final = frozenset({Measure.SINCE_LAST, Measure.SINCE_FIRST})


def kind_of(feature: Feature) -> Kind:
    """The type of what a feature counts."""
    unit = Unit.MONEY if feature.measure in _MONEY else Unit.SECONDS if feature.measure in _SECONDS else Unit.PLAIN
    return Kind(Sort.INT, unit)


NAMES: Final[dict[str, Kind]] = OWN | {f.name: kind_of(f) for f in CATALOGUE}
"""Every name that a rule may use, with its type. Rows that are judged have their values in this order."""

_SENTENCE_MESSAGES: Final[dict[tuple[Entity, Measure, Filter, Entity | None], str]] = {
    (Entity.PAYER, Measure.COUNT, Filter.ALL, None): "Payments by the payer within %(window)s",
    (Entity.PAYER, Measure.SUM, Filter.ALL, None): "What the payer paid within %(window)s",
    (Entity.PAYER, Measure.MEAN, Filter.ALL, None): "The payer's average payment within %(window)s",
    (Entity.PAYER, Measure.RATIO, Filter.ALL, None): (
        "This amount against the payer's average of %(window)s, in thousandths: 1,000 is as usual"
    ),
    (
        Entity.PAYER,
        Measure.DISTINCT,
        Filter.ALL,
        Entity.PAYEE,
    ): "Different payees whom the payer paid within %(window)s",
    (
        Entity.PAYER,
        Measure.DISTINCT,
        Filter.ALL,
        Entity.DEVICE,
    ): "Different devices that the payer used within %(window)s",
    (Entity.PAYER, Measure.COUNT, Filter.DECLINED, None): "Declined payments of the payer within %(window)s",
    (Entity.PAYER, Measure.COUNT, Filter.NIGHT, None): "Payments by the payer at night within %(window)s",
    (Entity.PAYER, Measure.DISTANCE, Filter.ALL, None): (
        "Metres from the shop where the payer last paid within %(window)s to this one; missing where it is not paid in a shop"
    ),
    (Entity.PAYER, Measure.SPEED, Filter.ALL, None): (
        "At how many kilometres an hour the payer would have come here from the shop where it last paid within %(window)s"
    ),
    (Entity.PAYER, Measure.SINCE_LAST, Filter.ALL, None): "Time since the payer's last payment",
    (Entity.PAYER, Measure.SINCE_FIRST, Filter.ALL, None): "Time since the payer's first payment",
    (Entity.PAYEE, Measure.COUNT, Filter.ALL, None): "Payments to the payee within %(window)s",
    (Entity.PAYEE, Measure.SUM, Filter.ALL, None): "What the payee was paid within %(window)s",
    (Entity.PAYEE, Measure.MEAN, Filter.ALL, None): "The average payment to the payee within %(window)s",
    (Entity.PAYEE, Measure.RATIO, Filter.ALL, None): (
        "This amount against the average that the payee was paid within %(window)s, in thousandths: 1,000 is as usual"
    ),
    (Entity.PAYEE, Measure.DISTINCT, Filter.ALL, Entity.PAYER): "Different payers of the payee within %(window)s",
    (Entity.PAYEE, Measure.COUNT, Filter.DECLINED, None): "Declined payments to the payee within %(window)s",
    (Entity.PAYEE, Measure.COUNT, Filter.NIGHT, None): "Payments to the payee at night within %(window)s",
    (Entity.PAYEE, Measure.FRAUDS_KNOWN, Filter.ALL, None): (
        "Payments to the payee within %(window)s that are labelled as fraud by now"
    ),
    (Entity.PAYEE, Measure.FRAUD_SHARE, Filter.ALL, None): (
        "Payments to the payee within %(window)s up to seven days ago that are known as fraud, in millionths of all of them"
    ),
    (Entity.PAYEE, Measure.SINCE_LAST, Filter.ALL, None): "Time since the last payment to the payee",
    (Entity.PAYEE, Measure.SINCE_FIRST, Filter.ALL, None): "Time since the first payment to the payee",
    (Entity.DEVICE, Measure.COUNT, Filter.ALL, None): "Payments from the device within %(window)s",
    (Entity.DEVICE, Measure.DISTINCT, Filter.ALL, Entity.PAYER): "Different payers on the device within %(window)s",
    (Entity.DEVICE, Measure.COUNT, Filter.DECLINED, None): "Declined payments from the device within %(window)s",
    (Entity.DEVICE, Measure.SINCE_LAST, Filter.ALL, None): "Time since the last payment from the device",
    (Entity.DEVICE, Measure.SINCE_FIRST, Filter.ALL, None): "Time since the first payment from the device",
    (Entity.PAIR, Measure.COUNT, Filter.ALL, None): "Payments by this payer to this payee within %(window)s",
    (Entity.PAIR, Measure.SUM, Filter.ALL, None): "What this payer paid this payee within %(window)s",
    (Entity.PAIR, Measure.SINCE_LAST, Filter.ALL, None): "Time since this payer last paid this payee",
    (Entity.PAIR, Measure.SINCE_FIRST, Filter.ALL, None): "Time since this payer first paid this payee",
    (Entity.RECEIVED, Measure.COUNT, Filter.ALL, None): "Payments to the payer's own account within %(window)s",
    (Entity.RECEIVED, Measure.SUM, Filter.ALL, None): "What the payer's own account was paid within %(window)s",
    (Entity.RECEIVED, Measure.SINCE_LAST, Filter.ALL, None): "Time since the payer's own account was last paid",
}
_FEATURES: Final = {f.name: f for f in CATALOGUE}


def window_word(window_s: int, lang: Lang) -> str:
    return i18n.say(_WINDOW_MESSAGES[window_s], lang)


def sentence(name: str, lang: Lang) -> str:
    """What a name of the catalogue says. Raises KeyError for another."""
    if name in _OWN_MESSAGES:
        return i18n.say(_OWN_MESSAGES[name], lang)
    feature = _FEATURES[name]
    message = _SENTENCE_MESSAGES[feature.entity, feature.measure, feature.only, feature.of]
    if feature.window_s is None:
        return i18n.say(message, lang)
    return i18n.say(message, lang, window=window_word(feature.window_s, lang))
