"""An alert says what failed, where, and which command helps, and nothing that people did not write for people."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.alerts import (
    ERROR_REMEDIES,
    JOB_REMEDIES,
    Alert,
    explain_error,
    remedy_for_run,
    turned_worse,
)
from livedash_pipeline.overview.rules.health import Level
from livedash_pipeline.overview.steps.checks import CHECKS

RUN = Alert(
    kind="run_failed",
    level=Level.ERROR,
    what="import_sessions",
    where="session_imports",
    companies=("acme",),
    run_id="run-1",
    message="https://example.com/acme.csv answered 404 Not Found.",
    remedy=JOB_REMEDIES["import_sessions"],
    at=datetime(2025, 5, 1, 12, tzinfo=UTC),
)


def test_a_failed_run_is_a_document_and_a_sentence_with_the_command_for_its_company() -> None:
    document = RUN.as_document()
    assert json.loads(json.dumps(document)) == document
    text = document.pop("text")
    assert document == {
        "event": "run_failed",
        "severity": "error",
        "what": "import_sessions",
        "where": "session_imports",
        "companies": ["acme"],
        "runId": "run-1",
        "message": RUN.message,
        "count": None,
        "sampleIds": [],
        "remedy": RUN.remedy.advice,
        "command": "livedash import --company acme",
        "at": "2025-05-01T12:00:00+00:00",
    }
    assert text == (
        f"import_sessions (acme) failed: {RUN.message} {RUN.remedy.advice} Begin with: livedash import --company acme"
    )


def test_a_red_check_says_so_with_its_number_and_ids() -> None:
    red = replace(
        RUN, kind="check_red", what="few_requests_fail", companies=("acme", "globex"), count=7, sample_ids=("1",)
    )
    document = red.as_document()
    assert (document["count"], document["sampleIds"]) == (7, ["1"])
    assert document["text"].startswith("few_requests_fail (acme, globex) is red: ")
    assert replace(red, level=Level.WARN).sentence.startswith("few_requests_fail (acme, globex) is yellow: ")
    share = replace(RUN, kind="share_reached", what="spending_stays_below_the_cap", level=Level.WARN)
    assert share.sentence.startswith("spending_stays_below_the_cap (acme) warns: ")


@pytest.mark.parametrize("companies", [(), ("acme", "globex")])
def test_a_command_about_no_or_several_companies_leaves_the_slug_open(companies: tuple[str, ...]) -> None:
    assert replace(RUN, companies=companies).command == "livedash import --company SLUG"


def test_an_error_goes_before_the_job_that_met_it() -> None:
    assert remedy_for_run("import_sessions", None) is JOB_REMEDIES["import_sessions"]
    assert remedy_for_run("import_sessions", "SourceError") is JOB_REMEDIES["import_sessions"]
    assert remedy_for_run("import_sessions", "DatabaseNotReadyError").command == "livedash db upgrade"
    assert remedy_for_run("__ASSET_JOB", None).command == "livedash doctor"


def test_every_remedy_is_a_sentence_and_a_command() -> None:
    named = {**{check.name: check.remedy for check in CHECKS}, **JOB_REMEDIES, **ERROR_REMEDIES}
    for name, remedy in named.items():
        assert remedy.advice.endswith("."), name
        assert remedy.command.startswith("livedash "), name
        assert "{" not in remedy.command_for(None), name


def test_the_first_error_of_our_own_speaks_and_those_of_strangers_are_named_only() -> None:
    own = "livedash_pipeline.errors.SourceError: it answered 404.\n"
    step = "dagster._core.errors.DagsterExecutionStepExecutionError: Error occurred while executing op:\n"
    assert explain_error([step, own]) == ("SourceError", "it answered 404.")
    private = "psycopg.errors.UniqueViolation: DETAIL: Key (content)=(my phone is 123) exists."
    assert explain_error([step, private]) == (None, "UniqueViolation; its words are in the run.")
    assert explain_error([]) == (None, "")
    assert explain_error(["some words without a class"]) == (None, "an error; its words are in the run.")


@given(st.lists(st.text(max_size=60), max_size=4))
def test_words_of_strangers_never_come_through(words: list[str]) -> None:
    _, said = explain_error([f"sqlalchemy.exc.DataError: {word}" for word in words])
    assert said in ("", "DataError; its words are in the run.")


def test_only_a_change_for_the_worse_is_worth_an_alert() -> None:
    worse = {(before, now) for before in Level for now in Level if turned_worse(before, now)}
    assert worse == {(Level.GREEN, Level.WARN), (Level.GREEN, Level.ERROR), (Level.WARN, Level.ERROR)}
