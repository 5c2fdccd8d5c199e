"""What models are asked with: the figures that a payment says itself, then its features in the order of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tongbao.risk.catalogue import OWN, SAID_BY_MODELS, in_newest, names_of
from tongbao.risk.expression_model import Sort

FIGURES: Final = tuple(name for name, kind in OWN.items() if kind.sort is not Sort.TEXT and name not in SAID_BY_MODELS)
"""Of what a payment says itself; texts tell a model nothing, and another model's score is not learned from."""
_BESIDE: Final = tuple(name for name in FIGURES if name not in ("amount_minor", "is_night"))


def inputs_of(catalogue: int) -> tuple[str, ...]:
    """Names of the inputs of what was remembered by a version of the catalogue. Raises KeyError for one that never was."""
    return ("amount_minor", "is_night", *_BESIDE, *names_of(catalogue))


def inputs(
    amount_minor: int, is_night: bool, own: Mapping[str, Any] | None, features: Sequence[int | None]
) -> tuple[int | None, ...]:
    """Their values, of what is remembered of a payment; None for what is missing."""
    said = own or {}
    return (amount_minor, is_night, *(said.get(name) for name in _BESIDE), *features)


def newest_inputs_of(
    catalogue: int, amount_minor: int, is_night: bool, own: Mapping[str, Any] | None, features: Sequence[int | None]
) -> tuple[int | None, ...]:
    """Of what was remembered by any version of the catalogue, as the newest has them."""
    return inputs(amount_minor, is_night, own, in_newest(catalogue, features))
