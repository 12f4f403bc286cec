"""Shows that a run lives while this process works on it, and binds its id to every log line.

A run shows it either for all its steps together (`beating_run`: our executor and the commands) or, in a project whose executor
gives each step a process of its own, step by step. Runs that show it no more are reported by `defs.running.dead_runs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import dagster as dg
import structlog

from livedash_pipeline.base.steps.beating import Beating, beating
from livedash_pipeline.base.store.faults import explain

if TYPE_CHECKING:
    from livedash_pipeline.defs.resources import Postgres

RunContext: TypeAlias = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext

# Seconds: a beat that nobody answers is over before the next one is due.
_ANSWER = 5
# Runs that show for all their steps together that they live.
_whole_runs: dict[str, Beating] = {}


@contextmanager
def beating_run(postgres: Postgres, run_id: str, job: str) -> Iterator[None]:
    """Shows that a run lives from its beginning to its end, which both lie in this process.

    Raises:
        LivedashError: The database cannot be used, or the run was given up, at the latest when it ends well.
    """
    with _beats(postgres, run_id, job, whole_run=True) as signs:
        _whole_runs[run_id] = signs
        try:
            yield
        finally:
            del _whole_runs[run_id]


@contextmanager
def identified_run(context: RunContext, postgres: Postgres) -> Iterator[str]:
    """Shows that the run lives and binds its id to every log line; yields the run's id.

    Raises:
        LivedashError: A database refused, a file could not be written, or the run was given up meanwhile: it was reported as
            failed, and fails with that sentence.
    """
    run_id = context.run.run_id
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        try:
            whole = _whole_runs.get(run_id)
            if whole is not None:
                whole.confirm()
                yield run_id
                whole.confirm()
            else:
                with _beats(postgres, run_id, context.run.job_name, whole_run=False):
                    yield run_id
        except Exception as error:
            explained = explain(error)
            if explained is None or explained is error:
                raise
            raise explained from error


@contextmanager
def _beats(postgres: Postgres, run_id: str, job: str, *, whole_run: bool) -> Iterator[Beating]:
    with (
        postgres.engine(statement_timeout=_ANSWER, answer_timeout=_ANSWER) as engine,
        beating(engine, run_id, job, whole_run=whole_run) as signs,
    ):
        yield signs
