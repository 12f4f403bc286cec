"""What people search sessions by, read from the texts of an address, and the order in which a search walks.

Add a filter here, in `overview.store.session_conditions`, and in the form of the sessions page. Times are local ones of each
session's company, so that a day means the same as in results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.base.rules.text import LANGUAGE_FORM
from livedash_pipeline.overview.rules.results import FIRST_DAY, LAST_DAY

NONE = "none"
"""Instead of a value: sessions of which it is not known."""
YES, NO = "yes", "no"
LONGEST_NAME, LONGEST_WORDS, MOST_WORDS = 255, 200, 5

# So many rows of an index are looked through at once where nothing but looking says whether a session fits. A word has to be
# looked for in a summary and in up to five questions, and the status of a stage in a table of its own.
LOOK_THROUGH = 20_000
LOOK_THROUGH_STAGES = 10_000
LOOK_THROUGH_WORDS = 3_000
RARE = 5_000
"""Up to so many sessions of a question, or at a stage, are found by it, and then sorted; more are met often enough on the way."""

_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}))?", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_SENTIMENTS = ("positive", "neutral", "negative", NONE)
_KNOWN = (YES, NO, NONE)
_BEFORE_SESSIONS = frozenset({Stage.TRANSCRIPT_FETCH, Stage.SESSION_CREATION})
# A row at the stage stands in the index of unfinished ones.
_INDEXED = frozenset({StageStatus.FAILED, StageStatus.IN_PROGRESS, StageStatus.PENDING})


class Walk(StrEnum):
    """The order in which a search meets sessions."""

    NAME = "name"  # The few that an id names.
    QUESTION = "question"  # Those that ask a question, newest first.
    STAGE = "stage"  # Those at a stage, in the order of their imports, newest first.
    TIME = "time"  # All, newest first.


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """What a session has to be; None means anything, `NONE` that it is not known.

    Attributes:
        name: Its id, its import's, or the company's own.
        since: Began at this local time or later.
        until: Began before this local time.
        language: Code of its language.
        category: In lower case.
        sentiment: In lower case.
        escalated: `YES`, `NO` or `NONE`.
        forwarded_hr: The same.
        analysed: `YES` or `NO`.
        question_id: A question that it asked.
        words: All of them in its summary or one of its questions.
        stage: With `status`: how it stands at a stage.
    """

    name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    language: str | None = None
    category: str | None = None
    sentiment: str | None = None
    escalated: str | None = None
    forwarded_hr: str | None = None
    analysed: str | None = None
    question_id: UUID | None = None
    words: tuple[str, ...] = ()
    stage: str | None = None
    status: StageStatus | None = None

    @property
    def looks(self) -> bool:
        """Whether rows have to be looked at one by one: whatever neither the company nor the time says."""
        anything = SessionFilter(name=self.name, since=self.since, until=self.until)
        return self != anything

    @property
    def look_through(self) -> int:
        """The most rows of a walk that are looked at before the search says so."""
        if self.words:
            return LOOK_THROUGH_WORDS
        return LOOK_THROUGH_STAGES if self.stage else LOOK_THROUGH


@dataclass(frozen=True, slots=True)
class SearchFault:
    """What of a search cannot be understood, and by which parameter."""

    parameter: str
    message: str


PARAMETERS = (
    "id", "on", "from", "to", "language", "category", "sentiment", "escalated", "hr", "analysed", "question", "words", "stage",
    "status",
)  # fmt: skip
"""Names in an address; an empty text means that nothing is given, and `on` a day from its beginning to its end."""


def read_search(given: Mapping[str, str]) -> tuple[SessionFilter, list[SearchFault]]:
    """Reads what is searched for, and every fault; what is faulty is left out of the filter."""
    faults: list[SearchFault] = []
    if given.get("on", "").strip():
        given = {"from": given["on"], "to": given["on"]} | {name: text for name, text in given.items() if text.strip()}

    def take(name: str, read: Callable[[str], Any], expected: str) -> Any:
        written = given.get(name, "").strip()
        found = read(written) if written else None
        if written and found is None:
            faults.append(SearchFault(name, f"{name}: {written[:60]!r} is not {expected}."))
        return found

    wanted = SessionFilter(
        name=take("id", _read_name, f"an id of at most {LONGEST_NAME} characters"),
        since=take("from", _first_moment, "a day or a time such as 2025-05-01 or 2025-05-01T13:30"),
        until=take("to", _end_moment, "a day or a time such as 2025-05-01 or 2025-05-01T13:30"),
        language=take("language", _read_language, f"a code of two or three letters such as nl, nor {NONE}"),
        category=take("category", _one_code, f"a category such as onboarding, nor {NONE}"),
        sentiment=take("sentiment", _one_of(_SENTIMENTS), f"one of {', '.join(_SENTIMENTS)}"),
        escalated=take("escalated", _one_of(_KNOWN), f"one of {', '.join(_KNOWN)}"),
        forwarded_hr=take("hr", _one_of(_KNOWN), f"one of {', '.join(_KNOWN)}"),
        analysed=take("analysed", _one_of((YES, NO)), f"{YES} or {NO}"),
        question_id=take("question", read_id, "an id of a question"),
        words=take("words", _read_words, f"at most {MOST_WORDS} words of {LONGEST_WORDS} characters together") or (),
        stage=take("stage", _read_stage, "a stage such as ai_analysis"),
        status=take("status", _read_status, f"one of {', '.join(StageStatus).lower()}"),
    )
    return _checked(wanted, faults)


def _checked(wanted: SessionFilter, faults: list[SearchFault]) -> tuple[SessionFilter, list[SearchFault]]:
    if (wanted.stage is None) != (wanted.status is None):
        missing = "status" if wanted.status is None else "stage"
        faults.append(SearchFault(missing, "A stage and its status are given together."))
        wanted = replace(wanted, stage=None, status=None)
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        faults.append(SearchFault("to", "to: the end lies before the beginning."))
        wanted = replace(wanted, until=None)
    return wanted, faults


def choose_walk(wanted: SessionFilter, *, is_rare: Callable[[Walk], bool]) -> Walk:
    """Chooses the order of a search.

    Args:
        wanted: The search.
        is_rare: Whether at most `RARE` sessions ask its question, or stand at its stage.
    """
    if wanted.name is not None:
        return Walk.NAME
    if wanted.question_id is not None:
        return Walk.QUESTION if is_rare(Walk.QUESTION) else Walk.TIME
    if wanted.stage is not None and wanted.status in _INDEXED:
        # Sessions that were not created are found by their stage alone.
        if wanted.stage in _BEFORE_SESSIONS:
            return Walk.STAGE
        # No row at all means PENDING, too, which an index of rows cannot show.
        if wanted.status is not StageStatus.PENDING and is_rare(Walk.STAGE):
            return Walk.STAGE
    return Walk.TIME


def search_key(wanted: SessionFilter, walk: Walk, company: str | None) -> dict[str, str | None]:
    """What a cursor is bound to: the walk and every filter."""
    values = {each.name: _text(getattr(wanted, each.name)) for each in fields(wanted)}
    return values | {"list": "sessions", "walk": walk.value, "company": company}


def _text(value: object) -> str | None:
    return None if value in (None, ()) else " ".join(value) if isinstance(value, tuple) else str(value)


def first_open(statuses: Mapping[str, StageStatus], stages: tuple[str, ...]) -> tuple[str, StageStatus]:
    """Returns the first stage that is not over, or the last one, with its status; a stage without a status is PENDING."""
    known = [(stage, statuses.get(stage, StageStatus.PENDING)) for stage in stages]
    over = (StageStatus.COMPLETED, StageStatus.SKIPPED)
    return next((each for each in known if each[1] not in over), known[-1])


def _read_name(text: str) -> str | None:
    return text if len(text) <= LONGEST_NAME and text.isprintable() else None


def _read_moment(text: str) -> tuple[datetime, timedelta] | None:
    """A local day or minute, and how long it lasts."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    day, minute = match.groups()
    try:
        found = datetime.fromisoformat(f"{day}T{minute or '00:00'}")
    except ValueError:
        return None
    if not FIRST_DAY <= found.date() <= LAST_DAY:
        return None
    return found, timedelta(minutes=1) if minute else timedelta(days=1)


def _first_moment(text: str) -> datetime | None:
    found = _read_moment(text)
    return None if found is None else found[0]


def _end_moment(text: str) -> datetime | None:
    found = _read_moment(text)
    return None if found is None else found[0] + found[1]


def _read_language(text: str) -> str | None:
    code = text.lower()
    return code if code == NONE or re.fullmatch(LANGUAGE_FORM, code, re.ASCII) else None


def _one_code(text: str) -> str | None:
    return text.lower() if _CODE.fullmatch(text) else None


def _one_of(words: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda text: text.lower() if text.lower() in words else None


def _read_words(text: str) -> tuple[str, ...] | None:
    words = tuple(dict.fromkeys(text.lower().split()))
    fits = len(text) <= LONGEST_WORDS and 0 < len(words) <= MOST_WORDS and all(word.isprintable() for word in words)
    return words if fits else None


def _read_stage(text: str) -> str | None:
    return text.upper() if _CODE.fullmatch(text) else None


def _read_status(text: str) -> StageStatus | None:
    try:
        return StageStatus(text.upper())
    except ValueError:
        return None
