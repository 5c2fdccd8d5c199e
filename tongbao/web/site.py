"""Litestar, set up once for every slice: strict bodies, guards, problems, and what handlers may ask for by name.

A handler names what it needs: `data: JSONBody[X]` (X is a `Body`), `principal: By`, `key: Key`, `id: Id`, and whatever
`site` was given to provide, such as `db: Db`, `clock: Now`, `settings: Config`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.dto import AbstractDTO
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, Example, SecurityScheme
from litestar.params import FromPath, HeaderParameter, QueryParameter, SkipValidation
from litestar.response import Stream
from litestar.types import ControllerRouterHandler, Empty, Guard

from tongbao import __version__
from tongbao.base.batch import OVERLOADED
from tongbao.base.clock import Clock
from tongbao.base.db import BUSY, Database
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal, RefusalKind
from tongbao.base.settings import Settings
from tongbao.web import body as bodies
from tongbao.web import door, pages, paging, problem, refusals, renewal, way
from tongbao.web.door import Door, InBrowser

Id = FromPath[UUID]
Key = NamedDependency[UUID]
"""The `Idempotency-Key`: the id of what is made."""
By = NamedDependency[SkipValidation[Principal]]
Db = NamedDependency[SkipValidation[Database]]
Now = NamedDependency[SkipValidation[Clock]]
Config = NamedDependency[SkipValidation[Settings]]


Limit = Annotated[
    int | None,
    QueryParameter(ge=1, le=paging.MOST, description=f"Rows of a page; {paging.USUAL} unless told."),
]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body is read within the door's bounds of size and time."""

    async def body(self) -> bytes:
        if self._body is Empty:
            known = self._connection_state.body
            if known is Empty:
                largest = self.route_handler.resolve_request_max_body_size()
                known = await door_of(self).body(cast("Any", self.scope), self.receive, largest=largest)
                self._connection_state.body = known
            self._body = known
        return cast("bytes", self._body)


class JsonBody(AbstractDTO[Any]):
    """Hands a handler's `data` to `body.parse`: strict types, and one code for each way to be wrong."""

    @classmethod
    def is_supported_model_type_field(cls, field_definition: Any) -> bool:
        return bool(field_definition.name == "data")

    @classmethod
    def create_for_field_definition(cls, field_definition: Any, handler_id: str, backend_cls: Any = None) -> None:
        _BODY_TYPES[handler_id] = field_definition.annotation

    @classmethod
    def create_openapi_schema(cls, field_definition: Any, handler_id: str, schema_creator: Any) -> Any:
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, model_type: Any) -> Any:
        raise NotImplementedError  # Litestar's own transfer models are not used

    @classmethod
    def detect_nested_field(cls, field_definition: Any) -> bool:
        return False

    def decode_bytes(self, value: bytes) -> Any:
        return bodies.parse(_BODY_TYPES[self.asgi_connection.route_handler.handler_id], value)


_BODY_TYPES: Final[dict[str, Any]] = {}


def door_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Door:
    return cast("Door", connection.app.state.door)


def require(permission: str) -> Guard:
    """A guard: the principal holds `permission`. Runs before the body is read."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        found = await _authenticated(connection)
        found.require(permission)

    guard.permission = permission  # pyright: ignore[reportFunctionMemberAccess]
    return guard


async def authenticated(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: somebody known, whatever they may do."""
    await _authenticated(connection)


def visitor(area: pages.Area, permission: str | None = None) -> Guard:
    """A guard of pages: somebody who has logged in to this area, and holds `permission` where one is named."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        scope = cast("dict[str, Any]", connection.scope)
        scope["tongbao.area"] = area
        scope["query_string"] = _FIELD_LEFT_EMPTY.sub(b"", scope.get("query_string", b"")).strip(b"&")
        method = scope.get("method", "POST")
        door_here = door_of(connection)
        found = await door_here.visitor(scope["headers"], area, method=method)
        if door_here.renewal is not None and method == "GET":
            await door_here.renewal.look(scope, area)
        scope["tongbao.principal"] = found
        door_here.meet(scope, found)
        _sends(door_here, scope, handler)
        if permission is not None:
            found.require(permission)

    guard.area = area  # pyright: ignore[reportFunctionMemberAccess]
    guard.permission = permission  # pyright: ignore[reportFunctionMemberAccess]
    return guard


_FIELD_LEFT_EMPTY: Final = bodies.re.compile(rb"(?:^|(?<=&))[^=&]*=?(?:&|$)")
"""A filter whose fields nobody filled in asks for nothing: `?state=&from=` is the page without a query."""


SENDS_CODE: Final = {"sends_code": True}
"""`opt` of a route by which a code goes out as SMS: its address is counted."""


async def open_to_all(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard that says aloud that a route needs none. What is sent to it counts as a try of its address to come in."""
    scope = cast("dict[str, Any]", connection.scope)
    if scope.get("method") == "POST":
        door_of(connection).limits.tried(scope)
        _sends(door_of(connection), scope, handler)


