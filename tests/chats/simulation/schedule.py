"""A schedule of chat batches as data: lists of questions, what goes wrong at the provider, and what workers and people do.

Steps are those of `tests.simulation.schedule`; their `number` names a batch and a choice (`pick`). What a step does is in
`runner.py`; how a seed gives a schedule, in `draws.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from tests.simulation.schedule import Step

CONCURRENCY = {"narrow": 1, "pair": 2, "openai": 8}
"""The providers, with how many questions each takes at once. All are one endpoint; the last is that of the settings."""

TOO_SHORT = "?"


@dataclass(frozen=True)
class Plan:
    """A list of questions.

    Attributes:
        turns: Turns of each conversation; a negative number of them has a first turn that says too little.
        mode: As a batch has it.
        due: Hours from the start until the answers are wanted; None for no such time.
        policy: What a failed turn does to those after it.
        provider: Who answers.
    """

    turns: tuple[int, ...] = (1,)
    mode: str = "slices"
    due: float | None = None
    policy: str = "stop"
    provider: str = "openai"

    def rows(self, batch: int) -> Iterator[dict[str, str]]:
        """The rows of its file; no other question of a schedule has the same words."""
        for chat, turns in enumerate(self.turns):
            for turn in range(abs(turns)):
                question = f"What is question {turn} of conversation {chat} in list {batch}?"
                yield {"chatId": f"c{chat}", "question": TOO_SHORT if turns < 0 and turn == 0 else question}


@dataclass(frozen=True)
class Schedule:
    """Lists, faults and steps.

    Attributes:
        seed: Also that of the chances that the batch service takes.
        plans: The lists; each is a batch that nobody has begun.
        faults: Which call of the provider ends in which way, by a word of `provider.OUTCOMES`, the first call being 0; and
            what goes wrong at the Batch API, as its fault scripts write it.
        steps: What happens.
    """

    seed: int
    plans: tuple[Plan, ...] = (Plan(),)
    faults: tuple[tuple[int, str] | dict[str, Any], ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def call_ends(self) -> dict[int, str]:
        """How calls end that are not simply answered."""
        return dict(each for each in self.faults if isinstance(each, tuple))

    @property
    def service_faults(self) -> list[dict[str, Any]]:
        """What goes wrong at the Batch API."""
        return [each for each in self.faults if isinstance(each, dict)]

    @property
    def uses_batches(self) -> bool:
        """Whether any list may be asked through the Batch API."""
        return any(plan.mode != "slices" for plan in self.plans)

    def describe(self) -> str:
        """All of it, one thing a line."""
        lines = [f"seed {self.seed}"]
        lines += [f"batch {place}: {json.dumps(asdict(plan))}" for place, plan in enumerate(self.plans)]
        lines += [
            f"call {each[0]} ends as {each[1]}" if isinstance(each, tuple) else f"fault {json.dumps(each)}"
            for each in self.faults
        ]
        return "\n".join([*lines, *(f"{place:3} {step}" for place, step in enumerate(self.steps))])

    def without(self, *, steps: slice | None = None, fault: int | None = None) -> Schedule:
        """The same with some steps, or one fault, left out."""
        kept = list(self.steps)
        if steps is not None:
            del kept[steps]
        faults = tuple(each for place, each in enumerate(self.faults) if place != fault)
        return replace(self, steps=tuple(kept), faults=faults)


def pick(batch: int, choice: int) -> int:
    """The number of a step about a batch, with one of the choices that its action has."""
    return batch + 2 * choice
