"""What a filter of batches is about when nothing is asked for."""

from __future__ import annotations

from dataclasses import fields

from livedash_pipeline.ledger.rules.admission.batch_filters import BatchFilter


def test_a_filter_without_anything_is_about_every_batch() -> None:
    wanted = BatchFilter()
    assert not any(getattr(wanted, field.name) for field in fields(BatchFilter))
