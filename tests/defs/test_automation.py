"""Who automates what: sensors target what they do, and what declarative automation would do in their place."""

from __future__ import annotations

import dagster as dg
import pytest

from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.settings import Settings

COMPANIES = [f"company-{number}" for number in range(12)]
EAGER = ("pending_ai_requests", "session_questions")
# Dagster 1.13 marks a parameter as beta that its own tester of conditions uses.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `include_sources` of function")


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(Settings(), database_url=lambda: "never", environ={})


def test_every_asset_that_a_sensor_makes_or_observes_is_a_target_of_it(defs: dg.Definitions) -> None:
    jobs = {job.name: job for job in defs.resolve_all_job_defs()}
    targets = {
        sensor.name: {
            key.to_user_string()
            for target in sensor.targets
            if target.job_name in jobs
            for key in jobs[target.job_name].asset_layer.selected_asset_keys
        }
        for sensor in defs.sensors or []
    }
    assert targets["open_batch_sensor"] == {"ingested_results", "session_questions", "spend", "openai_batches"}
    assert targets["webhook_sensor"] == targets["open_batch_sensor"]
    automated = set().union(*targets.values())
    every = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    # Companies publish their CSVs, and a slice of a chat batch is no asset job: its run reports both assets.
    assert every - automated == {"company_csv", "chat_batches", "chat_results"}


def test_eager_conditions_ask_for_a_run_per_company_or_for_none(defs: dg.Definitions) -> None:
    """Shows why there are none: conditions see events of Dagster, by partition, and not the rows that wait."""

    def eager(spec: dg.AssetSpec) -> dg.AssetSpec:
        wanted = spec.key.path[-1] in EAGER
        return spec.replace_attributes(automation_condition=dg.AutomationCondition.eager()) if wanted else spec

    conditional = dg.Definitions(
        assets=[
            each.map_asset_specs(eager) if isinstance(each, dg.AssetsDefinition) else each for each in defs.assets or []
        ],
        resources=defs.resources,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("company", COMPANIES)

        def report(*assets: str) -> None:
            for asset in assets:
                for company in COMPANIES:
                    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=company))

        report("sessions", "messages", *EAGER)
        before = dg.evaluate_automation_conditions(conditional, instance)
        # A pass over all companies that found nothing new reports its assets, and each company would get a run of its own.
        report("sessions", "messages")
        passed = dg.evaluate_automation_conditions(conditional, instance, cursor=before.cursor)
        assert passed.get_num_requested(dg.AssetKey("pending_ai_requests")) == len(COMPANIES)
        report("pending_ai_requests")
        # A batch that the service has finished is an observation, which fires nothing: its results would never be ingested.
        settled = dg.evaluate_automation_conditions(conditional, instance, cursor=passed.cursor)
        instance.report_runless_asset_event(dg.AssetObservation("openai_batches", metadata={"after": "COMPLETED"}))
        observed = dg.evaluate_automation_conditions(conditional, instance, cursor=settled.cursor)
        assert observed.get_num_requested(dg.AssetKey("session_questions")) == 0
