"""Jobs that make a part of the asset graph: an import, a submit, taking results in, taking submissions on.

Add a job by naming its assets. Checks that look at all companies at once are the business of `health_checks` alone.
"""

from livedash_pipeline.defs.assets.imports import IMPORT_ASSETS, SUBMISSION_ASSETS
from livedash_pipeline.defs.blueprints import AssetJobBlueprint
from livedash_pipeline.defs.names import IMPORT_MAX_RUNTIME, TAG_MAX_RUNTIME, TAG_WORK, WORK_IMPORT, WORK_SUBMISSIONS

import_sessions = AssetJobBlueprint(
    "import_sessions",
    "One company from its CSV to its pending requests.",
    IMPORT_ASSETS,
    {TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME, TAG_WORK: WORK_IMPORT},
)
take_submissions = AssetJobBlueprint(
    "take_submissions",
    "One company's submitted sessions, from their messages to their pending requests.",
    SUBMISSION_ASSETS,
    {TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME, TAG_WORK: WORK_SUBMISSIONS},
)
submit_batches = AssetJobBlueprint(
    "submit_batches",
    "Sends what is due to the Batch API, one company and model a batch.",
    ("submitted_batches",),
)
ingest_results = AssetJobBlueprint(
    "ingest_results",
    "Takes one company's finished batches in, and sums what it has spent this month.",
    ("ingested_results", "session_questions", "spend"),
)
observe_batches = AssetJobBlueprint(
    "observe_batches",
    "Looks at the batches at the service once, as `open_batch_sensor` does; starts no run.",
    ("openai_batches",),
)
