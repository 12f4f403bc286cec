"""What the columns of a file of questions mean, told by their headers.

Headers are compared without case, white space, hyphens and underscores, in Unicode's compatibility form. Where several of
the names below are present, the earlier one is taken and a note says so. Add a name at the place of its preference.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from livedash_pipeline.chats.rules.intake.findings import Findings

QUESTION_NAMES = ("question", "redactedquestion", "problemdetails", "prompt")
CHAT_ID_NAMES = ("chatid", "conversationid")
URL_NAMES = ("referringurl", "url")
REFERENCE_NAMES = ("referenceanswer", "expectedanswer", "answer", "redactedanswer", "response")
CONTEXT_NAMES = ("context",)

_IGNORED = re.compile(r"[\s_\-\u2010-\u2015]+")
# Names in messages: enough to recognise one, not a whole cell of a file without a header.
_SPELT = 60


@dataclass(frozen=True, slots=True)
class Columns:
    """Headers, and the places of the columns that have a meaning; None for one that is missing."""

    names: tuple[str, ...]
    question: int | None
    chat_id: int | None
    url: int | None
    reference: int | None
    context: int | None

    def name(self, place: int | None) -> str | None:
        """The header at a place."""
        return None if place is None else self.names[place]


def plain_name(header: str) -> str:
    """A header as it is compared: `Redacted_Question` is `redactedquestion`."""
    if header.isascii() and header.isalnum():
        return header.lower()
    return _IGNORED.sub("", unicodedata.normalize("NFKC", header).casefold())


def question_names() -> frozenset[str]:
    """The plain names of a question column."""
    return frozenset(QUESTION_NAMES)


def read_header(line: int | None, header: Sequence[str], findings: Findings) -> Columns:
    """The columns of a header on a line; without exactly one question column there is an error."""
    plain = [plain_name(cell) for cell in header]
    names = tuple(cell if cell.strip() else f"column {place}" for place, cell in enumerate(header, 1))
    findings.note("unnamed_columns", sum(1 for cell in header if not cell.strip()))
    present = Counter(filter(None, plain))
    findings.note("duplicate_columns", sum(present.values()) - len(present))
    question = _choose("question", QUESTION_NAMES, plain, names, findings)
    if question is None:
        findings.error(line, "no_question_column", _no_question(header))
    elif present[plain[question]] > 1:
        spelt = ", ".join(f'"{names[place]}"' for place, name in enumerate(plain) if name == plain[question])
        findings.error(line, "several_question_columns", f"Several columns have the name of the question: {spelt}.")
    return Columns(
        names,
        question,
        chat_id=_choose("chat_id", CHAT_ID_NAMES, plain, names, findings),
        url=_choose("url", URL_NAMES, plain, names, findings),
        reference=_choose("reference", REFERENCE_NAMES, plain, names, findings),
        context=_choose("context", CONTEXT_NAMES, plain, names, findings),
    )


def _choose(
    role: str, wanted: Sequence[str], plain: Sequence[str], names: Sequence[str], findings: Findings
) -> int | None:
    """The first column with the most preferred name that is present."""
    found = [plain.index(name) for name in wanted if name in plain]
    if len(found) > 1:
        others = ", ".join(f'"{names[place]}"' for place in found[1:])
        message = f'"{names[found[0]]}" is read as the {role.replace("_", " ")} column, not {others}.'
        findings.choice(f"{role}_column_chosen", len(found), message)
    return found[0] if found else None


def _no_question(header: Sequence[str]) -> str:
    shown = ", ".join(f'"{cell[:_SPELT]}"' for cell in header[:10])
    more = " and more" if len(header) > 10 else ""
    wanted = ", ".join(QUESTION_NAMES[:-1])
    return f"No column is called {wanted} or {QUESTION_NAMES[-1]}; the header has {shown}{more}."
