"""The one partition of the pipeline: a company, by its slug.

Row state lives in tables and never in partitions; a partition is added when a company is, and is never removed.
"""

from __future__ import annotations

import dagster as dg

from livedash_pipeline.defs.names import PARTITIONS

company_partitions = dg.DynamicPartitionsDefinition(name=PARTITIONS)
