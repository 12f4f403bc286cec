"""The format of a file of questions: its name decides, and content that contradicts the name is an error.

Add an extension to `_FORMATS`, and a kind of file that people upload by mistake to `_contradiction`.
"""

from __future__ import annotations

import re

from livedash_pipeline.chats.rules.intake.rows import RowError

CSV, XLSX, JSON = "csv", "xlsx", "json"
_FORMATS = {"csv": CSV, "tsv": CSV, "txt": CSV, "xlsx": XLSX, "json": JSON, "jsonl": JSON, "ndjson": JSON}
_MACROS = {"xlsm", "xltm", "xlam"}
_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The stream that holds a workbook with a password; names in a compound file are UTF-16.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|\?xml)[\s>]", re.IGNORECASE)
_JSON_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*[\[{\"]|\{\s*\")")
_SPELT = 20


def extension(filename: str) -> str:
    """The end of a file name in lower case, without its dot; empty without one."""
    _, dot, end = filename.rpartition(".")
    return end.strip().lower() if dot else ""


def file_format(filename: str, content: bytes) -> str | RowError:
    """`csv`, `xlsx` or `json`, or the error that says why it is none of them."""
    end = extension(filename)
    if end == "xls":
        return RowError(None, "old_xls", "The file is an old .xls workbook; save it as .xlsx.")
    if end in _MACROS:
        return RowError(None, "unsafe_xlsx", f"The file is a workbook with macros (.{end}); save it as .xlsx.")
    found = _FORMATS.get(end)
    if found is None:
        shown = f'The extension ".{end[:_SPELT]}"' if end else "A name without an extension"
        return RowError(None, "unknown_format", f"{shown} says no known format; use .csv, .tsv, .txt, .xlsx or .json.")
    return _contradiction(found, end, content) or found


def _contradiction(found: str, end: str, content: bytes) -> RowError | None:
    if found == XLSX:
        return _no_workbook(content)
    for is_it, what in (
        (content.startswith(_ZIP), "a zip archive, such as a workbook"),
        (content.startswith(_COMPOUND), "an old Office document"),
        (content.startswith(b"%PDF-"), "a PDF document"),
        (_HTML.match(content), "a web page"),
        (found == CSV and _JSON_TEXT.match(content), "JSON"),
    ):
        if is_it:
            return RowError(None, "content_mismatch", f"The name ends in .{end}, but the content is {what}.")
    return None


def _no_workbook(content: bytes) -> RowError | None:
    if content.startswith(_ZIP):
        return None
    if not content.startswith(_COMPOUND):
        what = "a web page" if _HTML.match(content) else "no zip archive"
        return RowError(None, "not_an_xlsx", f"The name ends in .xlsx, but the content is {what}.")
    if _ENCRYPTED in content:
        return RowError(None, "encrypted_xlsx", "The workbook is protected by a password; save it without one.")
    return RowError(None, "old_xls", "The content is an old .xls workbook; save it as .xlsx.")
