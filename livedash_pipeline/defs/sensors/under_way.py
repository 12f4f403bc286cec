"""Answers for all companies or batches at once which of them a run is working on.

One query a job, however many companies there are: a query a company took 20 s of a tick with 2,000 of them. Add what a sensor
asks of many at once; what it asks of one job is `defs.sensors.ticks`.
"""

import dagster as dg

from livedash_pipeline.defs.names import Names
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.dead_runs import runs_going_on
from livedash_pipeline.defs.running.statuses import UNFINISHED


def values_under_way(
    instance: dg.DagsterInstance, postgres: Postgres, names: Names, job: str, tag: str
) -> frozenset[str]:
    """Returns the values of a tag that runs of a job have which wait or go on; reports runs that live no more.

    Args:
        instance: Dagster's instance with the runs.
        postgres: Our database, with the runs' signs of life.
        names: Tells our runs from those of others, who may have a job of this name.
        job: Name of the job.
        tag: Such as the partition's, which names the company.
    """
    records = instance.get_run_records(
        filters=dg.RunsFilter(job_name=job, statuses=list(UNFINISHED), tags=dict(names.run_tags))
    )
    going_on = runs_going_on(instance, postgres, records) if records else set()
    runs = (record.dagster_run for record in records)
    return frozenset(run.tags[tag] for run in runs if run.run_id in going_on and tag in run.tags)
