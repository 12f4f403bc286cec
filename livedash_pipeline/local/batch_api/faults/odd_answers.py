"""Turns good chat completions into useless ones, each in its way; the usage stays.

Add a word of `OddAnswer` here. The faults of a batch's lines are in `line_faults.py`.
"""

import copy
from typing import Any

from livedash_pipeline.local.batch_api.answering.questions import REFUSAL_TEXT
from livedash_pipeline.local.batch_api.faults.call_kinds import OddAnswer


def odd_completion(completion: dict[str, Any], fault: OddAnswer) -> dict[str, Any]:
    """Returns a completion with the answer that a fault wants; an error document stays as it is."""
    if not completion.get("choices"):
        return completion
    changed = copy.deepcopy(completion)
    choice = changed["choices"][0]
    message = choice["message"]
    text = message.get("content") or ""
    if fault.answer == "refusal":
        message.update(content=None, refusal=REFUSAL_TEXT)
    elif fault.answer == "empty":
        message["content"] = ""
    else:
        message["content"], choice["finish_reason"] = text[: len(text) // 2], fault.answer
    return changed
