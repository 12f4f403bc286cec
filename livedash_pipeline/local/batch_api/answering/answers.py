"""The stand-in's analyses, worked out from the transcript by the rules stated here; no model is asked and nothing is random.

Only the text of user messages decides language, tone, subject and questions; it is counted, never obeyed. Names written as
in an enumeration (`SALARY_COMPENSATION`) are not words of a conversation and count for nothing.

- language: the one with most stop-words and letters of its own, if there are none, with most phrases of a category;
  of several the first of en, nl, de, fr, tr
- sentiment: more positive than negative phrases of that language, or the other way round, else NEUTRAL
- category: the one with most distinct phrases of that language (phrases of several words count double); a tie goes to
  the first in the list of categories
- escalated: an escalation phrase in a user message · forwarded_hr: HR named by the user or the assistant
- questions: sentences that end in a question mark, as they stand, no repetitions, 5 at most
- summary: an English sentence about subject, language, counts and tone, without words of the transcript

Add a rule here. A request of another shape is answered in `questions.py`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from livedash_pipeline.local.batch_api.answering import vocabulary
from livedash_pipeline.local.batch_api.answering.chat_request import message_text
from livedash_pipeline.local.batch_api.answering.phrases import Phrases, fold, split_phrases, split_words, word_set

MAX_QUESTIONS = 5
_LONGEST_QUESTION = 200

_ENUM_NAME = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
_SENTENCE = re.compile(r"[^.?!\n]+[.?!\n]?")


@dataclass(frozen=True)
class Transcript:
    """The part of our prompt's user content that the rules look at."""

    session_id: str
    messages: tuple[tuple[str, str], ...]

    def texts_of(self, *roles: str) -> list[str]:
        """Returns the texts of the messages in these roles, in order."""
        return [text for role, text in self.messages if role in roles]


def read_transcript(messages: Iterable[Mapping[str, Any]]) -> Transcript:
    """Returns the transcript in the request's user content; text that is not our JSON counts as one user message."""
    content = "\n".join(message_text(message) for message in messages if message.get("role") == "user")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return Transcript("", (("user", content),))
    if not isinstance(document, Mapping) or not isinstance(document.get("messages"), list):
        return Transcript("", (("user", content),))
    return Transcript(
        str(document.get("session_id") or ""),
        tuple(
            (str(item.get("role")), str(item.get("text") or ""))
            for item in document["messages"]
            if isinstance(item, Mapping)
        ),
    )


def analyse(transcript: Transcript) -> dict[str, Any]:
    """Returns the analysis of a session: the eight keys of the schema in its order."""
    said = transcript.texts_of("user")
    written = _ENUM_NAME.sub(" ", "\n".join(said))
    language, text = recognise_language(written), fold(written)
    sentiment = recognise_sentiment(text, language)
    category = recognise_category(text, language)
    questions = find_questions(said)
    heard = fold("\n".join(transcript.texts_of("user", "assistant")))
    return {
        "language": language,
        "sentiment": sentiment,
        "escalated": bool(_phrases_of("escalation").found(text)),
        "forwarded_hr": bool(_phrases_of("hr").found(heard)),
        "category": category,
        "questions": questions,
        "summary": _summary(category, language, sentiment, len(questions), len(transcript.messages), bool(text)),
        "session_id": transcript.session_id,
    }


def recognise_language(text: str) -> str:
    """Returns the language whose stop-words and own letters, else whose phrases are most frequent in a text."""
    folded = fold(text)
    words = Counter(folded.split())
    hits = {
        language: sum(count for word, count in words.items() if word in word_set(listing))
        for language, listing in vocabulary.STOP_WORDS.items()
    }
    for language, letters in vocabulary.LETTERS.items():
        hits[language] += sum(text.count(letter) for letter in letters)
    if not any(hits.values()):
        hits = {language: len(_subjects(language).found(folded)) for language in hits}
    return max(vocabulary.LANGUAGES, key=lambda language: hits[language])


def recognise_sentiment(folded: str, language: str) -> str:
    """Returns POSITIVE, NEGATIVE or NEUTRAL by the phrases of one language."""
    tones = Counter(_tones(language).found(folded).values())
    if tones["POSITIVE"] == tones["NEGATIVE"]:
        return "NEUTRAL"
    return "POSITIVE" if tones["POSITIVE"] > tones["NEGATIVE"] else "NEGATIVE"


def recognise_category(folded: str, language: str) -> str:
    """Returns the category with most phrases in a folded text, or UNRECOGNIZED_OTHER."""
    found = _subjects(language).found(folded)
    if not found:
        return "UNRECOGNIZED_OTHER"
    score: Counter[str] = Counter()
    for phrase, category in found.items():
        score[category] += 2 if " " in phrase else 1
    return max(vocabulary.CATEGORIES, key=lambda category: score[category])


def find_questions(texts: Iterable[str]) -> list[str]:
    """Returns the questions in the texts, each once, at most five, at most 200 characters long."""
    found: dict[str, str] = {}
    for text in texts:
        for match in _SENTENCE.finditer(text):
            question = " ".join(match.group().split())[-_LONGEST_QUESTION:]
            if question.endswith("?") and any(c.isalpha() for c in question):
                found.setdefault(question.casefold(), question)
    return list(found.values())[:MAX_QUESTIONS]


def _summary(category: str, language: str, sentiment: str, questions: int, messages: int, has_text: bool) -> str:
    if not has_text:
        return f"The user wrote nothing in a session of {messages} messages."
    return (
        f"The user wrote in {vocabulary.LANGUAGES[language]} about {vocabulary.CATEGORIES[category]}, "
        f"with {questions} questions in {messages} messages; the tone was {sentiment.lower()}."
    )


@cache
def _tones(language: str) -> Phrases:
    good = [(phrase, "POSITIVE") for phrase in split_words(vocabulary.POSITIVE[language])]
    bad = [(phrase, "NEGATIVE") for phrase in split_words(vocabulary.NEGATIVE[language])]
    return Phrases(good + bad)


@cache
def _subjects(language: str) -> Phrases:
    return Phrases(
        (phrase, category)
        for category, listings in vocabulary.SUBJECTS.items()
        for phrase in split_phrases(listings[language])
    )


@cache
def _phrases_of(name: str) -> Phrases:
    listing = {"escalation": vocabulary.ESCALATION, "hr": vocabulary.HUMAN_RESOURCES}[name]
    return Phrases((phrase, name) for phrase in split_phrases(listing))
