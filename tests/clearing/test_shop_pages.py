"""A shop's own pages, as its owner uses them at the counter and at closing time."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import openpyxl
import pytest

from tests.clearing.test_end_of_day import close_and_die
from tests.clearing.till import HOSTILE, MONDAY, TUESDAY, Shown, Till
from tongbao import clearing, merchants, payments
from tongbao.base.outbox import Event

QR = payments.Method.QR
LATIN_SENTENCE = re.compile(r"[A-Za-z]{2,}(?:[ ,'’-]+[A-Za-z]{2,}){3,}")


def rows(page: Shown) -> list[str]:
    """What stands in each row of the page's first table."""
    table = page.html.partition("<tbody")[2].partition("</tbody>")[0]
    plain = [re.sub(r"<[^>]*>", " ", row) for row in table.split("<tr")[1:]]
    return [" ".join(row.partition(">")[2].split()) for row in plain]


def seen(page: Shown) -> str:
    found = re.search(r"/shop/live\?seen=([0-9a-f]+)", page.html)
    assert found, page.html
    return found[1]


# who may come in


async def test_whoever_has_no_session_is_sent_to_the_door(till: Till) -> None:
    paths = ("/shop", "/shop/payments", "/shop/takings", "/shop/settlements", "/shop/webhooks", "/shop/orders")
    for path in paths:
        answer = await till.at_till(path, None)
        assert (answer.status, answer.to) == (303, f"/?next={path.replace('/', '%2F')}")
    assert (await till.at_till("/shop", till.staff())).status == 303, "staff have an area of their own"


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/shop", "takings:read"),
        ("/shop/payments", "payments:read"),
        ("/shop/takings", "takings:read"),
        ("/shop/settlements", "takings:read"),
        ("/shop/webhooks", "webhooks:read"),
        ("/shop/orders", "orders:read"),
    ],
)
async def test_each_page_asks_for_its_right(till: Till, path: str, permission: str) -> None:
    assert (await till.at_till(path)).status == 200
    answer = await till.at_till(path, till.owner(till.noodles, without=permission))
    assert answer.status == 403
    assert "Your role does not open this page" in answer.text


async def test_forms_of_other_sites_do_nothing(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 1280)
    cookie = {"cookie": f"tongbao_shop={till.wang}", "accept": "text/html", "sec-fetch-site": "cross-site"}
    answer = await till.client.post(f"/shop/payments/{payment}/refund", data={"amount": "12.80"}, headers=cookie)
    assert answer.status_code == 403
    assert (await till.payment_now(payment)).refunded_minor == 0


# today


async def test_what_was_just_paid_stands_on_top(till: Till) -> None:
    await till.sell(till.noodles, till.guest, 5000, method=QR)
    till.later(minutes=1)
    await till.sell(till.noodles, till.guest, 1280, method=QR, reference="牛肉面")
    page = await till.at_till("/shop", lang="zh")
    assert page.status == 200
    newest = rows(page)[0]
    assert all(word in newest for word in ("¥12.80", "扫码", "支付成功", "牛肉面")), newest
    fees = till.noodles.fee("qr", 5000) + till.noodles.fee("qr", 1280)
    assert fees == 19
    for said in ("老王面馆", "今日收款", "¥62.80", "¥0.19", "¥62.61", "2026年11月24日"):
        assert said in page.text, said
    english = (await till.at_till("/shop")).text
    assert "Today's ¥62.61 will be paid to your settlement account on 24 Nov 2026." in english
    assert "¥50.00" not in (await till.at_till("/shop", "zhao")).text, "another shop's business"


async def test_the_live_part_comes_again_only_when_something_is_new(till: Till) -> None:
    first = await till.sell(till.noodles, till.guest, 5000)
    page = await till.at_till("/shop")
    assert 'data-calm="shop-said"' in page.html
    assert 'aria-live="polite"' in page.html
    again = await till.at_till(f"/shop/live?seen={seen(page)}")
    assert (again.status, again.html) == (204, "")
    second = await till.sell(till.noodles, till.guest, 1280)
    part = await till.at_till(f"/shop/live?seen={seen(page)}")
    assert part.status == 200
    assert "<html" not in part.html
    assert part.html.index(f'id="p-{second}"') < part.html.index(f'id="p-{first}"'), "rows carry ids, newest first"
    assert "2 payments today, ¥62.80 taken." in part.text
    assert (await till.at_till(f"/shop/live?seen={seen(part)}")).status == 204
    await till.ask("refund", first, 100)
    assert (await till.at_till(f"/shop/live?seen={seen(part)}")).status == 200


