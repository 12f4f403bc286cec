"""Reads files into one bill, whatever export of OpenAI's they are.

Add a kind of file here; what stands in it is read by `json_bill` or `csv_bill`. `docs/bills.md` says where the shapes come from.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from livedash_pipeline.money.rules.bills.billed_days import Bill, UnreadableBillError
from livedash_pipeline.money.rules.bills.buckets import Bucket, bill_of
from livedash_pipeline.money.rules.bills.csv_bill import csv_buckets
from livedash_pipeline.money.rules.bills.json_bill import decode_json, json_buckets

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_bill(*files: bytes) -> Bill:
    """Reads the contents of one or several files as one bill: costs and usage, months, or projects that were exported apart.

    Raises:
        UnreadableBillError: A file is no export of OpenAI's, or they contradict each other; the message says what was found.
    """
    return bill_of(bucket for file in files for bucket in _buckets(_decode(file)))


def read_pages(pages: Iterable[object]) -> Bill:
    """Makes a bill of pages of the API, as `decode_json` returns them.

    Raises:
        UnreadableBillError: A page is none of costs or usage, or they contradict each other.
    """
    return bill_of(bucket for page in pages for bucket in json_buckets(page))


def _buckets(text: str) -> Iterator[Bucket]:
    begin = text.lstrip()[:1]
    if begin in ("{", "["):
        for document in decode_json(text):
            yield from json_buckets(document)
    elif begin:
        yield from csv_buckets(text)
    else:
        raise UnreadableBillError("The file is empty.")


def _decode(content: bytes) -> str:
    """The text of a file. Figures and names of models are ASCII; in other cells a wrong letter does no harm."""
    if content.startswith(_WIDE):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
