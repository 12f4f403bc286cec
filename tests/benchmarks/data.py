"""What the benches work on: CSVs of generated sessions, sample chats, and databases that are filled by SQL.

Add data that a bench needs. A million sessions go through here, so files are written in pieces and rows are made in the server.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from livedash_pipeline.analysis.rules.prompt import input_hash, prompt_version, transcript_data
from livedash_pipeline.analysis.rules.request_lines import RequestSize, RequestSizer
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.intake.rules.messages import Message, ParsedTranscript, transcript_hash
from livedash_pipeline.intake.rules.transcripts import parse_transcript
from livedash_pipeline.local.sample_data.files import csv_chunks
from livedash_pipeline.local.sample_data.generate import SampleCompany, SampleSession, generate_sessions
from tests.benchmarks.site import Site

MODEL = "gpt-5-mini"
SOURCE = "http://127.0.0.1:9/acme"
BATCH = 50_000
IN_FLIGHT = 200_000
"""More than four full batches teach nothing new: of a larger database, the sessions before them are analysed already."""
REJECT_EVERY = 100

_COMPANY = SampleCompany("acme", "Acme", "Europe/Amsterdam", (("nl", 3), ("en", 2), ("de", 1)))
_SEED = 1
_SAMPLES = 500
# With these, 50,000 lines stay below the 190 MB that a batch may have.
_LONGEST_LINE = 3_780
_AT = datetime(2025, 5, 1, 12, tzinfo=UTC)


def write_csv(path: Path, sessions: int) -> int:
    """Writes a company's CSV and returns how many records will be rejected: each hundredth has a date that does not exist."""
    made = (
        _with_bad_date(session) if number % REJECT_EVERY == REJECT_EVERY - 1 else session
        for number, session in enumerate(
            generate_sessions(_COMPANY, sessions, _SEED, transcript_base_url=SOURCE),
        )
    )
    with path.open("wb") as file:
        file.writelines(chunk.encode() for chunk in csv_chunks(made))
    return sessions // REJECT_EVERY


def write_source(directory: Path, sessions: int) -> None:
    """Writes what a company publishes on this machine: its CSV, `acme.csv`, and beside it one file a transcript."""
    made = generate_sessions(_COMPANY, sessions, _SEED, transcript_base_url="transcripts")
    with (directory / "acme.csv").open("wb") as file:
        file.writelines(chunk.encode() for chunk in csv_chunks(_with_files(made, directory / "transcripts")))


def _with_files(sessions: Iterator[SampleSession], directory: Path) -> Iterator[SampleSession]:
    directory.mkdir()
    for session in sessions:
        if session.transcript:
            (directory / f"{session.external_id}.txt").write_text(session.transcript, encoding="utf-8")
        yield session


def _with_bad_date(session: SampleSession) -> SampleSession:
    identity, _, *rest = session.fields
    return replace(session, fields=(identity, "30.02.2025 12:00:00", *rest))


@cache
def sample_texts() -> Sequence[str]:
    """Transcripts as a source serves them."""
    made = (session.transcript for session in generate_sessions(_COMPANY, _SAMPLES, _SEED, transcript_base_url=SOURCE))
    return [text for text in made if text]


@dataclass(frozen=True)
class SampleChat:
    """A chat with what its request is measured as."""

    messages: Sequence[Message]
    transcript_hash: str
    size: RequestSize


