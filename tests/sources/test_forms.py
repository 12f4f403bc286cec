"""What a file is instead of a CSV is told by its first bytes, and no CSV is taken for something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT
from livedash_pipeline.sources.forms import SEPARATORS, other_form
from tests.support.csv_rows import csv_line

RECORD = csv_line("id-1", "01.05.2025 10:00:00", "01.05.2025 10:00:59", initial_message="hello; world\t| {x}")


@pytest.mark.parametrize(
    ("beginning", "said"),
    [
        (b"PK\x03\x04 rest", "Excel"),
        (b"\xd0\xcf\x11\xe0 rest", "old Excel"),
        (b"%PDF-1.7", "PDF"),
        (RECORD.encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + RECORD.encode("utf-16-be"), "UTF-16"),
        (RECORD.encode("utf-16-le"), "UTF-16"),
        (RECORD.encode("utf-16-be"), "UTF-16"),
        (b"<!doctype html><form>", "HTML"),
        (b"\xef\xbb\xbf \n<HTML lang=nl>", "HTML"),
        (b"<!-- moved --> <!-- twice\n-->\n<html>", "HTML"),
        (b"<script>location='/login'</script>", "HTML"),
        (b'<?xml version="1.0"?><chats/>', "XML"),
        (b'{"error": "unauthorized"}', "JSON"),
        (b'[\n  {"id": 1}]', "JSON"),
        (b"[]", "JSON"),
        (b"{}", "JSON"),
        (RECORD.replace(",", ";").encode(), "semicolons"),
        (RECORD.replace("\t", " ").replace(",", "\t").encode(), "tabs"),
        (b"\n" + RECORD.replace(",", "|").encode(), "vertical bars"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_forms_are_called_by_name(beginning: bytes, said: str) -> None:
    found = other_form(beginning)
    assert found is not None
    assert said in found.what
    assert found.remedy


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"\n\n",
        RECORD.encode(),
        b"\xef\xbb\xbf" + RECORD.encode(),
        RECORD.replace("hello", ";" * 40).encode(),
        b"[1]," + RECORD.encode(),
        b"{0196a1b2}," + RECORD.encode(),
        b"<id>," + RECORD.encode(),
        b"\0" + RECORD.encode(),
        b"x\n",
        b"id;of;one," + RECORD.encode(),
    ],
)
def test_a_csv_is_a_csv(beginning: bytes) -> None:
    assert other_form(beginning) is None


def test_a_record_has_so_many_separators() -> None:
    assert SEPARATORS == COLUMN_COUNT - 1


@given(st.binary(max_size=64))
def test_no_bytes_make_it_raise(beginning: bytes) -> None:
    other_form(beginning)


def test_a_profile_says_which_form_is_expected() -> None:
    tabbed, workbook, json_line = RECORD.replace(",", "\t").encode(), b"PK\x03\x04 rest", b'{"id": 1}\n'
    assert [other_form(each, "csv") is None for each in (tabbed, workbook, json_line)] == [True, False, True]
    assert [other_form(each, "jsonl") is None for each in (tabbed, workbook, json_line)] == [True, False, True]
    assert [other_form(each, "xlsx") is None for each in (tabbed, workbook, json_line)] == [False, True, False]
    assert all(other_form(each, "any") is None for each in (tabbed, workbook, json_line))
    for expected in ("csv", "jsonl", "xlsx", "any"):
        assert other_form(b"%PDF-1.7", expected) is not None
    assert other_form(b"<html>", "any") is not None
