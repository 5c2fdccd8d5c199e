"""Structured logs to stderr, one event a line, never with a secret in it.

    logger = log.get(__name__)
    logger.info("payment_submitted", payment_id=str(id), state="completed")

`bind(request_id=..., payment_id=...)` adds to everything that is logged until its block ends, across awaits.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

HIDDEN = "***"

_SECRET_NAME = re.compile(
    r"authorization|cookie|passw|passphrase|pwd|secret|token|api_?key|private_?key|signature|credential"
    r"|card_?(?:no|num)|^card$|^pan$|^pin$|cvv|cvc|^otp$|one_?time",
    re.IGNORECASE,
)
_SECRETS = (
    (re.compile(r"\btb_[A-Za-z0-9_\-]{4,}"), f"tb_{HIDDEN}"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_\-]{4,}"), f"whsec_{HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=\-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^/@:\s]*):[^@/\s]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"\b(pass(?:word|wd)?|pwd|secret|token|api_?key)(['\"]?\s*[=:]\s*)['\"]?[^\s'\",;&)}]+", re.IGNORECASE),
     rf"\1\2{HIDDEN}"),
)  # fmt: skip
_CARD = re.compile(r"(?<![\w-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])")


def redacted(text: str) -> str:
    """`text` without keys, passwords and card numbers (13 to 19 digits that pass Luhn, of which the last four stay)."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return _CARD.sub(_without_card, text)


def _without_card(found: re.Match[str]) -> str:
    digits = [int(c) for c in found[0] if c.isdigit()]
    doubled = (d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(reversed(digits)))
    return found[0] if sum(doubled) % 10 else HIDDEN + "".join(map(str, digits[-4:]))


def _clean(value: Any, depth: int = 0) -> Any:
    match value:
        case str():
            return redacted(value)
        case bytes() | bytearray() | memoryview():
            return redacted(bytes(value).decode("utf-8", "replace"))
        case bool() | None | float():
            return value
        case int():
            return value if abs(value) < 10**12 else _unless_card(value)
        case _ if depth > 8:
            return redacted(repr(value))
        case Mapping():
            return {
                str(k): HIDDEN if v is not None and _SECRET_NAME.search(str(k)) else _clean(v, depth + 1)
                for k, v in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_clean(v, depth + 1) for v in value]
        case msgspec.Struct() if type(value).__repr__ is not msgspec.Struct.__repr__:
            return redacted(repr(value))  # it says for itself what may be shown of it
        case msgspec.Struct():
            return _clean(msgspec.structs.asdict(value), depth + 1)
        case _:
            return redacted(str(value))


def _unless_card(value: int) -> int | str:
    text = redacted(str(value))
    return value if text == str(value) else text


def redact(_logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    """The last step before the line is written, tracebacks included."""
    return _clean(event)


def _line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def configure(level: str = "info", form: str = "json", to: TextIO | None = None) -> None:
    """Once, at the start of a process; `form` is json or console. What libraries log goes the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("event"),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: structlog.typing.Processor = _line if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    handler = logging.StreamHandler(to or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("psycopg.pool", "procrastinate", "httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for a module; what it logs before `configure` goes where `logging` sends it."""
    return structlog.stdlib.get_logger(name)


@contextmanager
def bind(**values: str) -> Iterator[None]:
    """Adds `values` to every event inside the block."""
    with structlog.contextvars.bound_contextvars(**values):
        yield
