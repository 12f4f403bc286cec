"""Four processes buy for several companies and models under one cap of all together, while results are settled beside them.

At every commit, what is spent and in flight at most stays below the cap: a trigger adds it up in each transaction.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from tests.support.rows import insert_company, insert_requests

# Each company is submitted for by a process of its own, and its requests go to its one model.
MODELS = {"acme": "gpt-5-mini", "globex": "gpt-5-nano", "initech": "gpt-4.1-mini", "umbrella": "gpt-4o-mini"}
EACH = 4
# A few of the requests at a time, and more than all of them cost in the end.
CAP = Decimal("0.02")
MOST_SECONDS = 60.0

# When a transaction commits, the first row that it has changed adds up: all its rows are written by then. A claim commits slowly,
# so that another one would overtake it if it could. Sums stand in one order, each with all that was committed before it.
_WATCH = """
    CREATE TABLE watched (transaction xid8 PRIMARY KEY, committed numeric NOT NULL);
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM watched WHERE transaction = pg_current_xact_id()) THEN
            IF TG_OP = 'INSERT' THEN
                PERFORM pg_sleep(0.1);
            END IF;
            PERFORM pg_advisory_xact_lock(1);
            INSERT INTO watched VALUES (pg_current_xact_id(), (SELECT total_eur FROM ({total}) AS total));
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER watch AFTER INSERT OR UPDATE ON ai_request_attempts
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION watch();
"""


def watch(engine: Engine) -> None:
    """Has every transaction that changes tries write down what is committed under the cap."""
    total = statement("ledger/sum_committed").text.replace(":company_id", "NULL").replace(":of_all", "TRUE")
    month = "(date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')"
    with engine.begin() as connection:
        connection.execute(
            text(_WATCH.format(total=total.replace(":since", month).replace(":later", month)).replace(":", "\\:"))
        )


@contextmanager
def submitter(settings: dict[str, Any], company: str) -> Iterator[subprocess.Popen[str]]:
    """A process that submits, from the first line that it is sent to the second."""
    arguments = [sys.executable, "-m", "tests.ledger.steps.submitter", json.dumps(settings), company]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str]) -> str:
    """The next line that it writes."""
    assert process.stdout is not None
    return process.stdout.readline()


def tell(process: subprocess.Popen[str]) -> None:
    """Lets it begin, or end."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def counts(engine: Engine) -> dict[str, int]:
    """Requests per status."""
    query = text("SELECT processing_status, count(*) AS requests FROM ai_processing_requests GROUP BY 1")
    with engine.connect() as connection:
        return {row.processing_status: row.requests for row in connection.execute(query)}


@pytest.mark.longest
def test_processes_never_commit_more_than_one_cap_of_all_companies(
    engine: Engine, database_url: str, context: BatchContext, company: Company
) -> None:
    with engine.begin() as connection:
        now = database_now(connection)
        for slug, model in MODELS.items():
            owner = company if slug == company.slug else insert_company(connection, slug)
            update_company(connection, slug, CompanyChanges(model=model), now=now)
            insert_requests(connection, owner, EACH, model=model)
    watch(engine)
    given = {
        "database_url": database_url,
        "openai_base_url": context.settings.openai_base_url,
        "openai_api_key": context.settings.openai_api_key,
        "livedash_total_monthly_cap_eur": str(CAP),
        # Small batches, so that claims of many take turns.
        "livedash_enqueued_tokens": "300",
    }
    settling = replace(context, settings=context.settings.model_copy(update={"livedash_total_monthly_cap_eur": CAP}))
    everything = len(MODELS) * EACH
    end = time.monotonic() + MOST_SECONDS
    with ExitStack() as stack:
        processes = [stack.enter_context(submitter(given, slug)) for slug in MODELS]
        assert [told(process) for process in processes] == ["ready\n"] * len(processes)
        for process in processes:
            tell(process)
        while counts(engine).get("PROCESSING_COMPLETE", 0) < everything and time.monotonic() < end:
            poll_batches(settling)
            ingest_finished(settling)
        for process in processes:
            tell(process)
        reports = [json.loads(told(process)) for process in processes]
    assert counts(engine) == {"PROCESSING_COMPLETE": everything}, "what is settled makes room for the rest"
    assert all(report["batches"] for report in reports), "each process has bought"
    with engine.connect() as connection:
        totals = connection.execute(text("SELECT committed FROM watched")).scalars().all()
        set_aside = connection.execute(text("SELECT sum(reserved_eur) FROM ai_request_attempts")).scalar_one()
    assert max(totals) <= CAP
    assert set_aside > CAP * Decimal("1.5"), "all at once would have passed the cap by far"
