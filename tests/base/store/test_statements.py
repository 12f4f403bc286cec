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
        *(
            "base/find_unsettled_stage",
            "base/recount_rows",
            "ledger/claim_pending_requests",
            "ledger/find_capped_requests",
        ),
        *("ledger/find_spend_sums", "ledger/fold_spend"),
        *("ledger/preview_claim", "ledger/sum_batch_costs", "ledger/sum_committed", "ledger/sum_spend_entries"),
        *("overview/check_spend_sums", "overview/count_company_tries", "overview/sum_billed_days"),
        "overview/sum_daily_costs",
        *("overview/sum_session_costs", "overview/sum_spend", "overview/sum_spending"),
    ] == INCLUDING


def expanded(written: str) -> str:
    """A statement with the queries that it includes, and those that they include, each in the place of its name."""
    return INCLUDED.sub(
        lambda found: f"(\n{expanded((STATEMENTS / found[1] / f'{found[2]}.sql').read_text('utf-8'))})", written
    )


@pytest.mark.parametrize("name", INCLUDING)
def test_an_included_query_stands_in_the_place_of_its_name(name: str) -> None:
    written = (STATEMENTS / f"{name}.sql").read_text("utf-8")
    loaded = statement(name).text
    assert loaded == expanded(written)
    assert not INCLUDED.search(loaded)
    for room, file in set(INCLUDED.findall(written)):
        query = expanded((STATEMENTS / room / f"{file}.sql").read_text("utf-8"))
        assert loaded.count(query) >= written.count(f"included.{room}.{file}")


def test_a_statement_is_given_the_lists_of_what_it_includes() -> None:
    assert "working_companies" not in (STATEMENTS / "ledger/preview_claim.sql").read_text("utf-8")
    assert statement("ledger/preview_claim").compile().params["working_companies"] == ["ACTIVE", "TRIAL"]
