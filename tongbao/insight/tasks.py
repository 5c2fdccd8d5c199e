"""What people come to the app for: each task by the pages and forms that lead to its end."""

from __future__ import annotations

from typing import Final

from tongbao.insight.model import Act, Task

_PAYMENT: Final = "/me/payments/{id}"


def _seen(*places: str) -> Act:
    return Act("GET", places)


def _sent(*places: str) -> Act:
    return Act("POST", places)


TASKS: Final = (
    Task("pay", (_seen("/me/pay", "/me/scan"), _sent("/me/pay"), _seen(_PAYMENT))),
    Task(
        "transfer",
        (
            _seen("/me/transfer"),
            _sent("/me/transfer"),
            _seen("/me/transfer/{id}"),
            _sent("/me/transfer/{id}"),
            _seen(_PAYMENT),
        ),
    ),
    Task("prove", (_seen(f"{_PAYMENT}/authorise"), _sent(f"{_PAYMENT}/authorise"), _seen(_PAYMENT))),
    Task("bind_card", (_seen("/me/cards/new"), _sent("/me/cards/new"), _sent("/me/cards/{id}/code"))),
    Task("add_passkey", (_seen("/me/safety/passkeys/new"), _sent("/me/safety/passkeys/new"))),
    Task(
        "standing_order",
        (_seen("/me/orders/new"), _sent("/me/orders/new"), _seen("/me/orders/new/{id}"), _sent("/me/orders/new/{id}")),
    ),
    Task("own_limits", (_seen("/me/safety"), _sent("/me/safety/limits"))),
    Task("ask_for_help", (_seen("/me/help"), _sent("/me/help"))),
    Task("not_mine", (_seen(f"{_PAYMENT}/not-mine"), _sent(f"{_PAYMENT}/not-mine"))),
)

BY_NAME: Final = {task.name: task for task in TASKS}

NO_STEPS: Final = frozenset(("/me/rhythm", "/me/tour", "/me/tips", "/me/tips/{code}", "/me/look/order"))
"""What pages send by themselves or beside something else."""
NO_STEPS_BEHIND: Final = ("/live", "/options", "/push", "/stop")
"""Ends of addresses that pages ask for by themselves."""
