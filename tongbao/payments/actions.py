"""What can be done about a payment in the state it is in: what a page shows buttons for."""

from __future__ import annotations

from typing import Final

from tongbao.payments.card_model import RAIL as CARDS
from tongbao.payments.model import Arrives, Payment, State

ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    "confirmation": ("confirm", "cancel"),
    "capture": ("capture", "cancel"),
    "arrival": ("recall", "cancel"),
    "person": ("cancel",),
    "rail": ("ask-again", "resolve"),
    "rail_answer": ("ask-again", "resolve"),
}
"""By what a payment waits for, the last part of each route: `POST /v1/payments/{id}/ask-again`."""


def waits_for(payment: Payment) -> str | None:
    """What a payment waits for, as the list of open payments says it; None where it waits for nothing."""
    if payment.state == State.AUTHORISED:
        return "capture" if payment.arrives == Arrives.NOW else "arrival"
    if payment.state == State.CREATED:
        return "rail" if payment.rail is not None else None
    return {State.CHALLENGED: "confirmation", State.HELD: "person", State.UNKNOWN: "rail_answer"}.get(
        State(payment.state)
    )


def actions(payment: Payment) -> tuple[str, ...]:
    """What may be asked of a payment now; who may ask it is another question."""
    wanted = waits_for(payment)
    given = ACTIONS[wanted] if wanted else ()
    if wanted in ("rail", "rail_answer") and payment.rail == CARDS:
        given = (*given, "cancel")
    left = payment.captured_minor - payment.refunded_minor
    return (*given, "refunds") if left > 0 and payment.rail is None else given