async def test_refunds_and_fees_of_the_day(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000, method=QR)
    await till.ask("refund", payment, 4000)
    text = (await till.at_till("/shop")).text
    left = 10_000 - 4000 - 18
    for said in ("¥100.00", "¥40.00", "1 refund", "¥0.18", f"¥{left // 100}.{left % 100}", "partly refunded"):
        assert said in text, said


async def test_what_the_settlement_account_put_in_for_refunds_is_paid_back_in_no_other_way(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000, method=QR)
    await till.end_day(MONDAY)
    await till.ask("refund", payment, 4000)
    text = (await till.at_till("/shop")).text
    for said in ("¥0.00", "¥40.00", "-¥39.88", "Today's ¥0.12 will be paid to your settlement account", "paid out"):
        assert said in text, said


async def test_what_was_confirmed_and_captured_counts_on_the_day_that_it_moved(till: Till) -> None:
    asked = await till.pay(till.guest.id, till.noodles, 3000, confirm=True, method=QR)
    assert asked.payment is not None
    held = await till.sell(till.noodles, till.guest, 5000, capture=payments.Capture.MANUAL)
    assert "0 payments today, ¥0.00 taken." in (await till.at_till("/shop")).text, "nothing has moved yet"
    assert (await till.ask("confirm", asked.payment.id)).refusal is None
    assert "1 payment today, ¥30.00 taken." in (await till.at_till("/shop")).text
    await till.end_day(MONDAY)
    await till.ask("capture", held, 2000)
    assert "1 payment today, ¥20.00 taken." in (await till.at_till("/shop")).text
    assert "+¥30.00" in (await till.at_till(f"/shop/takings/{MONDAY}")).text
    tuesday = (await till.at_till(f"/shop/takings/{TUESDAY}")).text
    assert "+¥20.00" in tuesday
    assert "¥30.00" not in tuesday


# payments


