"""Tables as files, read back by other people's readers: CSV, openpyxl, pypdf."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from tongbao.base.money import LARGEST_MINOR
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.web import export as exports
from tongbao.web import fonts, xlsx
from tongbao.web.export import FileForm, export
from tongbao.web.sheet import clean
from tongbao.web.tables import COUNT, DATE, MOMENT, MONEY, Column, Reading

SHANGHAI = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 22, 6, 3, 5, tzinfo=UTC)
CHINESE = next((path for path in fonts._CHINESE if Path(path).is_file()), None)
LATIN = next((path for path in fonts._OTHER if Path(path).is_file()), None)
needs_chinese = pytest.mark.skipif(CHINESE is None, reason="this machine has no Chinese font")


def words(state: str, lang: Lang) -> str:
    return {"paid": "支付成功"}.get(state, state) if lang == "zh" else state


COLUMNS = (
    Column("at", "When", "时间", MOMENT),
    Column("day", "Booked on", "记账日", DATE),
    Column("who", "Who", "户名"),
    Column("amount", "Amount", "金额", MONEY, currency_from="currency", signed=True, total=True),
    Column("currency", "Currency", "币种"),
    Column("times", "Times", "次数", COUNT, total=True),
    Column("state", "State", "状态", words=words),
    Column("id", "Id", "编号", printed=False),
)


def row(
    who: str | None = "王小明", amount: int | None = -123450, currency: str = "CNY", **other: Any
) -> tuple[Any, ...]:
    usual = {"at": AT, "day": date(2026, 11, 22), "times": 1234, "state": "paid", "id": 7}
    given = {**usual, "who": who, "amount": amount, "currency": currency, **other}
    return tuple(given[column.key] for column in COLUMNS)


async def given_rows(rows: Iterable[Sequence[Any]]) -> AsyncIterator[Sequence[Any]]:
    for one in rows:
        yield one


async def made(
    rows: Iterable[Sequence[Any]], form: FileForm, lang: Lang = "zh", columns: Sequence[Column] = COLUMNS, **other: Any
) -> Any:
    title = "付款记录" if lang == "zh" else "Payments"
    around = {"settings": Settings(), "name": "payments", "title": title, **other}
    return await export(columns, given_rows(rows), form=form, at=AT, lang=lang, **around)


async def as_csv(rows: Iterable[Sequence[Any]], lang: Lang = "zh") -> list[list[str]]:
    answer = await made(rows, "csv", lang)
    text = b"".join([piece async for piece in answer.iterator]).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


async def as_book(rows: Iterable[Sequence[Any]], lang: Lang = "zh", **other: Any) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO((await made(rows, "xlsx", lang, **other)).content))


async def as_pages(rows: Iterable[Sequence[Any]], lang: Lang = "zh", **other: Any) -> list[str]:
    answer = await made(rows, "pdf", lang, **other)
    assert answer.media_type == "application/pdf"
    return [page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages]


def cells(book: openpyxl.Workbook, sheet: int = 0) -> list[list[Any]]:
    return [[cell.value for cell in line] for line in book.worksheets[sheet].rows]


# What each file is for


async def test_csv_speaks_to_programs_in_either_language() -> None:
    lines = await as_csv([row(), row(None, None)], "zh")
    assert lines == await as_csv([row(), row(None, None)], "en")
    assert lines[0] == [column.key for column in COLUMNS]
    assert lines[1] == ["2026-11-22T14:03:05+08:00", "2026-11-22", "王小明", "-1234.50", "CNY", "1234", "paid", "7"]
    assert lines[2][2:4] == ["", ""]


async def test_a_workbook_holds_numbers_days_and_moments_that_can_be_reckoned_with() -> None:
    book = await as_book([row(), row("兰州拉面", 1250, "JPY")], facts=[("账号", "9000100000000012345")])
    assert book.sheetnames == ["付款记录", "说明"]
    head, first, second = cells(book)
    assert head == ["时间", "记账日", "户名", "金额", "币种", "次数", "状态", "编号"]
    assert first == [
        datetime(2026, 11, 22, 14, 3, 5),
        datetime(2026, 11, 22),
        "王小明",
        -1234.5,
        "CNY",
        1234,
        "支付成功",
        "7",
    ]
    assert second[3] == 1250
    sheet = book.worksheets[0]
    assert sheet["D2"].number_format == '+"¥"#,##0.00;-"¥"#,##0.00;"¥"#,##0.00'
    assert sheet["D3"].number_format == '"JPY "+#,##0;"JPY "-#,##0;"JPY "#,##0'
    assert sheet["A2"].number_format == 'yyyy"年"m"月"d"日" hh:mm:ss'
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:H3")
    assert cells(book, 1) == [["付款记录", None], ["账号", "9000100000000012345"]]
    assert (book.properties.title, book.properties.creator) == ("付款记录", "通宝银行")


async def test_a_workbook_in_english() -> None:
    book = await as_book([row()], "en", settings=Settings(bank_name="Bank of Amoy"))
    assert book.sheetnames == ["Payments", "About"]
    assert cells(book)[0][:3] == ["When", "Booked on", "Who"]
    assert book.worksheets[0]["B2"].number_format == "d mmm yyyy"
    assert book.properties.creator == "Bank of Amoy"


@needs_chinese
async def test_paper_in_chinese() -> None:
    facts = [("户名", "王小明"), ("账号", "9000100000000012345"), ("期初余额", "¥0.00")]
    (page,) = await as_pages([row(), row("兰州拉面", 1250)], facts=facts, note="如有疑问，请联系本行。")
    for said in (
        "通宝银行",
        "付款记录",
        "2026年11月22日 14:03:05",
        "户名 王小明",
        "账号 9000100000000012345",
        "兰州拉面",
        "-¥1,234.50",
        "+¥12.50",
        "支付成功",
        "合计",
        "-¥1,222.00",
        "—— 以下空白 ——",
        "如有疑问，请联系本行。",
        "第 1 页，共 1 页",
    ):
        assert said in page, page
    assert "编号" not in page, "a column that is not printed"


@needs_chinese
async def test_paper_in_english() -> None:
    (page,) = await as_pages([row("Ann Lee", 1250)], "en")
    for said in ("Tongbao Bank", "Payments", "22 Nov 2026", "Ann Lee", "+¥12.50", "Total", "Page 1 of 1", "1,234"):
        assert said in page, page


@needs_chinese
async def test_a_document_says_what_it_is() -> None:
    reader = PdfReader(io.BytesIO((await made([row()], "pdf")).content))
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("付款记录", "通宝银行")
    assert reader.metadata.creation_date == AT
    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == "zh-CN"
    fonts_of_page: Any = reader.pages[0]["/Resources"]
    (font,) = fonts_of_page["/Font"].values()
    assert "/FontFile2" in font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()


@needs_chinese
@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_an_empty_table_is_said_to_be_empty(lang: Lang) -> None:
    (page,) = await as_pages([], lang)
    assert ("没有符合条件的记录" if lang == "zh" else "There is nothing to show") in page
    assert "合计" not in page
    assert "Total" not in page
    assert len(cells(await as_book([], lang))) == 1
    assert len(await as_csv([], lang)) == 1


# What must not happen

DANGEROUS = ("=1+1", '=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "#REF!")


async def test_nothing_that_a_customer_wrote_is_a_formula() -> None:
    book = await as_book([row(text) for text in DANGEROUS])
    found = book.worksheets[0]["C"][1:]
    assert [cell.value for cell in found] == [text.replace("\r", "\n") for text in DANGEROUS]
    assert {cell.data_type for cell in found} == {"s"}
    assert all(cell.quotePrefix for cell in found)
    for line in (await as_csv([row(text) for text in DANGEROUS[:-1]]))[1:]:
        assert line[2].startswith("'")
        assert line[3] == "-1234.50", "a number stays a number"


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
@needs_chinese
async def test_odd_texts_break_no_file(form: FileForm) -> None:
    odd = [
        "李" * 3000,
        "A\x00B\x1f\x0bC\ud800\ufffe",
        "<b>&amp;\"']]>",
        "שלום (محمد) 123",
        "👩‍👩‍👧 \U0001f35c\ufe0f",
        "\u202egnp.exe\u202c",
        "𠮷野家 𪚥",
        "e\u0301\u0301\u0301",
        "",
        "\u3000 \n\r\n\t",
    ]
    rows = [row(text.encode("utf-8", "replace").decode() if form == "csv" else text) for text in odd]
    if form == "csv":
        assert len(await as_csv(rows)) == len(odd) + 1
    elif form == "xlsx":
        found = [line[2] for line in cells(await as_book(rows))[1:]]
        assert found[1] == "A\ufffdB\ufffd\ufffdC\ufffd\ufffd"
        assert found[2:4] == odd[2:4]
        assert found[4] == odd[4]
    else:
        text = "\n".join(await as_pages(rows))
        assert "\u202e" not in text, "nothing turns the reader's line around"
        for said in ("gnp.exe", "🍜", "𠮷野家", '<b>&amp;"', "…"):
            assert said in text, text


async def test_what_looks_like_an_escape_of_the_format_stays_what_it_is() -> None:
    file = (await made([row("_x0041_ _x00_ x0041_")], "xlsx")).content
    # ECMA-376 part 1, 22.9.2.19: an underscore before xHHHH_ is itself escaped; a spreadsheet shows `_x0041_`.
    assert _cell(file, "C2") == "_x005F_x0041_ _x00_ x0041_"


async def test_what_looks_like_markup_of_the_format_stays_what_it_is() -> None:
    formula = '<r><t>a</t></r></is></c><c r="Z9"><f>1+1</f></c><c r="Z8" t="inlineStr"><is><r><t>b</t></r>'
    texts = [formula, "<r></r>", "<r> _x0041_\n</r>", "<r>a", "a</r>"]
    book = await as_book([row(text) for text in texts])
    found = book.worksheets[0]["C"][1:]
    assert [str(cell.value).replace("_x005F_", "_") for cell in found] == texts
    assert {cell.data_type for cell in found} == {"s"}
    assert all(cell.quotePrefix for cell in found)
    assert book.worksheets[0].max_column == len(COLUMNS), "no cell beside the table"


@pytest.mark.parametrize("title", ["[a]:b*c?d/e\\f'", "About", "about", "𠮷" * 40, "", "'", "a\nb\x00"])
async def test_any_title_names_a_sheet(title: str) -> None:
    book = await as_book([row()], "en", title=title)
    tab, about = book.sheetnames
    assert about == "About"
    assert 0 < len(tab.encode("utf-16-le")) // 2 <= 31


async def test_a_cell_that_is_too_long_for_a_spreadsheet_is_cut() -> None:
    (_, line) = cells(await as_book([row("𠮷" * 40_000)]))
    assert len(line[2].encode("utf-16-le")) // 2 <= 32_767
    assert line[2].endswith("𠮷…")


@given(st.integers(-LARGEST_MINOR, LARGEST_MINOR), st.sampled_from(["CNY", "JPY", "KWD", "USD"]))
def test_no_amount_loses_a_cent(amount: int, currency: str) -> None:
    reading = Reading(COLUMNS, lang="en", zone=SHANGHAI, currency="CNY")
    book = xlsx.Workbook(reading, "Amounts")
    book.add([row(amount=amount, currency=currency)])
    written = _cell(book.done([], bank="", at=AT), "D2")
    digits = {"CNY": 2, "JPY": 0, "KWD": 3, "USD": 2}[currency]
    assert Decimal(written) * 10**digits == amount
    if abs(amount) < 10**15:
        # What a spreadsheet makes of it: the nearest binary number, shown with fifteen digits.
        assert Decimal(f"{float(written):.15g}") == Decimal(written)


def _cell(file: bytes, place: str) -> str:
    sheet = ElementTree.fromstring(zipfile.ZipFile(io.BytesIO(file)).read("xl/worksheets/sheet1.xml"))
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    (cell,) = (cell for cell in sheet.iter(f"{space}c") if cell.get("r") == place)
    return next(part.text or "" for part in cell.iter() if part.tag in (f"{space}v", f"{space}t"))


async def test_an_amount_beyond_a_spreadsheets_digits_is_text() -> None:
    book = await as_book([row(amount=LARGEST_MINOR), row(amount=10**15 - 1)])
    large, exact = book.worksheets[0]["D2"], book.worksheets[0]["D3"]
    assert (large.value, large.data_type) == ("90071992547409.91", "s")
    assert (exact.value, exact.data_type) == (9999999999999.99, "n")


async def test_days_before_a_spreadsheets_calendar_are_text() -> None:
    old = datetime(1899, 5, 1, tzinfo=SHANGHAI)
    (_, line) = cells(await as_book([row(day=date(1900, 2, 28), at=old)]))
    assert line[1] == "1900-02-28"
    assert line[0].startswith("1899-05-01 ")
    (_, line) = cells(await as_book([row(day=date(1900, 3, 1), at=datetime(2026, 1, 1, 23, 59, 59, tzinfo=SHANGHAI))]))
    assert line[:2] == [datetime(2026, 1, 1, 23, 59, 59), datetime(1900, 3, 1)]


# Bounds


@needs_chinese
async def test_ten_thousand_lines_are_printed_and_not_one_more() -> None:
    columns = (Column("n", "Number", "序号", COUNT), Column("amount", "Amount", "金额", MONEY, total=True))
    pages = await as_pages([(n, n) for n in range(10_000)], columns=columns)
    assert len(pages) > 100
    assert f"第 1 页，共 {len(pages)} 页" in pages[0]
    assert "序号 金额" in pages[-1], "each page has the columns' titles"
    assert "¥499,950.00" in pages[-1], "the sum of all"
    printed = [
        int(line.split()[0].replace(",", "")) for page in pages for line in page.splitlines() if line[0].isdigit()
    ]
    assert printed == list(range(10_000))
    with pytest.raises(Refusal) as refused:
        await as_pages([(n, n) for n in range(10_001)], columns=columns)
    assert refused.value.code == "export_too_large"


async def test_a_workbook_takes_no_more_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exports.MOST, "xlsx", 2500)
    assert len(cells(await as_book([row()] * 2500))) == 2501
    with pytest.raises(Refusal) as refused:
        await as_book([row()] * 2501)
    assert refused.value.code == "export_too_large"
    assert len(await as_csv([row()] * 2501)) == 2502, "CSV has no bound"


@pytest.mark.parametrize("finished", [True, False])
def test_a_workbook_leaves_nothing_on_the_disk(finished: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with closing(xlsx.Workbook(Reading(COLUMNS, lang="en", zone=SHANGHAI, currency="CNY"), "Payments")) as book:
        book.add([row()] * 5000)
        assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) > 100_000, "rows wait there"
        if finished:
            assert len(cells(openpyxl.load_workbook(io.BytesIO(book.done([], bank="", at=AT))))) == 5001
    assert list(tmp_path.iterdir()) == []


def test_whoever_knows_the_number_beforehand_is_refused_beforehand() -> None:
    exports.refuse_too_many("csv", 10**9)
    exports.refuse_too_many("xlsx", 100_000)
    with pytest.raises(Refusal) as refused:
        exports.refuse_too_many("pdf", 10_001)
    assert refused.value.code == "export_too_large"


@needs_chinese
async def test_files_are_made_two_at_a_time_while_the_process_goes_on_answering() -> None:
    under_way = most = 0

    async def slow_rows() -> AsyncIterator[Sequence[Any]]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(50):
            await asyncio.sleep(0)
            yield row()
        under_way -= 1

    forms: list[FileForm] = ["xlsx", "pdf"] * 4
    around: Any = {"settings": Settings(), "name": "n", "title": "付款记录", "at": AT}
    done = asyncio.gather(*(export(COLUMNS, slow_rows(), form=form, **around) for form in forms))
    turns = 0
    while not done.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(await done) == 8
    assert most == 2
    assert turns > 100, "the loop was not held up"


# Fonts


async def test_without_a_chinese_font_paper_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_CHINESE", ())
    monkeypatch.setattr(fonts, "_OTHER", ())
    with pytest.raises(Refusal) as refused:
        await as_pages([row()])
    assert (refused.value.code, refused.value.kind.status) == ("no_font", 501)


@pytest.mark.skipif(LATIN is None, reason="this machine has no such font")
async def test_a_font_without_chinese_prints_english_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_CHINESE", ())
    settings = Settings(bank_name="Bank of Amoy")
    assert "Ann Lee" in (await as_pages([row("Ann Lee")], "en", settings=settings))[0]
    with pytest.raises(Refusal) as refused:
        await as_pages([row("王小明")], "en", settings=settings)
    assert refused.value.code == "no_font"


@pytest.mark.parametrize("content", [None, b"", b"this is no font"])
async def test_a_configured_font_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "font.ttf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refusal) as refused:
        await as_pages([row("龘")], settings=Settings(pdf_font=str(path)))
    assert refused.value.code == "no_font"
    assert str(path) in (refused.value.detail or "")


@needs_chinese
def test_letters_are_drawn_once_and_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts._kept.cache_clear()
    monkeypatch.setattr(fonts, "_KEPT_MOST", 20)
    asked: list[int] = []
    real = fonts._drawn

    def counted(codes: list[int], paths: Any) -> Any:
        asked.append(len(codes))
        return real(codes, paths)

    monkeypatch.setattr(fonts, "_drawn", counted)
    face = fonts.typeface("通宝银行")
    assert fonts.typeface("通宝银行").advances == face.advances
    assert fonts.typeface("通宝").advances.keys() < face.advances.keys()
    assert len([n for n in asked if n]) == 1
    for start in range(0x4E00, 0x4E00 + 36, 12):
        fonts.typeface(map(chr, range(start, start + 12)))
        (kept,) = [fonts._kept(fonts._paths(""))]
        assert len(kept) <= 20
    assert face.width("通宝", 10) == 20
    assert face.width("通宝", 9) == 18


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a b c"),
        ("\u202eabc", "abc"),
        ("a\u200db", "ab"),
        ("e\u0301", "é"),
        ("王\ufe00小明", "王小明"),
        ("\ud800x", "x"),
    ],
)
def test_a_text_on_paper_is_one_line_of_what_can_be_seen(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.fixture(autouse=True)
def _fresh_fonts() -> Iterator[None]:
    yield
    fonts._kept.cache_clear()
