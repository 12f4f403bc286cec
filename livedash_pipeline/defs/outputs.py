"""Where outputs of op jobs go: nowhere, since their documents are metadata and log lines of the run.

Dagster's own would keep each as a file below `DAGSTER_HOME`, which nothing ever deletes: at 2,000 companies one of a third of a
megabyte every quarter of an hour. Dagster refuses its manager in memory where each step is a process of its own, as in a project
with another executor. Add nothing here; assets return no values either.
"""

from __future__ import annotations

import dagster as dg


class NothingKept(dg.IOManager):
    """Keeps no output; whoever runs a job in its own process gets it from the result."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Keeps nothing."""

    def load_input(self, context: dg.InputContext) -> object:
        """Raises: no op of ours has an input from another."""
        raise NotImplementedError("outputs of op jobs are not kept")
