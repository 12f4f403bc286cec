"""A profile's document: what it may hold, and what is said of one that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from livedash_pipeline.intake.rules.csv_layout import COLUMNS
from livedash_pipeline.intake.rules.profiles.csv_profile import SEED_PROFILE, CsvProfile
from livedash_pipeline.intake.rules.profiles.documents import BadProfileError, read_profile

NAMED = {"header": True, "columns": {"external_session_id": "ID", "start_time": ["Date", "Time"]}}


def test_a_document_comes_back_as_it_went_in() -> None:
    document = {
        "version": 1,
        "delimiter": ";",
        **NAMED,
        "times": ["%d/%m/%Y %H:%M"],
        "yes": ["Sí"],
        "nothing": ["NULL"],
    }
    profile = read_profile(CsvProfile, document)
    assert profile.document() == document
    assert read_profile(CsvProfile, profile.document()) == profile
    assert profile.sources() == {"external_session_id": ("ID",), "start_time_raw": ("Date", "Time")}
    assert profile.digest() != SEED_PROFILE.digest()


def test_nothing_is_the_seeds_file() -> None:
    assert read_profile(CsvProfile, {}) == SEED_PROFILE
    assert list(SEED_PROFILE.sources()) == list(COLUMNS)
    assert SEED_PROFILE.document() == {"version": 1}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "object"),
        ({"version": 2}, "version"),
        ({"colums": {}}, "colums"),
        ({"header": "yes"}, "header"),
        ({"delimiter": ",,"}, "delimiter: ',,' cannot separate"),
        ({"delimiter": "a"}, "cannot separate"),
        ({"delimiter": "\n"}, "cannot separate"),
        ({"quote": "`"}, "quote"),
        ({"encoding": "latin-17"}, "no encoding of text files"),
        ({"encoding": "base64"}, "no encoding of text files"),
        ({"encoding": "idna"}, "no encoding of text files"),
        ({"encoding": "a\0b"}, "no encoding of text files"),
        ({"times": ["%d.%m"]}, "no day, month and year"),
        ({"nothing": [" "]}, "no word"),
        ({"nothing": ["x"] * 501}, "501 words"),
        ({"categories": {"": "x"}, **NAMED}, "no word"),
        ({"header": True}, "give `columns`"),
        ({"format": "xlsx"}, "give `columns`"),
        ({"columns": {"external_session_id": 1}}, "lacks start_time"),
        ({"columns": {"external_session_id": 1, "start_time": 2, "begin": 3}}, "columns has 'begin'"),
        ({"columns": {"external_session_id": 1, "start_time": 0}}, "positions go from 1"),
        ({"columns": {"external_session_id": 1, "start_time": []}}, "joins 0 columns"),
        ({"columns": {"external_session_id": "ID", "start_time": 2}}, "without a header"),
        ({"format": "jsonl", "columns": {"external_session_id": 1, "start_time": "at"}}, "JSON has names"),
        ({**NAMED, "decimal": ",", "thousands": ","}, "the same sign"),
        ({"skip_lines": -1}, "skip_lines"),
        ({"thousands": "."}, "the same sign"),
        ({"delimiter": "\\", "escape": "\\"}, "a quote or an escape as well"),
        ({"time_zone": "Mars/Base"}, "no time zone"),
        ({"sheet": "a\0"}, "sheet"),
        ({"header": True, "columns": {"external_session_id": "a\0", "start_time": "b"}}, "no name of 1 to"),
    ],
)
def test_what_cannot_be_is_said_with_its_field(document: Any, said: str) -> None:
    with pytest.raises(BadProfileError) as caught:
        read_profile(CsvProfile, document)
    assert said in str(caught.value)
