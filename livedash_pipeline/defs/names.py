"""Names that Dagster shows, and what a project that takes our definitions in puts before them.

`Names` makes every name: of assets, groups, jobs, ops, sensors, schedules, resources, the pool and the partitions. Add a constant
here when two modules need it. Assets, jobs and sensors are named where they are defined, without a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import dagster as dg

from livedash_pipeline.errors import SettingsError
from livedash_pipeline.settings import Settings

GROUP_IMPORT = "import"
GROUP_ANALYSIS = "analysis"
GROUP_CHATS = "chats"

OWNERS = ["team:data-engineering"]
POOL_OPENAI = "openai_api"
PARTITIONS = "company"
RESOURCES = ("postgres", "openai_batch", "http_source")

TAG_COMPANY = "livedash/company"
TAG_BATCH = "livedash/batch_id"
TAG_CHAT_BATCH = "livedash/chat_batch_id"
TAG_KIND = "livedash/kind"
# On runs of earlier versions alone.
TAG_RUN = "livedash/run"
# Dagster hides tags that begin so, in the UI as in GraphQL; filters and limits of concurrency see them.
TAG_OURS = ".dagster/livedash"
# What a run works on, for `tag_concurrency_limits` of dagster.yaml.
TAG_WORK = ".dagster/livedash_work"
TAG_PARTITION = "dagster/partition"
TAG_MAX_RUNTIME = "dagster/max_runtime"

WORK_IMPORT = "import"
WORK_SUBMISSIONS = "submissions"
WORK_CHATS = "chats"

IMPORT_MAX_RUNTIME = str(6 * 3600)

_PREFIX = re.compile(r"[A-Za-z0-9_]*")
_KEY_PART = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Names:
    """Makes the names of all definitions.

    Attributes:
        key_prefix: Parts before each asset's name in its key.
        name_prefix: Stands before the names of jobs, ops, sensors, schedules, resources, the pool and the partitions, such as
            `livedash_`. It tells the runs of two pipelines apart that share an instance.
        group_prefix: Stands before the names of groups.
    """

    key_prefix: tuple[str, ...] = ()
    name_prefix: str = ""
    group_prefix: str = ""

    def __post_init__(self) -> None:
        for part in self.key_prefix:
            _require(_KEY_PART, part, "key_prefix")
        _require(_PREFIX, self.name_prefix, "name_prefix")
        _require(_PREFIX, self.group_prefix, "group_prefix")

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        key_prefix: str | Collection[str] | None = None,
        name_prefix: str | None = None,
        group_prefix: str | None = None,
    ) -> Names:
        """The names with these prefixes; those that are None are the settings'.

        Raises:
            SettingsError: A prefix has characters that Dagster does not allow in names.
        """
        key = settings.livedash_key_prefix if key_prefix is None else key_prefix
        parts = (part for part in key.split("/") if part) if isinstance(key, str) else key
        return cls(
            tuple(parts),
            settings.livedash_name_prefix if name_prefix is None else name_prefix,
            settings.livedash_group_prefix if group_prefix is None else group_prefix,
        )

    def key(self, asset: str) -> dg.AssetKey:
        """Returns the key of an asset."""
        return dg.AssetKey([*self.key_prefix, asset])

    def check(self, asset: str, check: str) -> dg.AssetCheckKey:
        """Returns the key of a check of an asset."""
        return dg.AssetCheckKey(self.key(asset), check)

    def name(self, plain: str) -> str:
        """Returns the name of a job, op, sensor, schedule, resource or pool."""
        return f"{self.name_prefix}{plain}"

    def group(self, plain: str) -> str:
        """Returns the name of a group."""
        return f"{self.group_prefix}{plain}"

    @property
    def partitions_name(self) -> str:
        """The name of the partitions, whose keys are companies."""
        return self.name(PARTITIONS)

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """One partition per company, by its slug; row state lives in tables, and no partition is ever removed."""
        return dg.DynamicPartitionsDefinition(name=self.partitions_name)

    @property
    def run_tags(self) -> Mapping[str, str]:
        """The tag by which runs of these definitions are known in an instance that others use as well."""
        return {TAG_OURS: self.name_prefix or "livedash"}


def _require(form: re.Pattern[str], text: str, argument: str) -> None:
    if form.fullmatch(text) is None:
        raise SettingsError(
            f"{argument} is {text!r}, and names in Dagster have only letters, digits and underscores.",
            remedy=f"Choose another, such as livedash_; it comes from build_defs or LIVEDASH_{argument.upper()}.",
        )
