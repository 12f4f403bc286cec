"""What the words of a source mean: country, language, sentiment, yes and no.

A word that is not known means None here, and the raw word is kept beside it as it was given. Lists of names are in
`vocabulary_countries` and `vocabulary_languages`; add a word to a list, and a kind of word here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

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
_SCORE = re.compile(r"[+-]?\d{1,2}(?:\.\d{0,40})?(?:e-\d{1,2})?", re.ASCII)
_LARGEST_SCORE = 99.99

_TRUE_WORDS = frozenset({
    "1", "1.0", "true", "t", "yes", "y", "on", "ja", "j", "si", "sí", "oui", "sim", "tak", "да", "はい",
    "wahr", "waar", "vrai", "vero", "verdadero", "verdadeiro", "escalated", "forwarded",
})  # fmt: skip
_FALSE_WORDS = frozenset({
    "0", "0.0", "false", "f", "no", "n", "off", "nee", "nein", "non", "não", "nie", "нет", "いいえ",
    "falsch", "onwaar", "faux", "falso", "falsk",
})  # fmt: skip

# A tag of a language and perhaps a script, with a country: nl-NL, zh-Hans-CN, pt_BR.
_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z]{4})?(?:[-_]([a-z]{2}|[0-9]{3}))?(?:[-_.@].*)?", re.ASCII)
# Languages in which sources name countries.
_NAMING = ("en", "nl", "de", "fr", "es", "it", "pt", "pl", "da", "sv", "nb", "fi", "cs", "tr", "ru", "uk", "ja", "zh")


def country_code(word: str) -> str | None:
    """ISO 3166-1 alpha-2 code, in upper case, of a code of two or three letters, a locale's tag, or a name in many languages."""
    text = _normal(word)
    if not text:
        return None
    known = COUNTRY_NAMES.get(text) or _listed(text)
    if known is None and (tag := _TAG.fullmatch(text)) is not None and tag[2]:
        known = _listed(tag[2])
    return known or _country_names().get(text.removeprefix("the "))


def language_code(word: str) -> str | None:
    """ISO 639-1 code, in lower case, of a code or a name."""
    text = _normal(word)
    return text if text in LANGUAGE_CODES else LANGUAGE_NAMES.get(text)


def source_language(word: str) -> str | None:
    """ISO 639-1 code, in lower case, of what a source writes: a code of two or three letters, a locale's tag, or a name."""
    known = language_code(word)
    if known is not None:
        return known
    tag = _TAG.fullmatch(_normal(word))
    if tag is None:
        return None
    return tag[1] if tag[1] in LANGUAGE_CODES else _language_of_three(tag[1])


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


def _listed(text: str) -> str | None:
    return text.upper() if text.upper() in COUNTRY_CODES else None


@cache
def _country_names() -> Mapping[str, str]:
    """Codes by names in lower case and by codes of three letters, of the package that follows Unicode's own lists."""
    # Its tables take a third of a second to load, and most sources write codes of two letters.
    from babel import Locale
    from babel.core import get_global

    aliases = get_global("territory_aliases")
    known = {alias.lower(): codes[0] for alias, codes in aliases.items() if len(alias) == 3 and len(codes) == 1}
    for language in reversed(_NAMING):
        known |= {_normal(name).removeprefix("the "): code for code, name in Locale.parse(language).territories.items()}
    return {name: code for name, code in known.items() if code in COUNTRY_CODES}


@cache
def _language_of_three(code: str) -> str | None:
    # Its tables take a fifth of a second to load.
    from iso639 import Language, LanguageNotFoundError

    try:
        return Language.match(code, strict_case=False).part1
    except LanguageNotFoundError:
        return None


def _normal(word: str) -> str:
    return " ".join(word.split()).lower()
