"""The course of a batch."""

from __future__ import annotations

from datetime import timedelta

from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.overview.rules.operations import batch_course
from livedash_pipeline.overview.rules.operations.batch_course import course
from tests.conftest import NOW


def test_moments_stand_in_order_of_time_with_what_is_ahead_last() -> None:
    row = {
        "status": "IN_PROGRESS",
        "expires_at": NOW + timedelta(hours=1),
        "created_at": NOW - timedelta(hours=2),
        "submitted_at": NOW - timedelta(hours=1),
        "processed_at": None,
        "lease_until": NOW,
    }
    found = course(row, now=NOW)
    assert [(each.name, each.is_ahead) for each in found] == [
        ("created_at", False),
        ("submitted_at", False),
        ("expires_at", True),
    ]


def test_equal_moments_keep_the_order_in_which_they_happen() -> None:
    row = dict.fromkeys(["processed_at", "completed_at", "created_at", "submitted_at"], NOW)
    assert [each.name for each in course(row, now=NOW)] == [
        "created_at",
        "submitted_at",
        "completed_at",
        "processed_at",
    ]


def test_what_is_over_expires_no_more() -> None:
    row = {"created_at": NOW, "expires_at": NOW + timedelta(hours=1), "processed_at": NOW}
    assert "expires_at" not in [each.name for each in course(row, now=NOW)]


def test_every_moment_is_a_column() -> None:
    assert set(batch_course._MOMENTS) <= set(ai_batch_requests.c.keys())
