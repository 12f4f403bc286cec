"""Every language says something about every category, with known slots and no line that looks like a message's start."""

import re
from collections.abc import Iterator
from string import Formatter

import pytest

from livedash_pipeline.local.sample_data.phrases.languages import LANGUAGES
from livedash_pipeline.local.sample_data.phrases.model import CATEGORIES, SLOTS, Phrases

each_language = pytest.mark.parametrize("phrases", LANGUAGES.values(), ids=LANGUAGES.keys())


def sentences(phrases: Phrases) -> Iterator[str]:
    exchanges = [*(pair for topic in phrases.topics.values() for pair in topic), *phrases.follow_ups]
    exchanges += [*phrases.positive_closings, *phrases.negative_closings, *phrases.escalations, *phrases.hr_forwards]
    yield from (sentence for exchange in exchanges for sentence in exchange)
    yield from (*phrases.details, *phrases.positive_notes, *phrases.negative_notes)


def test_languages_are_english_dutch_german_french_and_turkish() -> None:
    assert set(LANGUAGES) == {"en", "nl", "de", "fr", "tr"}


@each_language
def test_each_language_covers_the_categories_with_distinct_questions(phrases: Phrases) -> None:
    assert set(phrases.topics) == set(CATEGORIES)
    assert len(phrases.topics) == 13
    questions = [question for topic in phrases.topics.values() for question, _ in topic]
    assert len(questions) == len(set(questions))
    assert min(len(topic) for topic in phrases.topics.values()) >= 3


@each_language
def test_phrases_are_long_enough_for_the_longest_chat(phrases: Phrases) -> None:
    # Eight user messages without any ending: the opening, the topic's other questions, then follow-ups.
    assert min(len(topic) for topic in phrases.topics.values()) + len(phrases.follow_ups) >= 8


@each_language
def test_sentences_use_known_slots_and_no_line_starts_like_a_message(phrases: Phrases) -> None:
    for sentence in sentences(phrases):
        assert {name for _, name, _, _ in Formatter().parse(sentence) if name} <= set(SLOTS)
        assert sentence == sentence.strip() != ""
        for line in sentence.split("\n")[1:]:
            assert not re.match(r"\[|\w+\s*:", line), sentence