@cache
def sample_chats() -> Sequence[SampleChat]:
    """Chats of which 50,000 fit into a batch."""
    # Four characters a token: the tokenizer's tables would count as memory of the step, which needs none.
    sizer = RequestSizer.for_model(MODEL, lambda said: len(said) // 4)
    found = []
    for content in sample_texts():
        parsed = parse_transcript(content, bot_names=(), zone=ZoneInfo(_COMPANY.time_zone))
        if not isinstance(parsed, ParsedTranscript):
            raise TypeError("a sample transcript cannot be read")
        size = sizer.measure(transcript_data(uuid.UUID(int=0), parsed.messages))
        if size.body_bytes <= _LONGEST_LINE:
            found.append(SampleChat(parsed.messages, transcript_hash(parsed.messages), size))
    return found


def fill_imports(connection: Connection, company: Company, count: int) -> None:
    """Rows of a CSV as an import leaves them; the transcript of number `n` is at `SOURCE/n.txt`."""
    values = {"company_id": company.id, "count": count, "at": _AT, "source": SOURCE}
    connection.execute(_IMPORTS, values)
    connection.execute(_STAGES, {"count": count, "at": _AT, "stages": ["CSV_IMPORT"]})


def fill_requests(site: Site, company: Company, count: int, *, pending: int, messages: bool = True) -> None:
    """Sessions, each with a request; the last `pending` of these wait, and of those before a tenth has failed."""
    with site.engine.begin() as connection:
        fill_imports(connection, company, count)
        fill_chats(connection)
        values = {"company_id": company.id, "count": count, "at": _AT, "chats": len(sample_chats())}
        connection.execute(_SESSIONS, values)
        if messages:
            stages = ["TRANSCRIPT_FETCH", "SESSION_CREATION"]
            connection.execute(_STAGES, {"count": count, "at": _AT, "stages": stages})
            connection.execute(_MESSAGES, {"count": count, "chats": len(sample_chats())})
        connection.execute(
            _REQUESTS, {**values, "done": count - pending, "model": MODEL, "prompt_version": prompt_version()}
        )


def fill_chats(connection: Connection) -> None:
    """The sample chats as temporary tables of this transaction: `chats` and `chat_messages`."""
    connection.execute(_CHATS)
    connection.execute(_CHAT_MESSAGES)
    chats = sample_chats()
    connection.execute(_ADD_CHAT, list(_chat_rows(chats)))
    connection.execute(_ADD_CHAT_MESSAGE, list(_message_rows(chats)))


def _chat_rows(chats: Sequence[SampleChat]) -> Iterator[dict[str, object]]:
    for number, chat in enumerate(chats):
        yield {
            "number": number,
            "transcript_hash": chat.transcript_hash,
            "input_hash": input_hash(chat.transcript_hash, prompt_version(), MODEL),
            "body_bytes": chat.size.body_bytes,
            "token_estimate": chat.size.token_estimate,
            "max_output_tokens": chat.size.max_output_tokens,
        }


def _message_rows(chats: Sequence[SampleChat]) -> Iterator[dict[str, object]]:
    for number, chat in enumerate(chats):
        for position, message in enumerate(chat.messages):
            yield {
                "number": number,
                "position": position,
                "role": message.role,
                "content": message.content,
                "sent_at": message.sent_at,
            }


def write_lines(path: Path, texts: Sequence[str], count: int) -> None:
    """The texts again and again, as one file of so many documents: what a step read, for the yardstick."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for number in range(count):
            file.write(json.dumps(texts[number % len(texts)], ensure_ascii=False) + "\n")


def number_of(url: str) -> int:
    """The number of the transcript at an address that `fill_imports` made."""
    return int(url.removeprefix(f"{SOURCE}/").removesuffix(".txt"))


# Ids grow with the number, as they do where rows are made one after another.
_IMPORT_ID = "CAST('01970000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid)"
_SESSION_ID = "CAST('01970000-0000-7000-8001-' || lpad(to_hex(n), 12, '0') AS uuid)"
_REQUEST_ID = "CAST('01970000-0000-7000-8002-' || lpad(to_hex(n), 12, '0') AS uuid)"
_SERIES = "generate_series(CAST(0 AS bigint), CAST(:count AS bigint) - 1) AS n"

_IMPORTS = text(f"""
    INSERT INTO session_imports (
        id, company_id, external_session_id, start_time_raw, end_time_raw, ip_address, country_code, language,
        messages_sent, full_transcript_url, initial_message, start_time, end_time, country, content_hash, created_at,
        updated_at
    )
    SELECT {_IMPORT_ID}, :company_id, md5(n::text), '01.05.2025 14:00:00', '01.05.2025 14:05:00', '192.0.2.7', 'NL',
        'Dutch', 3, :source || '/' || n || '.txt', 'Hello, where do I find my roster for next week?', :at, :at, 'NL',
        md5('row' || n), :at, :at
    FROM {_SERIES}
""")
_STAGES = text(f"""
    INSERT INTO session_processing_status (import_id, stage, status, started_at, completed_at)
    SELECT {_IMPORT_ID}, stage, 'COMPLETED', :at, :at
    FROM {_SERIES} CROSS JOIN unnest(CAST(:stages AS text[])) AS stage
""")
_CHATS = text("""
    CREATE TEMPORARY TABLE chats (
        number bigint PRIMARY KEY, transcript_hash text, input_hash text, body_bytes integer, token_estimate integer,
        max_output_tokens integer
    ) ON COMMIT DROP
""")
_CHAT_MESSAGES = text("""
    CREATE TEMPORARY TABLE chat_messages (
        number bigint, position integer, role text, content text, sent_at timestamptz, PRIMARY KEY (number, position)
    ) ON COMMIT DROP
""")
_ADD_CHAT = text("""
    INSERT INTO chats
    VALUES (:number, :transcript_hash, :input_hash, :body_bytes, :token_estimate, :max_output_tokens)
""")
_ADD_CHAT_MESSAGE = text("INSERT INTO chat_messages VALUES (:number, :position, :role, :content, :sent_at)")
_SESSIONS = text(f"""
    INSERT INTO sessions (
        id, company_id, import_id, start_time, end_time, ip_address, country, messages_sent, row_hash, transcript_hash,
        created_at, updated_at
    )
    SELECT {_SESSION_ID}, :company_id, {_IMPORT_ID}, :at, :at, '192.0.2.7', 'NL', 3, md5('row' || n),
        chats.transcript_hash, :at, :at
    FROM {_SERIES} JOIN chats ON chats.number = n % :chats
    ORDER BY n
""")
# OFFSET 0 keeps the look-up beside each session, whose messages then lie together, as `derive_sessions` leaves them.
_MESSAGES = text(f"""
    INSERT INTO messages (session_id, position, role, content, sent_at)
    SELECT {_SESSION_ID}, said.position, said.role, said.content, said.sent_at
    FROM {_SERIES} CROSS JOIN LATERAL (
        SELECT * FROM chat_messages WHERE chat_messages.number = n % :chats ORDER BY position OFFSET 0
    ) AS said
""")
_REQUESTS = text(f"""
    INSERT INTO ai_processing_requests (
        id, session_id, company_id, model, processing_status, prompt_version, transcript_hash, input_hash, body_bytes,
        token_estimate, max_output_tokens, attempts, error_code, requested_at, completed_at, updated_at
    )
    SELECT {_REQUEST_ID}, {_SESSION_ID}, :company_id, :model,
        CASE
            WHEN n >= :done THEN 'PENDING_BATCHING' WHEN n % 10 = 0 THEN 'PROCESSING_FAILED' ELSE 'PROCESSING_COMPLETE'
        END,
        :prompt_version, chats.transcript_hash, chats.input_hash, chats.body_bytes, chats.token_estimate,
        chats.max_output_tokens, CASE WHEN n < :done THEN 1 ELSE 0 END,
        CASE WHEN n < :done AND n % 10 = 0 THEN 'invalid_output' END, :at,
        CASE WHEN n < :done THEN CAST(:at AS timestamptz) END, :at
    FROM {_SERIES} JOIN chats ON chats.number = n % :chats
    ORDER BY n
""")
