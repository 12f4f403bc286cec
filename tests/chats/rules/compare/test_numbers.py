"""Numbers, read as the countries that write them do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.compare.folding import fold
from livedash_pipeline.chats.rules.compare.numbers import find_numbers, same_numbers


def values(text: str) -> list[str]:
    return sorted("/".join(sorted(readings)) for readings in find_numbers(fold(text)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("none", []),
        ("1,234.56", ["1234.56"]),
        ("1.234,56", ["1234.56"]),
        ("1 234,56", ["1234.56"]),
        ("1\u202f234,56", ["1234.56"]),
        ("1’234.56", ["1234.56"]),
        ("1,234,567 and 1.234.567", ["1234567"]),
        ("1'234", ["1234"]),
        ("12 345 678", ["12345678"]),
        ("1,00,000.50", ["100000.5"]),
        ("12,34,567", ["1234567"]),
        ("1,234 1.234", ["1.234/1234"]),
        ("0.125; 12,5; 1234.567", ["0.125", "12.5", "1234.567"]),
        ("5, 5.0 and 05", ["5"]),
        ("0 0.0 -0", ["0"]),
        ("5 % of €5, 5th", ["5"]),
        ("-5 (-6) −7 -€8", ["-5", "-6", "-7", "-8"]),
        ("10-12 covid-19 f(x)-3", ["10", "12", "19", "3"]),
        ("-1,234", ["-1.234/-1234"]),
        ("1.2.3", ["1.2.3"]),
        ("5'11", ["5'11"]),
        ("1.234,567,890", ["1.234,567,890"]),
        ("12,34.5", ["12,34.5"]),
        ("5 100 20", ["100", "20", "5"]),
        ("2024 100", ["100", "2024"]),
        ("12, 345", ["12", "345"]),
        ("١٬٢٣٤٫٥٦ १२३ ３", ["123", "1234.56", "3"]),
    ],
)
def test_a_number_is_found_with_its_readings(text: str, found: list[str]) -> None:
    assert values(text) == found


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("1,234", "1234", True),
        ("1,234", "1.234", True),
        ("1,234.5", "1234", False),
        ("1,234", "1235", False),
        ("5 6 5", "6 5", True),
        ("5", "5 6", False),
        ("5 6", "5", False),
        ("", "", True),
        ("-5", "5", False),
    ],
)
def test_numbers_are_the_same_where_they_can_be(a: str, b: str, same: bool) -> None:
    assert same_numbers(find_numbers(fold(a)), find_numbers(fold(b))) is same


@given(st.integers(0, 10**15), st.integers(0, 99))
def test_every_country_writes_the_same_number(whole: int, cents: int) -> None:
    english = f"{whole:,}.{cents:02}"
    others = [
        english.translate(str.maketrans(",.", ".,")),
        english.replace(",", " ").replace(".", ","),
        english.replace(",", "'"),
        f"{whole}.{cents:02}",
        english.translate({ord(str(digit)): chr(0x0966 + digit) for digit in range(10)}),
    ]
    assert [values(text) for text in others] == [values(english)] * len(others)


@given(st.text(st.sampled_from("0123.,' -€a"), max_size=12))
def test_any_text_has_numbers_without_needless_zeros(text: str) -> None:
    for readings in find_numbers(text):
        assert readings
        assert same_numbers({readings}, {readings})
