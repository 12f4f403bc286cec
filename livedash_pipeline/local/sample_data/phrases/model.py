"""The shape of one language's phrases, and the 13 categories that every language must cover.

Add a field here only together with its text in all languages; a test compares them. Sentences may hold the slots listed
in `SLOTS`, and no line of a sentence may look like the start of a transcript message.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from livedash_pipeline.analysis.rules.answer import Category

Exchange = tuple[str, str]
"""What the employee writes and what the chatbot answers. Either may have several lines."""

CATEGORIES = tuple(category.value for category in Category)
"""The names of the categories that an analysis may find."""

SLOTS = ("name", "weekday", "month", "time", "number", "amount")
"""Blanks in a sentence: a first name, a weekday, a month, a time of day HH:MM, 2 to 9, and a sum in euros."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Everything the generator needs to write chats in one language."""

    code: str
    """ISO 639-1."""
    csv_names: tuple[str, ...]
    """How the vendor's analysis spells the language; the casing varies on purpose."""
    countries: tuple[str, ...]
    people: tuple[str, ...]
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    greetings: tuple[str, ...]
    """Put before a question, with the space that follows; the empty string is one of them."""
    topics: Mapping[str, tuple[Exchange, ...]]
    """For each category exchanges that stand on their own."""
    follow_ups: tuple[Exchange, ...]
    """Fit after any question."""
    details: tuple[str, ...]
    """Several lines that an employee adds below a question."""
    positive_notes: tuple[str, ...]
    negative_notes: tuple[str, ...]
    """Sentences that give a question its tone when the chat has no room for a closing."""
    positive_closings: tuple[Exchange, ...]
    negative_closings: tuple[Exchange, ...]
    escalations: tuple[Exchange, ...]
    """The employee wants to speak to a supervisor or manager."""
    hr_forwards: tuple[Exchange, ...]
    """HR's contact is asked for and given."""
