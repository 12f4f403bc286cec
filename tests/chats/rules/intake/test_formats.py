"""The name of a file decides its format, and content that contradicts it is refused."""

from __future__ import annotations

import pytest

from livedash_pipeline.chats.rules.intake.formats import file_format
from livedash_pipeline.chats.rules.intake.rows import RowError

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"question", "csv"),
        ("A.CSV", b"question", "csv"),
        ("a.b.tsv", b"question", "csv"),
        ("a.txt ", b"question", "csv"),
        ("a.json", b"[]", "json"),
        ("a.jsonl", b"{}", "json"),
        ("a.ndjson", b"{}", "json"),
        ("a.xlsx", b"PK\x03\x04", "xlsx"),
    ],
)
def test_the_extension_names_the_format(name: str, content: bytes, expected: str) -> None:
    assert file_format(name, content) == expected


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("a.xls", COMPOUND, "old_xls", "old .xls"),
        ("a.xlsm", b"PK\x03\x04", "unsafe_xlsx", "macros (.xlsm)"),
        ("a.docx", b"PK\x03\x04", "unknown_format", '".docx"'),
        ("questions", b"question", "unknown_format", "without an extension"),
        ("a." + "x" * 99, b"question", "unknown_format", '".' + "x" * 20 + '"'),
        ("a.csv", b"PK\x03\x04", "content_mismatch", "zip archive"),
        ("a.json", b"PK\x03\x04", "content_mismatch", "zip archive"),
        ("a.csv", COMPOUND, "content_mismatch", "old Office document"),
        ("a.csv", b"%PDF-1.7", "content_mismatch", "PDF"),
        ("a.csv", b"\xef\xbb\xbf\n <!DOCTYPE html>", "content_mismatch", "web page"),
        ("a.json", b"<html lang=en>", "content_mismatch", "web page"),
        ("a.csv", b'[\n  {"question": "A?"}]', "content_mismatch", "JSON"),
        ("a.csv", b'{"question": "A?"}', "content_mismatch", "JSON"),
        ("a.xlsx", b"question,a\n", "not_an_xlsx", "no zip archive"),
        ("a.xlsx", b"<html><body>", "not_an_xlsx", "web page"),
        ("a.xlsx", COMPOUND, "old_xls", "old .xls"),
        ("a.xlsx", COMPOUND + "EncryptedPackage".encode("utf-16-le"), "encrypted_xlsx", "password"),
    ],
)
def test_content_that_contradicts_the_name_is_refused(name: str, content: bytes, code: str, message: str) -> None:
    error = file_format(name, content)
    assert isinstance(error, RowError)
    assert (error.line, error.code) == (None, code)
    assert message in error.message
