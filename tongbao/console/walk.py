"""The guided walk of the demo: six steps through a living bank, from the board to the proof of its books."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from tongbao.base.say import Lang
from tongbao.console.demo import DemoFile
from tongbao.web import i18n
from tongbao.web.pages import Area, PageRequest

COOKIE: Final = "tongbao_walk"


class Step(msgspec.Struct, frozen=True):
    """One stop, in messages of the catalogue."""

    title: str
    text: str
    go: str


STEPS_MESSAGES: Final = (
    Step(
        "Watch the board.",
        "This is the whole bank at this moment: payments as they come in, what was declined and why, how fast it answers.",
        "Go on: pay as Li",
    ),
    Step(
        "Pay for noodles.",
        "You are Li now. Press the button to pay ¥12.80 to the noodle shop. Money, decision and event are one transaction.",
        "Go on: see the shop receive it",
    ),
    Step(
        "The shop receives it.",
        "This is the noodle shop's own page. Your ¥12.80 stands at the top of what it took today.",
        "Go on: see why",
    ),
    Step(
        "See why.",
        "Every check that was made, every posting with the balance after it, every event and delivery: nothing is a guess.",
        "Go on: send the same request again",
    ),
    Step(
        "Send the same request again.",
        "Press the button as often as you like. The bank knows the request by its id: there is one payment, and its first answer.",
        "Go on: prove the books",
    ),
    Step(
        "Prove the books.",
        "Press the button. Every posting, balance and payment is computed anew and compared with what is stored.",
        "Finish",
    ),
)
"""Messages of the catalogue, said by the strip above each page."""


AREAS: Final[tuple[Area, ...]] = ("staff", "me", "shop", "staff", "open", "staff")
"""Whose session each step needs."""


class Shown(msgspec.Struct, frozen=True):
    """The strip in the reader's language. `next` is the step that its button leads to; 0 ends the walk."""

    step: int
    steps: int
    title: str
    text: str
    go: str
    next: int


def strip(request: PageRequest, lang: Lang) -> Shown | None:
    """What the strip says on this page; nothing where nobody walks."""
    step = current(request)
    if step is None:
        return None
    here = STEPS_MESSAGES[step - 1]
    return Shown(
        step=step,
        steps=len(STEPS_MESSAGES),
        title=i18n.say(here.title, lang),
        text=i18n.say(here.text, lang),
        go=i18n.say(here.go, lang),
        next=step + 1 if step < len(STEPS_MESSAGES) else 0,
    )


def current(request: PageRequest) -> int | None:
    raw = request.cookies.get(COOKIE, "")
    return int(raw) if raw in {str(n + 1) for n in range(len(STEPS_MESSAGES))} else None


def place(step: int, demo: DemoFile, payment_id: UUID | None) -> str:
    """Where a step happens. Steps about the payment lead to paying where nothing has been paid yet."""
    pay = f"/me/pay?merchant={demo.noodle_shop_id}&amount=12.80"
    of_payment = {4: "/staff/payments/{}", 5: "/developer?payment={}"}
    if step in of_payment:
        return of_payment[step].format(payment_id) if payment_id else pay
    return {1: "/staff/board", 2: pay, 3: "/shop", 6: "/staff/prove"}[step]
