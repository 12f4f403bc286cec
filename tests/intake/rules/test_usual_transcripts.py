"""The usual way of reading makes of a transcript what the grammar makes of it, or leaves it to the grammar."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.messages import ParsedTranscript
from livedash_pipeline.intake.rules.transcripts import known_roles, parse_carefully, parse_spoken
from livedash_pipeline.intake.rules.usual_transcripts import read_usual_transcript
from livedash_pipeline.local.sample_data.generate import SampleCompany, generate_sessions

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
COMPANY = SampleCompany("acme", "Acme", "Europe/Amsterdam", (("nl", 3), ("en", 2), ("de", 1)))
ROLES = known_roles(("Emma", "Eva Bot", "É", "Straße"))
_STAMPS = (
    "01.05.2025 12:00:00",
    "01.05.2025 12:00:01",
    "01.05.2025 12:59:60",
    "01.05.2025 24:00:00",
    "30.02.2025 12:00:00",
    "30.03.2025 02:30:00",
    "26.10.2025 02:30:00",
    "26.10.2025 02:10:00",
    "31.12.1969 12:00:00",
    "01.01.1970 00:30:00",
    "01.01.2200 00:30:00",
    "01.01.0001 00:00:00",
    "2025-05-01 12:00",
    "12:00",
)
_SPEAKERS = (
    "User",
    "assistant",
    "SYSTEM",
    "emma",
    "Eva Bot",
    "eva  bot",
    "Anna",
    "É",
    "STRASSE",
    "",
    "User\u00a0",
    "\u200bUser",
    "x" * 65,
)
_LINE = st.one_of(
    st.builds(
        "{}[{}]{}{}{}{}".format,
        st.sampled_from(("", "", "", "", "\ufeff", " ", "\u200e")),
        st.sampled_from(_STAMPS),
        st.sampled_from((" ", " ", " ", " ", "", "  ", "\t", "\u00a0", " \u200b")),
        st.sampled_from(_SPEAKERS),
        st.sampled_from((":", ":", ":", ": ", "\uff1a", "")),
        st.text("aé:[]\uff1a \t\u200b", max_size=5),
    ),
    st.builds("{}: {}".format, st.sampled_from(_SPEAKERS), st.text("aé: ", max_size=4)),
    st.text("aé:[]\uff1a 0123456789.\u200b\x0b", max_size=8),
    st.sampled_from(("", " ", "http://x.example", "Note: this", "[see]", "\ufeff[x")),
)
_TEXTS = st.lists(_LINE, max_size=8).flatmap(
    lambda lines: st.sampled_from(("\n", "\n", "\n", "\r\n", "\r", "\u2028")).map(lambda end: end.join(lines))
)
_USUAL_TEXTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(("User", "Assistant", "emma", "Eva Bot", "System", "Anna")),
        st.text("ab é:", min_size=0, max_size=6),
    ),
    min_size=1,
    max_size=8,
).map(
    lambda said: "\n".join(
        f"[01.05.2025 12:0{minute}:00] {name}: {words}\nand more" for minute, name, words in sorted(said)
    )
)


def differs(text: str) -> bool:
    usual = read_usual_transcript(text, ROLES, AMSTERDAM)
    return usual is not None and usual != parse_carefully(text, ROLES, AMSTERDAM)


@given(_TEXTS)
@example("[26.10.2025 02:30:00] User: a\n[26.10.2025 02:10:00] User: b")
@example("[01.05.2025 12:00:00] User:\n[01.05.2025 12:00:00] User: b")
@example("[01.05.2025 12:00:01] User: a\n[01.05.2025 12:00:00] User: b")
@example("[01.05.2025 12:00:00] User: a\n[01.05.2025 12:00:00] User:")
@example("\n[01.05.2025 12:00:00] User: a")
def test_no_transcript_is_read_otherwise(text: str) -> None:
    assert not differs(text)


@given(_USUAL_TEXTS)
def test_no_usual_transcript_is_read_otherwise(text: str) -> None:
    assert not differs(text)


@given(_TEXTS)
def test_whatever_is_left_is_read_by_the_grammar(text: str) -> None:
    assert parse_spoken(text, ROLES, AMSTERDAM) == parse_carefully(text, ROLES, AMSTERDAM)


def test_lines_that_nobody_said_are_for_the_grammar() -> None:
    text = "[01.05.2025 12:00:00] User: a\nTyping\nb"
    read = parse_spoken(text, ROLES, AMSTERDAM, is_skipped=lambda line: line == "Typing")
    assert isinstance(read, ParsedTranscript)
    assert (read.messages[0].content, read.events) == ("a\nb", ("Typing",))


@pytest.mark.parametrize("seed", range(3))
def test_most_generated_transcripts_are_usual(seed: int) -> None:
    made = generate_sessions(COMPANY, 300, seed, transcript_base_url="https://chats.example")
    texts = [session.transcript for session in made if session.transcript]
    usual = [read_usual_transcript(text, known_roles(()), AMSTERDAM) for text in texts]
    assert sum(each is not None for each in usual) > 0.9 * len(texts)
    for text, read in zip(texts, usual, strict=True):
        assert read is None or read == parse_carefully(text, known_roles(()), AMSTERDAM)
