"""A company whose sessions are submitted is added and changed from the command line."""

from __future__ import annotations

from tests.commands.conftest import Run, document_of


def test_a_company_without_a_csv_is_added_and_gets_one_later(livedash: Run) -> None:
    added = document_of(livedash("company", "add", "acme", "--no-csv", "--json"))["company"]
    assert (added["csvUrl"], added["nextImportAt"]) == (None, None)
    assert "acme" in livedash("company", "list").stdout
    changed = document_of(livedash("company", "set", "acme", "--csv-url", "http://localhost/a.csv", "--json"))
    assert changed["company"]["csvUrl"] == "http://localhost/a.csv"
    assert changed["company"]["nextImportAt"] is not None
    assert document_of(livedash("company", "set", "acme", "--no-csv", "--json"))["company"]["csvUrl"] is None


def test_what_comes_next_for_it_is_a_token(livedash: Run) -> None:
    assert "livedash token create --name NAME --company acme" in livedash("company", "add", "acme", "--no-csv").stdout


def test_without_either_option_nothing_is_added(livedash: Run) -> None:
    refused = livedash("company", "add", "acme")
    assert refused.exit_code == 2
    assert "--no-csv" in refused.stderr
