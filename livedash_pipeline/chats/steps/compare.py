"""Compares the answers of two runs of one file, or those of one run with what its file expects.

Rows are read one after the other, so a long file takes no more memory than a short one. What makes two answers the same is a rule
of `chats.rules.compare`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from livedash_pipeline.base.rules.chat_states import Judged
from livedash_pipeline.base.rules.cursors import make_row_cursor, read_row_cursor
from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.chats.rules.compare.answers import Comparison, Reason, Verdict, compare_answers
from livedash_pipeline.chats.rules.judging import FAILED, NOT_JUDGED, PROMPT_VERSION, WAITING, pair_hash
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.store.judgements import Judgement, known_judgements
from livedash_pipeline.chats.store.pairs import has_expected, stream_pairs
from livedash_pipeline.errors import UsageError

# Before the first row.
_START = -1
_LOOKED_UP = 500


def compare_document(
    engine: Engine,
    a: UUID,
    b: UUID | None,
    *,
    viewer: Viewer = EVERYBODY,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    show_text: bool = False,
    judge: str | None = None,
    same_too: bool = False,
) -> Document:
    """The verdicts on all rows as counts, and a page of the rows whose answers are not the same.

    Args:
        engine: Our database.
        a: A batch.
        b: Another run of its file; None for the answers that the file expects.
        viewer: Whose batches the caller sees; both must be of them.
        limit: Rows a page.
        cursor: `nextCursor` of the page before.
        show_text: With the question and both answers of each row.
        judge: The model whose judgements are shown beside the rows; None for none. Nobody is asked here.
        same_too: Also rows whose answers are the same.

    Raises:
        UsageError: No such batch, two batches of different files, nothing to compare with, a limit out of range, or a cursor of
            another comparison.
    """
    filters = {"list": "chat comparison", "a": str(a), "b": None if b is None else str(b)}
    if same_too:
        filters["rows"] = "all"
    place = page_start(cursor, filters, limit=limit, read=read_row_cursor)
    after = _START if place is None else place[1]
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        company_id = _check(connection, a, b, viewer)
        tally = _Tally()
        judged = _Judgements(connection, company_id, judge)
        rows = judged.beside(stream_pairs(connection, a, b))
        page, following = cut_page(
            _chosen(rows, tally, after=after, most=limit + 1, show_text=show_text, same_too=same_too),
            limit,
            lambda row: make_row_cursor(a, row["row"], filters),
        )
    return {
        "ok": True,
        "a": str(a),
        "b": filters["b"],
        **{verdict.value: tally.verdicts[verdict] for verdict in Verdict},
        "reasons": {reason.value: tally.reasons[reason] for reason in Reason},
        "judgements": None if judge is None else judged.document(),
        "rows": list(page),
        "nextCursor": following,
    }


def compared_company(connection: Connection, a: UUID, b: UUID | None, viewer: Viewer) -> UUID:
    """Whose batches two are that can be compared.

    Raises:
        UsageError: They cannot be, or are of two companies.
    """
    company_id = _check(connection, a, b, viewer)
    if b is not None and required_batch(connection, b, viewer=viewer).company_id != company_id:
        raise UsageError(
            f"The chat batches {a} and {b} are of two companies, and a judgement is bought for one.",
            remedy="Let batches of one company be judged.",
            code="different_companies",
        )
    return company_id


def _check(connection: Connection, a: UUID, b: UUID | None, viewer: Viewer) -> UUID:
    """The company of the first of two; raises UsageError where they cannot be compared."""
    first = required_batch(connection, a, viewer=viewer)
    if b is None:
        if not has_expected(connection, a):
            raise UsageError(
                f"No row of chat batch {a} has an expected answer.",
                remedy="Upload a file with a column such as referenceAnswer or expectedAnswer.",
                code="no_expected_answers",
            )
        return first.company_id
    second = required_batch(connection, b, viewer=viewer)
    if first.file_hash is None or first.file_hash != second.file_hash:
        raise UsageError(
            f"The chat batches {a} and {b} are not of one file, so their rows have no partners.",
            remedy="Compare two batches that were made of the same file.",
            code="different_files",
        )
    return first.company_id


class _Judgements:
    """What a judge has said of the pairs that go by, and what all of that has cost."""

    def __init__(self, connection: Connection, company_id: UUID, judge: str | None) -> None:
        self._connection = connection
        self._company_id = company_id
        self._judge = judge
        self._said: Counter[str] = Counter()
        self._known: dict[str, Judgement] = {}

    def beside(self, rows: Iterable[Row[Any]]) -> Iterator[_Compared]:
        """Every row with its verdict by rules and, where that is `changed`, what the judge has said; looked up in chunks."""
        chunk: list[_Compared] = []
        for row in rows:
            compared = compare_answers(row.answer_a, row.answer_b)
            asks = self._judge is not None and compared.verdict is Verdict.CHANGED
            named = pair_hash(row.question, row.answer_a, row.answer_b) if asks else None
            chunk.append(_Compared(row, compared, named))
            if len(chunk) == _LOOKED_UP:
                yield from self._looked_up(chunk)
                chunk = []
        yield from self._looked_up(chunk)

    def _looked_up(self, chunk: list[_Compared]) -> Iterator[_Compared]:
        names = [each.pair for each in chunk if each.pair is not None]
        found = (
            known_judgements(self._connection, self._company_id, self._judge, names) if names and self._judge else {}
        )
        self._known |= found
        for each in chunk:
            judgement = None if each.pair is None else found.get(each.pair)
            if each.pair is not None:
                self._said[NOT_JUDGED if judgement is None else judgement.said] += 1
            yield replace(each, judgement=None if judgement is None else judgement.said)

    def document(self) -> Document:
        """Counts by what was said, and the cost of all judgements among them, each once."""
        known = self._known.values()
        unpriced = any(each.unpriced_tries for each in known)
        counts = {name: self._said[name] for name in (*map(str, Judged), WAITING, FAILED)}
        return {
            "model": self._judge,
            "promptVersion": PROMPT_VERSION,
            **counts,
            "notJudged": self._said[NOT_JUDGED],
            "costUsd": None if unpriced else money(sum((each.cost_usd for each in known), Decimal(0))),
            "costEur": None if unpriced else money(sum((each.cost_eur for each in known), Decimal(0))),
        }


@dataclass(frozen=True)
class _Compared:
    """A row, the verdict of the rules, the name of its pair if a judge may have seen it, and what that one has said."""

    row: Row[Any]
    compared: Comparison
    pair: str | None
    judgement: str | None = None


@dataclass
class _Tally:
    """How often there was each verdict, and each reason for it."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)


def _chosen(
    rows: Iterable[_Compared], tally: _Tally, *, after: int, most: int, show_text: bool, same_too: bool
) -> list[dict[str, Any]]:
    """The first rows behind a place that are not the same, or all rows; all are counted."""
    found: list[dict[str, Any]] = []
    for each in rows:
        verdict = each.compared.verdict
        tally.verdicts[verdict] += 1
        tally.reasons[each.compared.reason] += 1
        if (same_too or verdict is not Verdict.SAME) and each.row.row_index > after and len(found) < most:
            found.append(_row_document(each, show_text=show_text))
    return found


def _row_document(each: _Compared, *, show_text: bool) -> dict[str, Any]:
    row = each.row
    document = {
        "row": row.row_index,
        "sourceLine": row.source_line,
        "verdict": each.compared.verdict.value,
        "reason": each.compared.reason.value,
        "judgement": each.judgement,
    }
    texts = {"question": row.question, "answerA": row.answer_a, "answerB": row.answer_b}
    return document | texts if show_text else document
