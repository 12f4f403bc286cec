"""A run that waits for a place in a pool, as a process of its own: what `test_executor.py` starts, interrupts and kills.

Arguments: the directory of Dagster's instance, our database's address, and `executor` or `command`, which is how the run waits.
"""

import sys

import dagster as dg

from livedash_pipeline.base.steps.beating import beating
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.executor import build_executor
from livedash_pipeline.defs.running.slots import slot_of_job

POOL = "a_pool"
RUN = "5b0b0a5e-5d7e-4d52-8d3f-2f7d5f2d8c21"


def say(word: str) -> None:
    """Tells the test."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


@dg.op(pool=POOL)
def work() -> None:
    """Says that it has its place."""
    say("works")


def job() -> dg.JobDefinition:
    """A job of one step in a pool, with our executor."""
    executor = build_executor(Postgres(lambda: sys.argv[2]))
    return dg.GraphDefinition(name="works", node_defs=[work]).to_job(executor_def=executor)


def wait_as_executor(instance: dg.DagsterInstance) -> None:
    """Runs the job as a run worker does."""
    with dg.execute_job(dg.reconstructable(job), instance=instance) as result:
        say("succeeded" if result.success else "failed")


def wait_as_command(instance: dg.DagsterInstance) -> None:
    """Waits as a command does, before Dagster knows its run."""

    def look() -> None:
        say("looked")

    with (
        beating(make_engine(sys.argv[2]), RUN, "works", whole_run=True),
        slot_of_job(instance, job(), RUN, look=look),
    ):
        say("works")


if __name__ == "__main__":
    with dg.DagsterInstance.local_temp(sys.argv[1], overrides={"concurrency": {"pools": {"default_limit": 1}}}) as own:
        {"executor": wait_as_executor, "command": wait_as_command}[sys.argv[3]](own)
