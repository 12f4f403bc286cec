"""Stores submitted sessions: one, or a batch of them in chunks of one transaction each.

A batch is refused as a whole only for its outline, and then nothing of it is stored; otherwise each item is judged by itself, and
the good ones are stored. Because of the natural key, a batch that is sent again leaves each session once. The shell brings the
body; `submissions.rules.items` judges sessions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import BinaryIO, Literal

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.logs import get_logger
from livedash_pipeline.submissions.rules.items import (
    MAX_ITEM_BYTES,
    AcceptedItem,
    RefusedItem,
    gone,
    read_item,
    repeated,
    too_large,
)
from livedash_pipeline.submissions.rules.json_items import BodyFault, ItemSpan, ItemSplitter
from livedash_pipeline.submissions.store.submissions import MergeOutcome, merge_submissions

log = get_logger(__name__)

MAX_ITEMS = 10_000
CHUNK_ITEMS = 1_000
# The most bytes of a chunk's sessions, so that memory does not grow with the size of a body.
CHUNK_BYTES = 8_000_000
_PIECE = 65_536
# Faults reported per refused item of a batch; a single submission gets all of them.
_ERRORS_SHOWN = 3
_FAULTS = {
    BodyFault.NOT_AN_ARRAY: "The body is no JSON array.",
    BodyFault.UNBALANCED: "The brackets of the body do not match.",
    BodyFault.ENDED_EARLY: "The body ends before its array does.",
    BodyFault.TEXT_AFTER_END: "Text follows the end of the array.",
}

Taken = Literal["created", "updated", "unchanged"]
TAKEN: tuple[Taken, ...] = ("created", "updated", "unchanged")


class InactiveCompanyError(LivedashError):
    """The company is neither ACTIVE nor TRIAL, so nothing is stored for it."""

    code = "company_not_active"


@dataclass(frozen=True, slots=True)
class TakenItem:
    """A stored session, and whether it was created, updated or unchanged."""

    external_id: str
    outcome: Taken
    flags: Sequence[str]


@dataclass(frozen=True, slots=True)
class RefusedBatch:
    """A body of which nothing was stored: its outline is `malformed`, it is `empty`, or it holds `too_many` items."""

    reason: Literal["malformed", "empty", "too_many"]
    detail: str


@dataclass(frozen=True)
class BatchReport:
    """The results of a batch's items, in their order."""

    items: Sequence[TakenItem | RefusedItem]
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        counted = Counter(item.outcome if isinstance(item, TakenItem) else "rejected" for item in self.items)
        object.__setattr__(self, "counts", counted)

    def document(self) -> Document:
        """The answer to the client."""
        numbers = {outcome: self.counts[outcome] for outcome in (*TAKEN, "rejected")}
        return {"ok": True, **numbers, "items": [_item_document(n, item) for n, item in enumerate(self.items)]}


def take_one(
    engine: Engine,
    company: Company,
    item: AcceptedItem,
    *,
    clock: Callable[[Connection], datetime] = database_now,
) -> TakenItem | RefusedItem:
    """Stores one session.

    Raises:
        InactiveCompanyError: The company is neither ACTIVE nor TRIAL.
    """
    _refuse_inactive(company)
    return _store(engine, company, [item], clock)[0]


def take_batch(
    engine: Engine,
    company: Company,
    body: BinaryIO,
    splitter: ItemSplitter,
    *,
    chunk_items: int = CHUNK_ITEMS,
    chunk_bytes: int = CHUNK_BYTES,
    clock: Callable[[Connection], datetime] = database_now,
) -> BatchReport | RefusedBatch:
    """Stores the good sessions of a batch.

    Args:
        engine: Our database.
        company: Whose sessions.
        body: All of the batch, in a file that can be read from any place; at its beginning.
        splitter: Cuts it.
        chunk_items: Most sessions of one transaction.
        chunk_bytes: Most bytes of one transaction, unless a single session has more.
        clock: The time of a transaction.

    Raises:
        InactiveCompanyError: The company is neither ACTIVE nor TRIAL.
        DBAPIError: The database refused or is gone; chunks that were committed stay.
    """
    _refuse_inactive(company)
    spans = find_items(body, splitter)
    if isinstance(spans, RefusedBatch):
        return spans
    results: dict[int, TakenItem | RefusedItem] = {}
    for chunk in _chunks(body, spans, results, chunk_items, chunk_bytes):
        stored = _store(engine, company, [item for _, item in chunk], clock)
        results |= zip((index for index, _ in chunk), stored, strict=True)
    report = BatchReport([results[index] for index in range(len(spans))])
    log.info("submissions taken in", company=company.slug, items=len(spans), **report.counts)
    return report


