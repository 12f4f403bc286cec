"""The model that a line item of the costs is about: "gpt-5-mini-2025-08-07, cached input" is about gpt-5-mini-2025-08-07.

Add a form here when a bill shows it. A line item that is about no model keeps its whole name, so that it stands in the
comparison by itself: nothing of a bill is dropped or counted for a model that it does not name.
"""

from __future__ import annotations

import re

_SURFACES_OF_OURS = frozenset({"batch", "batches", "batch api", "completions", "chat completions"})
"""Words before a bar that mean requests such as ours; those of "evals | gpt-4o, input" were not made by this program."""

_MODEL = re.compile(r"[A-Za-z0-9][\w.:@/-]*", re.ASCII)
_MODALITY = re.compile(r"\s+(text|audio|image)\Z", re.ASCII | re.IGNORECASE)


def model_of(line_item: str) -> str:
    """Returns the model that a line item is about, as it is written there, or the line item where it is about none.

    What was bought of the model stands behind the first comma (`input`, `cached input`, `cache writes`, `output`,
    `batch input`, `input_tokens`, and whatever comes next), so it is not asked for.
    """
    whole = " ".join(line_item.split())
    surface, bar, rest = whole.rpartition("|")
    named = rest.strip() if bar and surface.strip().lower() in _SURFACES_OF_OURS else whole
    head, comma, _ = named.partition(",")
    model = _MODALITY.sub("", head.strip())
    if comma and _MODEL.fullmatch(model):
        return model
    if comma and bar and named == whole:
        # "evals | gpt-4o-mini-2024-07-18, input": one name for all that was bought there of this model.
        return head.strip()
    return named
