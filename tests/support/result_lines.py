"""Lines of result files as tests read them: one at a time."""

from __future__ import annotations

from livedash_pipeline.ledger.rules.results.result_lines import ResultLine, read_result_lines


def read_result_line(line: bytes) -> ResultLine:
    """The first result on a line."""
    return read_result_lines(line)[0]
