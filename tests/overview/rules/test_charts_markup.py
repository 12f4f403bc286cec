"""Texts of other people in charts."""

from __future__ import annotations

from livedash_pipeline.overview.rules.charts.markup import isolated


def test_a_text_that_runs_from_right_to_left_is_kept_apart() -> None:
    assert isolated("<b>") == "&lt;b&gt;"
    hebrew = isolated("\u05e9\u05dc\u05d5\u05dd")
    assert "\u05e9\u05dc\u05d5\u05dd" in hebrew
    assert hebrew != "\u05e9\u05dc\u05d5\u05dd"
