"""Ways to say no. A slice lists its own in `refusals.py`, in order of precedence; the edge turns them into RFC 9457."""

from __future__ import annotations

import msgspec


class RefusalKind(msgspec.Struct, frozen=True):
    """One way to say no: a stable `code`, the HTTP `status`, a sentence in English and in Chinese.

    `retryable` means: the same request may succeed later without being changed.
    """

    code: str
    status: int
    en: str
    zh: str
    retryable: bool = False

    def __call__(
        self, detail: str | None = None, *, field: str | None = None, retry_after_s: int | None = None
    ) -> Refusal:
        return Refusal(self, detail, field=field, retry_after_s=retry_after_s)


class Refusal(Exception):
    """A decision, not an accident: it is answered and, where the slice says so, remembered."""

    def __init__(
        self,
        kind: RefusalKind,
        detail: str | None = None,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(kind.code)
        self.kind = kind
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s

    @property
    def code(self) -> str:
        return self.kind.code

    def __repr__(self) -> str:
        return f"Refusal({self.code}{': ' + self.detail if self.detail else ''})"
