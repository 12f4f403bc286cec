"""Tables of what was read from the folders that companies deliver CSVs in.

Add what is known of a file. Runs of imports and what they brought stand in `sessions`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text, UniqueConstraint

from livedash_pipeline.base.rules.states import ImportFileState
from livedash_pipeline.base.store.tables.base import id_column, metadata, moment, not_negative, one_of, reference

import_files = Table(
    "import_files",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    # Its whole address: a company whose folder moves, or whose pattern changes, keeps what is known of each file.
    Column("path", Text, nullable=False),
    Column("state", Text, nullable=False),
    # What the listing said of the version that the state is about.
    Column("size", BigInteger, nullable=False),
    Column("version", Text),
    moment("modified_at"),
    # Of the bytes that were imported last; null before that.
    Column("sha256", Text),
    Column("error_code", Text),
    moment("first_seen_at", nullable=False),
    # Since when the version is what it is, by our clock.
    moment("seen_at", nullable=False),
    moment("imported_at"),
    # Since when no listing shows it.
    moment("gone_at"),
    reference("import_run_id", "import_runs.id", nullable=True),
    UniqueConstraint("company_id", "path"),
    one_of("state", ImportFileState),
    *not_negative("size"),
    Index("ix_import_files_company_id_sha256", "company_id", "sha256"),
)
