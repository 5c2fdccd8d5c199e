"""The document says everything that a client needs, and is the one in docs/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.house.write_docs import OPENAPI, openapi
from tongbao import app

TEXT = openapi()
DOCUMENT: dict[str, Any] = msgspec.json.decode(TEXT)
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
TELLS_ITSELF = {"boolean", "null"}
"""Types that need no example."""


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from _refs(part)
    elif isinstance(value, list):
        for part in value:
            yield from _refs(part)


def _at(ref: str) -> Any:
    found: Any = DOCUMENT
    for step in ref.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def test_it_is_the_one_in_docs() -> None:
    again = "run `python -m tests.house.write_docs`"
    assert OPENAPI.exists(), again
    assert OPENAPI.read_text(encoding="utf-8") == TEXT, f"docs/openapi.json is out of date; {again}"


def test_it_is_whole() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    for ref in set(_refs(DOCUMENT)):
        assert _at(ref), ref


def test_every_route_is_in_it() -> None:
    documented = {operation["operationId"] for _, operation in OPERATIONS}
    assert len(documented) == len(OPERATIONS), "an operation id is there once"
    assert documented == {route.operation_id for route in app.ROUTES}
    for method, path in app.RAW_ROUTES:
        assert method.lower() in DOCUMENT["paths"][path], "a route that goes past the framework is documented beside it"


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_a_route_says_what_it_does_and_how_it_refuses(name: str, operation: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", operation["operationId"])
    assert 3 <= len(operation["summary"]) <= 120
    assert not operation["summary"].endswith(".")
    assert operation["tags"]
    responses = operation["responses"]
    assert any(status.startswith("2") for status in responses)
    assert any(status.startswith("4") for status in responses)
    for status, response in responses.items():
        assert response["description"], status
        assert "URL follows" not in response["description"], "the framework's own words"
        if status.startswith("4"):
            assert set(response["content"]) == {"application/problem+json"}, status
            assert re.search(r"`[a-z_]+`: ", response["description"]), "each code and its sentence"
    if "security" not in operation:
        assert {"401", "403"} <= set(responses)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_what_must_be_sent_has_examples(name: str, operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        assert parameter["schema"], parameter["name"]
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "application/json":
            assert not list(_without_example(body, "$")), f"{name}: no example for these"


def _without_example(body: dict[str, Any], path: str) -> Iterator[str]:
    """Paths of required values for which nobody could make up something sensible."""
    schema = body.get("schema", body)
    if "example" in body or body.get("examples") or schema.get("examples") or schema.get("enum") or "const" in schema:
        return
    if "$ref" in schema:
        yield from _without_example(_at(schema["$ref"]), path)
    elif any(key in schema for key in ("oneOf", "anyOf")):
        # One of the ways is enough, and null is none.
        ways = [way for way in schema.get("oneOf") or schema["anyOf"] if way.get("type") != "null"]
        lacking = [list(_without_example(way, path)) for way in ways]
        if all(lacking):
            yield from lacking[0]
    elif "properties" in schema:
        for name in schema.get("required", ()):
            yield from _without_example(schema["properties"][name], f"{path}.{name}")
    elif schema.get("type") == "array":
        yield from _without_example(schema["items"], f"{path}[]")
    elif schema.get("type") not in TELLS_ITSELF and "format" not in schema and schema.get("type") != "object":
        yield path
