"""What may be a model's name.

Names of models are otherwise the vendors' business: nothing else about them is checked here.
"""

from __future__ import annotations

LONGEST_MODEL_NAME = 200
"""Characters."""

MODEL_NAME_FORM = f"1 to {LONGEST_MODEL_NAME} printable characters without blanks at the ends"
"""For remedies and help texts."""


def is_model_name(text: str) -> bool:
    """Whether a text has the form that every command takes for a model's name."""
    return 0 < len(text) <= LONGEST_MODEL_NAME and text.isprintable() and text == text.strip()
