"""Names that Dagster shows and that several definitions share: groups, owners, tags, the pool, the partition.

Add a name here when two modules need it. Assets, jobs and sensors are named where they are defined.
"""

from __future__ import annotations

GROUP_IMPORT = "import"
GROUP_ANALYSIS = "analysis"
GROUP_CHATS = "chats"

OWNERS = ["team:data-engineering"]
POOL_OPENAI = "openai_api"
PARTITIONS = "company"

TAG_COMPANY = "livedash/company"
TAG_BATCH = "livedash/batch_id"
TAG_CHAT_BATCH = "livedash/chat_batch_id"
TAG_RUN = "livedash/run"
TAG_HOST = "livedash/host"
TAG_PID = "livedash/pid"
TAG_STARTED = "livedash/process_started"
TAG_PARTITION = "dagster/partition"
TAG_MAX_RUNTIME = "dagster/max_runtime"

IMPORT_MAX_RUNTIME = str(6 * 3600)
