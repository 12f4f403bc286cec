"""The executor of our jobs: all steps in one process, with signs of life from the first moment, and a wait for pools that sleeps.

Each step of Dagster's default executor is a process of its own: three small steps took 11.6 s instead of 0.5 s. What runs the
steps is Dagster's own in-process executor, which is given each step once it has its place. Add what concerns a run as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import dagster as dg

from livedash_pipeline.base.steps.beating import GivenUpError
from livedash_pipeline.base.store.faults import explain
from livedash_pipeline.defs.running.dead_runs import report_dead_runs
from livedash_pipeline.defs.running.identity import beating_run
from livedash_pipeline.defs.running.slots import wait_for_slot
from livedash_pipeline.logs import get_logger

if TYPE_CHECKING:
    from livedash_pipeline.defs.resources import Postgres

log = get_logger(__name__)


def build_executor(postgres: Postgres) -> dg.ExecutorDefinition:
    """The executor of runs whose signs of life go to this database."""

    def create(init_context: dg.InitExecutorContext) -> dg.Executor:
        create_inner: Any = dg.in_process_executor.executor_creation_fn
        return LivingExecutor(create_inner(init_context), postgres)

    schema: Any = dg.in_process_executor.config_schema
    return dg.ExecutorDefinition(
        name="livedash_in_process",
        description="All steps in one process, which shows that it lives.",
        config_schema=schema,
        executor_creation_fn=create,
    )


class LivingExecutor(dg.Executor):
    """Runs steps as another executor of one process does."""

    def __init__(self, inner: dg.Executor, postgres: Postgres) -> None:
        self._inner = inner
        self._postgres = postgres

    @property
    def retries(self) -> Any:
        """How steps are retried."""
        return self._inner.retries

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        """Runs the steps of a plan, and yields what happens.

        Raises:
            GivenUpError: The run was given up; it was reported as failed and is to stay so.
        """
        run = plan_context.dagster_run
        with ExitStack() as stack:
            try:
                stack.enter_context(beating_run(self._postgres, run.run_id, run.job_name))
            except GivenUpError:
                raise
            except Exception as error:
                # The first step meets the same database, fails with the sentence that says what is wrong, and may be retried.
                if explain(error) is None:
                    raise
                log.warning("run could not say that it lives", run_id=run.run_id, reason=type(error).__name__)
            yield from self._execute(plan_context, execution_plan)

    def _execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        ended: set[str] = set()
        succeeded: set[str] = set()
        self._wait_for_next(plan_context, execution_plan, ended, succeeded)
        for event in self._inner.execute(plan_context, execution_plan):
            yield event
            if event.step_key is None or not (event.is_step_success or event.is_step_failure or event.is_step_skipped):
                continue
            ended.add(event.step_key)
            if event.is_step_success:
                succeeded.add(event.step_key)
            self._wait_for_next(plan_context, execution_plan, ended, succeeded)

    def _wait_for_next(self, plan_context: Any, plan: Any, ended: Set[str], succeeded: Set[str]) -> None:
        """Waits for the pool of the step that is next, where no step without one can begin."""
        ready = [
            plan.get_step_by_key(key)
            for key, needed in plan.get_executable_step_deps().items()
            if key not in ended and set(needed) <= succeeded
        ]
        if not ready or any(step.pool is None for step in ready):
            return
        run = plan_context.dagster_run
        instance: dg.DagsterInstance = plan_context.instance

        def look() -> None:
            self._report_others(instance)
            found = instance.get_run_by_id(run.run_id)
            if found is not None and found.status is dg.DagsterRunStatus.CANCELING:
                raise dg.DagsterExecutionInterruptedError

        wait_for_slot(instance, ready[0].pool, run.run_id, ready[0].key, look=look)

    def _report_others(self, instance: dg.DagsterInstance) -> None:
        """One of them may hold the place that is waited for."""
        try:
            report_dead_runs(instance, self._postgres)
        except Exception as error:
            if explain(error) is None:
                raise
            log.warning("dead runs not looked for", reason=type(error).__name__)
