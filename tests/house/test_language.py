"""What people read: every sentence in both languages, the Chinese simplified, complete and in the glossary's words."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING

import opencc
import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from tests.house.slices import BANK, ROOT
from tongbao.console import NAVIGATION
from tongbao.web import i18n

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATES = sorted(BANK.rglob("templates/*.html"))
CATALOGUES = sorted(BANK.glob("*/zh.po"))
CHINESE = re.compile(r"[\u3400-\u9fff]")
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
LATIN_SENTENCE = re.compile(r"[A-Za-z]{2,}(?:[ ,'’-]+[A-Za-z]{2,}){2,}")
GLOSSARY_ROW = re.compile(r"^\| ([^|]+?) \| ([^|]+?) \| [^|]+ \|$", re.MULTILINE)
WRONG_WORDS = {
    "帐户": "账户", "帐号": "账号", "帐单": "账单", "对帐": "对账", "登陆": "登录", "登入": "登录", "佣金率": "费率", "网络钩子": "事件通知",
    "二维条码": "二维码", "试算表": "试算平衡", "清分": "清算", "退费": "退款", "你": "您", "搁置事件": "暂停事件",
    "收款二维码": "收款码", "付款二维码": "付款码",
}  # fmt: skip
"""Words that Chinese pages do not use for what the glossary has a word for, and the right ones."""


def _template_messages(path: Path) -> Iterator[str]:
    tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "_n"):
            for argument in call.args[: 2 if call.node.name == "_n" else 1]:
                if isinstance(argument, nodes.Const):
                    yield str(argument.value)
                elif isinstance(argument, nodes.CondExpr):
                    yield from (str(end.value) for end in argument.find_all(nodes.Const) if isinstance(end.value, str))


def _python_messages(path: Path) -> Iterator[str]:
    """`i18n.say("...")`, `pages.go(said="...")`, `_("...")`, and every constant of a module-level `MESSAGES`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            said = node.args[:1] if ast.unparse(node.func) in ("i18n.say", "_") else []
            said += [keyword.value for keyword in node.keywords if keyword.arg == "said"]
            for argument in said:
                yield from (
                    constant.value
                    for constant in ast.walk(argument)
                    if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
                )
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id.endswith("MESSAGES") for target in targets):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                yield from (
                    constant.value
                    for value in values
                    if value is not None
                    for constant in ast.walk(value)
                    if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
                )


@cache
def said() -> dict[str, str]:
    """Every sentence that a page may say, and who says it."""
    found: dict[str, str] = {}
    for path in TEMPLATES:
        found |= dict.fromkeys(_template_messages(path), str(path.relative_to(ROOT)))
    for path in BANK.rglob("*.py"):
        if path.parts[-2] != "cli":
            found |= dict.fromkeys(_python_messages(path), str(path.relative_to(ROOT)))
    for groups in NAVIGATION.values():
        for group in groups:
            found |= dict.fromkeys((title for title in (group.title, *(i.title for i in group.items)) if title), "menu")
    return {sentence: where for sentence, where in found.items() if sentence.strip()}


def test_every_sentence_has_its_chinese() -> None:
    missing = {s: where for s, where in said().items() if not i18n.catalogue().get(s)}
    assert not missing, "\n".join(f"{where}: {sentence!r}" for sentence, where in missing.items())


def test_no_translation_of_what_nobody_says() -> None:
    dead = set(i18n.catalogue()) - set(said())
    assert not dead, sorted(dead)


def test_values_stand_in_both_languages() -> None:
    wrong = [
        en for en, zh in i18n.catalogue().items() if sorted(PLACEHOLDER.findall(en)) != sorted(PLACEHOLDER.findall(zh))
    ]
    assert not wrong, wrong


def test_a_template_says_nothing_past_the_catalogue() -> None:
    """Text in a template that is not said by `_()` would be the same in both languages."""
    for path in TEMPLATES:
        tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
        text = " ".join(data.data for data in tree.find_all(nodes.TemplateData))
        plain = re.sub(r"<(pre|code|svg|script|style)\b.*?</\1>|<[^>]*>|&\w+;", " ", text, flags=re.DOTALL)
        plain = re.sub(r"<[^<]*$|^[^>]*>", " ", plain)
        words = [w for w in re.findall(r"[A-Za-z]{4,}", plain) if w.lower() not in UNTRANSLATED]
        loose = [word for word in words if re.search(rf">[^<>]*\b{word}\b[^<>]*<", text)]
        assert not loose, f"{path.name}: {loose}"


UNTRANSLATED = {"english", "curl", "python", "openapi", "json", "html", "webhook", "xlsx"}


def _every_chinese() -> Iterator[tuple[str, str]]:
    yield from i18n.catalogue().items()
    for path in BANK.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CHINESE.search(node.value):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def test_chinese_is_simplified() -> None:
    to_simplified = opencc.OpenCC("t2s")
    # 乾, 著 and the like are right in some words: what counts is that the whole text does not change.
    wrong = {where: text for where, text in _every_chinese() if to_simplified.convert(text) != text}
    assert not wrong, wrong


def test_no_latin_sentence_in_chinese() -> None:
    wrong = {en: zh for en, zh in i18n.catalogue().items() if LATIN_SENTENCE.search(PLACEHOLDER.sub("", zh))}
    assert not wrong, wrong


def test_chinese_uses_the_glossarys_words() -> None:
    wrong = [
        f"{where}: {bad} should be {right}"
        for where, text in _every_chinese()
        for bad, right in WRONG_WORDS.items()
        if bad in text.replace("您", "")
    ]
    assert not wrong, wrong


def test_a_glossary_term_is_said_by_its_word() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    glossary = {en.lower(): zh.split("（")[0] for en, zh in GLOSSARY_ROW.findall(text) if CHINESE.search(zh)}
    wrong = {}
    for en, zh in i18n.catalogue().items():
        plain = en.lower().rstrip(".:")
        term = next((t for t in (plain, plain.removesuffix("s"), plain.removesuffix("es")) if t in glossary), None)
        if term and not any(word.strip() in zh for word in re.split(r"[、,/]", glossary[term])):
            wrong[en] = (zh, glossary[term])
    assert not wrong, wrong


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-2])
def test_a_catalogue_is_well_formed(path: Path) -> None:
    with path.open("rb") as raw:
        catalog = read_po(raw, locale="zh_Hans_CN", abort_invalid=True)
    ids = [message.id for message in catalog if message.id]
    assert len(ids) == path.read_text(encoding="utf-8").count("\nmsgid "), "a sentence twice"
    assert all(message.string for message in catalog if message.id), "an empty translation"
    assert not [message for message in catalog if message.id and message.fuzzy]
