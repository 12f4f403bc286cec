"""The dates that an answer names, however they are written.

Add a language's months, or another notation that nobody reads in two ways.
"""

from __future__ import annotations

import re
from datetime import date

# Of English, French, German and Dutch, as they are written in full and as they are usually shortened; no word means two months.
_MONTHS = (
    "january janvier januar jänner januari jan janv jän",
    "february février februar februari feb févr fév febr",
    "march mars märz maart mar mrt mär",
    "april avril apr avr",
    "may mai mei",
    "june juin juni jun",
    "july juillet juli jul juil",
    "august août augustus aug",
    "september septembre sep sept",
    "october octobre oktober oct okt",
    "november novembre nov",
    "december décembre dezember dec déc dez",
)
_NUMBER_OF_MONTH = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_MONTH = rf"(?P<month>{'|'.join(sorted(_NUMBER_OF_MONTH, key=len, reverse=True))})\b\.?"
_DAY = r"(?<![\d.,'/-])(?P<day>\d{1,2})"
_YEAR = r"(?P<year>\d{4})(?![\d'/]|[.,-]\d)"
_NOTATIONS = (
    re.compile(r"(?<![\d.,'/-])(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})(?![\d'/]|[.,-]\d)", re.ASCII),
    re.compile(rf"{_DAY}\.[ ]?(?P<number>\d{{1,2}})\.[ ]?{_YEAR}", re.ASCII),
    re.compile(rf"{_DAY}(?:st|nd|rd|th|er|ste|de|e|\.)?\s+(?:of\s+|de\s+)?{_MONTH},?\s+{_YEAR}"),
    re.compile(rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+{_YEAR}"),
)
# Stands where a date was, so that what is around it does not become one number.
_TAKEN = "|"


def take_dates(folded: str) -> tuple[frozenset[date], str]:
    """The dates of a folded text, and the text without them.

    A date is a day that exists, with its year in four digits, written as

    - ISO 8601: `2024-03-05`, also before a time;
    - day, month and year with dots: `05.03.2024`, `5.3.2024`;
    - day, month's name and year, in English, French, German or Dutch: `5 March 2024`, `5th of March 2024`, `1er mars 2024`,
      `5. März 2024`, `5 mrt. 2024`; in English also `March 5, 2024`.

    With slashes, or with dashes and the day first, countries disagree: `03/04/2024` is no date but three numbers, even where
    only one reading would be possible. A date without its year is none either.
    """
    found: set[date] = set()

    def take(match: re.Match[str]) -> str:
        day = _day_of(match)
        if day is None:
            return match[0]
        found.add(day)
        return _TAKEN

    rest = folded
    for notation in _NOTATIONS:
        rest = notation.sub(take, rest)
    return frozenset(found), rest


def _day_of(match: re.Match[str]) -> date | None:
    parts = match.groupdict()
    month = int(parts["number"]) if "number" in parts else _NUMBER_OF_MONTH[parts["month"]]
    try:
        return date(int(parts["year"]), month, int(parts["day"]))
    except ValueError:
        return None