async def test_the_list_finds_what_was_asked_for(till: Till) -> None:
    by_qr = await till.sell(till.noodles, till.guest, 1280, method=QR)
    held = await till.sell(till.noodles, till.guest, 5000, capture=payments.Capture.MANUAL)
    await till.sell(till.tea, till.guest, 7777)
    everything = await till.at_till("/shop/payments?from=&to=&amount=&state=&method=&find=")
    assert len(rows(everything)) == 2
    assert "¥77.77" not in everything.text
    for query, expected in {
        "amount=12.80": [by_qr],
        "amount=１２．８０": [by_qr],
        "amount=12.81": [],
        "state=authorised": [held],
        "method=qr": [by_qr],
        f"from={MONDAY}&to={MONDAY}": [held, by_qr],
        f"from={TUESDAY}": [],
    }.items():
        page = await till.at_till(f"/shop/payments?{query}")
        links = [UUID(link[-36:]) for link in page.links() if re.fullmatch(r"/shop/payments/[0-9a-f-]{36}", link)]
        assert links == expected, query
    assert "No payment is like this" in (await till.at_till("/shop/payments?amount=12.81")).text
    found = await till.at_till(f"/shop/payments?find={by_qr}")
    assert (found.status, found.to) == (303, f"/shop/payments/{by_qr}")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("amount=abc", "Please type an amount"),
        ("amount=1.234", "more decimals"),
        ("from=yesterday", "Please type a date"),
        ("from=0001-01-01", "Please type a date"),
        ("from=2026-11-23&to=2026-11-22", "The last day lies before the first."),
        ("state=rich", "not one of the choices"),
        ("find=" + "9" * 200, "too long"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_told_so_beside_its_field(till: Till, query: str, said: str) -> None:
    page = await till.at_till(f"/shop/payments?{query}")
    assert page.status == 422
    assert said in page.text
    assert "<h1" in page.html


async def test_a_long_list_has_pages(till: Till) -> None:
    for _ in range(51):
        await till.sell(till.noodles, till.guest, 100)
        till.later(seconds=1)
    page = await till.at_till("/shop/payments")
    assert len(rows(page)) == 50
    (on,) = [link for link in page.links() if "cursor=" in link]
    assert len(rows(await till.at_till(on))) == 1
    assert (await till.at_till("/shop/payments?cursor=nonsense")).status == 422


async def test_the_files_of_the_list(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000, method=QR, reference="=1+1")
    await till.ask("refund", payment, 1000)
    (line,) = await till.lines("/shop/payments?format=csv")
    assert (line["amount"], line["refunded"], line["fee"], line["net"]) == ("100.00", "10.00", "0.27", "89.73")
    assert (line["state"], line["reference"], line["id"]) == ("partly_refunded", "'=1+1", str(payment))
    book = openpyxl.load_workbook(io.BytesIO((await till.file("/shop/payments?format=xlsx", lang="zh")).content))
    head, first = [[cell.value for cell in row] for row in book.worksheets[0].rows][:2]
    assert dict(zip(head, first, strict=True))["实收净额"] == 89.73
    assert dict(zip(head, first, strict=True))["状态"] == "部分退款"
    assert (await till.lines("/shop/payments?format=csv", "zhao")) == []


async def test_nothing_of_the_payer_s_account_is_shown(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 1280)
    for path in ("/shop", "/shop/payments", f"/shop/payments/{payment}", f"/shop/takings/{MONDAY}"):
        html = (await till.at_till(path)).html
        assert str(payment) in html, path
        for secret in (str(till.guest.id), till.guest.number, str(till.guest.customer_id), "王小明"):
            assert secret not in html, path
    raw = (await till.file("/shop/payments?format=csv")).text
    assert str(till.guest.id) not in raw


async def test_a_payment_tells_what_it_brought_and_what_happened(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000, method=QR)
    await till.ask("refund", payment, 1000, reason="cold soup")
    page = await till.at_till(f"/shop/payments/{payment}")
    for said in ("¥100.00", "-¥10.00", "-¥0.27", "¥89.73", "partly refunded", "Refunded CNY 10.00.", "cold soup"):
        assert said in page.text, said
    assert f"/shop/takings/{MONDAY}" in page.links()


async def test_other_shops_payments_are_not_there(till: Till) -> None:
    payment = await till.sell(till.tea, till.guest, 1280)
    form = {"id": uuid4(), "expected": 1, "amount": "1", "take": "1"}
    for id_ in (payment, uuid4()):
        page = await till.at_till(f"/shop/payments/{id_}")
        assert page.status == 404
        assert "¥12.80" not in page.text
        for verb in ("refund", "capture"):
            given = {k: v for k, v in form.items() if k != ("take" if verb == "refund" else "amount")}
            assert (await till.press(f"/shop/payments/{id_}/{verb}", given)).status == 404
        cancel = {"id": uuid4(), "expected": 1}
        assert (await till.press(f"/shop/payments/{id_}/cancel", cancel)).status == 404
    assert (await till.payment_now(payment)).refunded_minor == 0


# giving back


async def refund_form(till: Till, payment: UUID, **more: object) -> dict[str, object]:
    page = await till.at_till(f"/shop/payments/{payment}")
    return {**page.hidden(), **more}


async def test_a_part_is_given_back_once_however_often_the_form_is_sent(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    form = await refund_form(till, payment, amount="25.50", reason="冷面")
    for _ in range(3):
        done = await till.press(f"/shop/payments/{payment}/refund", form)
        assert (done.status, done.to) == (303, f"/shop/payments/{payment}")
        assert done.said == "Refunded. The payer has the money."
    assert (await till.payment_now(payment)).refunded_minor == 2550
    page = await till.at_till(f"/shop/payments/{payment}", lang="zh")
    assert "冷面" in page.text
    assert "最多 ¥74.50。" in page.text


async def test_never_more_than_was_captured(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    form = await refund_form(till, payment, amount="100.01", reason="too generous")
    refused = await till.press(f"/shop/payments/{payment}/refund", form)
    assert refused.status == 409
    assert "More than is left to refund." in refused.text
    assert 'aria-describedby="e-amount' in refused.html
    assert 'value="100.01"' in refused.html, "nothing typed is lost"
    assert 'value="too generous"' in refused.html
    assert (await till.payment_now(payment)).refunded_minor == 0
    again = {**refused.hidden(), "amount": "100.00", "reason": ""}
    assert again["id"] != form["id"], "a refusal is remembered under its id"
    assert (await till.press(f"/shop/payments/{payment}/refund", again)).status == 303
    assert (await till.payment_now(payment)).refunded_minor == 10_000
    assert "Refund now" not in (await till.at_till(f"/shop/payments/{payment}")).text


async def test_whoever_was_overtaken_looks_again(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    form = await refund_form(till, payment, amount="60.00")
    await till.ask("refund", payment, 5000)
    stale = await till.press(f"/shop/payments/{payment}/refund", form)
    assert stale.status == 409
    assert "This payment has changed since the page was loaded." in stale.text
    assert "At most ¥50.00." in stale.text
    assert (await till.payment_now(payment)).refunded_minor == 5000


async def test_a_refund_that_the_shop_s_money_does_not_cover(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    await till.end_day(MONDAY)
    await till.pay(till.noodles.settlement_account_id, till.guest.id, 9000)
    form = await refund_form(till, payment, amount="100.00")
    refused = await till.press(f"/shop/payments/{payment}/refund", form)
    assert refused.status == 402
    assert "The merchant's money does not cover this refund." in refused.text


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.005", "1e400", "NaN", "99999999999999999999", *HOSTILE])
async def test_an_amount_that_is_none_is_told_so(till: Till, amount: str) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    page = await till.press(f"/shop/payments/{payment}/refund", await refund_form(till, payment, amount=amount))
    assert page.status == 422
    assert 'id="e-amount"' in page.html
    assert "<script>alert" not in page.html
    assert (await till.payment_now(payment)).refunded_minor == 0


async def test_a_reason_is_kept_as_it_was_typed_and_never_run(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    for hostile in HOSTILE:
        form = await refund_form(till, payment, amount="1.00", reason=hostile)
        done = await till.press(f"/shop/payments/{payment}/refund", form)
        assert done.status == (303 if len(hostile) <= 500 else 422)
    page = await till.at_till(f"/shop/payments/{payment}")
    assert "<script>alert" not in page.html
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert (await till.payment_now(payment)).refunded_minor == 100 * (len(HOSTILE) - 1)


async def test_a_form_without_its_id_or_with_a_strange_field_does_nothing(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    form = await refund_form(till, payment, amount="1.00")
    for wrong in ({**form, "id": "7"}, {**form, "expected": "-1"}, {**form, "to_me": "yes"}, {"amount": ""}):
        assert (await till.press(f"/shop/payments/{payment}/refund", wrong)).status == 422
    assert (await till.payment_now(payment)).refunded_minor == 0


# taking what was authorised, or letting it go


async def test_capture_in_parts_and_give_the_rest_back(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000, capture=payments.Capture.MANUAL)
    page = await till.at_till(f"/shop/payments/{payment}")
    assert "At most ¥100.00." in page.text
    assert page.html.count('class="act"') == 1
    form = {**page.hidden(0), "take": "30.00"}
    for _ in range(2):
        done = await till.press(f"/shop/payments/{payment}/capture", form)
        assert (done.status, done.said) == (303, "Captured. It counts among today's takings.")
    now = await till.payment_now(payment)
    assert (now.captured_minor, now.state) == (3000, "authorised")
    page = await till.at_till(f"/shop/payments/{payment}")
    assert page.html.count('class="act"') == 1, "one thing that matters, though it could be refunded too"
    too_much = await till.press(f"/shop/payments/{payment}/capture", {**page.hidden(0), "take": "70.01"})
    assert too_much.status == 409
    assert "More than is left of the authorised amount." in too_much.text
    assert 'id="e-take"' in too_much.html
    last = {**too_much.hidden(0), "take": "20.00", "final": "on"}
    assert (await till.press(f"/shop/payments/{payment}/capture", last)).status == 303
    now = await till.payment_now(payment)
    assert (now.captured_minor, now.state) == (5000, "completed")


async def test_an_authorisation_is_let_go_once(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000, capture=payments.Capture.MANUAL)
    page = await till.at_till(f"/shop/payments/{payment}")
    form = page.hidden(1)
    for _ in range(2):
        assert (await till.press(f"/shop/payments/{payment}/cancel", form)).status == 303
    assert (await till.payment_now(payment)).state == "cancelled"
    fresh = {**form, "id": uuid4(), "expected": (await till.payment_now(payment)).sequence}
    refused = await till.press(f"/shop/payments/{payment}/cancel", fresh)
    assert refused.status == 409
    assert "The payment can no longer be cancelled." in refused.text


async def test_buttons_are_for_whoever_may_press_them(till: Till) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    clerk = till.owner(till.noodles, without="payments:refund")
    page = await till.at_till(f"/shop/payments/{payment}", clerk)
    assert page.status == 200
    assert "Refund now" not in page.text
    form = {"id": uuid4(), "expected": 1, "amount": "1.00"}
    assert (await till.press(f"/shop/payments/{payment}/refund", form, clerk)).status == 403


# takings and settlements


async def three_days(till: Till) -> UUID:
    """Monday 100.00 less 10.00, Tuesday nothing, Wednesday 50.00 so far; the payment of Monday."""
    payment = await till.sell(till.noodles, till.guest, 10_000, method=QR)
    await till.ask("refund", payment, 1000)
    await till.sell(till.tea, till.guest, 99_900)
    await till.end_day(MONDAY)
    await till.end_day(TUESDAY)
    await till.sell(till.noodles, till.guest, 5000, method=QR)
    return payment


async def test_takings_by_day_add_up(till: Till) -> None:
    await three_days(till)
    wednesday = TUESDAY + timedelta(1)
    page = await till.at_till("/shop/takings")
    assert page.status == 200
    lines = await till.lines("/shop/takings?format=csv")
    assert [(x["day"], x["sales"], x["refunds"], x["fees"], x["net"]) for x in lines] == [
        (str(MONDAY), "100.00", "10.00", "0.27", "89.73"),
        (str(wednesday), "50.00", "0.00", "0.15", "49.85"),
    ]
    for said in ("¥150.00", "¥10.00", "¥0.42", "¥139.58"):
        assert said in page.text, said
    assert 'data-chart="bar"' in page.html
    assert {f"/shop/takings/{MONDAY}", f"/shop/takings/{wednesday}"} <= set(page.links())
    only = await till.at_till(f"/shop/takings?from={MONDAY}&to={MONDAY}")
    assert "¥89.73" in only.text
    assert "¥49.85" not in only.text
    async with till.db.read() as tx:
        by_day = await clearing.takings_by_day(tx, till.noodles.id, MONDAY, wednesday)
        report = await clearing.fee_report(tx, till.noodles.id, MONDAY, wednesday)
    assert [(d.booking_date, d.captures_minor, d.refunds_minor, d.fees_minor) for d in by_day] == [
        (x.booking_date, x.captures_minor, x.refunds_minor, x.fees_minor) for x in report
    ], "netted days say what their payments say"


async def test_takings_of_strange_days(till: Till) -> None:
    empty = await till.at_till("/shop/takings")
    assert "Nothing was taken in these days." in empty.text
    for query in ("from=abc", "from=2026-11-24&to=2026-11-23", "to=3000-01-01", "from=2020-01-01&to=2026-11-23"):
        page = await till.at_till(f"/shop/takings?{query}")
        assert page.status == 422, query
        assert "<h1" in page.html
    assert "At most 366 days at once." in page.text
    for day, status in (("2026-02-30", 404), ("tomorrow", 404), ("1901-01-01", 200), ("2026-01-01", 200)):
        assert (await till.at_till(f"/shop/takings/{day}")).status == status, day


async def test_a_day_consists_of_its_sales_and_refunds(till: Till) -> None:
    payment = await three_days(till)
    page = await till.at_till(f"/shop/takings/{MONDAY}")
    for said in ("¥100.00", "¥10.00", "¥0.27", "¥89.73", "QR code", "+¥100.00", "-¥10.00", "paid out", "24 Nov 2026"):
        assert said in page.text, said
    assert f"/shop/payments/{payment}" in page.links()
    assert any(link.startswith("/shop/settlements/") for link in page.links())
    async with till.db.read() as tx:
        moves = await clearing.takings_moves(tx, till.noodles.id, MONDAY)
        (line,) = await clearing.takings(tx, till.noodles.id, MONDAY)
    assert sum(m.amount_minor for m in moves) == line.captures_minor - line.refunds_minor == 9000
    assert sum(m.fee_minor for m in moves) == line.fees_minor
    still = await till.at_till(f"/shop/takings/{TUESDAY + timedelta(1)}")
    assert "This day is still open." in still.text


async def test_a_day_with_many_sales_has_pages(till: Till) -> None:
    for _ in range(52):
        await till.sell(till.noodles, till.guest, 100)
    page = await till.at_till(f"/shop/takings/{MONDAY}")
    (on,) = [link for link in page.links() if "cursor=" in link]
    first = {link for link in page.links() if link.startswith("/shop/payments/")}
    second = {link for link in (await till.at_till(on)).links() if link.startswith("/shop/payments/")}
    assert (len(first), len(second), first & second) == (50, 2, set())


async def test_settlements_say_whether_the_money_is_coming(till: Till) -> None:
    friday = MONDAY + timedelta(4)
    for n in range(4):
        await till.end_day(MONDAY + timedelta(n))
    await till.sell(till.noodles, till.guest, 10_000, method=QR)
    await till.end_day(friday)
    page = await till.at_till("/shop/settlements")
    assert "to be paid out" in page.text
    assert "30 Nov 2026" in page.text, "Monday, after the weekend"
    (link,) = [x for x in page.links() if re.fullmatch(r"/shop/settlements/[0-9a-f-]{36}", x)]
    coming = await till.at_till(link)
    assert "It is paid to your settlement account on 30 Nov 2026." in coming.text
    for n in range(3):
        await till.end_day(friday + timedelta(1 + n))
    paid = await till.at_till(link)
    assert "It was paid to your settlement account on 30 Nov 2026." in paid.text
    chinese = await till.at_till(link, lang="zh")
    assert "已结算" in chinese.text
    assert "2026年11月30日" in chinese.text


async def test_a_settlement_adds_up_line_by_line(till: Till) -> None:
    await three_days(till)
    (settlement,) = await till.lines("/shop/settlements?format=csv")
    assert (settlement["sales"], settlement["refunds"], settlement["fees"], settlement["net"]) == (
        "100.00", "10.00", "0.27", "89.73",
    )  # fmt: skip
    assert settlement["state"] == "settled"
    path = f"/shop/settlements/{settlement['id']}"
    page = await till.at_till(path)
    for said in ("+¥100.00", "-¥10.00", "-¥0.27", "+¥89.73", "It was paid to your settlement account"):
        assert said in page.text, said
    lines = await till.lines(f"{path}?format=csv")
    assert sum(Decimal(x["amount"]) for x in lines) == Decimal("89.73")
    sheet = openpyxl.load_workbook(io.BytesIO((await till.file(f"{path}?format=xlsx")).content))
    assert "Sales" in [row[0].value for row in sheet.worksheets[0].rows]
    assert (await till.at_till(path, "zhao")).status == 404
    assert (await till.at_till(f"/shop/settlements/{uuid4()}")).status == 404
    assert "结算记录不存在" in (await till.at_till(f"/shop/settlements/{uuid4()}", lang="zh")).text


async def test_a_debt_is_carried_forward_and_both_settlements_say_so(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After midnight the takings of the ended day pay a refund of the next one, which then has nothing to pay it back with."""
    payment = await till.sell(till.noodles, till.guest, 10_000)
    await close_and_die(till, MONDAY, monkeypatch)
    await till.ask("refund", payment)
    text = (await till.at_till("/shop")).text
    assert (
        "Today ¥99.62 more was given back than taken. It will be taken from your settlement account on 25 Nov" in text
    )
    await till.end_day(MONDAY)
    await till.pay(
        till.noodles.settlement_account_id, till.guest.id, await till.balance(till.noodles.settlement_account_id)
    )
    await till.end_day(TUESDAY)
    owed, _ = await till.lines("/shop/settlements?format=csv")
    assert (owed["state"], owed["net"]) == ("carried", "-99.62")
    page = await till.at_till(f"/shop/settlements/{owed['id']}")
    assert "The next settlement takes it over." in page.text
    await till.sell(till.noodles, till.guest, 30_000)
    await till.end_day(TUESDAY + timedelta(1))
    paid, *_ = await till.lines("/shop/settlements?format=csv")
    assert (paid["state"], paid["carried"]) == ("settled", "-99.62")
    page = await till.at_till(f"/shop/settlements/{paid['id']}", lang="zh")
    for said in ("前期结转欠款", "-¥99.62", "承接自"):
        assert said in page.text, said
    assert f"/shop/settlements/{owed['id']}" in page.links()
    assert f"/shop/settlements/{paid['id']}" in (await till.at_till(f"/shop/settlements/{owed['id']}")).links()
    lines = await till.lines(f"/shop/settlements/{paid['id']}?format=csv")
    assert sum(Decimal(x["amount"]) for x in lines) == Decimal(paid["net"])


# webhooks


async def make_address(
    till: Till, url: str = "http://127.0.0.1:9/hook", **more: object
) -> tuple[dict[str, object], Shown]:
    page = await till.at_till("/shop/webhooks")
    form: dict[str, object] = {**page.hidden(), "url": url, **more}
    return form, await till.press("/shop/webhooks", form)


async def test_an_address_is_added_and_its_secret_shown_once(till: Till) -> None:
    form, made = await make_address(till, **{"topic.payment.completed": "on", "topic.payment.refunded": "on"})
    assert made.status == 200
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{40,}", made.html)
    assert secret
    again = await till.press("/shop/webhooks", form)
    assert again.status == 200
    assert "whsec_" not in again.html
    assert "The secret was shown that one time" in again.text
    path = f"/shop/webhooks/{form['id']}"
    for page in (await till.at_till("/shop/webhooks"), await till.at_till(path)):
        assert "http://127.0.0.1:9/hook" in page.text
        assert secret[0] not in page.html
    assert "A payment is refunded" in (await till.at_till(path)).text
    assert "A payment is declined" not in (await till.at_till(path)).text
    async with till.db.read() as tx:
        (endpoint,) = await merchants.list_endpoints(tx)
    assert (endpoint.merchant_id, endpoint.topics) == (till.noodles.id, ("payment.completed", "payment.refunded"))


async def test_whoever_ticks_nothing_hears_everything(till: Till) -> None:
    await make_address(till)
    async with till.db.read() as tx:
        (endpoint,) = await merchants.list_endpoints(tx)
    assert set(endpoint.topics) == set(merchants.TOPICS)


@pytest.mark.parametrize(
    "url", ["", "short", "ftp://shop.example/hook", "https://me:pw@shop.example/", "https://shop.example/#x", *HOSTILE]
)
async def test_an_address_that_is_none_is_told_so(till: Till, url: str) -> None:
    _, page = await make_address(till, url, **{"topic.payment.declined": "on"})
    assert page.status == 422
    assert 'id="e-url"' in page.html
    assert re.search(r'name="topic.payment.declined" value="on" checked', page.html), "what was ticked stays ticked"
    assert "<script>alert" not in page.html
    async with till.db.read() as tx:
        assert await merchants.list_endpoints(tx) == []


async def test_an_address_is_switched_on_again_and_deleted(till: Till) -> None:
    form, _ = await make_address(till)
    path = f"/shop/webhooks/{form['id']}"
    async with till.db.tx() as tx:
        await tx.run(
            "UPDATE merchants.endpoint SET status = 'disabled', disabled_at = %(at)s, disabled_because = 'x'",
            at=till.at,
        )
    off = await till.at_till(path)
    assert "Switched off on" in off.text
    assert (await till.press(f"{path}/enable", {})).status == 303
    on = await till.at_till(path)
    assert "in use" in on.text
    assert "Switch it on again" not in on.text
    gone = await till.press(f"{path}/delete", {})
    assert (gone.status, gone.to, gone.said) == (303, "/shop/webhooks", "Deleted. Nothing more is sent there.")
    assert (await till.at_till(path)).status == 404
    assert (await till.press(f"{path}/delete", {})).status == 404
    assert "No address yet." in (await till.at_till("/shop/webhooks")).text


async def a_delivery(till: Till, endpoint: object, payment: UUID) -> merchants.Delivery:
    """One that was tried eleven times in vain."""
    payload = {"merchant_id": str(till.noodles.id), "state": "completed"}
    event = Event(
        event_id=till.id(),
        aggregate=payment,
        sequence=1,
        topic="payment.completed",
        payload=payload,
        at=till.at,
        booking_date=MONDAY,
    )
    async with till.db.tx() as tx:
        await merchants.queue_deliveries(tx, [event])
        await tx.run("UPDATE merchants.delivery SET state = 'failed', next_at = NULL, attempts = 1, tries_left = 0")
        await tx.run(
            "INSERT INTO merchants.attempt (delivery_id, number, tried_at, duration_ms, status, error, answer)"
            " SELECT id, 1, created_at, 12, 500, NULL, '<b>broken</b>' FROM merchants.delivery"
        )
        (found,) = await merchants.list_deliveries(tx, UUID(str(endpoint)))
    return found


async def test_a_delivery_is_looked_at_and_sent_again_once(till: Till) -> None:
    form, _ = await make_address(till)
    payment = await till.sell(till.noodles, till.guest, 1280)
    delivery = await a_delivery(till, form["id"], payment)
    of_endpoint = f"/shop/webhooks/{form['id']}"
    path = f"{of_endpoint}/deliveries/{delivery.id}"
    assert path in (await till.at_till(of_endpoint)).links()
    assert path in (await till.at_till(f"{of_endpoint}?failed=true")).links()
    page = await till.at_till(path)
    for said in ("A payment is paid", "not delivered", "500", "<b>broken</b>"):
        assert said in page.text, said
    assert "<b>broken" not in page.html
    for _ in range(2):
        done = await till.press(path, page.hidden())
        assert (done.status, done.to) == (303, path)
    async with till.db.read() as tx:
        now = await merchants.find_delivery(tx, delivery.id)
    assert now is not None
    assert (now.state, now.next_at) == (merchants.DeliveryState.PENDING, till.at)
    async with till.db.tx() as tx:
        await tx.run(
            "UPDATE merchants.delivery SET state = 'delivered', next_at = NULL, attempts = 2, delivered_at = now()"
        )
    await till.press(path, page.hidden())
    async with till.db.read() as tx:
        late = await merchants.find_delivery(tx, delivery.id)
    assert late is not None
    assert late.state is merchants.DeliveryState.DELIVERED, "a page of before sends nothing again"


async def test_other_shops_addresses_and_deliveries_are_not_there(till: Till) -> None:
    form, _ = await make_address(till)
    delivery = await a_delivery(till, form["id"], await till.sell(till.noodles, till.guest, 1280))
    path = f"/shop/webhooks/{form['id']}"
    for address in (
        path,
        f"{path}/deliveries/{delivery.id}",
        f"/shop/webhooks/{uuid4()}",
        f"{path}/deliveries/{uuid4()}",
    ):
        assert (await till.at_till(address, "zhao")).status == 404
    for address in (f"{path}/enable", f"{path}/delete"):
        assert (await till.press(address, {}, "zhao")).status == 404
    assert (await till.press(f"{path}/deliveries/{delivery.id}", {"expected": 1}, "zhao")).status == 404
    assert (await till.at_till(f"{path}/deliveries/{uuid4()}")).status == 404
    assert (await till.at_till(path)).status == 200
    assert "http://" not in (await till.at_till("/shop/webhooks", "zhao")).text


# orders


async def test_an_order_is_made_once_and_cancelled(till: Till) -> None:
    page = await till.at_till("/shop/orders")
    form = {**page.hidden(), "amount": "54", "description": "三碗面", "lasts": "120"}
    for _ in range(2):
        done = await till.press("/shop/orders", form)
        assert (done.status, done.to) == (303, f"/shop/orders/{form['id']}")
    listed = await till.at_till("/shop/orders")
    assert len(rows(listed)) == 1
    assert "三碗面" in rows(listed)[0]
    order = await till.at_till(f"/shop/orders/{form['id']}", lang="zh")
    for said in ("¥54.00", "待支付", "2026年11月23日 11:00:00", "¥0.16"):
        assert said in order.text, said
    assert (await till.press(f"/shop/orders/{form['id']}/cancel", {})).status == 303
    assert (await till.press(f"/shop/orders/{form['id']}/cancel", {})).status == 303
    assert "cancelled" in (await till.at_till(f"/shop/orders/{form['id']}")).text
    assert "No order yet." in (await till.at_till("/shop/orders?state=open")).text
    assert len(rows(await till.at_till("/shop/orders?state=cancelled"))) == 1


async def test_an_order_that_is_paid_is_not_cancelled(till: Till) -> None:
    order = await till.order(till.noodles, 5400)
    payment = await till.sell(till.noodles, till.guest, 5400, order_id=order.id)
    await till.events()
    refused = await till.press(f"/shop/orders/{order.id}/cancel", {})
    assert refused.status == 409
    assert "The order is paid, being paid, or cancelled." in refused.text
    assert f"/shop/payments/{payment}" in (await till.at_till(f"/shop/orders/{order.id}")).links()
    assert f"/shop/orders/{order.id}" in (await till.at_till(f"/shop/payments/{payment}")).links()


async def test_other_shops_orders_are_not_there(till: Till) -> None:
    order = await till.order(till.tea, 5400)
    assert (await till.at_till(f"/shop/orders/{order.id}")).status == 404
    assert (await till.press(f"/shop/orders/{order.id}/cancel", {})).status == 404
    assert (await till.order_now(order.id)).state is merchants.OrderState.OPEN
    assert "¥54.00" not in (await till.at_till("/shop/orders")).text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", ""),
        ("amount", "0"),
        ("amount", "x"),
        ("lasts", "0"),
        ("lasts", "1e9"),
        ("id", "x"),
        ("description", HOSTILE[-1]),
    ],
)
async def test_an_order_that_makes_no_sense_is_told_so(till: Till, field: str, value: str) -> None:
    page = await till.at_till("/shop/orders")
    form = {**page.hidden(), "amount": "54", "description": "面", "lasts": "30", field: value}
    assert (await till.press("/shop/orders", form)).status == 422
    async with till.db.read() as tx:
        assert await merchants.list_orders(tx, merchant_id=till.noodles.id) == []


async def test_what_an_order_is_for_is_shown_and_never_run(till: Till) -> None:
    for hostile in HOSTILE[:-1]:
        page = await till.at_till("/shop/orders")
        form = {**page.hidden(), "amount": "1", "description": hostile, "lasts": "30"}
        done = await till.press("/shop/orders", form)
        shown = await till.at_till(done.to)
        assert "<script>alert" not in shown.html
        assert hostile.split()[0] in shown.text


# both languages


async def test_every_page_is_chinese_on_a_chinese_page(till: Till) -> None:
    payment = await three_days(till)
    held = await till.sell(till.noodles, till.guest, 5000, capture=payments.Capture.MANUAL)
    form, _ = await make_address(till)
    delivery = await a_delivery(till, form["id"], payment)
    order = await till.order(till.noodles, 5400)
    (settlement,) = await till.lines("/shop/settlements?format=csv")
    for path in (
        "/shop", "/shop/payments", f"/shop/payments/{payment}", f"/shop/payments/{held}", "/shop/takings",
        f"/shop/takings/{MONDAY}", "/shop/settlements", f"/shop/settlements/{settlement['id']}", "/shop/webhooks",
        f"/shop/webhooks/{form['id']}", f"/shop/webhooks/{form['id']}/deliveries/{delivery.id}", "/shop/orders",
        f"/shop/orders/{order.id}",
    ):  # fmt: skip
        chinese, english = await till.at_till(path, lang="zh"), await till.at_till(path)
        assert (chinese.status, english.status) == (200, 200), path
        assert not LATIN_SENTENCE.search(chinese.text), (path, LATIN_SENTENCE.search(chinese.text))
        assert chinese.headers["content-language"] == "zh-Hans-CN"
        assert chinese.html.count("<h1") == english.html.count("<h1") == 1, path
        assert len(chinese.html.encode()) < 150 * 1024, path
        assert len(re.findall(r"class=\"(?:button )?act\"", english.html)) <= 1, path
