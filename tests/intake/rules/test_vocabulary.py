from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.vocabulary import (
    country_code,
    language_code,
    sentiment_score,
    source_language,
    yes_or_no,
)
from livedash_pipeline.intake.rules.vocabulary_countries import COUNTRY_CODES, COUNTRY_NAMES
from livedash_pipeline.intake.rules.vocabulary_languages import LANGUAGE_CODES, LANGUAGE_NAMES


@pytest.mark.parametrize(
    ("word", "code"),
    [("NL", "NL"), ("nl", "NL"), ("USA", "US"), ("UK", "GB"), ("Holland", "NL"), ("België", "BE"), ("Frankreich", "FR"),
     ("Bosnia & Herzegovina", "BA"), ("United  States", "US"),
     ("NLD", "NL"), ("The Netherlands", "NL"), ("Pays-Bas", "NL"),
     ("Niederlande", "NL"),
     ("nl-NL", "NL"), ("en_US.UTF-8", "US"), ("zh-Hans-CN", "CN"),
     ("Turkey", "TR"), ("日本", "JP"),
     ("es-419", None),
     ("QQ", None), ("Atlantis", None), ("", None)],
)  # fmt: skip
def test_countries(word: str, code: str | None) -> None:
    assert country_code(word) == code


@pytest.mark.parametrize(
    ("word", "code"),
    [("english", "en"), ("Dutch", "nl"), ("NL", "nl"), ("nizozemski", "nl"), ("Turkish", "tr"), ("Bosnian", "bs"),
     ("français", "fr"), ("español", "es"), ("Valencian", "ca"), ("norwegian", "no"), ("klingon", None), ("xx", None)],
)  # fmt: skip
def test_languages(word: str, code: str | None) -> None:
    assert language_code(word) == code


@pytest.mark.parametrize(
    ("word", "code"),
    [("nl", "nl"), ("nl-NL", "nl"), ("pt_BR", "pt"), ("zh-Hans", "zh"), ("en_US.UTF-8", "en"), ("NLD", "nl"), ("dut", "nl"),
     ("Dutch", "nl"), ("pap", None), ("zzz", None), ("xx-YY", None), ("two words", None), ("", None)],
)  # fmt: skip
def test_languages_as_sources_write_them(word: str, code: str | None) -> None:
    assert source_language(word) == code


@pytest.mark.parametrize(
    ("word", "score"),
    [
        ("happy", "1.0"),
        ("Excited", "1.5"),
        ("neutraal", "0"),
        ("angry", "-1.0"),
        ("0.25", "0.25"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("9.5e-05", "9.5e-05"),
        ("1000", None),
        ("meh", None),
    ],
)
def test_sentiments(word: str, score: str | None) -> None:
    assert sentiment_score(word) == score


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("yes", True), ("JA", True), ("да", True), ("はい", True), ("1", True), ("WAHR", True), ("t", True), ("on", True),
     ("1.0", True),
     ("FALSCH", False), ("f", False), ("off", False), ("no", False), ("Nee", False), ("0", False),
     ("perhaps", None), ("", None)],
)  # fmt: skip
def test_yes_and_no(word: str, meaning: bool | None) -> None:
    assert yes_or_no(word) is meaning


def test_the_lists_are_whole() -> None:
    assert len(COUNTRY_CODES) == 249
    assert len(LANGUAGE_CODES) == 183
    assert set(COUNTRY_NAMES.values()) <= COUNTRY_CODES
    assert all(name == name.lower() for name in {*COUNTRY_NAMES, *LANGUAGE_NAMES})


@given(st.text())
def test_no_word_breaks_the_vocabulary(word: str) -> None:
    for meaning in (country_code, language_code, source_language, sentiment_score, yes_or_no):
        meaning(word)
