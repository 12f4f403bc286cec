"""Finds the vocabulary's phrases in a text: folds accents away, and looks words up instead of searching for them.

Add ways of matching here; the phrases themselves are in `vocabulary.py`, their meaning in `answers.py`. One regular
expression of all phrases was ten times slower than these look-ups (2.4 ms for a transcript of 2,000 characters).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

_NO_ACCENT = str.maketrans({"ı": "i"})
_COMBINING = re.compile("[\u0300-\u036f]+")
_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """Returns a text's words in lower case without accents, one blank between them: "J'ai congé" becomes "j ai conge"."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_NO_ACCENT))
        text = _COMBINING.sub("", decomposed)
    return " ".join(_WORD.findall(text.lower()))


class Phrases:
    """A list of phrases, each with a label: whole words, or beginnings where a phrase ends in `*`.

    A word counts for the longest phrase that it matches ("vakantiegeld*" before "vakantie*").
    """

    def __init__(self, labelled: Iterable[tuple[str, str]]) -> None:
        self._words: dict[str, str] = {}
        self._beginnings: dict[str, str] = {}
        self._sequences: dict[str, str] = {}
        for phrase, label in labelled:
            folded, open_end = fold(phrase), phrase.endswith("*")
            if " " in folded:
                self._sequences.setdefault(f" {folded}" if open_end else f" {folded} ", label)
            elif open_end:
                self._beginnings.setdefault(folded, label)
            else:
                self._words.setdefault(folded, label)
        self._lengths = sorted({len(beginning) for beginning in self._beginnings}, reverse=True)

    def found(self, folded: str) -> dict[str, str]:
        """Returns the distinct phrases in a folded text with their labels."""
        hits: dict[str, str] = {}
        for word in set(folded.split(" ")):
            phrase, label = self._look_up(word)
            if label is not None:
                hits[phrase] = label
        padded = f" {folded} "
        hits.update({phrase.strip(): label for phrase, label in self._sequences.items() if phrase in padded})
        return hits

    def _look_up(self, word: str) -> tuple[str, str | None]:
        if word in self._words:
            return word, self._words[word]
        for length in self._lengths:
            beginning = word[:length]
            if beginning in self._beginnings:
                return beginning, self._beginnings[beginning]
        return word, None


def split_phrases(listing: str) -> list[str]:
    """Cuts a listing of the vocabulary: phrases between bars."""
    return [" ".join(part.split()) for part in listing.split("|") if part.strip()]


def split_words(listing: str) -> list[str]:
    """Cuts a listing whose first part is single words and whose further parts, after bars, are phrases."""
    words, *phrases = listing.split("|")
    return words.split() + [" ".join(part.split()) for part in phrases]


@cache
def word_set(listing: str) -> frozenset[str]:
    """Returns a listing of single words as folded words."""
    return frozenset(fold(listing).split())
