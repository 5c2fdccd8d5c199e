"""A newcomer's first steps: four things to know, one at a time."""

from __future__ import annotations

from typing import Final

import msgspec


class Step(msgspec.Struct, frozen=True):
    """`title`, `text` and `way` are messages of the catalogue; `way` leads to `href`."""

    number: int
    title: str
    text: str
    way: str
    href: str


_MESSAGES: Final = (
    (
        "Your money is here",
        "At the top stands what you have; below it, what came and went. The page renews itself.",
        "All records",
    ),
    (
        "Paying takes two presses",
        "Choose whom and how much, then look once more and confirm. Nothing is paid before that.",
        "Pay",
    ),
    (
        "You set the limits",
        "Limits, devices, passwords: all in one place. There you also freeze your account at once, should something be wrong.",
        "Safety",
    ),
    (
        "Make it yours",
        "Choose another first page, larger type or dark colours. Whenever you are stuck, ask us under Help.",
        "Appearance",
    ),
)
_WAYS: Final = ("/me/payments", "/me/pay", "/me/safety", "/me/look")
STEPS: Final = tuple(Step(n, *said, href) for n, (said, href) in enumerate(zip(_MESSAGES, _WAYS, strict=True), 1))


def step_of(asked: str | None) -> Step:
    """The step of this number; the first one for whatever is none."""
    return next((step for step in STEPS if str(step.number) == asked), STEPS[0])
