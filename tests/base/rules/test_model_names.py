"""What may be a model's name."""

from __future__ import annotations

import pytest

from livedash_pipeline.base.rules.ids import LONGEST_MODEL_NAME, is_model_name


@pytest.mark.parametrize("name", ["m", "ft:gpt-4o-mini:acme::x", "my model", "modèle", "x" * LONGEST_MODEL_NAME])
def test_names_of_vendors_and_deployments_are_names(name: str) -> None:
    assert is_model_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", " m", "m ", "a\tb", "a\nb", "a\0b", "\ud800", "x" * (LONGEST_MODEL_NAME + 1)]
)
def test_what_cannot_be_seen_or_told_apart_is_none(name: str) -> None:
    assert not is_model_name(name)
