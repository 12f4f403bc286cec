"""An existing LiveDash database, of an older or a newer branch, filled row by row as LiveDash itself would have."""

from __future__ import annotations

import csv
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION")
DONE = ("COMPLETED",) * 5
WAITING = ("COMPLETED", "COMPLETED", "COMPLETED", "PENDING", "PENDING")
ANALYSIS = {
    "language": "nl",
    "sentiment": "POSITIVE",
    "escalated": False,
    "forwardedHr": True,
    "category": "LEAVE_VACATION",
    "summary": "The user asked how many days of leave are left.",
}
_IMPORT_COLUMNS = (
    "externalSessionId", "startTimeRaw", "endTimeRaw", "ipAddress", "countryCode", "language", "messagesSent", "sentimentRaw",
    "escalatedRaw", "forwardedHrRaw", "fullTranscriptUrl", "avgResponseTimeSeconds", "tokens", "tokensEur", "category",
    "initialMessage",
)  # fmt: skip
ZONE = ZoneInfo("Europe/Amsterdam")
_NAMES = uuid.UUID(int=5)
_MORNING = datetime(2025, 5, 1, 8, 0, tzinfo=UTC)


def some_id(name: str) -> str:
    """The same UUID for the same name."""
    return str(uuid.uuid5(_NAMES, name))


