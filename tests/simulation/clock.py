"""The simulation's time: it stands still unless somebody moves it.

Our database and the service see the same clock, the service perhaps with a skew. Nothing here reads the wall's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2027, 1, 4, 8, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Seconds since `START`; `skew` is how far the service's clock is ahead of ours."""

    skew: float = 0.0
    passed: float = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds

    def now(self) -> datetime:
        """Our time."""
        return START + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        """Seconds for budgets."""
        return self.passed

    def service_time(self) -> float:
        """The service's time, in seconds since 1970."""
        return START.timestamp() + self.passed + self.skew
