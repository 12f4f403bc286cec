"""Wordings: what counts and what does not, and that nothing changes the second time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.compare.answers import compare_answers
from livedash_pipeline.chats.rules.compare.folding import fold
from livedash_pipeline.chats.rules.compare.wording import normalise

MARKS = st.text(st.sampled_from("a1*`~>-+=|.,' \n\u2212€\u00df\u0130e\u0301\u0345\u200d٣५"), max_size=14)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ABC 1", "abc 1"),
        ("Straße ﬁ Ａ１", "strasse fi a1"),
        ("a\u00a0b", "a b"),
        ("١٬٢٣٤٫٥٪ ३ ๓", "1,234.5% 3 3"),
        ("−5 – 6 — 7", "-5 - 6 - 7"),
        ("don’t “go”。", "don't ;go;;"),
        ("a\u200db\u202ec\ufeff", "abc"),
        ("e\u200d\u0301", "é"),
    ],
)
def test_characters_are_written_in_one_way(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  A,  b!\n\nC? ", "a b c"),
        ("# Title\n=====\n> *Quoted* `code`\n+ one\n- two\n1) three", "title quoted code one two 1 three"),
        ("| a | b |\n|---|---|", "a b"),
        ("**パス**ポート。", "パスポート"),
        ("[text](https://a.example)", "text https a example"),
        ("1.50 10-12 12:30 2*3 2**3", "1.50 10-12 12:30 2*3 2**3"),
        ("1, 2; 3", "1 2 3"),
        ("covid-19 a-b", "covid 19 a b"),
        ("-5 (-6) -€7 -$8 - 9 --x", "-5 -6 -€7 -$8 9 x"),
        ("5% c++ a > b a=b 5€", "5% c++ a > b a=b 5€"),
        ("a*-5", "a 5"),
        ("- > x", "x"),
        ("***", ""),
    ],
)
def test_words_and_figures_stay(text: str, normal: str) -> None:
    assert normalise(text) == normal


@given(st.one_of(MARKS, st.text(max_size=40)))
def test_normalising_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert normalise(normalise(text)) == normalise(text)


@given(MARKS, MARKS)
def test_case_and_white_space_do_not_count(a: str, b: str) -> None:
    assert normalise(f"{a}  \n {b}") == normalise(f"{a} \n{b}")
    assert normalise(a) == normalise(fold(a))


@pytest.mark.parametrize(
    "part",
    [
        "+ ",
        "> ",
        "+ > ",
        "- + ",
        "*",
        "1*",
        "1.",
        "1 234 ",
        "-",
        "-5",
        "(",
        "|",
        "=\n",
        "1, ",
        " ",
        "5 ",
        "e\u0301",
        "\u200d",
    ],
)
def test_a_long_text_of_marks_is_compared_in_a_moment(part: str) -> None:
    compare_answers(part * 30_000, part * 30_000 + "x")
