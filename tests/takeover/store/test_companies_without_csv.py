"""Companies whose sessions come through the API alone have no CSV, and nothing asks for one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.rules.urls import FilePlace, RefusedPlace, locate, source_rules
from livedash_pipeline.base.steps.companies import company_values
from livedash_pipeline.base.store.companies import add_company, due_companies, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.errors import UsageError
from tests.conftest import NOW

LATER = NOW + timedelta(days=1)


def test_a_company_without_a_csv_is_never_due(engine: Engine) -> None:
    with engine.begin() as connection:
        company = add_company(connection, "acme", CompanyChanges(no_csv=True), now=NOW)
        assert not company.has_csv
        assert company.next_import_at is None
        assert company_values(company)["csvUrl"] is None
        assert due_companies(connection, LATER) == []


def test_a_csv_is_given_and_taken_away_later(engine: Engine) -> None:
    with engine.begin() as connection:
        add_company(connection, "acme", CompanyChanges(no_csv=True), now=NOW)
        given = update_company(connection, "acme", CompanyChanges(csv_url="http://localhost/a.csv"), now=NOW)
        assert (given.has_csv, given.next_import_at) == (True, NOW)
        assert [company.slug for company in due_companies(connection, NOW)] == ["acme"]
        taken = update_company(connection, "acme", CompanyChanges(no_csv=True), now=LATER)
        assert (taken.has_csv, taken.next_import_at, taken.import_failures) == (False, None, 0)
        assert due_companies(connection, LATER) == []


def test_another_change_does_not_make_it_due(engine: Engine) -> None:
    with engine.begin() as connection:
        add_company(connection, "acme", CompanyChanges(no_csv=True), now=NOW)
        changed = update_company(connection, "acme", CompanyChanges(time_zone="Europe/Berlin"), now=NOW)
        assert changed.next_import_at is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (CompanyChanges(), "has no CSV"),
        (CompanyChanges(csv_url="http://localhost/a.csv", no_csv=True), "--no-csv"),
        (CompanyChanges(csv_url=""), "no address"),
    ],
)
def test_one_of_the_two_is_said(engine: Engine, changes: CompanyChanges, message: str) -> None:
    with engine.begin() as connection, pytest.raises(UsageError, match=message):
        add_company(connection, "acme", changes, now=NOW)


def test_without_a_csv_no_file_can_be_named() -> None:
    rules = source_rules("", ["files.example.com"])
    assert isinstance(locate("secrets.txt", rules), RefusedPlace)
    assert isinstance(locate("/etc/passwd", rules), RefusedPlace)
    assert isinstance(locate("secrets.txt", source_rules("/data/acme.csv", [])), FilePlace)
