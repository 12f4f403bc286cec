"""How long a batch takes in each state, in simulated seconds, and what the speed makes of them.

Add a duration here. Which state follows which is in `runs.py`.
"""

import math
from dataclasses import dataclass

from livedash_pipeline.local.batch_api.records import WINDOW_SECONDS


@dataclass(frozen=True)
class Pace:
    """Durations in simulated seconds; `speed` simulated seconds pass in one second of the clock.

    Speed 0 means that everything due has happened at the next look, and that nothing expires. A batch expires after 24
    simulated hours, while its `expires_at` always says 24 hours after its creation, as the service's does. Only the life
    of a batch is sped up: files keep their 30 days of the clock, because a file that vanishes after four minutes would surprise.
    """

    speed: float = 1.0
    validating: float = 2.0
    lines_per_second: float = 200.0
    least_running: float = 3.0
    finalizing: float = 1.0
    cancelling: float = 2.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.speed) and self.speed >= 0):
            raise ValueError(f"speed is {self.speed}; it must be 0 (at once) or a positive number")

    def seconds(self, simulated: float) -> float:
        """Returns seconds of the clock for a simulated duration."""
        return simulated / self.speed if self.speed else 0.0

    def window(self) -> float:
        """Returns the clock seconds after which a batch expires."""
        return self.seconds(WINDOW_SECONDS) if self.speed else math.inf

    def running(self, total: int) -> float:
        """Returns the clock seconds in which a batch of that many lines runs."""
        return self.seconds(max(self.least_running, total / self.lines_per_second))

    def lines_due(self, total: int, started: float, now: float) -> int:
        """Returns how many of a batch's lines have been run by now."""
        if now >= started + self.running(total):
            return total
        return max(0, int(total * (now - started) / self.running(total)))
