"""Sets the clock of a host: every Python process that is started there imports this before anything else.

Namespaces cannot do it: a time namespace shifts the monotonic clock alone. libfaketime can, but with it Python's own waits fail
(0.9.10: `time.sleep` raises EINVAL, or a wait for an event does not end). So only Python's clocks are shifted, which are the ones
that the pipeline, Dagster and Celery read; the monotonic clock, C libraries and Postgres go by the real one. gRPC hands times of
Python's clock to a library in C as deadlines, so its modules keep the real one too. Add nothing that changes what programs do.
"""

import os
import sys
import time
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

_DEADLINES = {"grpc._channel", "grpc._server", "grpc._common", "grpc._cython.cygrpc"}


class _RealClock:
    """Imports gRPC's modules, and gives them the real clock."""

    def __init__(self, clock: SimpleNamespace) -> None:
        self._clock = clock

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's own, with `time` put in its place after it has been loaded."""
        if name not in _DEADLINES:
            return None
        found = PathFinder.find_spec(name, path, target)
        if found is None or found.loader is None:
            return None
        load = found.loader.exec_module

        def load_with_clock(module: ModuleType) -> None:
            load(module)
            vars(module)["time"] = self._clock

        found.loader.exec_module = load_with_clock  # type: ignore[method-assign]
        return found


if os.environ.get("HOST_CLOCK_AHEAD"):
    import time_machine

    clock = SimpleNamespace(**{**vars(time), "time": time_machine.escape_hatch.time.time})
    sys.meta_path.insert(0, _RealClock(clock))
    time_machine.travel(time.time() + float(os.environ["HOST_CLOCK_AHEAD"]), tick=True).start()