def find_items(body: BinaryIO, splitter: ItemSplitter) -> list[ItemSpan] | RefusedBatch:
    """Finds the items of a body, as long as there are not too many."""
    spans: list[ItemSpan] = []
    while piece := body.read(_PIECE):
        spans += splitter.feed(piece)
        if splitter.fault is not None or len(spans) > MAX_ITEMS:
            break
    spans += splitter.finish()
    if len(spans) > MAX_ITEMS:
        return RefusedBatch("too_many", f"The batch holds more than {MAX_ITEMS:,} sessions.")
    if splitter.fault is not None:
        return RefusedBatch("malformed", _FAULTS[splitter.fault])
    return spans or RefusedBatch("empty", "The batch holds no session.")


def _chunks(
    body: BinaryIO,
    spans: Sequence[ItemSpan],
    results: dict[int, TakenItem | RefusedItem],
    most: int,
    most_bytes: int,
) -> Iterator[list[tuple[int, AcceptedItem]]]:
    """Reads the items and yields the good ones in chunks; adds refusals to the results.

    Reads from the last item to the first: the last item of an id counts, as in a CSV, and so it comes first.
    """
    seen: set[str] = set()
    chunk: list[tuple[int, AcceptedItem]] = []
    size = 0
    for index in reversed(range(len(spans))):
        item = _read(body, spans[index])
        if isinstance(item, AcceptedItem) and item.external_id in seen:
            item = repeated(item.external_id)
        if isinstance(item, RefusedItem):
            results[index] = item
            continue
        seen.add(item.external_id)
        if chunk and (len(chunk) >= most or size + spans[index].size > most_bytes):
            yield chunk
            chunk, size = [], 0
        chunk.append((index, item))
        size += spans[index].size
    if chunk:
        yield chunk


def _read(body: BinaryIO, span: ItemSpan) -> AcceptedItem | RefusedItem:
    if span.size > MAX_ITEM_BYTES:
        return too_large(span.size)
    body.seek(span.start)
    return read_item(body.read(span.size))


def _store(
    engine: Engine, company: Company, items: Sequence[AcceptedItem], clock: Callable[[Connection], datetime]
) -> list[TakenItem | RefusedItem]:
    outcomes = in_transaction(engine, partial(_merge, company, items, clock))
    return [_result(item, outcome) for item, outcome in zip(items, outcomes, strict=True)]


def _merge(
    company: Company,
    items: Sequence[AcceptedItem],
    clock: Callable[[Connection], datetime],
    connection: Connection,
) -> list[MergeOutcome]:
    return merge_submissions(connection, company.id, items, clock(connection))


def _result(item: AcceptedItem, outcome: MergeOutcome) -> TakenItem | RefusedItem:
    if outcome == "erased" or outcome == "texts_deleted":
        return gone(outcome, item.external_id)
    return TakenItem(item.external_id, outcome, item.flags)


def _refuse_inactive(company: Company) -> None:
    if not company.is_working:
        raise InactiveCompanyError(
            f"Company {company.slug} is {company.status.lower()}, and nothing is taken in for it.",
            remedy="Ask whoever runs the pipeline to make it active.",
        )


def _item_document(index: int, item: TakenItem | RefusedItem) -> Document:
    if isinstance(item, TakenItem):
        return {
            "index": index,
            "externalId": item.external_id,
            "outcome": item.outcome,
            "code": None,
            "flags": list(item.flags),
            "errors": [],
        }
    return {
        "index": index,
        "externalId": item.external_id,
        "outcome": "rejected",
        "code": item.code,
        "flags": [],
        "errors": [{"pointer": each.pointer, "detail": each.detail} for each in item.errors[:_ERRORS_SHOWN]],
    }
