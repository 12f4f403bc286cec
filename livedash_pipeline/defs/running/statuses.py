"""Dagster's statuses of runs that have not ended, by how far such a run is.

Add a set when two modules need it.
"""

import dagster as dg

# Not QUEUED: such a run waits to be launched, for as long as it takes.
NOT_BEGUN = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING)
LAUNCHED = (*NOT_BEGUN, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
UNFINISHED = (dg.DagsterRunStatus.QUEUED, *LAUNCHED)
