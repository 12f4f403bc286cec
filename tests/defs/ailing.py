"""A database whose rows a test ages and breaks, and the checks and alerts over it: no source, no service, nothing to wait for.

Tests that need a company which really publishes, or batches that really run, use `tests.defs.world`.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.defs.names import PARTITIONS
from livedash_pipeline.overview.steps.checks import CHECKS_BY_NAME
from livedash_pipeline.settings import Settings
from tests.support.rows import insert_company, insert_requests


class Health:
    """One company's rows, and the definitions over them; `settings` are those that differ from the defaults."""

    def __init__(self, engine: Engine, database_url: str, instance: dg.DagsterInstance) -> None:
        self.engine = engine
        self.instance = instance
        self.settings: dict[str, Any] = {}
        self._built: dict[Settings, dg.Definitions] = {}
        self._database_url = database_url
        with engine.begin() as connection:
            self.company = insert_company(connection)
        # Imported a moment ago, and asked about a moment ago.
        self.sql("UPDATE companies SET next_import_at = now() + interval '15 minutes'")

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    def requests(self, count: int = 1, company: Company | None = None) -> list[str]:
        """Pending requests that were made just now."""
        with self.engine.begin() as connection:
            ids = insert_requests(connection, company or self.company, count)
        self.sql(
            "UPDATE ai_processing_requests SET requested_at = now(), updated_at = now() WHERE requested_at < '2026-01-01'"
        )
        return [str(each) for each in ids]

    def batch(self, status: str = "IN_PROGRESS", openai_id: str | None = "batch_1", **columns: str) -> str:
        """A batch that began a minute ago; `columns` are SQL expressions."""
        values = {"created_at": "now() - interval '1 minute'", "submitted_at": "now() - interval '1 minute'"} | columns
        ((batch_id,),) = self.sql(
            "INSERT INTO ai_batch_requests (company_id, model, status, endpoint, key_fingerprint, openai_batch_id,"
            f" request_count, body_bytes, token_estimate, status_changed_at, {', '.join(values)})"
            f" VALUES (:company, 'm', :status, 'e', 'k', :openai_id, 1, 1, 1, now(), {', '.join(values.values())})"
            " RETURNING id",
            company=self.company.id,
            status=status,
            openai_id=openai_id,
        )
        return str(batch_id)

    def settle(self, ids: list[str], *, failed: int, age: str = "1 hour", eur: str = "0.01") -> None:
        """Takes requests in: the first ones failed, the others answered, for so much money each."""
        batch_id = self.batch("COMPLETED", None, processed_at="now()")
        for number, request_id in enumerate(ids):
            outcome = "refused" if number < failed else "parsed"
            status = "PROCESSING_FAILED" if number < failed else "PROCESSING_COMPLETE"
            self.sql(
                "UPDATE ai_processing_requests SET processing_status = :status, batch_id = :batch, error_code = :code,"
                " requested_at = now() - CAST(:age AS interval), completed_at = now() - CAST(:age AS interval)"
                " WHERE id = :id",
                status=status,
                batch=batch_id,
                code="refused" if number < failed else None,
                age=age,
                id=request_id,
            )
            self.sql(
                "INSERT INTO ai_request_attempts (request_id, batch_id, created_at, settled_at, outcome, reserved_eur,"
                " total_cost_eur) VALUES (:id, :batch, now() - CAST(:age AS interval), now() - CAST(:age AS interval),"
                " :outcome, 0.02, CAST(:eur AS numeric))",
                id=request_id,
                batch=batch_id,
                age=age,
                outcome=outcome,
                eur=eur,
            )

    def imported(self, rows: int, rejected: int, status: str = "COMPLETED", age: str = "1 minute") -> None:
        """An import that read so many records."""
        self.sql(
            "INSERT INTO import_runs (company_id, source_url, status, started_at, rows, rows_rejected)"
            " VALUES (:company, 'u', :status, now() - CAST(:age AS interval), :rows, :rejected)",
            company=self.company.id,
            status=status,
            age=age,
            rows=rows,
            rejected=rejected,
        )

    @property
    def defs(self) -> dg.Definitions:
        """The definitions with the present settings."""
        return self._definitions()

    def _definitions(self, **settings: Any) -> dg.Definitions:
        given = Settings(**self.settings | settings)
        if given not in self._built:
            self._built[given] = build_defs(given, database_url=lambda: self._database_url, environ={})
        return self._built[given]

    def check(self, name: str, **settings: Any) -> dg.AssetCheckEvaluation:
        """Runs one check, with these settings besides."""
        key = dg.AssetCheckKey(dg.AssetKey(CHECKS_BY_NAME[name].asset), name)
        job = dg.define_asset_job("one_check", selection=dg.AssetSelection.checks(key))
        merged = dg.Definitions.merge(self._definitions(**settings), dg.Definitions(jobs=[job]))
        result = merged.resolve_job_def("one_check").execute_in_process(instance=self.instance)
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation

    def run(self, job: str, partition: str | None = None) -> dg.ExecuteInProcessResult:
        """Runs a job to its end, good or bad."""
        if partition is not None:
            self.instance.add_dynamic_partitions(PARTITIONS, [partition])
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=partition, raise_on_error=False
        )
