"""One cause that refuses nearly a whole batch, and everything that only resembles it."""

from __future__ import annotations

import pytest

from livedash_pipeline.ledger.rules.admission.shared_refusal import Refused, describe_shared, shared_refusal

UNSUPPORTED = "Unsupported parameter: 'max_tokens' is not supported with this model."
OTHER = "Unsupported parameter: 'temperature' is not supported with this model."

BLAMING = [
    *("context_length_exceeded", "string_above_max_length", "array_above_max_length", "invalid_prompt"),
    *("content_policy_violation", "content_filter", "ResponsibleAIPolicyViolation", "duplicate_custom_id"),
]
LONG = [
    "This model's maximum context length is 4096 tokens. However, you requested 5000.",
    "The prompt is too long: 210000 tokens > 200000 maximum",
    "The response was filtered due to the prompt triggering the service's content management policy.",
]
NO_ROOM = "'max_tokens' is too large: 16000. This model's maximum context length is 4096 tokens."


def refused(lines: int, message: str | None = UNSUPPORTED, code: str | None = "unsupported_parameter") -> Refused:
    return Refused(code, message, lines)


@pytest.mark.parametrize(
    ("requests", "found", "lines"),
    [
        (20, [refused(20)], 20),
        (20, [refused(19)], 19),
        (20, [refused(19), refused(1, code="other")], 19),
        (100, [refused(95)], 95),
        # The same words but for figures and ids of calls.
        (20, [refused(10, "No (req_1a2b) after 17 s"), refused(10, "No (req_9z) after 4 s")], 20),
        (20, [refused(20, None, None)], 20),
        (20, [refused(20, "x", "model_not_found")], 20),
        # Too few lines, too small a share, two causes, none.
        (19, [refused(19)], None),
        (20, [refused(18)], None),
        (100, [refused(94)], None),
        (1000, [refused(949), refused(51, code="other")], None),
        (20, [refused(10), refused(10, OTHER)], None),
        (20, [refused(10), refused(10, code="unsupported_value")], None),
        # What blames a request.
        *((20, [refused(20, code=code)], None) for code in BLAMING),
        *(
            (20, [refused(20, message, code)], None)
            for message in LONG
            for code in ("400", "invalid_request_error", None)
        ),
        (20, [refused(20, NO_ROOM, "400")], 20),
        (20, [refused(19), refused(1, code="context_length_exceeded")], 19),
        (20, [], None),
        (0, [], None),
    ],
)
def test_nearly_all_lines_refused_for_one_cause(requests: int, found: list[Refused], lines: int | None) -> None:
    shared = shared_refusal(requests, found)
    assert (shared and shared.lines) == lines


def test_all_words_of_the_cause_are_named_and_none_of_another() -> None:
    found = [refused(11, "No (req_1)"), refused(188, "No (req_2)"), refused(1, OTHER)]
    shared = shared_refusal(200, found)
    assert shared is not None and shared.said == tuple(found[:2])


def test_the_message_names_cause_and_remedy() -> None:
    shared = shared_refusal(20, [refused(20, UNSUPPORTED + "x" * 500)])
    assert shared is not None
    said = describe_shared(shared, 20, "prod-x")
    assert "20 of 20 lines" in said and UNSUPPORTED in said
    assert "`livedash model set prod-x --parameters JSON`, then `livedash submit --unhold`" in said
    assert len(said) <= 500
