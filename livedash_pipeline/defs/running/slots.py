"""Waits for a run's place in a pool before its step begins, asleep, and lets go at the first signal.

Dagster waits for a place in a loop that neither sleeps nor listens to signals: between two looks at its database it asks itself
without a pause whether it is time to look again. A step that holds its place already never comes there. Pools are a courtesy to
the service and not correctness, so nothing is checked afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

# Seconds between two tries; each is three small statements.
_TRY = 1.0
# Tries between two looks for runs that live no more: one of them may hold the place.
_LOOK = 10


def wait_for_slot(
    instance: dg.DagsterInstance,
    pool: str,
    run_id: str,
    step: str,
    *,
    look: Callable[[], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Returns once a step of a run has its place in a pool; at once where the pool has no limit.

    Args:
        instance: Dagster's instance with the pool.
        pool: Name of the pool.
        run_id: The run, which Dagster need not know yet.
        step: Key of its step.
        look: Called now and then while it waits; may raise to end the wait.
        sleep: Waits so many seconds, and is interrupted by signals.

    Raises:
        DagsterExecutionInterruptedError: SIGTERM or Ctrl-C; the place in the queue is given back.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits or not _is_limited(instance, pool):
        return
    tries = 0
    try:
        while not storage.claim_concurrency_slot(pool, run_id, step).is_claimed:
            if tries == 0:
                log.info("run waits for a place in a pool", run_id=run_id, pool=pool)
            # A signal that came since the last sleep is raised here as well.
            with dg.raise_execution_interrupts():
                sleep(_TRY)
            tries += 1
            if tries % _LOOK == 0:
                look()
    except BaseException:
        storage.free_concurrency_slot_for_step(run_id, step)
        raise


def _is_limited(instance: dg.DagsterInstance, pool: str) -> bool:
    """True where steps take places; makes the pool at its first use, as Dagster does."""
    storage = instance.event_log_storage
    config = storage.get_pool_config()
    if config.pool_granularity is not None and config.pool_granularity.value == "run":
        return False
    limits = {each.name: each for each in storage.get_pool_limits()}
    known = limits.get(pool)
    default = config.default_pool_limit
    if default is not None and (known is None or (known.from_default and known.limit != default)):
        storage.initialize_concurrency_limit_to_default(pool)
        return True
    return known is not None


@contextmanager
def slot_of_job(
    instance: dg.DagsterInstance, job: dg.JobDefinition, run_id: str, *, look: Callable[[], None]
) -> Iterator[None]:
    """Waits for the place of a job of one step, and frees it when the block ends, however it does; other jobs do not wait."""
    pools = {node.name: node.definition.pool for node in job.nodes if isinstance(node.definition, dg.OpDefinition)}
    if len(pools) != 1 or None in pools.values():
        yield
        return
    ((step, pool),) = pools.items()
    wait_for_slot(instance, str(pool), run_id, step, look=look)
    try:
        yield
    finally:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
