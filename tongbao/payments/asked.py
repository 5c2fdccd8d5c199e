"""What several of payments' routes ask for: the intake, a page."""

from __future__ import annotations

from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from tongbao.payments.intake import Intake
from tongbao.web import paging

Pays = NamedDependency[SkipValidation[Intake]]
Limit = Annotated[
    int | None, QueryParameter(description=f"Rows of a page, 1 to {paging.MOST}; {paging.USUAL} unless told.")
]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]
