"""Figures of documents are plain numbers under the names that plots have."""

from __future__ import annotations

from livedash_pipeline.overview.rules.figures import figures_of, without_zeros


def test_counts_and_amounts_of_a_document_are_its_figures() -> None:
    document = {
        "ok": True,
        "batches": 2,
        "share": 0.5,
        "unansweredRequests": 0,
        "estimatedCostEur": "0.1250",
        "savedUsd": None,
        "company": "acme",
        "held": ["a reason"],
    }
    assert figures_of(document) == {
        "batches": 2,
        "share": 0.5,
        "unanswered_requests": 0,
        "estimated_cost_eur": 0.125,
    }


def test_counts_of_nothing_are_left_out() -> None:
    assert without_zeros({"parsed": 3, "refused": 0}) == {"parsed": 3}
