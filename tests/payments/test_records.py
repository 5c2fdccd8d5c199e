"""Records: every filter, page by page, as a file, and at a cost that does not grow with history."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.payments.town import Town
from tongbao.base import sql


async def ids_of(town: Town, query: str) -> list[str]:
    reply = await town.get(f"/v1/payments?{query}")
    assert reply.status == 200, reply.body
    return [item["id"] for item in reply["items"]]


async def test_filters(town: Town) -> None:
    one, two, shop = await town.person(10_000), await town.person(10_000), await town.shop()
    out = (await town.pay_by_http(one, two, 100))["id"]
    town.later(minutes=1)
    back = (await town.pay_by_http(two, one, 300))["id"]
    town.later(days=1)
    bought = (await town.pay_by_http(one, shop, 500, method="qr"))["id"]
    town.later(minutes=1)
    declined = (await town.pay_by_http(one, two, 99_999))["payment_id"]
    first = (await ids_of(town, f"account_id={one.id}&kind=topup"))[0]
    at_one = f"account_id={one.id}"
    assert await ids_of(town, at_one) == [declined, bought, back, out, first]
    assert await ids_of(town, f"{at_one}&party={two.id}") == [declined, back, out]
    assert await ids_of(town, f"{at_one}&party={shop.id}") == [bought]
    assert await ids_of(town, f"{at_one}&state=declined") == [declined]
    assert await ids_of(town, f"{at_one}&min_amount=300&max_amount=500") == [bought, back]
    assert await ids_of(town, f"{at_one}&from=2026-11-24&to=2026-11-24") == [declined, bought]
    assert await ids_of(town, f"{at_one}&to=2026-11-23&kind=transfer") == [back, out]
    assert await ids_of(town, f"{at_one}&method=qr") == [bought]
    assert await ids_of(town, f"merchant_id={shop.id}") == [bought]
    assert await ids_of(town, f"merchant_id={shop.id}&party={two.id}") == []
    assert len(await ids_of(town, "kind=topup")) == 2
    assert (await town.get("/v1/payments?merchant_id=" + str(town.id()))).code == "merchant_unknown"
    for wrong in ("min_amount=-1", "from=0001-01-01", "state=gone", "limit=0", "cursor=x", "account_id=me"):
        assert (await town.get(f"/v1/payments?{wrong}")).status == 422, wrong


async def test_pages_lose_and_repeat_nothing(town: Town) -> None:
    """Many payments of one moment: the place is a moment and an id."""
    payer, payee = await town.person(10_000), await town.person()
    body = [{**town.order_body(payer, payee, 1 + n % 3), "id": str(town.id())} for n in range(25)]
    await town.send("POST", "/v1/payments/batch", {"orders": body})
    for query in (f"account_id={payee.id}", "kind=transfer", f"account_id={payee.id}&party={payer.id}"):
        seen: list[str] = []
        cursor = ""
        while True:
            page = await town.get(f"/v1/payments?{query}&limit=7{cursor}")
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert sorted(seen) == sorted(order["id"] for order in body)
        assert len(seen) == 25


async def test_export_is_a_file_that_no_spreadsheet_runs(town: Town) -> None:
    payer, payee = await town.person(1_000_000), await town.person()
    paid = await town.pay_by_http(payer, payee, 123_450, reference='=HYPERLINK("http://x")')
    reply = await town.get(f"/v1/payments?account_id={payee.id}&format=csv")
    assert reply.raw.startswith(b"\xef\xbb\xbf"), "without which Excel reads Chinese as Latin"
    (row,) = csv.DictReader(io.StringIO(reply.body.lstrip("\ufeff")))
    assert (row["id"], row["amount"], row["currency"]) == (paid["id"], "1234.50", "CNY")
    assert row["reference"].startswith("'=")
    assert row["created_at"] == "2026-11-23T09:00:00+08:00"


SEED = """
INSERT INTO payments.payment (id, kind, principal_id, request_hash, payer_account_id, payee_account_id, amount_minor,
    currency, capture, arrives, method, created_at, state, authorised_minor, captured_minor, refunded_minor, disputed_minor,
    settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at, sequence)
SELECT gen_random_uuid(), 'transfer', %(p)s, '', CASE n %% 50 WHEN 0 THEN %(p)s ELSE gen_random_uuid() END,
    CASE n %% 40 WHEN 1 THEN %(p)s ELSE %(q)s END, 1 + n, 'CNY', 'automatic', 'now', 'account',
    %(t)s::timestamptz - n * interval '1 second', 'completed', 1 + n, 1 + n, 0, 0, 0, 0, 1 + n, 0, '2026-11-23',
    %(t)s::timestamptz, 1
FROM generate_series(1, 40000) n
"""


@pytest.mark.parametrize("name", ["records", "records_of_account", "records_between"])
@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_no_page_reads_the_whole_history(town: Town, name: str, plan: str) -> None:
    payer, payee = await town.person(), await town.person()
    await town.run_sql(SEED, p=payer.id, q=payee.id, t=town.at)
    await town.run_sql("ANALYZE payments.payment")
    where: dict[str, Any] = {
        "since": town.at - timedelta(days=400), "until": town.at + timedelta(days=1), "smallest": 0, "largest": 2**53,
        "state": None, "kind": None, "method": None, "merchant_id": None, "before": town.at,
        "before_id": UUID(int=2**128 - 1), "most": 51, "account_id": payer.id, "party_id": payee.id,
        "of_owner": True,
    }  # fmt: skip
    async with town.db.read() as tx:
        await tx.rows("SELECT set_config('plan_cache_mode', %(m)s, false)", m=plan)
        statement = sql.load("tongbao.payments")[name]
        wanted = {key: value for key, value in where.items() if f"%({key})s" in statement}
        rows = await tx.rows("EXPLAIN (ANALYZE, BUFFERS, FORMAT TEXT) " + statement, **wanted)
        await tx.rows("SELECT set_config('plan_cache_mode', 'auto', false)")
    told = "\n".join(row[0] for row in rows)
    assert "Seq Scan" not in told, told
    assert "Index Scan" in told
