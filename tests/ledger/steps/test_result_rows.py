"""Rows of lines that are read at once are those that the careful reading makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from livedash_pipeline.analysis.rules.answer_reading import read_analysis
from livedash_pipeline.ledger.rules.results.result_evidence import FileEvidence
from livedash_pipeline.ledger.steps.results.result_files import ResultFiles, Tariff
from livedash_pipeline.ledger.steps.results.result_rows import LineCounts, LineReader, result_rows, usual_row
from livedash_pipeline.money.rules.pricing import Price, Rates
from tests.analysis.rules.test_analysis import GOOD, SESSION
from tests.ledger.rules.test_line_shapes import ANSWERS
from tests.ledger.rules.test_usual_lines import USUAL

REQUEST = "0b8f7d6e-0000-7000-8000-0000000000aa"
TARIFF = Tariff(
    UUID(int=1), Price(batch=Rates(input=Decimal(2), output=Decimal(8)), others={"flex": Rates()}), Decimal("0.9")
)
READER = LineReader({REQUEST: SESSION}, TARIFF, read_analysis)
ANSWER = json.dumps(GOOD)


def _line(document: Mapping[str, Any], custom_id: str = REQUEST) -> str:
    return json.dumps({**document, "custom_id": custom_id})


def _in_body(**changes: Any) -> dict[str, Any]:
    return {**USUAL, "response": {**USUAL["response"], "body": {**USUAL["response"]["body"], **changes}}}


def _with_answer(content: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return _in_body(choices=[{"index": 0, "message": message, "finish_reason": "stop"}])


def _rows(tmp_path: Path, text: str) -> tuple[list[tuple[Any, ...]], LineCounts, FileEvidence]:
    path = tmp_path / "output.jsonl"
    path.write_text(text, encoding="utf-8")
    evidence = FileEvidence("output", path.stat().st_size, None, True, True)
    counts = LineCounts()
    files = ResultFiles(tmp_path, {"output": path}, evidence={"output": evidence})
    return list(result_rows(files, READER, counts)), counts, evidence


LINES = {
    "a usual one": _line(USUAL),
    "an answer with repairs": _line(_with_answer(f"```json\n{ANSWER}\n```")),
    "an answer that is none": _line(_with_answer("I cannot say.")),
    "another tier": _line(_in_body(service_tier="flex")),
    "replaced characters": _line(_in_body(system_fingerprint="f\x00p")),
    "no usage": _line(_in_body(usage=None)),
    **{name: _line(document) for name, document, _ in ANSWERS},
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_both_readings_make_the_same_row_of_a_line(tmp_path: Path, line: str) -> None:
    rows, counts, evidence = _rows(tmp_path, line)
    # A list of one is read with care, whatever is in it.
    again, counted, told = _rows(tmp_path, f"[{line}]")
    assert usual_row(f"[{line}]".encode(), READER, LineCounts()) is None
    assert _values(rows) == _values(again)
    assert counts == counted
    assert (evidence.lines, evidence.ours, evidence.unreadable) == (told.lines, told.ours, told.unreadable)


def _values(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows with their answers as values: JSON is stored without its layout."""
    return [(*row[:-1], json.loads(row[-1]) if row[-1] else row[-1]) for row in rows]


def test_usual_lines_are_read_at_once() -> None:
    counts = LineCounts()
    assert usual_row(LINES["a usual one"].encode(), READER, counts) is not None
    assert (counts.lines, counts.succeeded) == (1, 1)


@pytest.mark.parametrize("custom_id", ["r-1", REQUEST.upper(), str(UUID(int=5))])
def test_ids_that_are_not_written_as_ours_are_left_to_the_careful_reading(custom_id: str) -> None:
    counts = LineCounts()
    assert usual_row(_line(USUAL, custom_id).encode(), READER, counts) is None
    assert counts == LineCounts()


def test_unknown_lines_are_counted_and_not_stored(tmp_path: Path) -> None:
    rows, counts, evidence = _rows(tmp_path, f"{_line(USUAL, str(UUID(int=5)))}\n{_line(USUAL, REQUEST.upper())}\n")
    assert [row[2] for row in rows] == [REQUEST]
    assert (counts.lines, counts.unknown, evidence.lines, evidence.ours) == (2, 1, 2, 1)
