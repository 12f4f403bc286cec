"""An existing LiveDash database beside ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.takeover.steps.old_system import OldSystem, old_system


@pytest.fixture
def old(empty_database_url: str) -> Iterator[OldSystem]:
    """Of the newer branch, with batches."""
    with old_system(empty_database_url) as system:
        yield system


@pytest.fixture
def older(empty_database_url: str) -> Iterator[OldSystem]:
    """Of the older branch, before batches."""
    with old_system(empty_database_url, "m") as system:
        yield system
