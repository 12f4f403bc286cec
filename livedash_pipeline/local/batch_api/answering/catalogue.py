"""The models that the stand-in knows, under their alias and their dated snapshot.

Add a model to `KNOWN_MODELS`, or pass its name to the server. Prices do not belong here: the pipeline keeps its own.
Snapshots are those of the price table in `genai-prices`, so that a reply's model name finds its price.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Model:
    """One model: names, and what decides how it treats a request.

    `effort` is the reasoning effort used when a request names none; `input_limit` is in tokens. `efforts` are those that a
    request may name: None for any, and empty for a model that knows no effort. `schemas` says whether it takes JSON schemas.
    """

    alias: str
    snapshot: str
    reasoning: bool
    effort: str = "none"
    input_limit: int = 128_000
    efforts: tuple[str, ...] | None = None
    schemas: bool = True


_FROM_MINIMAL = ("minimal", "low", "medium", "high")
_FROM_NONE = ("none", "low", "medium", "high")

KNOWN_MODELS = (
    Model("gpt-5-mini", "gpt-5-mini-2025-08-07", True, "medium", 272_000, _FROM_MINIMAL),
    Model("gpt-5-nano", "gpt-5-nano-2025-08-07", True, "medium", 272_000, _FROM_MINIMAL),
    Model("gpt-5", "gpt-5-2025-08-07", True, "medium", 272_000, _FROM_MINIMAL),
    Model("gpt-5-pro", "gpt-5-pro-2025-10-06", True, "high", 272_000, ("high",)),
    Model("gpt-5-chat-latest", "gpt-5-chat-latest", False, efforts=()),
    Model("gpt-5.1", "gpt-5.1-2025-11-13", True, "none", 272_000, _FROM_NONE),
    Model("gpt-5.1-chat-latest", "gpt-5.1-chat-latest", True, "medium", efforts=("medium",)),
    Model("gpt-5.2", "gpt-5.2-2025-12-11", True, "none", 272_000),
    Model("gpt-5.4", "gpt-5.4-2026-03-05", True, "none", 922_000),
    Model("gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", True, "none", 272_000),
    Model("gpt-5.4-nano", "gpt-5.4-nano-2026-03-17", True, "none", 272_000),
    Model("gpt-6-luna", "gpt-6-luna-2026-09-22", True, "medium", 922_000),
    Model("gpt-4", "gpt-4-0613", False, "none", 8_192, (), schemas=False),
    Model("gpt-4o", "gpt-4o-2024-08-06", False, efforts=()),
    Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", False, efforts=()),
    Model("gpt-4.1", "gpt-4.1-2025-04-14", False, "none", 1_047_576, ()),
    Model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", False, "none", 1_047_576, ()),
    Model("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", False, "none", 1_047_576, ()),
    Model("o1-mini", "o1-mini-2024-09-12", True, "medium", efforts=()),
    Model("o3", "o3-2025-04-16", True, "medium", 200_000, _FROM_MINIMAL[1:]),
    Model("o4-mini", "o4-mini-2025-04-16", True, "medium", 200_000, _FROM_MINIMAL[1:]),
)

_LOOKS_LIKE_REASONING = re.compile(r"^(o\d|gpt-([5-9]|\d\d))")


class Catalogue:
    """The known models plus those given by name; lookup by alias or snapshot.

    Args:
        extra: names of further models; `NAME=BASE` is another name of a known one, as deployments and fine-tuned models have.
        known: the models with all that is known of them.
        any_name: whether every other name is a model too.
    """

    def __init__(
        self, extra: Collection[str] = (), *, known: Collection[Model] = KNOWN_MODELS, any_name: bool = False
    ) -> None:
        self._any_name = any_name
        self._by_name = {name: model for model in known for name in (model.alias, model.snapshot)}
        for name in extra:
            own, _, base = name.rpartition("=")
            model = replace(self._by_name[base], alias=own) if own else _unlisted(name)
            self._by_name.setdefault(model.alias, model)

    def get(self, name: object) -> Model | None:
        """Returns the model with this alias or snapshot name, or None."""
        if not isinstance(name, str):
            return None
        return self._by_name.get(name) or (_unlisted(name) if self._any_name and name else None)

    def names(self) -> Iterator[str]:
        """Yields every name that a request may use."""
        return iter(self._by_name)


def _unlisted(name: str) -> Model:
    """Describes a model given by name only; its family decides whether it reasons, and it has no other snapshot."""
    reasoning = _LOOKS_LIKE_REASONING.match(name) is not None
    return Model(name, name, reasoning, "medium" if reasoning else "none", 272_000)
