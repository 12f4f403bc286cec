"""The stand-in's verdict on two answers, worked out from their words; no model is asked.

- `same`: both have the same set of words, whatever their order, letter case and accents
- `undecided`: all words of one are among those of the other, or the document cannot be read
- `different`: anything else
"""

import json
from collections.abc import Mapping

from livedash_pipeline.local.batch_api.answering.phrases import fold


def judge(data: str) -> str:
    """Return the verdict on the answers `first` and `second` of a JSON document."""
    try:
        pair = json.loads(data)
    except ValueError:
        return "undecided"
    if not isinstance(pair, Mapping):
        return "undecided"
    first, second = (frozenset(fold(str(pair.get(name, ""))).split()) for name in ("first", "second"))
    if first == second:
        return "same"
    return "undecided" if first <= second or second <= first else "different"
