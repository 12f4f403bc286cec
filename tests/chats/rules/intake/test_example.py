"""The example is a file that intake reads, with a meaning for each of its columns."""

from __future__ import annotations

import csv
import io

from livedash_pipeline.chats.rules.intake.example import EXAMPLE_COLUMNS, EXAMPLE_ROWS
from livedash_pipeline.chats.rules.intake.read import read_chat_file


def test_each_column_of_the_example_has_a_meaning() -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([EXAMPLE_COLUMNS, *EXAMPLE_ROWS])
    file = read_chat_file(text.getvalue().encode(), "example.csv")
    meanings = (file.question_column, file.chat_id_column, file.url_column, file.context_column, file.reference_column)
    assert meanings == EXAMPLE_COLUMNS
    assert (len(file.rows), file.notes) == (2, ())
