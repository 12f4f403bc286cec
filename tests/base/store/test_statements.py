"""Statements are loaded by name, together with the queries that they include."""

from __future__ import annotations

import re

import pytest

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.paths import shipped

STATEMENTS = shipped("sql") / "statements"
INCLUDED = re.compile(r"\bincluded\.(\w+)\.(\w+)")
INCLUDING = sorted(
    f"{path.parent.name}/{path.stem}" for path in STATEMENTS.rglob("*.sql") if INCLUDED.search(path.read_text("utf-8"))
)


def test_claims_and_previews_share_one_query_and_sums_of_spending_others() -> None:
    assert [
        *("archive/find_month_states", "archive/find_states"),
        *("ledger/claim_pending_requests", "ledger/find_capped_requests", "ledger/preview_claim"),
        *("ledger/sum_committed", "overview/check_spend_sums", "overview/sum_billed_days", "overview/sum_spend"),
        "overview/sum_spending",
    ] == INCLUDING


@pytest.mark.parametrize("name", INCLUDING)
def test_an_included_query_stands_once_in_the_place_of_its_name(name: str) -> None:
    written = (STATEMENTS / f"{name}.sql").read_text("utf-8")
    ((room, file),) = INCLUDED.findall(written)
    query = (STATEMENTS / room / f"{file}.sql").read_text("utf-8")
    loaded = statement(name).text
    assert loaded == written.replace(f"included.{room}.{file}", f"(\n{query})")
    assert loaded.count(query) == 1


def test_a_statement_is_given_the_lists_of_what_it_includes() -> None:
    assert "working_companies" not in (STATEMENTS / "ledger/preview_claim.sql").read_text("utf-8")
    assert statement("ledger/preview_claim").compile().params["working_companies"] == ["ACTIVE", "TRIAL"]
