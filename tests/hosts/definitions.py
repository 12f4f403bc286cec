"""What the code servers of these hosts load: the pipeline's own definitions, for one control round without a safeguard.

With HOSTS_WITHOUT_GIVING_UP set, no sensor and no command gives up a run of a host that is gone; the rounds have to notice. Add
a safeguard that can be taken away here, and nothing else: everything else is as it is deployed.
"""

from __future__ import annotations

import os
from typing import Any

from livedash_pipeline.definitions import defs
from livedash_pipeline.defs.running import dead_runs

__all__ = ["defs"]

WITHOUT_GIVING_UP = "HOSTS_WITHOUT_GIVING_UP"


def _gives_nothing_up(*_arguments: Any) -> dict[str, Any]:
    return {}


if os.environ.get(WITHOUT_GIVING_UP):
    dead_runs._give_up = _gives_nothing_up  # type: ignore[assignment]
