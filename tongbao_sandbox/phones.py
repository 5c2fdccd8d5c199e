"""What is on a phone's screen: pages of phone width in Chinese and English, which look for new messages by themselves."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from html import escape
from typing import Any, Final

ZONE: Final = timezone(timedelta(hours=8))

WORDS: Final = {
    "en": {
        "lang": "en",
        "title": "Messages of {number}",
        "all": "Phones",
        "none": "Nothing has arrived yet. This page looks for new messages by itself.",
        "nobody": "No phone was sent a message yet.",
        "which": "Number of the phone",
        "open": "Open",
        "note": "A made-up phone: whoever knows the number reads its messages.",
        "other": "中文",
    },
    "zh": {
        "lang": "zh-Hans-CN",
        "title": "{number} 的短信",
        "all": "手机",
        "none": "尚未收到短信。有新短信时，本页会自动更新。",
        "nobody": "尚无手机收到短信。",
        "which": "手机号码",
        "open": "打开",
        "note": "这是虚构的手机：知道号码的人都能看到短信。",
        "other": "English",
    },
}

STYLE: Final = """
:root { color-scheme: light dark; --paper: #faf8f4; --card: #fff; --ink: #1c1a17; --soft: #5d574e; --line: #ddd6ca; --seal: #b23516; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161412; --card: #211e1b; --ink: #f1ece4; --soft: #b5aca0; --line: #3b3630; --seal: #ff8a66; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 26rem; min-height: 100vh; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 "Noto Sans SC", "PingFang SC", system-ui, sans-serif; overflow-wrap: anywhere; }
header { display: flex; justify-content: space-between; align-items: center; gap: 1rem; }
h1 { font-size: 1.1rem; margin: .75rem 0; }
a, button { color: inherit; display: inline-flex; align-items: center; min-height: 44px; min-width: 44px; }
ol, ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem; }
li.sms { background: var(--card); border: 1px solid var(--line); border-radius: .9rem; padding: .75rem 1rem; }
li p { margin: .25rem 0; }
time, .soft { color: var(--soft); font-size: .875rem; }
.code { font-size: 2rem; font-weight: 600; letter-spacing: .15em; font-variant-numeric: tabular-nums; color: var(--seal); }
input { font: inherit; width: 100%; min-height: 44px; padding: 0 .75rem; border: 1px solid var(--soft); border-radius: .5rem;
  background: var(--card); color: inherit; }
label { display: block; margin: .5rem 0 .25rem; }
button { font: inherit; margin-top: .75rem; padding: 0 1.5rem; border: 1px solid var(--soft); border-radius: .5rem; background: var(--card); }
"""

SCRIPT: Final = """
const screen = document.querySelector("[data-newest]");
async function look() {
  try {
    const said = await (await fetch(screen.dataset.phone)).json();
    const newest = said.messages.length ? said.messages[0].id : "";
    if (newest !== screen.dataset.newest) location.reload();
  } catch { }
}
if (screen) setInterval(look, 2000);
"""


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode() + "'"


POLICY: Final = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", POLICY.encode()),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


@dataclass(frozen=True)
class Page:
    answer: tuple[int, bytes]
    headers: Sequence[tuple[bytes, bytes]] = _HEADERS


@dataclass(frozen=True)
class Received:
    """One message on a phone; `at` in seconds since 1970."""

    id: str
    text: str
    at: int

    @property
    def code(self) -> str | None:
        """The code in the text, if there is one: six digits that stand alone."""
        found = re.search(r"(?<![0-9])[0-9]{6}(?![0-9])", self.text)
        return found[0] if found else None

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "text": self.text, "at": self._moment().isoformat(), "code": self.code}

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def when(self) -> str:
        return f"{self._moment().astimezone(ZONE):%Y-%m-%d %H:%M:%S}"


def language(asked: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
    """`zh` or `en`: as asked for, or as the browser prefers; Chinese where neither says."""
    if asked in WORDS:
        return asked
    preferred = dict(headers).get(b"accept-language", b"").decode("latin-1").lower()
    return "en" if preferred.startswith("en") else "zh"


def redirect(number: str, lang: str) -> Page:
    place = f"/phones/{number}?lang={lang}".encode()
    return Page((303, b""), ((b"location", place), (b"content-type", b"text/plain")))


def one_phone(number: str, messages: Sequence[Received], lang: str) -> Page:
    """A phone's newest messages, codes first to be seen."""
    words = WORDS[lang]
    newest = messages[0].id if messages else ""
    items = "".join(_sms(message) for message in messages)
    body = f"<ol>{items}</ol>" if items else f'<p class="soft">{words["none"]}</p>'
    body = f'<div data-newest="{escape(newest)}" data-phone="/phones/{escape(number)}.json" role="log">{body}</div>'
    return _page(words["title"].format(number=escape(number)), body, words, f"/phones/{escape(number)}", lang)


def every_phone(numbers: Sequence[str], lang: str) -> Page:
    """Phones that were sent something, and a form for any other."""
    words = WORDS[lang]
    items = "".join(f'<li><a href="/phones/{escape(n)}?lang={lang}">{escape(n)}</a></li>' for n in numbers)
    body = f"<ul>{items}</ul>" if items else f'<p class="soft">{words["nobody"]}</p>'
    form = (
        f'<form action="/phones"><input type="hidden" name="lang" value="{lang}"><label for="number">{words["which"]}</label>'
        f'<input id="number" name="number" type="tel" inputmode="tel" autocomplete="off" required>'
        f"<button>{words['open']}</button></form>"
    )
    return _page(words["all"], form + body, words, "/", lang)


def _sms(message: Received) -> str:
    code = f'<p class="code">{message.code}</p>' if message.code else ""
    return (
        f'<li class="sms"><time datetime="{message.shown()["at"]}">{message.when()}</time>'
        f"{code}<p>{escape(message.text)}</p></li>"
    )


def _page(title: str, body: str, words: dict[str, str], path: str, lang: str) -> Page:
    other = "en" if lang == "zh" else "zh"
    html = (
        f'<!doctype html><html lang="{words["lang"]}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>{STYLE}</style></head><body><header><a href="/?lang={lang}">{words["all"]}</a>'
        f'<a href="{path}?lang={other}" lang="{WORDS[other]["lang"]}">{words["other"]}</a></header>'
        f'<main><h1>{title}</h1>{body}<p class="soft">{words["note"]}</p></main><script>{SCRIPT}</script></body></html>'
    )
    return Page((200, html.encode()))
