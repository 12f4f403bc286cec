"""The sensor that goes on with chat batches: the next slice of each that was started and has something to do.

Nothing depends on it but time: a slice by hand does the same. Add a reason to run a slice to `find_batches_with_work.sql`.
"""

import dagster as dg

from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.chats.store.figures import batches_with_work
from livedash_pipeline.defs.blueprints import sensor
from livedash_pipeline.defs.names import TAG_CHAT_BATCH, TAG_COMPANY, Names
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.dead_runs import report_dead_runs
from livedash_pipeline.defs.sensors.ticks import next_turn
from livedash_pipeline.defs.sensors.turns import chosen, run_key
from livedash_pipeline.defs.sensors.under_way import values_under_way
from livedash_pipeline.settings import Settings

# A run takes seconds to start; the batches that are left wait for the next tick, and the turn goes round.
RUNS_PER_TICK = 4


def build_chat_sensor(settings: Settings, names: Names, process_chat_batch: dg.JobDefinition) -> dg.SensorDefinition:
    """The sensor, which looks every `LIVEDASH_CHAT_INTERVAL` seconds."""

    @sensor(
        names,
        name="chat_batch_sensor",
        job=process_chat_batch,
        minimum_interval_seconds=settings.livedash_chat_interval,
        description="Runs the next slice of chat batches that were started, until they end.",
    )
    def tick(context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres]) -> dg.SensorResult:
        if not settings.batch_creation_enabled:
            return dg.SensorResult(skip_reason="BATCH_CREATION_ENABLED is false: no slice is run by this sensor")
        with postgres.engine() as engine, engine.connect() as connection:
            found = batches_with_work(connection, now=database_now(connection))
        if not found:
            return dg.SensorResult(skip_reason="0 chat batches have something to do")
        report_dead_runs(context.instance, postgres)
        state = f"{plural(len(found), 'chat batch', 'chat batches')} {verb(len(found), 'has', 'have')} something to do"
        busy = values_under_way(context.instance, postgres, names, process_chat_batch.name, TAG_CHAT_BATCH)
        idle = [each for each in found if str(each.id) not in busy]
        if not idle:
            return dg.SensorResult(skip_reason=f"{state}, and their slices are under way")
        turn = next_turn(context)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=run_key("chats", str(each.id), turn=turn),
                    tags={TAG_CHAT_BATCH: str(each.id), TAG_COMPANY: each.company},
                    run_config={"ops": {process_chat_batch.name: {"config": _config(settings, str(each.id))}}},
                )
                for each in chosen(idle, turn, RUNS_PER_TICK)
            ],
            cursor=str(turn),
        )

    return tick


def _config(settings: Settings, batch_id: str) -> dict[str, object]:
    return {"batch_id": batch_id, "duration_seconds": float(settings.livedash_chat_slice)}
