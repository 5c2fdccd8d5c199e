"""Every sentence of every page in Chinese and English, from the catalogues `zh.po` beside the pages that say them.

A message's id is its English sentence. Chinese is complete: a test finds each sentence that a page or a template says and
fails where the catalogues lack it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from babel.messages.pofile import read_po

from tongbao.base.say import Lang

LANGUAGES: Final[tuple[Lang, ...]] = ("zh", "en")
TAGS: Final[dict[str, str]] = {"zh": "zh-Hans-CN", "en": "en"}
"""What `lang` on a page and `Content-Language` say."""


@cache
def catalogue() -> dict[str, str]:
    """Chinese by English, of all slices together. Raises ValueError where two slices translate a sentence differently."""
    found: dict[str, str] = {}
    for folder in sorted(files("tongbao").iterdir(), key=lambda entry: entry.name):
        source = folder / "zh.po"
        if not source.is_file():
            continue
        with source.open("rb") as raw:
            for message in read_po(raw, locale="zh_Hans_CN"):
                if message.id:
                    sentence, chinese = str(message.id), str(message.string)
                    if found.setdefault(sentence, chinese) != chinese:
                        raise ValueError(f"two translations of {sentence!r}: {found[sentence]!r} and {chinese!r}")
    return found


def say(sentence: str, language: str, **values: Any) -> str:
    """`sentence` in a language, with `%(name)s` filled in from `values`; English where the catalogue has nothing."""
    text = (catalogue().get(sentence) or sentence) if language == "zh" else sentence
    return text % values if values else text


def preferred(accept: str) -> Lang:
    """What an `Accept-Language` header prefers of the two; Chinese where it says nothing of either."""
    best: tuple[Decimal, Lang] = (Decimal(0), "zh")
    for part in accept.lower().split(",")[:20]:
        tag, _, rest = part.strip().partition(";")
        found = _WEIGHT.fullmatch(rest.strip())
        weight = Decimal(found[1]) if found else Decimal(0 if rest.strip() else 1)
        for language in LANGUAGES:
            if tag.strip().partition("-")[0] == language and weight > best[0]:
                best = (weight, language)
    return best[1]


_WEIGHT: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
