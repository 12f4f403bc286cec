"""Which services the ledger can recover a lost create at."""

from __future__ import annotations

from itertools import product

import pytest

from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.rules.service.gateway import CreateIdentity, LateCreateFence, Promises
from livedash_pipeline.ledger.steps.batches.context import require_recoverable
from livedash_pipeline.services.openai.gateway import PROMISES


def test_a_lost_create_is_found_by_its_tag_and_fenced_by_its_input_file() -> None:
    known = [
        (identity, fence)
        for identity, fence in product(CreateIdentity, LateCreateFence)
        if Promises(identity, fence, stable_ids=True).can_be_recovered
    ]
    assert known == [(CreateIdentity.TAG, LateCreateFence.INPUT_FILE)]
    require_recoverable(PROMISES, "api.openai.com/v1")


def test_a_service_whose_lost_create_cannot_be_found_is_refused() -> None:
    with pytest.raises(SettingsError, match="finds a lost batch by its container"):
        require_recoverable(
            Promises(CreateIdentity.CONTAINER, LateCreateFence.CONTAINER, stable_ids=True), "example.test/v1"
        )
