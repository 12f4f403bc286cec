"""What a profile of transcripts may say, and the sentence for each that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from livedash_pipeline.intake.rules.profiles.documents import BadProfileError, field_names, read_profile
from livedash_pipeline.intake.rules.profiles.transcript_profile import TranscriptProfile

WHOLE = {
    "version": 1,
    "user_names": ["Klant"],
    "assistant_names": ["Emma", "Robin"],
    "system_names": ["Notice"],
    "others": "user",
    "times": ["%d/%m/%Y, %H:%M:%S"],
    "skip": ["Chat ended *"],
    "json": {"messages": ["source", "parts.items"], "name": "author.type", "text": ["body", "text"], "html": True},
    "encoding": "cp1252",
}


def read(**document: Any) -> TranscriptProfile:
    return read_profile(TranscriptProfile, document)


def test_a_profile_is_stored_as_it_was_given() -> None:
    profile = read(**WHOLE)
    assert profile.document() == WHOLE
    assert field_names(TranscriptProfile)[-2:] == ["json", "encoding"]
    assert read().document() == {"version": 1}
    assert profile.digest() != read().digest()


def test_names_mean_their_party_in_any_case() -> None:
    assert read(**WHOLE).roles() == {
        "klant": "user",
        "emma": "assistant",
        "robin": "assistant",
        "notice": "system",
    }


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"user_names": ["A"], "assistant_names": ["a\u200b"]}, "'a' is given twice"),
        ({"user_names": ["\u200b"]}, "nothing that can be seen"),
        ({"user_names": [" "]}, "no word"),
        ({"others": "bot"}, "others: "),
        ({"names": []}, "names: Extra"),
        ({"lines": ["{time} {name}: {text}"], "json": {"name": "n", "text": "t"}}, "one of the two"),
        ({"lines": ["{name} {text}"]}, "where the name ends"),
        ({"lines": ["{time}"]}, "needs a {name}"),
        ({"lines": ["{text}"]}, "needs a {name}"),
        ({"lines": [""]}, "needs a {name}"),
        ({"lines": ["{name}:"]}, "no {text} and no time"),
        ({"lines": ["{time} {text}."]}, "behind {text}"),
        ({"lines": ["{time}{text}"]}, "nothing between"),
        ({"lines": ["{time} {name}: {name}"]}, "twice"),
        ({"lines": ["{time} {clock} {text}"]}, "both"),
        ({"lines": ["{date} {text}"]}, "braces"),
        ({"lines": ["{time} } {text}"]}, "braces"),
        ({"lines": ["{time}\n{text}"]}, "line break"),
        ({"lines": ["{time} " + "-" * 100 + "{text}"]}, "at most"),
        ({"lines": ["{time} {text}"] * 21}, "lines: "),
        ({"times": ["%d"]}, "no day, month and year"),
        ({"skip": ["*"]}, "skip every line"),
        ({"skip": ["\u200b*"]}, "skip every line"),
        ({"json": {"name": "n"}}, "json.text"),
        ({"json": {"name": "n", "text": "a..b"}}, "no path"),
        ({"json": {"name": "n", "text": []}}, "0 paths"),
        ({"json": {"name": "n", "text": ["t"] * 9}}, "9 paths"),
        ({"encoding": "klingon"}, "no encoding"),
        ({"encoding": "base64"}, "no encoding"),
        ({"encoding": "utf-7"}, "no encoding"),
        ({"encoding": "a\0b"}, "no encoding"),
        ({"version": 2}, "version: "),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(document: dict[str, Any], said: str) -> None:
    with pytest.raises(BadProfileError, match="The profile cannot be used") as caught:
        read(**document)
    assert said in str(caught.value)


def test_encodings_are_known_by_any_of_their_names() -> None:
    assert read(encoding="Windows-1252").encoding == "cp1252"
