"""Lines of an input file: the fast way of building them gives what serialising the whole document gives."""

from __future__ import annotations

import json
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.analysis.rules.prompt import ENDPOINT, request_body, transcript_data
from livedash_pipeline.analysis.rules.request_lines import RequestSizer, line_frame
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.ledger.rules.admission.model_parameters import default_parameters, maximum_of
from livedash_pipeline.money.rules.request_framing import framing_tokens, parameter_text

# Where `str.splitlines` ends a line: some servers read files with it.
LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
texts = st.text() | st.text(st.sampled_from(LINE_ENDS + 'a"\\é'))
chats = st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), texts, st.none()), max_size=4)
models = st.sampled_from(["gpt-5-mini", "gpt-4o-mini", 'a "quoted" model \\ ü', "a model\u2028of\x85two lines"])


def words(text: str) -> int:
    return len(text.split())


@given(st.uuids(), st.uuids(), models, chats)
@example(UUID(int=1), UUID(int=2), "a model\u2028of\x85two lines", [Message("user", LINE_ENDS, None)])
def test_a_line_is_the_json_of_its_request(request: UUID, session: UUID, model: str, chat: list[Message]) -> None:
    line = line_frame(model).line(request, transcript_data(session, chat))
    assert json.loads(line) == {
        "custom_id": str(request),
        "method": "POST",
        "url": ENDPOINT,
        "body": request_body(model, transcript_data(session, chat)),
    }
    assert line.decode().splitlines() == [line.decode()]


@given(st.uuids(), st.uuids(), models, chats)
def test_the_measured_size_is_that_of_the_line_with_its_end(
    request: UUID, session: UUID, model: str, chat: list[Message]
) -> None:
    size = RequestSizer.for_model(model, words).measure(transcript_data(session, chat))
    assert size.body_bytes == len(line_frame(model).line(request, transcript_data(session, chat))) + 1
    assert size.max_output_tokens == maximum_of(default_parameters(model))


def test_a_text_without_line_ends_of_other_readers_is_not_escaped() -> None:
    line = line_frame("gpt-5-mini").line(
        UUID(int=1), transcript_data(UUID(int=2), [Message("user", "naïve 日本", None)])
    )
    assert "naïve 日本" in line.decode()


def test_the_estimate_counts_instructions_schema_parameters_and_transcript() -> None:
    parameters = {"max_tokens": 10, "tools": [{"type": "function"}]}
    sizer = RequestSizer.for_model("gpt-5-mini", words, parameters)
    body = request_body("gpt-5-mini", "")
    shown = (parameter_text({"response_format": body["response_format"]}), parameter_text(parameters))
    fixed = words(body["messages"][0]["content"]) + sum(map(words, shown))
    assert sizer.measure("three short words").token_estimate == fixed + 3 + framing_tokens(2)
