"""The way into the intake: the bytes of a file of questions become rows, all of them or none.

Formats have a module each (`csv_text`, `sheets`, `json_items`) that yields records; `table` holds the rules for all of them.
"""

from __future__ import annotations

import hashlib

from livedash_pipeline.base.rules.workbooks.opened import SheetOpener
from livedash_pipeline.base.rules.workbooks.sheets import open_sheet
from livedash_pipeline.chats.rules.intake.csv_text import choose_delimiter, split_records
from livedash_pipeline.chats.rules.intake.decoding import decode
from livedash_pipeline.chats.rules.intake.findings import Findings
from livedash_pipeline.chats.rules.intake.formats import CSV, XLSX, extension, file_format
from livedash_pipeline.chats.rules.intake.json_items import item_columns, item_records, read_items
from livedash_pipeline.chats.rules.intake.rows import DEFAULT_LIMITS, ChatFile, IntakeLimits
from livedash_pipeline.chats.rules.intake.sheets import sheet_records
from livedash_pipeline.chats.rules.intake.table import Table, read_rows, read_table


def read_chat_file(
    content: bytes, filename: str, *, limits: IntakeLimits = DEFAULT_LIMITS, opener: SheetOpener = open_sheet
) -> ChatFile:
    """Reads a file of questions.

    Args:
        content: The whole file.
        filename: Its name, of which only the extension counts.
        limits: How large it may be.
        opener: Opens a worksheet; steps give one that does so in a process of its own.

    Returns:
        All rows with a question, and notes on what was unclear.

    Raises:
        UnusableFile: Anything is wrong with the file; it has the errors of all rows.
    """
    findings = Findings()
    found = _format(content, filename, limits, findings)
    table = _read(found, content, filename, limits, findings, opener)
    findings.raise_errors()
    digest = hashlib.sha256(content).hexdigest()
    return _chat_file(table, found, digest, findings)


def _chat_file(table: Table, found: str, digest: str, findings: Findings) -> ChatFile:
    columns = table.columns
    return ChatFile(
        columns=columns.names,
        rows=table.rows,
        notes=findings.notes(),
        question_column=str(columns.name(columns.question)),
        chat_id_column=columns.name(columns.chat_id),
        url_column=columns.name(columns.url),
        reference_column=columns.name(columns.reference),
        context_column=columns.name(columns.context),
        sha256=digest,
        file_format=found,
    )


def _format(content: bytes, filename: str, limits: IntakeLimits, findings: Findings) -> str:
    """The format of a file that can be looked at; raises the one error of any other."""
    if len(content) > limits.max_bytes:
        message = f"The file has {len(content):,} bytes; at most {limits.max_bytes:,} are allowed."
        findings.error(None, "file_too_large", message)
    elif not content:
        findings.error(None, "empty_file", "The file is empty.")
    findings.raise_errors()
    found = file_format(filename, content)
    if isinstance(found, str):
        return found
    findings.error(found.line, found.code, found.message)
    findings.raise_errors()
    raise AssertionError("an error was added")


def _read(
    found: str, content: bytes, filename: str, limits: IntakeLimits, findings: Findings, opener: SheetOpener
) -> Table:
    if found == XLSX:
        return read_table(sheet_records(content, limits, findings, opener), limits, findings)
    text = decode(content, findings)
    if found == CSV:
        delimiter = choose_delimiter(text, "\t" if extension(filename) == "tsv" else ",")
        return read_table(split_records(text, delimiter, findings), limits, findings)
    items = read_items(text, limits, findings)
    names = item_columns(items, limits, findings)
    if not items and not findings.total:
        findings.error(None, "no_rows", "The file holds no item.")
    return read_rows(None, names, item_records(items, names), limits, findings)
