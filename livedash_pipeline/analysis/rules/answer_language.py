"""The language of an answer as a code: two letters of ISO 639-1, or three of ISO 639-3 where there are no two.

Add a way in which models name languages. Codes and names are those of `intake.rules.vocabulary_languages`, and of the package
`python-iso639` for what stands only in the longer standard.
"""

from __future__ import annotations

import re
from functools import cache

from livedash_pipeline.intake.rules.vocabulary import language_code
from livedash_pipeline.intake.rules.vocabulary_languages import LANGUAGE_CODES

# A language tag: a code, then script, region and variants, as in zh-Hans-CN or en_US.UTF-8.
_TAG = re.compile(r"([a-z]{2,3})((?:[-_.@][a-z0-9]{1,8}){1,6})?")
_LONGEST_NAME = 60


def read_language(word: str) -> tuple[str, frozenset[str]] | None:
    """The code of a language, and the names of the repairs that it took; None for a word that names none.

    Repairs: `letter_case`, `locale_tag`, `language_code` (three letters), `language_name`, and `language_unlisted` for two
    letters that are no code of ISO 639-1, which are kept as they are.
    """
    trimmed = word.strip()
    lower = trimmed.lower()
    flags = {"letter_case"} if lower != trimmed else set()
    tag = _TAG.fullmatch(lower)
    if tag is None:
        code = _code_of_name(lower)
        return None if code is None else (code, frozenset({"language_name"}))
    if tag[2]:
        # The case of a region says nothing.
        flags = {"locale_tag"}
    code = tag[1] if len(tag[1]) == 2 else _code_of_three(tag[1])
    if code is None:
        return None
    if len(tag[1]) == 3:
        flags.add("language_code")
    elif code not in LANGUAGE_CODES:
        flags.add("language_unlisted")
    return code, frozenset(flags)


def _code_of_name(name: str) -> str | None:
    known = language_code(name)
    if known is not None or not 4 <= len(name) <= _LONGEST_NAME:
        return known
    return _look_up(name)


@cache
def _code_of_three(code: str) -> str | None:
    return _look_up(code)


def _look_up(word: str) -> str | None:
    """The shortest code that stands for a code of three letters, or for a name."""
    # Its tables take a fifth of a second to load, and few answers need them.
    from iso639 import Language, LanguageNotFoundError

    try:
        found = Language.match(word, strict_case=False)
    except LanguageNotFoundError:
        return None
    return found.part1 or found.part3
