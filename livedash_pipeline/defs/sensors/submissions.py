"""The sensor that sees submitted sessions waiting, and has `take_submissions` make sessions and requests of them.

That job is the later part of `import_sessions`: what a client submits has no CSV and nothing to fetch. Add what concerns
submissions alone; how they come in is `submissions.steps.take_submissions`.
"""

from typing import Any

import dagster as dg

from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.defs.blueprints import sensor
from livedash_pipeline.defs.names import TAG_COMPANY, TAG_PARTITION, Names
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.dead_runs import report_dead_runs
from livedash_pipeline.defs.sensors.ticks import next_turn
from livedash_pipeline.defs.sensors.turns import chosen, run_key
from livedash_pipeline.defs.sensors.under_way import values_under_way
from livedash_pipeline.settings import Settings
from livedash_pipeline.submissions.store.submissions import companies_with_submissions

# Clients are told that their sessions are taken on within a minute.
LONGEST_INTERVAL = 30
# A run takes seconds to start; the companies that are left wait for the next tick, and the turn goes round.
RUNS_PER_TICK = 4


def build_submission_sensor(settings: Settings, names: Names, take_submissions: Any) -> dg.SensorDefinition:
    """The sensor, which looks at least every 30 s."""

    @sensor(
        names,
        name="submission_sensor",
        job=take_submissions,
        minimum_interval_seconds=min(LONGEST_INTERVAL, settings.livedash_import_interval),
        description="Takes on sessions that clients have submitted.",
    )
    def tick(context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres]) -> dg.SensorResult:
        with postgres.engine() as engine, engine.connect() as connection:
            waiting = companies_with_submissions(connection)
        if not waiting:
            return dg.SensorResult(skip_reason="0 submitted sessions wait")
        report_dead_runs(context.instance, postgres)
        sessions = sum(each.sessions for each in waiting)
        state = (
            f"{plural(sessions, 'submitted session')} of {plural(len(waiting), 'company', 'companies')} "
            f"{verb(sessions, 'waits', 'wait')}"
        )
        # Runs of either job take a company's sessions on in any case.
        busy = frozenset[str]().union(
            *(
                values_under_way(context.instance, postgres, names, names.name(job), TAG_PARTITION)
                for job in ("take_submissions", "import_sessions")
            )
        )
        idle = [each.company for each in waiting if each.company not in busy]
        if not idle:
            return dg.SensorResult(skip_reason=f"{state}, and their runs are under way")
        turn = next_turn(context)
        slugs = chosen(idle, turn, RUNS_PER_TICK)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=run_key("take", slug, turn=turn), partition_key=slug, tags={TAG_COMPANY: slug})
                for slug in slugs
            ],
            cursor=str(turn),
            dynamic_partitions_requests=[dg.AddDynamicPartitionsRequest(names.partitions_name, slugs)],
        )

    return tick
