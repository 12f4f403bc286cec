"""A chat completion: the answer by rules, cut to the token limit, with usage counted from the text.

Add fields of the completion object here. What is refused is in `chat_request.py`, what is answered in `replies.py`.

Tokens: each message counts 3 plus its role and content, the reply's opening 3, the response format its compact JSON. A
reasoning model "thinks" 64 tokens for each started 1,024 prompt tokens, times 0 (effort none or minimal), 1 (low), 2
(medium), 4 (high) or 8 (xhigh), at most 4,096; they are part of the completion tokens, as the service bills them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue, Model
from livedash_pipeline.local.batch_api.answering.chat_request import check_chat_request, message_text
from livedash_pipeline.local.batch_api.answering.replies import answer_chat
from livedash_pipeline.local.batch_api.answering.tokens import count_repeated_tokens, count_tokens, first_tokens
from livedash_pipeline.local.batch_api.refusals import Refusal

_EFFORTS = {"none": 0, "minimal": 0, "low": 1, "medium": 2, "high": 4, "xhigh": 8}
_REASONING_STEP, _PROMPT_STEP, _MOST_REASONING = 64, 1024, 4096


@dataclass(frozen=True)
class Usage:
    """Token counts of one completion; `completion` contains `reasoning`."""

    prompt: int
    completion: int
    reasoning: int

    def document(self) -> dict[str, Any]:
        """Returns the `usage` object of a chat completion; nothing is ever read from a cache."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def complete_chat(body: Mapping[str, Any], catalogue: Catalogue, *, completion_id: str, created: int) -> dict[str, Any]:
    """Returns the completion object for a request, or raises `Refusal` (400, 404) where the service would refuse it."""
    model = check_chat_request(body, catalogue)
    prompt = prompt_tokens(body)
    if prompt > model.input_limit:
        message = (
            f"This model's maximum context length is {model.input_limit} tokens. "
            f"However, your messages resulted in {prompt} tokens. Please reduce the length of the messages."
        )
        raise Refusal(400, message, code="context_length_exceeded", param="messages")
    reply = answer_chat(body)
    text, finish_reason, usage = _spend(reply.text, prompt, body, model)
    said = {"content": None, "refusal": text} if reply.refused else {"content": text, "refusal": None}
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": model.snapshot,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", **said, "annotations": []},
                "logprobs": None,
                "finish_reason": finish_reason,
            }
        ],
        "usage": usage.document(),
        "service_tier": "default",
        "system_fingerprint": None,
    }


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Counts the tokens of a request: messages and response format."""
    total = 3
    for message in body["messages"]:
        role, text = message["role"], message_text(message)
        counted = count_repeated_tokens(text) if role in ("system", "developer") else count_tokens(text)
        total += 3 + count_repeated_tokens(role) + counted
    if body.get("response_format") is not None:
        total += count_repeated_tokens(json.dumps(body["response_format"], separators=(",", ":")))
    return total


def reasoning_tokens(prompt: int, effort: str) -> int:
    """Returns the reasoning tokens of a prompt of that many tokens, by the rule in the module's docstring."""
    return min(_REASONING_STEP * -(-prompt // _PROMPT_STEP) * _EFFORTS.get(effort, 2), _MOST_REASONING)


def _spend(answer: str, prompt: int, body: Mapping[str, Any], model: Model) -> tuple[str, str, Usage]:
    """Cuts an answer to the request's limit; reasoning comes first and may leave nothing for it."""
    effort = str(body.get("reasoning_effort") or model.effort)
    reasoning = reasoning_tokens(prompt, effort) if model.reasoning else 0
    wanted = count_tokens(answer)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is None or reasoning + wanted <= limit:
        return answer, "stop", Usage(prompt, reasoning + wanted, reasoning)
    reasoning = min(reasoning, limit)
    return first_tokens(answer, limit - reasoning), "length", Usage(prompt, limit, reasoning)
