"""A voucher: one thing that happened, on half a page, with two parties side by side, a seal and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import say
from tongbao.base.say import Lang
from tongbao.web import fonts
from tongbao.web.fonts import Typeface
from tongbao.web.pdf import Pair
from tongbao.web.sheet import GREY, HAIR, INK, MARGIN, About, Sheet, clean, letters, wrap

_SIZE, _LEADING, _PAD = 10, 14, 8
_LABEL = 8
_SEAL: Final = 96
_MADE: Final[dict[Lang, str]] = {"zh": "生成时间：{}", "en": "Made {}"}


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """Everything is said in the language of `about` already.

    `number` names it. `parties` are two: each its role, and what is known of it. `lines` go all across; `seal` is what the
    bank's stamp says, a line a text.
    """

    about: About
    number: Pair
    parties: tuple[tuple[str, Sequence[Pair]], tuple[str, Sequence[Pair]]]
    lines: Sequence[Pair]
    seal: Sequence[str]
    note: str


def draw(voucher: Voucher, zone: ZoneInfo, font: str = "") -> bytes:
    """The document. Blocking: for a worker thread. Refuses `no_font`."""
    about = voucher.about
    made = _MADE[about.lang].format(say.moment(about.at, zone, about.lang))
    voucher = _cleaned(voucher)
    face = fonts.typeface(letters([*_texts(voucher), made]), font)
    sheet = Sheet(face, voucher.about)
    sheet.page()
    left, right = MARGIN, sheet.width - MARGIN
    sheet.sign(left, MARGIN - 4, 18)
    sheet.write(left + 26, MARGIN + 9, voucher.about.bank, 11)
    sheet.write(right, MARGIN + 9, made, 7, GREY, "right")
    sheet.write(sheet.width // 2, MARGIN + 48, voucher.about.title, 18, INK, "centre")
    sheet.write(right, MARGIN + 70, f"{voucher.number[0]} {voucher.number[1]}", 8, GREY, "right")
    top = MARGIN + 80
    y = _parties(sheet, face, voucher, top)
    for pair in voucher.lines:
        sheet.rule(left, y, right)
        y = _pair(sheet, face, pair, left, y, right - left)
    sheet.frame(left, top, right - left, y - top, INK)
    for place, line in enumerate(wrap(face, voucher.note, right - left - _SEAL - 30, 7, 6)):
        sheet.write(left, y + 20 + 10 * place, line, 7, GREY)
    sheet.stamp(right - _SEAL - 14, y - 14, _SEAL, _seal(face, voucher.seal))
    return sheet.done()


def _parties(sheet: Sheet, face: Typeface, voucher: Voucher, top: int) -> int:
    """Side by side; where they end."""
    half = (sheet.width - 2 * MARGIN) // 2
    ends: list[int] = []
    for x, (role, pairs) in zip((MARGIN, MARGIN + half), voucher.parties, strict=True):
        sheet.write(x + _PAD, top + 18, role, 11)
        y = top + 26
        for pair in pairs:
            y = _pair(sheet, face, pair, x, y, half)
        ends.append(y)
    sheet.upright(MARGIN + half, top, max(ends), HAIR)
    return max(ends)


def _pair(sheet: Sheet, face: Typeface, pair: Pair, x: int, y: int, width: int) -> int:
    label = 72
    lines = wrap(face, pair[1], width - label - 2 * _PAD, _SIZE, 4)
    sheet.write(x + _PAD, y + 17, pair[0], _LABEL, GREY)
    for place, line in enumerate(lines):
        sheet.write(x + _PAD + label, y + 17 + _LEADING * place, line, _SIZE)
    return y + _LEADING * len(lines) + 12


def _seal(face: Typeface, texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in wrap(face, text, _SEAL - 24, 9, 2)]


def _cleaned(voucher: Voucher) -> Voucher:
    def pairs(given: Sequence[Pair]) -> list[Pair]:
        return [(clean(name), clean(value)) for name, value in given]

    about = msgspec.structs.replace(voucher.about, title=clean(voucher.about.title), bank=clean(voucher.about.bank))
    first, second = voucher.parties
    return Voucher(
        about=about,
        number=pairs([voucher.number])[0],
        parties=((clean(first[0]), pairs(first[1])), (clean(second[0]), pairs(second[1]))),
        lines=pairs(voucher.lines),
        seal=[clean(text) for text in voucher.seal],
        note=clean(voucher.note),
    )


def _texts(voucher: Voucher) -> list[str]:
    pairs = [voucher.number, *voucher.lines, *(pair for _, known in voucher.parties for pair in known)]
    roles = [role for role, _ in voucher.parties]
    return [voucher.about.title, voucher.about.bank, voucher.note, *voucher.seal, *roles, *map("".join, pairs)]
