"""Enqueued tokens: how many prompt tokens wait in batches, and what validation says when they are too many.

Add other limits of the queue here. A batch counts from its validation to its end.
"""

from typing import BinaryIO

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue
from livedash_pipeline.local.batch_api.answering.chat import prompt_tokens
from livedash_pipeline.local.batch_api.answering.chat_request import check_chat_request
from livedash_pipeline.local.batch_api.batches.lines import iterate_lines, parse_object
from livedash_pipeline.local.batch_api.batches.validation import Fault
from livedash_pipeline.local.batch_api.refusals import Refusal


def count_enqueued(stream: BinaryIO, catalogue: Catalogue) -> int:
    """Returns the prompt tokens of a requests file; a request that its model will refuse counts nothing."""
    total = 0
    for _, line in iterate_lines(stream):
        request = parse_object(line) if line else None
        body = request.get("body") if request else None
        if not isinstance(body, dict):
            continue
        try:
            check_chat_request(body, catalogue)
        except Refusal:
            continue
        total += prompt_tokens(body)
    return total


def over_limit(model: str, limit: int) -> Fault:
    """Returns the fault of a batch that does not fit into the queue."""
    message = (
        f"Too many tokens are enqueued for {model} in this organization. Limit: {limit:,} enqueued tokens. "
        "Try again when batches that are in progress have ended."
    )
    return Fault("token_limit_exceeded", message)
