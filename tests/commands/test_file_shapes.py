"""One company for each shape that files of the world have: all are imported by one `livedash import`, and each is looked at.

What a shape is expected to be is what is stored, rejected, flagged and said of it. Add a row for a shape that was met.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from tests.support.csv_rows import csv_line

LIVEDASH = [str(Path(sys.executable).with_name("livedash"))]
NAMED = {"header": True, "columns": {"external_session_id": "id", "start_time": "at"}, "times": ["iso8601"]}


@dataclass(frozen=True)
class Shape:
    """A company's files, and what becomes of them.

    Attributes:
        name: Of the shape.
        csv: Its CSV.
        stored: Columns of its rows in the order of their ids, as text.
        rejects: Reasons, in the order of lines.
        error: A part of the sentence that refuses the whole file.
        profile: Its CSV profile.
        transcripts: Texts by the names that the CSV gives.
        said: Roles and words of the first session's messages.
    """

    name: str
    csv: str | bytes
    stored: Sequence[Mapping[str, str | None]] = ()
    rejects: Sequence[str] = ()
    error: str | None = None
    profile: Mapping[str, Any] | None = None
    transcripts: Mapping[str, str | bytes] = field(default_factory=dict)
    said: Sequence[tuple[str, str]] | None = None


def value(column: str, given: str, stored: str | None, *, noted: bool = False, beside: str | None = None) -> Shape:
    """A value of one column, and what is stored of it."""
    kept = {beside or column: stored} | ({"unread": json.dumps({column: given})} if noted else {})
    return Shape(f"{column}: {given!r}", csv_line("a", **{column: given}), [kept])


def chat(name: str, transcript: str | bytes, *said: tuple[str, str]) -> Shape:
    """A transcript, and its messages."""
    return Shape(
        f"chat, {name}", csv_line("a", full_transcript_url="a.txt"), [{}], transcripts={"a.txt": transcript}, said=said
    )


def refused(name: str, content: bytes, said: str) -> Shape:
    """A file that is not taken."""
    return Shape(name, content, error=said)


def rejecting(name: str, content: str | bytes, *reasons: str, rows: int = 1) -> Shape:
    """A file of which some records are taken and others are not."""
    return Shape(name, content, [{}] * rows, reasons)


ROW = csv_line("a")
AT = "[01.05.2025 12:00:00] "
SHAPES = (
    Shape("the seed's", ROW, [{"start_time": "2025-05-01 10:00:00+00", "end_time": "2025-05-01 10:01:00+00"}]),
    # Numbers, as programs write them.
    value("avg_response_time_seconds", "2.3333333333333335", "2.333"),
    value("avg_response_time_seconds", "9.5e-05", "0.000"),
    value("messages_sent", "3.0", "3"),
    value("messages_sent", "3.7", None, noted=True),
    value("messages_sent", "12abc", None, noted=True),
    value("tokens", "-1", None, noted=True),
    value("tokens_eur", "1e-05", "0.000010"),
    value("tokens_eur", "nan", None, noted=True),
    # Words.
    value("country_code", "nl-NL", "NL", beside="country"),
    value("country_code", "NLD", "NL", beside="country"),
    value("country_code", "The Netherlands", "NL", beside="country"),
    value("country_code", "Österreich", "AT", beside="country"),
    value("country_code", "Atlantis", None, beside="country"),
    value("language", "nl-NL", "nl", beside="language_code"),
    value("language", "nld", "nl", beside="language_code"),
    value("language", "pt_BR", "pt", beside="language_code"),
    value("escalated_raw", "WAHR", "true", beside="escalated"),
    value("escalated_raw", "t", "true", beside="escalated"),
    value("escalated_raw", "on", "true", beside="escalated"),
    value("escalated_raw", "falsch", "false", beside="escalated"),
    value("escalated_raw", "perhaps", None, beside="escalated"),
    # Ids and times.
    Shape("marks around an id", csv_line("\u200ba\ufeff"), [{"external_session_id": "a"}]),
    Shape("a mark before a later record", ROW + "\ufeff" + csv_line("b"), [{}, {"external_session_id": "b"}]),
    Shape("a byte order mark", "\ufeff" + ROW, [{"external_session_id": "a"}]),
    rejecting("an id that a spreadsheet has cut", ROW + csv_line("1.23457E+17"), "ruined_id"),
    Shape("the hour that is shown twice", csv_line("a", "26.10.2025 02:50:00", "26.10.2025 02:10:00"),
          [{"end_time": "2025-10-26 01:10:00+00"}]),
    rejecting("an end before its start", ROW + csv_line("b", end="01.05.2025 11:00:00"), "end_before_start"),
    rejecting("a day that is none", ROW + csv_line("b", "31.04.2025 12:00:00"), "bad_start_time"),
    Shape("an id that comes twice", csv_line("a", category="x") + csv_line("a", category="y"), [{"category": "y"}],
          ["duplicate_id"]),
    # Records.
    rejecting("a header", "session,start_time,end_time" + "," * 13 + "\n" + ROW, "header_line"),
    rejecting("columns that are missing", ROW + "b,01.05.2025 12:00:00\n", "wrong_column_count"),
    rejecting("an open quote", ROW + csv_line("b", category='"open') + csv_line("c"), "unclosed_quote", rows=2),
    rejecting("a stray quote", ROW + csv_line("b", category='a "b" c') + csv_line("c"), "stray_quote", rows=2),
    rejecting("a NUL", ROW + csv_line("b", category="x\0y"), "nul_character"),
    rejecting("bytes that are no UTF-8", ROW.encode() + csv_line("b", category="Zoë").encode("cp1252"), "bad_encoding"),
    Shape("CRLF", ROW.replace("\n", "\r\n"), [{"initial_message": None}]),
    Shape("lines within quotes", csv_line("a", initial_message='"one\r\ntwo"'), [{"initial_message": "one\r\ntwo"}]),
    Shape("every field in quotes", ",".join(f'"{cell}"' for cell in ROW.strip().split(",")) + "\n", [{}]),
    Shape("empty", "", []),
    # Files of other kinds are called what they are.
    refused("an HTML page behind a comment", b"<!-- x --><html>", "an HTML page"),
    refused("a script", b"<script>location='/login'</script>", "an HTML page"),
    refused("XML", b"<?xml version='1.0'?><chats/>", "is XML"),
    refused("JSON", b'{"error": "unauthorized"}', "is JSON"),
    refused("a PDF", b"%PDF-1.7", "is a PDF"),
    refused("an old workbook", b"\xd0\xcf\x11\xe0 rest", "is an old Excel workbook"),
    refused("a damaged archive", b"PK\x03\x04 rest", "is a ZIP file that is cut off or damaged"),
    refused("UTF-16", ROW.encode("utf-16"), "is UTF-16 text"),
    refused("semicolons", ROW.replace(",", ";").encode(), "with semicolons"),
    refused("tabs", ROW.replace(",", "\t").encode(), "with tabs"),
    refused("vertical bars", ROW.replace(",", "|").encode(), "with vertical bars"),
    refused("gzip that ends early", gzip.compress(ROW.encode() * 99)[:-20], "is a gzip file that is cut off"),
    Shape("gzip", gzip.compress(ROW.encode()), [{}]),
    # Profiles.
    Shape("a renamed column", "ID,begin\na,2025-05-01\n", error="has no column 'at'", profile=NAMED),
    Shape("a header and another order", "x,at,ID\n1,2025-05-01T10:00:00Z,a\n",
          [{"start_time": "2025-05-01 10:00:00+00", "extra": '{"x": "1"}'}], profile=NAMED),
    Shape("no end", "id,at\na,2025-05-01T10:00:00Z\n",
          [{"end_time": "2025-05-01 10:00:00+00", "end_time_raw": None, "extra": None}], profile=NAMED),
    Shape("records that are empty", "id,at\na,2025-05-01T10:00:00Z\n" + ",\n" * 900, [{}], profile=NAMED),
    Shape("an end that cannot be read", "id,at,to\na,2025-05-01T10:00:00Z,later\n",
          [{"unread": '{"end_time_raw": "later"}'}],
          profile=NAMED | {"columns": {"external_session_id": "id", "start_time": "at", "end_time": "to"}}),
    Shape("another encoding", "id;at;word\na;2025-05-01;Zoë\n".encode("utf-16"), [{"extra": '{"word": "Zoë"}'}],
          profile=NAMED | {"delimiter": ";", "encoding": "utf-16"}),
    Shape("JSON lines", b'{"id": "a", "at": "2025-05-01"}\nnone\n', [{}], ["not_json"],
          profile={"format": "jsonl", "columns": {"external_session_id": "id", "start_time": "at"}, "times": ["iso8601"]}),
    Shape("a profile of a workbook for a text", b"id,at\n", error="is no Excel workbook",
          profile={"format": "xlsx", "header": True, "columns": {"external_session_id": "id", "start_time": "at"}}),
    # Transcripts lose no word.
    chat("the seed's", f"{AT}User: hello\n{AT}Assistant: hi", ("user", "hello"), ("assistant", "hi")),
    chat("a name without a blank", f"{AT}Emma:hello", ("unknown", "Emma:hello")),
    chat("a telephone number", f"{AT}+31 6 1234: hoi", ("unknown", "+31 6 1234: hoi")),
    chat("an emoji", f"{AT}🤖 Robin: yo", ("unknown", "🤖 Robin: yo")),
    chat("a no-break space", f"{AT}User\u00a0: hello", ("user", "hello")),
    chat("a full-width colon", f"{AT}User：hello", ("user", "hello")),
    chat("a mark before a line", f"\ufeff{AT}User: hello\n\u200e{AT}Assistant: hi", ("user", "hello"), ("assistant", "hi")),
    chat("a stamp without seconds", "[01.05.2025 12:00] Emma: hello", ("unknown", "Emma: hello")),
    chat("an ISO stamp", "[2025-05-01T12:00:00Z] User: hello", ("user", "hello")),
    chat("a stamp with PM", "[05/01/2025 1:00 PM] User: hello", ("user", "hello")),
    chat("milliseconds", "[01.05.2025 12:00:00.123] User: hello", ("user", "hello")),
    chat("bare CR", f"{AT}User: hello\r{AT}Assistant: hi", ("user", "hello"), ("assistant", "hi")),
    chat("U+2028", f"{AT}User: hello\u2028{AT}Assistant: hi", ("user", "hello"), ("assistant", "hi")),
    chat("an unstamped System in a stamped chat", f"{AT}User: I have\nSystem: Windows 11",
         ("user", "I have\nSystem: Windows 11")),
    chat("lines below an event", f"{AT}Chat opened\nand more\n{AT}User: hello",
         ("unknown", "Chat opened\nand more"), ("user", "hello")),
    chat("UTF-16", f"{AT}User: Zoë".encode("utf-16"), ("user", "Zoë")),
    chat("Western European", f"{AT}User: Zoë is here, and she says hello".encode("cp1252"),
         ("user", "Zoë is here, and she says hello")),
)  # fmt: skip


@pytest.mark.longest
def test_every_shape_becomes_what_it_is(engine: Engine, process_env: dict[str, str], tmp_path: Path) -> None:
    with engine.begin() as connection:
        for number, shape in enumerate(SHAPES):
            _place(connection, tmp_path, number, shape)
    ended = subprocess.run(
        [*LIVEDASH, "import", "--json"], env=process_env, cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 1, ended.stderr
    told = {row["company"]: row for row in json.loads(ended.stdout)["companies"]}
    with engine.connect() as connection:
        faults = [fault for number, shape in enumerate(SHAPES) for fault in _faults(connection, number, shape, told)]
    assert not faults, "\n".join(faults)


def _place(connection: Connection, home: Path, number: int, shape: Shape) -> None:
    folder = home / f"shape-{number}"
    folder.mkdir()
    files = {"x.csv": shape.csv, **shape.transcripts}
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    changes = CompanyChanges(csv_url=str(folder / "x.csv"), csv_profile=shape.profile)
    add_company(connection, f"shape-{number}", changes, now=database_now(connection))


def _faults(connection: Connection, number: int, shape: Shape, told: Mapping[str, Any]) -> list[str]:
    def ask(columns: str, rest: str) -> list[Any]:
        query = f"SELECT {columns} FROM {rest} JOIN companies c ON c.id = x.company_id WHERE c.slug = :slug"
        return list(connection.execute(text(query), {"slug": f"shape-{number}"}))

    answer = told[f"shape-{number}"]
    rows = [row._mapping for row in sorted(ask("x.*", "session_imports x"), key=lambda row: row.external_session_id)]
    rejects = [row.reason for row in sorted(ask("x.line_number, x.reason", "import_rejects x"))]
    found = {
        "error": shape.error
        if shape.error and shape.error in answer.get("error", {}).get("message", "")
        else answer.get("error"),
        "rejects": rejects,
        "stored": [
            {name: _as_text(row[name]) for name in wanted} for row, wanted in zip(rows, shape.stored, strict=False)
        ],
        "rows": len(rows),
        "counted": answer.get("rows", 0) == answer.get("new", 0) + answer.get("rejected", 0),
    }
    expected = {
        "error": shape.error,
        "rejects": list(shape.rejects),
        "stored": [dict(wanted) for wanted in shape.stored],
        "rows": len(shape.stored),
        "counted": True,
    }
    if shape.said is not None:
        messages = ask("m.role, m.content", "sessions x JOIN messages m ON m.session_id = x.id")
        found["said"], expected["said"] = sorted(map(str, map(tuple, messages))), sorted(map(str, shape.said))
    return [
        f"{shape.name}: {name} is {found[name]!r}, and {expected[name]!r} was expected ({answer})"
        for name in expected
        if found[name] != expected[name]
    ]


def _as_text(stored: Any) -> str | None:
    if stored is None or isinstance(stored, str):
        return stored
    if isinstance(stored, bool):
        return str(stored).lower()
    if isinstance(stored, dict):
        return json.dumps(stored, ensure_ascii=False)
    return stored.strftime("%Y-%m-%d %H:%M:%S+00") if hasattr(stored, "strftime") else str(stored)
