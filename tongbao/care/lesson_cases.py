"""Eight short cases, in our own words: what happens, what one might do, which of it is right, and why. All are messages of the
catalogue."""

from __future__ import annotations

from typing import Final

import msgspec


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """`right`: the number of the right choice, from 1."""

    story: str
    choices: tuple[str, ...]
    right: int
    why: str


CASE_MESSAGES: Final = (
    Case(
        story="Somebody who calls himself a policeman says that your account is in danger. "
        "You should move your money to a safe account.",
        choices=(
            "I move the money at once, before it is too late.",
            "I hang up and call 110 myself.",
            "I ask for his number and move half of it.",
        ),
        right=2,
        why="There is no safe account. The police never ask anybody to move money, and a number on a screen can be forged.",
    ),
    Case(
        story="A job on the telephone: you pay for orders in advance and get the money back with a commission. "
        "The first two times it came back.",
        choices=(
            "I go on: it has worked twice.",
            "I pay one more, a larger one, and stop then.",
            "I stop and pay nothing more.",
        ),
        right=3,
        why="The small sums come back so that you send a large one. That one does not.",
    ),
    Case(
        story="Your child writes from a new number: his telephone is broken and he must pay a fee today.",
        choices=(
            "I call the old number, or ask something that only my child knows.",
            "I pay: it is urgent.",
            "I ask for a photo of the bill and pay then.",
        ),
        right=1,
        why="A text and a picture can come from anybody. A voice that you know on a number that you know does not.",
    ),
    Case(
        story="The service of a shop wants to give your money back. You should share your screen and read a code to it.",
        choices=(
            "I read the code: it is my own money.",
            "I share the screen, and keep the code to myself.",
            "I do neither, and look in the shop's own app.",
        ),
        right=3,
        why="Nobody needs a code or your screen to give money back. Whoever sees them can pay with your account.",
    ),
    Case(
        story="A loan is granted at once. Before it is paid out you should pay a fee that unfreezes it.",
        choices=(
            "I pay the fee: the loan is much more.",
            "I pay nothing and end the talk.",
            "I ask whether I may pay half of the fee.",
        ),
        right=2,
        why="A lender takes his fee out of the loan. Whoever wants money first has none to lend.",
    ),
    Case(
        story="At a car park a code is stuck over another one. Scanned, it asks for your card and its PIN.",
        choices=(
            "I type in nothing and pay at the machine or in the car park's app.",
            "I type in the card, but not the PIN.",
            "I type in both: the sum is small.",
        ),
        right=1,
        why="A code may have been pasted over. The bank shows you the payee's name before you pay; a page that wants a PIN is false.",
    ),
    Case(
        story="A friend whom you have met on the net only shows you how he earns by investing, and wants to help you begin.",
        choices=(
            "I begin with a small sum to see whether it works.",
            "I send nothing to people and platforms that I know from the net alone.",
            "I send it to his account, because he knows better.",
        ),
        right=2,
        why="The gains on the screen are drawn. A small sum may come back; the large one never does.",
    ),
    Case(
        story="Your account shows a payment that you do not know.",
        choices=(
            "I wait whether another one comes.",
            "I search the net for the bank's number and call it.",
            "I open it in the records and press “Not my payment”.",
        ),
        right=3,
        why="That freezes the account at once, and the bank looks at it before anything else. "
        "Numbers on the net are often those of cheats.",
    ),
)
