"""The verdict of a kind of request on the text of an answer, as the ledger stores it.

What makes a text usable is decided by each kind: `analysis.rules.answer_reading` for the analysis of sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UsableAnswer:
    """An answer that completes its request: `document` is JSON, `flags` name what was repaired in it."""

    document: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnusableAnswer:
    """Text that is not the answer that was asked for; `reason` names the fault and quotes nothing."""

    reason: str


AnswerReader = Callable[[str, str], UsableAnswer | UnusableAnswer]
"""Reads the text of an answer about the subject of an id; never raises."""
