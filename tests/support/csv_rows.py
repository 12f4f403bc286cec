"""Records of a CSV as text, with all its columns, of which a test names those that it is about."""

from __future__ import annotations

from livedash_pipeline.intake.rules.csv_layout import COLUMNS

_START, _END = "01.05.2025 12:00:00", "01.05.2025 12:01:00"


def csv_fields(external_id: str, start: str = _START, end: str = _END, **texts: str) -> tuple[str, ...]:
    """The fields of a record in their order; those that are not given are empty."""
    assert texts.keys() <= set(COLUMNS), texts
    given = texts | {"external_session_id": external_id, "start_time_raw": start, "end_time_raw": end}
    return tuple(given.get(name, "") for name in COLUMNS)


def csv_line(external_id: str, start: str = _START, end: str = _END, **texts: str) -> str:
    """A record as a line of the file; texts stand in it as they are, quotes included."""
    return ",".join(csv_fields(external_id, start, end, **texts)) + "\n"
