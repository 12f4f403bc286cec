"""A file of questions as somebody would write one: the columns that an upload may have, and two rows.

Add a column here when one gets a meaning in `columns`.
"""

from __future__ import annotations

EXAMPLE_COLUMNS = ("question", "chatId", "url", "context", "referenceAnswer")
EXAMPLE_ROWS = (
    (
        "How do I apply for parental leave?",
        "visit-1",
        "https://www.example.com/leave",
        "The visitor works part time.",
        "With the form on the page about leave, two months ahead.",
    ),
    ("And for how long?", "visit-1", "https://www.example.com/leave", "", ""),
)
