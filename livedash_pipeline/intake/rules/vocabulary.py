"""What the words of a source mean: country, language, sentiment, yes and no.

A word that is not known means None here, and the raw word is kept beside it as it was given. Lists of names are in
`vocabulary_countries` and `vocabulary_languages`; add a word to a list, and a kind of word here.
"""

from __future__ import annotations

import re

from livedash_pipeline.intake.rules.vocabulary_countries import COUNTRY_CODES, COUNTRY_NAMES
from livedash_pipeline.intake.rules.vocabulary_languages import LANGUAGE_CODES, LANGUAGE_NAMES

_SENTIMENT_SCORES = {
    "happy": "1.0",
    "excited": "1.5",
    "positive": "0.8",
    "positief": "0.8",
    "positivo": "0.8",
    "playful": "0.7",
    "neutral": "0",
    "neutraal": "0",
    "neutro": "0",
    "negative": "-0.8",
    "negatief": "-0.8",
    "negativo": "-0.8",
    "sad": "-0.7",
    "frustrated": "-0.9",
    "angry": "-1.0",
    "yes": "0.5",
    "no": "-0.5",
}
# Scores are stored with two digits before the point and two behind it.
_SCORE = re.compile(r"[+-]?\d{1,2}(?:\.\d{1,12})?", re.ASCII)
_LARGEST_SCORE = 99.99

_TRUE_WORDS = frozenset({"1", "true", "yes", "y", "ja", "si", "sí", "oui", "да", "はい", "escalated", "forwarded"})
_FALSE_WORDS = frozenset({"0", "false", "no", "n", "nee", "nein", "non", "нет", "いいえ"})


def country_code(word: str) -> str | None:
    """ISO 3166-1 alpha-2 code, in upper case, of a code or a name."""
    text = _normal(word)
    known = COUNTRY_NAMES.get(text)
    return known or (text.upper() if text.upper() in COUNTRY_CODES else None)


def language_code(word: str) -> str | None:
    """ISO 639-1 code, in lower case, of a code or a name."""
    text = _normal(word)
    return text if text in LANGUAGE_CODES else LANGUAGE_NAMES.get(text)


def sentiment_score(word: str) -> str | None:
    """Score of a sentiment word, or the number that was given instead of one, as decimal text."""
    text = _normal(word)
    if _SCORE.fullmatch(text):
        return text if abs(float(text)) <= _LARGEST_SCORE else None
    return _SENTIMENT_SCORES.get(text)


def yes_or_no(word: str) -> bool | None:
    """Meaning of a yes/no word."""
    text = _normal(word)
    if text in _TRUE_WORDS:
        return True
    return False if text in _FALSE_WORDS else None


def _normal(word: str) -> str:
    return " ".join(word.split()).lower()
