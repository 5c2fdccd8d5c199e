"""The API of the bank as a developer explores it: every operation, what it takes and answers, and a try of what only reads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tongbao.console.demo import DemoFile
from tongbao.console.developer_pages import Answer, answer_of
from tongbao.console.start_pages import Demo, demo_of
from tongbao.web import pages
from tongbao.web.pages import Page, PageRequest
from tongbao.web.refusals import NOT_FOUND
from tongbao.web.site import document_of, open_to_all

_WITHIN_S: Final = 5
_DEEPEST: Final = 6


class Parameter(msgspec.Struct, frozen=True):
    name: str
    where: str
    required: bool
    about: str


class Operation(msgspec.Struct, frozen=True):
    """One thing that the API does. `body` is an example of what it takes."""

    id: str
    tag: str
    method: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    body: str | None
    answers: tuple[tuple[str, str], ...]


@cache
def _operations(document: bytes) -> dict[str, Operation]:
    spec: dict[str, Any] = msgspec.json.decode(document)
    found: dict[str, Operation] = {}
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                one = _operation(spec, path, method, operation)
                found[one.id] = one
    return dict(sorted(found.items(), key=lambda pair: (pair[1].tag, pair[1].path, pair[1].method)))


def _operation(spec: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    body = msgspec.json.format(msgspec.json.encode(_example(spec, schema, 0)), indent=2).decode() if schema else None
    return Operation(
        id=operation["operationId"],
        tag=(operation.get("tags") or ["operations"])[0],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        parameters=tuple(
            Parameter(
                parameter["name"],
                parameter["in"],
                bool(parameter.get("required")),
                parameter.get("description") or _kind(spec, parameter.get("schema", {})),
            )
            for parameter in operation.get("parameters", ())
        ),
        body=body,
        answers=tuple((status, answer.get("description", "")) for status, answer in operation["responses"].items()),
    )


def _resolved(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _kind(spec: dict[str, Any], schema: dict[str, Any]) -> str:
    schema = _resolved(spec, schema)
    kinds = [_kind(spec, one) for one in (*schema.get("oneOf", ()), *schema.get("anyOf", ()))]
    said = schema.get("format") or schema.get("type") or "/".join(kind for kind in kinds if kind != "null")
    return ", ".join(map(str, schema["enum"])) if "enum" in schema else str(said)


def _example(spec: dict[str, Any], schema: dict[str, Any], depth: int) -> Any:
    """A value that a schema takes: its own example, its default, or the plainest of its kind."""
    schema = _resolved(spec, schema)
    for known in (schema.get("examples"), [schema["default"]] if "default" in schema else None, schema.get("enum")):
        if known:
            return next(iter(known.values())) if isinstance(known, Mapping) else known[0]
    choices = [one for one in (*schema.get("oneOf", ()), *schema.get("anyOf", ())) if one.get("type") != "null"]
    if choices:
        return _example(spec, choices[0], depth)
    if depth > _DEEPEST:
        return None
    if schema.get("type") == "object":
        required = schema.get("required") or list(schema.get("properties", {}))
        return {n: _example(spec, s, depth + 1) for n, s in schema.get("properties", {}).items() if n in required}
    if schema.get("type") == "array":
        return [_example(spec, schema.get("items", {}), depth + 1)]
    plain = {"integer": 1, "number": 1, "boolean": True, "null": None}
    formats = {
        "uuid": "01a16457-3800-721e-a9a0-f04096d04fe2",
        "date": "2026-11-22",
        "date-time": "2026-11-22T06:30:00Z",
    }
    return plain.get(str(schema.get("type")), formats.get(str(schema.get("format")), "text"))


def _known(request: PageRequest) -> dict[str, Operation]:
    return _operations(document_of(request.app))


@get("/developer/api", guards=[open_to_all], include_in_schema=False)
async def explorer(request: PageRequest, demo: Demo) -> Page:
    demo_of(request, demo)
    by_tag: dict[str, list[Operation]] = {}
    for operation in _known(request).values():
        by_tag.setdefault(operation.tag, []).append(operation)
    return pages.show(request, "console/explorer.html", by_tag=by_tag)


@get("/developer/api/{name:str}", guards=[open_to_all], include_in_schema=False)
async def operation_page(request: PageRequest, name: FromPath[str], demo: Demo) -> Page:
    """One operation; one that only reads is tried with what the form says."""
    cast = demo_of(request, demo)
    operation = _known(request).get(name)
    if operation is None:
        raise NOT_FOUND()
    given = {key: value for key, value in request.query_params.items() if value}
    answer = await _tried(cast, operation, given) if operation.method == "GET" and "try" in given else None
    return pages.show(
        request,
        "console/operation.html",
        operation=operation,
        given=given,
        answer=answer,
        tried="try" in given,
        curl=_curl(cast, operation),
    )


def _curl(cast: DemoFile, operation: Operation) -> str:
    lines = [
        f"curl -i -X {operation.method} '{cast.address}{operation.path}'",
        '-H "Authorization: Bearer $TONGBAO_KEY"',
    ]
    if any(parameter.name == "Idempotency-Key" for parameter in operation.parameters):
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if operation.body:
        lines += ["-H 'Content-Type: application/json'", f"-d '{operation.body}'"]
    return " \\\n  ".join(lines)


async def _tried(cast: DemoFile, operation: Operation, given: dict[str, str]) -> Answer | None:
    """Asks the bank over HTTP with the demo's own key; None where it does not answer in time."""
    path = operation.path
    query = {}
    for parameter in operation.parameters:
        value = given.get(parameter.name)
        if value and parameter.where == "path":
            path = path.replace("{" + parameter.name + "}", quote(value, safe=""))
        elif value and parameter.where == "query":
            query[parameter.name] = value
    return await answer_of("GET", f"{cast.address}{path}", cast.bank_key, params=query, within_s=_WITHIN_S)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (explorer, operation_page)
