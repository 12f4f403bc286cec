"""Transcripts in JSON: the messages that stand in a list, by the paths of a profile.

One document, or JSON lines, each a document of its own. A path is names with points between them; a list on its way stands for
all of its elements, and a number names one of them. Values that are no text are kept as their JSON. What stands outside of the
paths is not read; every text at their end is kept. Add what an entry of a list may be here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.base.rules.text import UNSEEN_MARKS, storable_text
from livedash_pipeline.intake.rules.messages import ParsedTranscript, RefusedTranscript
from livedash_pipeline.intake.rules.profiles.html_text import text_of_html
from livedash_pipeline.intake.rules.profiles.line_templates import normal_name
from livedash_pipeline.intake.rules.profiles.message_moments import MessageMoments
from livedash_pipeline.intake.rules.profiles.transcript_profile import JsonShape
from livedash_pipeline.intake.rules.transcript_lines import Role
from livedash_pipeline.intake.rules.transcripts import MessageReader


def read_json_transcript(
    text: str,
    shape: JsonShape,
    roles: Mapping[str, Role],
    others: Role,
    times: MessageMoments,
    is_skipped: Callable[[str], bool] | None,
) -> ParsedTranscript | RefusedTranscript:
    """Reads a transcript.

    Args:
        text: The transcript.
        shape: Where messages stand.
        roles: What names mean, by the name as it is compared.
        others: Who speaks under any other name; who has none is unknown.
        times: What times mean.
        is_skipped: Tells texts that nobody said; they are events.
    """
    documents = read_documents(text)
    if isinstance(documents, RefusedTranscript):
        return documents
    entries = _entries(documents, shape)
    # Texts that have moved elsewhere would leave an empty session, where the stored messages were.
    if entries is None or (entries and not any(_has_text(entry, shape) for entry in entries)):
        return RefusedTranscript(1, "no_messages")
    reader = MessageReader()
    for entry in entries:
        said = _said(entry, shape)
        if is_skipped is not None and is_skipped(said):
            reader.events.append(said.strip())
            continue
        name = None if not isinstance(entry, dict) else first_value(entry, shape.name)
        known = None if name is None else roles.get(normal_name(_shown(name)))
        role = known or ("unknown" if name is None else others)
        if role == "unknown" and name is not None and said.strip():
            said = f"{_shown(name)}: {said}"
        sent_at = None
        written = None if shape.time is None or not isinstance(entry, dict) else first_value(entry, shape.time)
        if written is not None:
            sent_at = times.full(_shown(written))
            reader.odd_times += sent_at is None and bool(said.strip())
        reader.open(role, sent_at, said)
    return reader.result()


def read_documents(text: str) -> list[Any] | RefusedTranscript:
    """The documents of a text: one, or one on each line; a refusal that names the line where it is no JSON."""
    bare = storable_text(text)[0].lstrip(UNSEEN_MARKS)
    whole = read_json(bare.encode())
    if not isinstance(whole, JsonFault):
        return [whole]
    lines = [(number, line) for number, line in enumerate(bare.split("\n"), 1) if line.strip()]
    found: list[Any] = []
    for number, line in lines if len(lines) > 1 else []:
        document = read_json(line.encode())
        if isinstance(document, JsonFault):
            # A document over many lines does not begin with one that is whole.
            return RefusedTranscript(number if found else whole.line, "not_json")
        found.append(document)
    return found or RefusedTranscript(whole.line, "not_json")


def values_at(value: Any, path: str) -> list[Any]:
    """All values at the end of a path; the value itself at the end of an empty one."""
    found = [value]
    for name in path.split(".") if path else ():
        found = [inner for each in found for inner in _step(each, name)]
    return found


def first_value(entry: Any, paths: str | tuple[str, ...]) -> Any:
    """The first value at the end of the first path that leads to one; None where none does."""
    values = (value for path in _listed(paths) for value in values_at(entry, path))
    return next((value for value in values if value is not None), None)


def _entries(documents: list[Any], shape: JsonShape) -> list[Any] | None:
    found: list[Any] = []
    leads_somewhere = False
    for document in documents:
        for path in _listed(shape.messages):
            for value in values_at(document, path):
                if isinstance(value, list):
                    found += value
                elif isinstance(value, dict) and (len(documents) > 1 or first_value(value, shape.text) is not None):
                    # A message that stands by itself: on its line, or beside the list.
                    found.append(value)
                else:
                    continue
                leads_somewhere = True
    return found if leads_somewhere else None


def _has_text(entry: Any, shape: JsonShape) -> bool:
    """Whether a message has a text, or nothing at all that could be one."""
    return not isinstance(entry, dict) or not entry or first_value(entry, shape.text) is not None


def _said(entry: Any, shape: JsonShape) -> str:
    if not isinstance(entry, dict):
        return "" if entry is None else _shown(entry)
    for path in _listed(shape.text):
        ends = values_at(entry, path)
        values = [each for end in ends for each in (end if isinstance(end, list) else [end]) if each is not None]
        if values:
            return "\n".join(text_of_html(_shown(value)) if shape.html else _shown(value) for value in values)
    return ""


def _step(value: Any, name: str) -> list[Any]:
    if isinstance(value, dict):
        return [value[name]] if name in value else []
    if not isinstance(value, list):
        return []
    if name.isdecimal():
        return value[int(name) : int(name) + 1]
    return [inner for each in value for inner in _step(each, name)]


def _shown(value: Any) -> str:
    """A value as text: a string as it is, anything else as its JSON, both as they can be stored."""
    # An escape in JSON may stand for what a text cannot hold.
    return storable_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[0]


def _listed(paths: str | tuple[str, ...]) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else paths
