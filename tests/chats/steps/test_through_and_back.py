"""A file in many scripts goes through a batch and comes back: columns, order and white space are what they were."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.slices import StopReason
from livedash_pipeline.chats.steps.cancel import cancel
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.create import create_batch
from livedash_pipeline.chats.steps.new_batch import NewBatch
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.steps.results import FORMATS, Format, open_results
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, make_batch, states

pytest_plugins = ["tests.support.fixtures"]
HEADER = ["id", "Question", "note", "note", ""]
QUESTIONS = (
    "كيف أطلب إجازة؟",
    "איך מבקשים חופשה?",
    "छुट्टी कैसे मांगें?",
    "ขอลาอย่างไร?",
    "休暇はどう申請しますか？",
    "怎么申请休假？",
    "휴가는 어떻게 신청하나요?",
    "როგორ მოვითხოვო შვებულება?",
    "Πώς ζητώ άδεια;",
    "Как попросить отпуск?",
    "Wie beantrage ich Urlaub? 👩🏽‍💻🇳🇱",
    "Cómo pido vacaciones\u0301?",
)
ROWS = [[str(place), question, "  two  spaces ", "plain", ""] for place, question in enumerate(QUESTIONS)]


def _upload(context: ChatContext, company: str, delimiter: str) -> object:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([HEADER, *ROWS, *([""] * 5 for _ in range(900))])
    return create_batch(context, NewBatch(company=company), out.getvalue().encode("utf-8-sig"), "in.csv").batch_id


def _read(content: bytes, file_format: Format) -> tuple[Sequence[str], list[list[str]]]:
    if file_format == "csv":
        header, *rows = csv.reader(io.StringIO(content.decode()))
        return header, rows
    if file_format == "json":
        document = json.loads(content)
        return document["columns"], [[*row["original"].values(), row["answer"]] for row in document["rows"]]
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    names, *cells = workbook.get_sheet_by_index(0).to_python()
    return [str(name) for name in names], [[str(cell) for cell in row] for row in cells]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_goes_in_comes_back(engine: Engine, company: Company, delimiter: str) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = _upload(context, company.slug, delimiter)
    process_for_duration(context, batch_id, seconds=30)  # type: ignore[arg-type]
    with engine.begin() as connection:
        # A year later the file is the same.
        connection.execute(text("UPDATE chat_batches SET created_at = created_at - interval '1 year'"))
        connection.execute(text("UPDATE chat_interactions SET completed_at = completed_at - interval '1 year'"))
    for file_format in FORMATS:
        out = io.BytesIO()
        with open_results(engine, batch_id) as found:  # type: ignore[arg-type]
            assert found.write(out, file_format=file_format).rows == len(ROWS)
        header, rows = _read(out.getvalue(), file_format)
        assert list(header[:2]) == ["id", "Question"]
        assert [row[:4] for row in rows] == [row[:4] for row in ROWS]
        assert all(f"About {question}" in row for question, row in zip(QUESTIONS, rows, strict=True))


def test_what_was_cancelled_is_in_the_results(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 3)
    cancel(context, batch_id, by="a test")
    out = io.BytesIO()
    with open_results(engine, batch_id) as found:
        found.write(out, file_format="json")
    rows = json.loads(out.getvalue())["rows"]
    assert [(row["status"], row["outcomeCode"], row["answer"]) for row in rows] == [
        ("cancelled", "cancelled", None)
    ] * 3


def test_a_short_slice_waits_for_a_long_answer_and_says_so(engine: Engine, company: Company) -> None:
    clock = [0.0]

    def slow(_question: str) -> CallEnd:
        clock[0] += 31.0
        return answered()

    context = chat_context(engine, ScriptedChats(slow))
    # The lease allows for it, as the time-out of a question is a minute.
    shown = ChatContext(**{**context.__dict__, "monotonic": lambda: clock[0]})
    batch_id = make_batch(shown, company.slug, 5)
    report = process_for_duration(shown, batch_id, seconds=1, workers=1)
    assert (report.processed, report.remaining, report.stop) == (1, 4, StopReason.DEADLINE)
    assert report.overrun == pytest.approx(30.0)
    assert states(engine, batch_id) == {"COMPLETED": 1, "PENDING": 4}


@pytest.mark.parametrize("name", ["Été 🌞 “x”", "Название с пробелами", "a" * 200])
def test_any_name_that_can_be_read_is_one(engine: Engine, company: Company, name: str) -> None:
    context = chat_context(engine, ScriptedChats())
    make_batch(context, company.slug, 1, name=name)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM chat_batches")).scalar_one() == name


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a" * 201, "a\x7fb"])
def test_other_names_are_refused(engine: Engine, company: Company, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        make_batch(chat_context(engine, ScriptedChats()), company.slug, 1, name=name)


def test_a_company_that_is_not_worked_for_gets_no_batch(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    with engine.begin() as connection:
        connection.execute(text("UPDATE companies SET status = 'SUSPENDED'"))
    with pytest.raises(UsageError, match="suspended"):
        make_batch(context, company.slug, 1)


def test_a_request_that_comes_again_makes_no_second_batch(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    first, second = (make_batch(context, company.slug, 1, creation_key="k") for _ in range(2))
    assert first == second
    assert make_batch(context, company.slug, 1) != first