def _sends(door_here: Door, scope: dict[str, Any], handler: BaseRouteHandler) -> None:
    if "sends_code" in handler.opt:
        door_here.limits.sends_code(scope)


async def _authenticated(connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
    scope = cast("dict[str, Any]", connection.scope)
    found = await door_of(connection).caller(scope)
    scope["tongbao.principal"] = found
    return found


async def _provide_principal(request: Request[Any, Any, Any]) -> Principal:
    return cast("Principal", cast("Any", request.scope)["tongbao.principal"])


IdempotencyKey = Annotated[
    UUID,
    HeaderParameter(
        name="Idempotency-Key",
        description="A UUID of your own, version 7 advised. It becomes the id of what is made.",
    ),
]


async def _provide_key(request: Request[Any, Any, Any], idempotency_key: IdempotencyKey) -> UUID:
    """Read again from the raw headers, as raw routes read it: the framework takes more spellings than one."""
    return bodies.idempotency_key(cast("Any", request.scope)["headers"])


def made(content: Any, *, replayed: bool = False, status: int = 201, headers: Mapping[str, str] | None = None) -> Any:
    """The answer to a POST that made something, now or, `replayed`, when its id first came."""
    all_headers = {**(headers or {}), **({"Idempotency-Replayed": "true"} if replayed else {})}
    return Response(content, status_code=status, headers=all_headers)


class Export(Stream):
    """A stream that keeps its own media type, where the framework would prefer the route's."""

    def to_asgi_response(self, *given: Any, **named: Any) -> Any:
        return super().to_asgi_response(*given, **{**named, "media_type": self.media_type})


_EDGE: Final = {
    "read": (refusals.RATE_LIMITED, refusals.NUL_CHARACTER, refusals.BAD_ENCODING, refusals.INVALID_FIELD),
    "write": (
        refusals.UNSUPPORTED_MEDIA_TYPE,
        refusals.BODY_TOO_LARGE,
        refusals.SLOW_CLIENT,
        refusals.MALFORMED_JSON,
        refusals.UNKNOWN_FIELD,
        refusals.MISSING_FIELD,
        refusals.INVALID_FIELD,
        BUSY,
    ),
    "batched": (OVERLOADED,),
    "make": (
        refusals.IDEMPOTENCY_KEY_MISSING,
        refusals.IDEMPOTENCY_KEY_MALFORMED,
        refusals.ID_TAKEN,
        refusals.ID_REUSED,
    ),
    "known": (
        refusals.MISSING_KEY,
        refusals.SESSION_STOLEN,
        refusals.INVALID_KEY,
        refusals.KEY_EXPIRED,
        refusals.PERMISSION_MISSING,
    ),
}


def problems(
    *kinds: RefusalKind, write: bool = False, make: bool = False, batched: bool = False, known: bool = True
) -> dict[int, ResponseSpec]:
    """The documented refusals of a route, by status: its own `kinds` and the door's.

    `write`: it takes a body; `make`: it also takes an `Idempotency-Key`; `batched`: it waits for room in a batch; `known`:
    it needs a key.
    """
    own = [*kinds, *(_EDGE["make"] if make else ())]
    edge = {"known": known, "read": True, "write": write or make, "batched": batched}
    every = [*own, *(kind for name, applies in edge.items() if applies for kind in _EDGE[name])]
    by_status: dict[int, dict[str, RefusalKind]] = {}
    for kind in every:
        by_status.setdefault(kind.status, {})[kind.code] = kind
    return {
        status: ResponseSpec(
            data_container=problem.Problem,
            generate_examples=False,
            description=" ".join(f"`{kind.code}`: {kind.en}" for kind in found.values()),
            media_type=problem.MEDIA_TYPE,
            # Examples for what is peculiar to the route; the door's refusals are described and look alike.
            examples=[
                Example(id=kind.code, summary=kind.en, value=problem.problem(kind()))
                for kind in found.values()
                if kind in own
            ]
            or None,
        )
        for status, found in sorted(by_status.items())
    }


def _respond(request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    scope = cast("dict[str, Any]", request.scope)
    door.note(scope, code=refusal.code)
    if request.app.state.pages is not None and pages.is_page(request):
        return pages.answer(request, refusal)
    status, headers, body = problem.answer(refusal, request_id=door.request_id(scope))
    names = {
        name.decode(): value.decode() for name, value in headers if name not in (b"content-type", b"content-length")
    }
    return Response(body, status_code=status, media_type=problem.MEDIA_TYPE, headers=names)


def _on_refusal(request: Request[Any, Any, Any], error: Refusal) -> Response[bytes]:
    return _respond(request, error)


def _on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    response = _respond(request, from_litestar(error, cast("Any", request.scope)) or _accident(request, error))
    if error.status_code == 405:
        response.headers["allow"] = ", ".join(_methods_at(request))
    return response


def _methods_at(request: Request[Any, Any, Any]) -> list[str]:
    """What RFC 9110 section 15.5.6 wants said with a 405, and the framework does not say."""
    allowed = []
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        with suppress(HTTPException):
            request.app.asgi_router.handle_routing(path=request.scope["path"], method=method)
            # Whatever may be got may be asked for its headers alone: the door sees to that.
            allowed += [method, "HEAD"] if method == "GET" else [method]
    return allowed


def _on_accident(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _respond(request, _accident(request, error))


def _accident(request: Request[Any, Any, Any], error: Exception) -> Refusal:
    return door_of(request).fail(error, door.request_id(cast("Any", request.scope)) or "")


_BY_STATUS: Final = {
    401: refusals.MISSING_KEY,
    403: refusals.PERMISSION_MISSING,
    404: refusals.NOT_FOUND,
    405: refusals.METHOD_NOT_ALLOWED,
    413: refusals.BODY_TOO_LARGE,
    415: refusals.UNSUPPORTED_MEDIA_TYPE,
}


def from_litestar(error: HTTPException, scope: Mapping[str, Any]) -> Refusal | None:
    """What the framework objects to, in our words; None for an accident."""
    if isinstance(error, ValidationException):
        return _from_validation(error, scope)
    if error.status_code in _BY_STATUS:
        return _BY_STATUS[error.status_code]()
    if isinstance(error.__cause__, SerializationException):
        return refusals.MALFORMED_JSON()
    return refusals.INVALID_FIELD(error.detail) if 400 <= error.status_code < 500 else None


def _from_validation(error: ValidationException, scope: Mapping[str, Any]) -> Refusal:
    first: dict[str, Any] = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    field, said = first.get("key"), str(first.get("message", "")).replace("`", "")
    if field == "data":
        return refusals.MALFORMED_JSON("the body is empty")
    if field == "idempotency_key" or "'Idempotency-Key'" in error.detail:
        return refusals.IDEMPOTENCY_KEY_MALFORMED() if field else refusals.IDEMPOTENCY_KEY_MISSING()
    field = _outer_name(field, scope)
    if not field and (found := _MISSING_PARAMETER.search(error.detail)):
        return refusals.MISSING_FIELD(field=found[1])
    if "missing" in said.lower() or "required" in said.lower():
        return refusals.MISSING_FIELD(field=field)
    return refusals.INVALID_FIELD(said or None, field=field)


def _outer_name(field: str | None, scope: Mapping[str, Any]) -> str | None:
    """What a client calls a handler's parameter: `from`, which no Python parameter can be called."""
    handler = scope.get("route_handler")
    parameter = handler.parsed_fn_signature.parameters.get(field) if handler and field else None
    return getattr(parameter and parameter.kwarg_definition, "name", None) or field


_MISSING_PARAMETER: Final = bodies.re.compile(r"[Mm]issing required \w+ parameter '([^']+)'")


@get("/v1/openapi.json", guards=[open_to_all], include_in_schema=False, sync_to_thread=False)
def openapi_document(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Everything that the bank takes and answers, as OpenAPI 3.1."""
    return Response(document_of(request.app), media_type="application/vnd.oai.openapi+json")


def document_of(app: Litestar) -> bytes:
    """The OpenAPI document, written once a process."""
    if app.state.openapi_document is None:
        app.state.openapi_document = msgspec.json.encode(app.openapi_schema.to_schema())
    return cast("bytes", app.state.openapi_document)


def site(
    routes: Iterable[ControllerRouterHandler],
    *,
    door: Door,
    provide: Mapping[str, Any],
    title: str = "Tongbao",
    description: str = "",
    on_startup: Sequence[Any] = (),
    on_shutdown: Sequence[Any] = (),
    lifespan: Sequence[Any] = (),
    shown: pages.Pages | None = None,
) -> Litestar:
    """The Litestar application of `routes`. `provide` maps the names that handlers ask for (`db`, `clock`, ...) to values.

    `shown`: what pages share; without it every refusal is answered as a problem document.

    Not yet wrapped: whoever serves it calls `door.wrap(site(...))`, with its raw routes inside the wrap as well.
    """
    provided = dict(provide)
    given = {name: Provide(_from(provided, name), sync_to_thread=False) for name in provided}
    app = Litestar(
        route_handlers=[*routes, openapi_document],
        dependencies={"principal": Provide(_provide_principal), "key": Provide(_provide_key), **given},
        dto=JsonBody,
        return_dto=None,
        request_class=JsonRequest,
        request_max_body_size=door.largest,
        before_send=[renewal.put_cookie, way.tell],
        exception_handlers={  # pyright: ignore[reportArgumentType]
            Refusal: _on_refusal,
            HTTPException: _on_http_error,
            Exception: _on_accident,
        },
        openapi_config=_openapi(title, description),
        on_app_init=[_hand_in(provided)],
        on_startup=list(on_startup),
        on_shutdown=list(on_shutdown),
        lifespan=list(lifespan),
        logging_config=None,
        debug=False,
    )
    return hang(app, door, shown)


def hang(app: Litestar, door: Door, shown: pages.Pages | None, provide: Mapping[str, Any] | None = None) -> Litestar:
    """Puts the application behind this door, and in place of what it provided (the same names)."""
    app.state.door, app.state.pages = door, shown
    app.state.provided.update(provide or {})
    door.in_browser = _outside(app)
    return app


def _outside(app: Litestar) -> InBrowser:
    """The page of a refusal that came before the framework was asked, whose address no page can show."""

    def page(scope: dict[str, Any], refusal: Refusal) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
        if app.state.pages is None or not pages.is_page(Request(cast("Any", scope))):
            return None
        harmless: Any = {**scope, "litestar_app": app, "path": "/", "query_string": b""}
        made = pages.refused(Request(harmless), refusal)
        kind = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(made.content)).encode())]
        return (
            made.status_code or refusal.kind.status,
            kind + [(name.encode(), value.encode()) for name, value in made.headers.items()],
            made.content,
        )

    return page


def _openapi(title: str, description: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title=title,
        version=__version__,
        description=description or None,
        # The framework's own pages stay out of the way: they answer 404 in HTML to everything beside them.
        path="/v1/openapi",
        render_plugins=[JsonRenderPlugin()],
        components=Components(
            security_schemes={
                "key": SecurityScheme(
                    type="http", scheme="bearer", description="`tb_<kind>_<16 hex digits>_<43 characters>`"
                )
            }
        ),
        security=[{"key": []}],
        create_examples=False,
    )


def _from(provided: Mapping[str, Any], name: str) -> Any:
    def given() -> Any:
        return provided[name]

    return given


def _hand_in(provided: dict[str, Any]) -> Any:
    def init(config: AppConfig) -> AppConfig:
        config.state.provided = provided
        config.state.openapi_document = None
        return config

    return init


__all__ = [
    "SENDS_CODE",
    "By",
    "Config",
    "Cursor",
    "Db",
    "Id",
    "JsonBody",
    "JsonRequest",
    "Key",
    "Limit",
    "Now",
    "authenticated",
    "document_of",
    "from_litestar",
    "hang",
    "made",
    "open_to_all",
    "problems",
    "require",
    "site",
    "visitor",
]