@dataclass
class OldSystem:
    """The database, with a way to put rows into it."""

    url: str
    connection: psycopg.Connection[Any]
    columns: dict[str, set[str]]

    def add(self, table: str, **values: Any) -> str:
        """Inserts a row, without the columns that the branch does not have; returns its id."""
        values.setdefault("id", str(uuid.uuid4()))
        known = {name: value for name, value in values.items() if name in self.columns[table]}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, known)),
            sql.SQL(", ").join(sql.Placeholder() * len(known)),
        )
        plain = [Jsonb(value) if isinstance(value, dict) else value for value in known.values()]
        self.connection.execute(statement, plain)
        return str(values["id"])

    def run(self, statement: str, *values: Any) -> None:
        """Any other statement."""
        self.connection.execute(statement.encode(), values)

    def company(self, name: str = "Acme BV", **values: Any) -> str:
        """A company."""
        row = {"id": some_id(name), "csvUrl": "https://chats.example.com/acme.csv"} | values
        return self.add("Company", name=name, **row)

    def chat(
        self,
        company: str,
        number: int = 0,
        *,
        stages: tuple[str, ...] | None = WAITING,
        analysis: dict[str, Any] | None = None,
        questions: tuple[str, ...] = (),
        name: str = "chat",
        imported: dict[str, Any] | None = None,
        session: dict[str, Any] | None = None,
    ) -> str:
        """A chat with two messages; returns its session's id. `stages` None: no rows of them."""
        label = f"{company}/{name}-{number}"
        begins = _MORNING + timedelta(minutes=number)
        ends = begins + timedelta(seconds=40)
        text = f"[{_local(begins)}] User: question {number}\n[{_local(ends)}] Assistant: answer {number}"
        import_id = self.add(
            "SessionImport",
            **{
                "id": some_id(f"import {label}"),
                "companyId": company,
                "externalSessionId": f"{name}-{number}",
                "startTimeRaw": _local(begins),
                "endTimeRaw": _local(ends),
                "countryCode": "NL",
                "language": "Dutch",
                "fullTranscriptUrl": f"https://chats.example.com/{name}-{number}.txt",
                "avgResponseTimeSeconds": 2.05,
                "tokens": 6470,
                "tokensEur": 0.001,
                "rawTranscriptContent": text,
                **(imported or {}),
            },
        )
        session_id = self.add(
            "Session",
            **{
                "id": some_id(f"session {label}"),
                "companyId": company,
                "importId": import_id,
                "startTime": begins,
                "endTime": ends,
                "country": "NL",
                "messagesSent": 1,
                **(analysis or {}),
                **(session or {}),
            },
        )
        for order, (role, at) in enumerate((("user", begins), ("assistant", ends))):
            content = f"{'question' if role == 'user' else 'answer'} {number}"
            self.add("Message", sessionId=session_id, timestamp=at, role=role, content=content, order=order)
        for stage, status in zip(STAGES, stages or (), strict=False):
            done = begins if status != "PENDING" else None
            self.add("SessionProcessingStatus", sessionId=session_id, stage=stage, status=status, completedAt=done)
        for order, content in enumerate(questions):
            self.ask(session_id, content, order)
        return session_id

    def ask(self, session_id: str, content: str, order: int) -> None:
        """A question of a session, which all companies share."""
        found = self.connection.execute('SELECT id FROM "Question" WHERE content = %s', (content,)).fetchone()
        question = str(found[0]) if found else self.add("Question", content=content)
        self.add("SessionQuestion", sessionId=session_id, questionId=question, order=order)

    def request(self, session_id: str, *, success: bool = True, **values: Any) -> str:
        """A request that is over."""
        row: dict[str, Any] = {
            "sessionId": session_id,
            "model": "gpt-4o" if success else "unknown",
            "promptTokens": 900 if success else 0,
            "completionTokens": 100 if success else 0,
            "totalTokens": 1000 if success else 0,
            "promptTokenCost": 2.5e-06 if success else 0,
            "completionTokenCost": 1e-05 if success else 0,
            "totalCostEur": 0.0027625 if success else 0,
            "processingType": "session_analysis",
            "success": success,
            "errorMessage": None if success else "the answer was no JSON",
            "requestedAt": _MORNING + timedelta(days=1),
            "completedAt": _MORNING + timedelta(days=1, seconds=3),
            "processingStatus": "PROCESSING_COMPLETE" if success else "PROCESSING_FAILED",
        }
        return self.add("AIProcessingRequest", **(row | values))

    def waiting_request(self, session_id: str, batch: str | None = None) -> str:
        """A request that is in a batch, or has not been sent."""
        status = "BATCHING_IN_PROGRESS" if batch else "PENDING_BATCHING"
        return self.request(
            session_id,
            success=False,
            errorMessage=None,
            completedAt=None,
            processingStatus=status,
            batchId=batch,
        )

    def take_csv(self, company: str, path: Path) -> list[str]:
        """A CSV with its transcripts, as LiveDash imports them; returns the sessions' ids in the order of the file."""
        with path.open(encoding="utf-8", newline="") as file:
            return [self._take_row(company, row) for row in csv.reader(file)]

    def _take_row(self, company: str, row: list[str]) -> str:
        fields = [field.strip() for field in row]
        text = Path(fields[10].removeprefix("file://")).read_text(encoding="utf-8").strip()
        values: dict[str, Any] = {name: field or None for name, field in zip(_IMPORT_COLUMNS, fields, strict=False)}
        for name, kind in (
            ("messagesSent", int),
            ("avgResponseTimeSeconds", float),
            ("tokens", int),
            ("tokensEur", float),
        ):
            # Zero counts as nothing there.
            values[name] = kind(values[name] or 0) or None
        import_id = self.add("SessionImport", companyId=company, rawTranscriptContent=text, **values)
        begins, ends = (datetime.strptime(field, "%d.%m.%Y %H:%M:%S").replace(tzinfo=ZONE) for field in fields[1:3])
        session_id = self.add("Session", companyId=company, importId=import_id, startTime=begins, endTime=ends)
        for order, line in enumerate(filter(None, map(str.strip, text.splitlines()))):
            # Line by line: one that begins with no role is a message of nobody.
            match = re.match(r"\[([^\]]+)\] (User|Assistant|System): (.*)", line)
            at = datetime.strptime(match[1], "%d.%m.%Y %H:%M:%S").replace(tzinfo=ZONE) if match else None
            role, content = (match[2].lower(), match[3]) if match else ("unknown", line)
            self.add("Message", sessionId=session_id, timestamp=at, role=role, content=content, order=order)
        return session_id

    def seed(self) -> None:
        """The state that the user describes: 109 sessions, of which 16 are analysed and 11 have questions."""
        company = self.company()
        for number in range(109):
            session = self.chat(
                company,
                number,
                stages=("COMPLETED",) * 3
                + ("COMPLETED" if number < 16 else "PENDING", "COMPLETED" if number < 11 else "PENDING"),
                analysis=ANALYSIS if number < 16 else None,
                questions=("How many days of leave do I have?", f"Question {number}?") if number < 11 else (),
            )
            if number < 16:
                self.request(session)


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(ZONE):%d.%m.%Y %H:%M:%S}"


@contextmanager
def old_system(url: str, branch: str = "f") -> Iterator[OldSystem]:
    """LiveDash's tables of a branch (`f` or `m`) in an empty database."""
    schema = (Path(__file__).parent / f"livedash_schema_{branch}.sql").read_bytes()
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(schema)
        connection.execute("SET timezone TO 'UTC'")
        columns: dict[str, set[str]] = {}
        found = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
        for table, column in found:
            columns.setdefault(table, set()).add(column)
        yield OldSystem(plain, connection, columns)
