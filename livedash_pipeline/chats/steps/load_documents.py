"""Loads a company's documents for the search, from text files and JSON lines; all files or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.chats.store import search
from livedash_pipeline.chats.store.search import ChatDocument
from livedash_pipeline.errors import UsageError

MOST_BYTES = 20_000_000
# Postgres takes a megabyte of words into one document's index.
LONGEST = 500_000


def load_files(
    engine: Engine, company: str, files: Sequence[Path], *, language: str | None = None, remove: bool = False
) -> Document:
    """Loads files, or removes all documents.

    Raises:
        UsageError: A file cannot be read or holds no documents, or there is no such company.
    """
    if remove and files:
        raise UsageError("Files are given together with --remove.", remedy="Remove first, then load.")
    found = [document for file in files for document in _read(file)]

    def work(connection: Connection) -> Document:
        company_id = get_company(connection, company).id
        removed = search.remove_documents(connection, company_id) if remove else 0
        now = database_now(connection)
        loaded, known = search.load_documents(connection, company_id, found, language=language, now=now)
        total = search.count_documents(connection, company_id)
        return {"ok": True, "loaded": loaded, "known": known, "removed": removed, "documents": total}

    return in_transaction(engine, work)


def _read(file: Path) -> Iterator[ChatDocument]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file} is larger than {MOST_BYTES:,} bytes.", remedy="Split it into several files.")
        content = file.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", remedy="Name a file that can be read.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 at byte {error.start}.", remedy="Save it as UTF-8.") from None
    if file.suffix.lower() not in (".jsonl", ".ndjson"):
        yield _document(file, 1, file.stem, text, None)
        return
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield _read_line(file, number, line)


def _read_line(file: Path, number: int, line: bytes) -> ChatDocument:
    value = read_json(line)
    if isinstance(value, JsonFault):
        raise UsageError(f"Line {number} of {file} {value.reason}.", remedy="Write one JSON object a line.")
    fields = value if isinstance(value, dict) else {}
    title, text, url = fields.get("title"), fields.get("content"), fields.get("url")
    if not isinstance(title, str) or not isinstance(text, str) or not isinstance(url, str | None):
        raise UsageError(
            f"Line {number} of {file} has no title and content as text.",
            remedy='Write {"title": …, "content": …, "url": …}.',
        )
    return _document(file, number, title, text, url)


def _document(file: Path, number: int, title: str, text: str, url: str | None) -> ChatDocument:
    if not text.strip() or len(text) > LONGEST:
        raise UsageError(
            f"The document at line {number} of {file} has {len(text):,} characters.", remedy=f"Use 1 to {LONGEST:,}."
        )
    stored_url = None if url is None else storable_text(url)[0]
    return ChatDocument(storable_text(title)[0][:500] or file.stem, storable_text(text)[0], stored_url)
