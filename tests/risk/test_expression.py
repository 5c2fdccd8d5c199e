"""What analysts may write, what they are told where they err, and that a closure and SQL answer alike."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tongbao.risk.expression import check
from tongbao.risk.expression_code import compiled
from tongbao.risk.expression_error import CODES, ExpressionError
from tongbao.risk.expression_model import Checked, Kind, Sort, Unit
from tongbao.risk.expression_sql import written

CATALOGUE = {
    "amount_minor": Kind(Sort.INT, Unit.MONEY),
    "spent": Kind(Sort.INT, Unit.MONEY),
    "n": Kind(Sort.INT),
    "m": Kind(Sort.INT),
    "age": Kind(Sort.INT, Unit.SECONDS),
    "known": Kind(Sort.BOOL),
    "weekend": Kind(Sort.BOOL),
    "method": Kind(Sort.TEXT),
    "payee": Kind(Sort.TEXT, Unit.ACCOUNT),
    "currency": Kind(Sort.TEXT),
}
COLUMNS = tuple(CATALOGUE)
LISTS = {"watched": Unit.ACCOUNT, "nobody": Unit.ACCOUNT, "phones": Unit.DEVICE, "ways": Unit.PLAIN}
MEMBERS = {"watched": {"a", "b"}, "nobody": set[str](), "phones": {"a"}, "ways": {"q*", "*'s", "usd", "100%_!*"}}
USUAL: dict[str, Any] = {
    "amount_minor": 60_000, "spent": 0, "n": 3, "m": 0, "age": 500, "known": False, "weekend": True,
    "method": "qr", "payee": "a", "currency": "CNY",
}  # fmt: skip


def answer(source: str, **changed: Any) -> bool:
    test = compiled(check(source, CATALOGUE, LISTS), COLUMNS, MEMBERS)
    return test([(USUAL | changed)[name] for name in COLUMNS])


def attempt(source: str) -> Checked | ExpressionError:
    try:
        return check(source, CATALOGUE, LISTS)
    except ExpressionError as error:
        return error


@pytest.mark.parametrize(
    "source",
    [
        "amount_minor > 500.00 CNY and (n >= 5 or not known)",
        "AMOUNT_MINOR >= 600 cny AND method IN ('qr', 'card')",
        "n between 3 and 1 + 3 and weekend",
        "n not between 4 and 9",
        "payee in watched and payee not in nobody",
        "amount_minor / n = 200 CNY",
        "amount_minor / 200 CNY = n",
        "amount_minor * 2 > 1,000.00 CNY",
        "age < 10 minutes and age >= 1 second and age <> 7 days",
        "n / m is null and n is not null",
        "-n < 0 and - 7 / 2 = -3",
        "known = false and weekend <> false",
        "spent = 0",
        "n in (1, 1 + 2)",
        "method <> 'it''s'",
        "method\n  = 'qr'",
    ],
)
def test_an_analyst_writes_what_he_knows_from_sql(source: str) -> None:
    assert answer(source) is True
    assert answer(f"not ({source})") is False


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("n > 1", {"n": None}),
        ("n <> 1", {"n": None}),
        ("known", {"known": None}),
        ("payee in watched", {"payee": None}),
        ("method in ('qr')", {"method": None}),
        ("n / m > 0", {}),
        ("n / m <= 0", {}),
        ("amount_minor > 1 CNY", {"currency": "JPY"}),
        ("n > 1 and m > 1", {"n": 5, "m": None}),
        ("n > 9 or m > 1", {"m": None}),
    ],
)
def test_what_is_unknown_never_hits_nor_does_its_contrary(source: str, changed: dict[str, Any]) -> None:
    assert answer(source, **changed) is False
    assert answer(f"not ({source})", **changed) is False


def test_a_known_side_decides_where_it_can() -> None:
    assert answer("n > 1 or m > 1", m=None) is True
    assert answer("not (n > 9 and m > 1)", m=None) is True


WRONG = {
    "empty": ("  ", 0),
    "too_long": ("n > 1" + " " * 2_000, 2_000),
    "too_deep": ("not " * 40 + "known", 128),
    "too_large": (" or ".join(["n > 1"] * 80), None),
    "hidden_character": ("n\u200b > 1", 1),
    "character": ("n ＞ 1", 2),
    "text_open": ("method = 'qr", 9),
    "mixed_script": ("method = 'p\u0430y'", 9),
    "not_understood": ("n > 1 'x'", 6),
    "unfinished": ("n > ", 3),
    "bracket_open": ("((n > 1)", 0),
    "name_unknown": ("n > 1 and salary > 2", 10),
    "name_near": ("amount_mino > 5.00 CNY", 0),
    "list_unknown": ("payee in friends", 9),
    "list_kind": ("payee in phones", 9),
    "list_of_name": ("n in watched", 0),
    "currency_unknown": ("amount_minor > 5 QQQ", 17),
    "decimals": ("n > 1.5", 4),
    "too_precise": ("amount_minor > 5.123 CNY", 15),
    "number_large": ("n > 9999999999999999", 4),
    "grows_too_large": ("n * n * n > 1", 0),
    "needs_condition": ("n", 0),
    "needs_number": ("method + 1 > 2", 0),
    "needs_same": ("n > 'x'", 4),
    "needs_amount": ("amount_minor > 500", 15),
    "needs_span": ("age > 60", 6),
    "two_units": ("amount_minor > age", 15),
    "two_currencies": ("amount_minor > 1 CNY + 1 USD", 23),
    "text_order": ("method > 'a'", 0),
    "truth_compared": ("known = weekend", 0),
    "null_compared": ("n = null", 4),
    "chained": ("1 < n < 5", 4),
    "double_equal": ("n == 1", 2),
    "division_by_zero": ("n / (2 - 2) > 1", 5),
    "values_only": ("n in (1, m)", 9),
    "between_and": ("n between 1", 11),
}


def test_every_error_has_its_story() -> None:
    assert set(WRONG) == set(CODES)


@pytest.mark.parametrize("code", WRONG)
def test_an_author_is_told_what_is_wrong_and_where(code: str) -> None:
    source, place = WRONG[code]
    with pytest.raises(ExpressionError) as caught:
        check(source, CATALOGUE, LISTS)
    assert caught.value.code == code
    assert place is None or caught.value.place == place
    assert "%(" not in caught.value.said("zh") + caught.value.said("en")


def test_the_place_counts_lines() -> None:
    with pytest.raises(ExpressionError) as caught:
        check("n > 1\nand salary > 2", CATALOGUE, LISTS)
    assert caught.value.said("en").startswith("Line 2, character 5: ")


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os')",
        "().__class__",
        "v0 > 1",
        "between(1, 2)",
        "n.real > 1",
        "n[0] > 1",
        "lambda: n",
        "n if known else m",
        "[x for x in n]",
        "n > 1; n > 2",
        "n > 1 -- known",
        "f'{n}' = 'a'",
        "n ** 2 > 1",
        "(n := 1) > 0",
        "print('a')",
        "*n > 1",
        "n in (*n)",
        "n > 1 and",
        "\x00",
        "n > \ud800",
        "(" * 1_000,
        "-" * 1_999,
        "not " * 499,
        "(" * 300 + "n" + ")" * 300,
        "n between between 1 and 2 and 3",
    ],
)
def test_nothing_else_gets_through(source: str) -> None:
    with pytest.raises(ExpressionError):
        check(source, CATALOGUE, LISTS)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("nm known'age 1.5()=<>+-*/,\n\x00_notandorbetweeis CNYＡа")), max_size=60))
def test_whatever_is_typed_is_checked_or_refused_with_a_place(source: str) -> None:
    found = attempt(source)
    if isinstance(found, ExpressionError):
        assert 0 <= found.place <= len(source)
        assert found.said("zh")


_number = st.recursive(
    st.one_of(st.sampled_from(["n", "m"]), st.integers(0, 5).map(str)),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("+-/"), inner)
        | st.builds("(-{})".format, inner)
        | st.builds("({} * {})".format, inner, st.sampled_from(["2", "m"]))
    ),
    max_leaves=4,
)
_order = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
_simple = st.one_of(
    st.builds("{} {} {}".format, _number, _order, _number),
    st.builds("{} {}between {} and {}".format, _number, st.sampled_from(["", "not "]), _number, _number),
    st.builds("{} is {}null".format, _number, st.sampled_from(["", "not "])),
    st.builds("{} {}in (1, 2, -1)".format, _number, st.sampled_from(["", "not "])),
    st.builds("amount_minor {} {}.50 CNY".format, _order, st.integers(0, 3)),
    st.builds("amount_minor + spent {} {} USD".format, _order, st.integers(0, 3)),
    st.builds("amount_minor / spent {} {}".format, _order, st.integers(-1, 2)),
    st.builds("age {} {} {}".format, _order, st.integers(0, 3), st.sampled_from(["seconds", "minutes"])),
    st.sampled_from(["known", "known = false", "weekend <> false", "known is null", "weekend is not null"]),
    st.sampled_from(["method = 'qr'", "method <> 'it''s'", "method not in ('qr', 'x')", "method = payee"]),
    st.sampled_from(["payee in watched", "payee not in nobody", "payee in nobody", "payee is null"]),
    st.sampled_from(["method in ways", "method not in ways", "currency in ways"]),
)
_conditions = st.recursive(
    _simple,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=6,
)
_maybe_int = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([50, 60, 120, 150, 2**62, -(2**62)]))
_rows = st.lists(
    st.tuples(
        *[_maybe_int] * 5,
        *[st.sampled_from([None, True, False])] * 2,
        st.sampled_from([None, "qr", "it's", "a", "100%_!x", "100ab!x"]),
        st.sampled_from([None, "a", "c"]),
        st.sampled_from([None, "CNY", "USD"]),
    ),
    min_size=8,
    max_size=8,
)


@pytest.fixture(scope="module")
def history() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    types = {Sort.INT: "BIGINT", Sort.BOOL: "BOOLEAN", Sort.TEXT: "VARCHAR"}
    connection.execute(
        f"CREATE TABLE paid (place INTEGER, {', '.join(f'{n} {types[k.sort]}' for n, k in CATALOGUE.items())})"
    )
    connection.execute("CREATE TABLE risk_list (list_name VARCHAR, member VARCHAR)")
    connection.executemany(
        "INSERT INTO risk_list VALUES (?, ?)", [(name, one) for name, all_ in MEMBERS.items() for one in all_]
    )
    return connection


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=_conditions, rows=_rows)
def test_a_closure_and_sql_answer_alike(
    history: duckdb.DuckDBPyConnection, source: str, rows: list[tuple[Any, ...]]
) -> None:
    checked = attempt(source)
    if isinstance(checked, ExpressionError):
        assert checked.code in ("division_by_zero", "grows_too_large", "too_large")
        return
    test, contrary = (
        compiled(checked, COLUMNS, MEMBERS),
        compiled(check(f"not ({source})", CATALOGUE, LISTS), COLUMNS, MEMBERS),
    )
    history.execute("DELETE FROM paid")
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    history.executemany(f"INSERT INTO paid VALUES ({marks})", [(n, *row) for n, row in enumerate(rows)])
    found = history.execute(f"SELECT {written(checked)} FROM paid ORDER BY place").fetchall()
    by_closure = [True if test(row) else False if contrary(row) else None for row in rows]
    assert [truth for (truth,) in found] == by_closure


@pytest.mark.parametrize(
    ("method", "is_met"), [("qr", True), ("ＱＲ", True), (" q ", True), ("card", False), ("aq", False), ("it's", True)]
)
def test_words_of_a_list_are_met_however_they_are_typed(method: str, is_met: bool) -> None:
    for _ in range(2):
        assert answer("method in ways", method=method) is is_met
        assert answer("method not in ways", method=method) is not is_met
    assert answer("currency in ways", currency="USD")


def test_a_closure_reaches_nothing_but_its_row() -> None:
    source = "amount_minor / n > 5.00 CNY and payee in watched and method in ('qr', 'card')"
    test: Any = compiled(check(source, CATALOGUE, LISTS), COLUMNS, MEMBERS)
    assert test.__globals__["__builtins__"] == {}
    assert test.__code__.co_names == ()
