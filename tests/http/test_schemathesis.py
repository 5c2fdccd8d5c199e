"""Every route of the document, asked with what schemathesis makes up: nothing it sends may be an accident of ours.

Half of the requests speak of things that exist, so that more than the front of each route is reached. What comes back is
what the document says: the status, the kind of body, its shape.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.house.write_docs import OPENAPI
from tests.http.conftest import ServedBank, code

schema = schemathesis.openapi.from_path(OPENAPI)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
TIMES_FEW, TIMES_MANY = 8, 300
ENDS_THE_SESSION = ("/v1/staff/logout",)

few = settings(
    max_examples=TIMES_FEW,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def wire() -> Any:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def _known(bank: ServedBank, path: str) -> dict[str, str]:
    """Things that exist, by the name of the field or the path that speaks of them."""
    owner = {"/v1/merchants": bank.shop, "/v1/accounts": bank.ann}
    ids = {prefix: str(thing) for prefix, thing in owner.items() if path.startswith(prefix)}
    return {
        "id": next(iter(ids.values()), str(bank.ann)),
        "account_id": str(bank.ann),
        "payer_account_id": str(bank.ann),
        "payee_account_id": str(bank.bob),
        "merchant_id": str(bank.shop),
        "currency": "CNY",
    }


def _speak_of_what_exists(bank: ServedBank, case: Case) -> None:
    known = _known(bank, case.operation.path)
    parts: list[Any] = [case.path_parameters, case.query, case.body]
    for part in parts:
        if isinstance(part, dict):
            part.update({name: thing for name, thing in known.items() if name in part})


def _ask(bank: ServedBank, wire: requests.Session, case: Case) -> None:
    if len(f"{case.path_parameters}{case.query}{case.body}") % 2:
        _speak_of_what_exists(bank, case)
    headers = {"Authorization": f"Bearer {bank.tokens['bank']}"}
    # An export comes as a file, which the framework has no way to write into the document beside JSON.
    is_export = isinstance(case.query, dict) and case.query.get("format") in ("csv", "xlsx", "pdf")
    # A machine without a Chinese font prints nothing and says so (`no_font`, 501), which is no accident.
    spared = {content_type_conformance} if is_export else set[Any]()
    if isinstance(case.query, dict) and case.query.get("format") == "pdf":
        spared.add(not_a_server_error)
    checks = [check for check in CHECKS if check not in spared]
    case.call_and_validate(base_url=bank.url, session=wire, headers=headers, checks=checks)


every = schema.exclude(path=list(ENDS_THE_SESSION))


@every.parametrize()
@few
def test_nothing_that_is_sent_is_an_accident(bank: ServedBank, wire: requests.Session, case: Case) -> None:
    _ask(bank, wire, case)


@pytest.mark.soak
@every.parametrize()
@settings(few, max_examples=TIMES_MANY, derandomize=False)
def test_nothing_in_a_long_run_is_an_accident(bank: ServedBank, wire: requests.Session, case: Case) -> None:
    _ask(bank, wire, case)


async def test_the_bank_still_stands(bank: ServedBank) -> None:
    assert (await bank.ask("GET", "/readyz", who=None)).status_code == 200
    assert set((await bank.ask("GET", "/v1/trial-balance")).json()["totals"].values()) == {0}
    assert code(await bank.ask("GET", "/v1/nothing")) == (404, "not_found")
