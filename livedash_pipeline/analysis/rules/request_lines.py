"""Lines of a batch's input file, and the sizes by which requests are admitted.

A line is built from a frame that is serialised once per model and the transcript of one session: serialising 50,000 copies
of the same instructions would cost more than everything else. Files and uploads are elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from uuid import UUID

from livedash_pipeline.analysis.rules.prompt import ENDPOINT, request_body
from livedash_pipeline.base.rules.json_lines import line_json
from livedash_pipeline.ledger.rules.admission.model_parameters import PLACE, Parameters, default_parameters, maximum_of
from livedash_pipeline.money.rules.request_framing import framing_tokens, parameter_text

# Instructions and transcript.
_MESSAGES = 2


@dataclass(frozen=True)
class LineFrame:
    """Everything of a model's lines that does not change between sessions."""

    model: str
    before_id: bytes
    before_data: bytes
    after: bytes

    @property
    def fixed_bytes(self) -> int:
        """Bytes of a line without its transcript, its id and line end included."""
        return len(self.before_id) + 36 + len(self.before_data) + len(self.after) + 1

    def line(self, request_id: UUID, data: str) -> bytes:
        """One line without its line end; `data` comes from `transcript_data`."""
        return b"".join(
            (
                self.before_id,
                str(request_id).encode(),
                self.before_data,
                line_json(data).encode(),
                self.after,
            )
        )


def line_frame(model: str, parameters: Parameters | None = None) -> LineFrame:
    """The frame of a model's lines; without parameters, those that its name suggests."""
    return _frame(model, json.dumps(default_parameters(model) if parameters is None else parameters))


@lru_cache(maxsize=64)
def _frame(model: str, parameters: str) -> LineFrame:
    document = {
        "custom_id": PLACE,
        "method": "POST",
        "url": ENDPOINT,
        "body": request_body(model, PLACE, json.loads(parameters)),
    }
    text = line_json(document)
    before_id, between, after = text.split(PLACE)
    # The quotes around the transcript belong to its own serialisation.
    return LineFrame(model, before_id.encode(), between[:-1].encode(), after[1:].encode())


@dataclass(frozen=True)
class RequestSize:
    """What admission counts: bytes of the line with its line end, estimated input tokens, most output tokens."""

    body_bytes: int
    token_estimate: int
    max_output_tokens: int


@dataclass(frozen=True)
class RequestSizer:
    """Measures requests of one model with a tokenizer that is passed in (the core has none)."""

    frame: LineFrame
    fixed_texts: tuple[str, ...]
    max_output_tokens: int
    count_tokens: Callable[[str], int]

    @classmethod
    def for_model(
        cls, model: str, count_tokens: Callable[[str], int], parameters: Parameters | None = None
    ) -> RequestSizer:
        """Instructions, schema and parameters go with every request, the schema unless parameters replace it."""
        sent = default_parameters(model) if parameters is None else parameters
        # The schema is counted even where it is replaced: an estimate may be too high and not too low.
        body = request_body(model, "")
        schema = {"response_format": body["response_format"]}
        fixed = (body["messages"][0]["content"], parameter_text(schema), parameter_text(sent))
        return cls(line_frame(model, sent), fixed, maximum_of(sent), count_tokens)

    @cached_property
    def fixed_tokens(self) -> int:
        """Tokens of the fixed texts, counted for the first request: a tokenizer takes its time to load."""
        return sum(map(self.count_tokens, self.fixed_texts))

    def measure(self, data: str) -> RequestSize:
        """Sizes of the request about one session's transcript data."""
        size = self.frame.fixed_bytes + len(line_json(data).encode())
        tokens = self.fixed_tokens + self.count_tokens(data) + framing_tokens(_MESSAGES)
        return RequestSize(size, tokens, self.max_output_tokens)
