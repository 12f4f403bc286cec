"""Companies and parameters of models from the command line."""

from __future__ import annotations

import pytest

from tests.commands.conftest import Run, document_of

ADD = ("company", "add", "acme", "--csv-url", "https://chats.example.com/acme.csv")


def test_a_company_is_added_changed_and_listed(livedash: Run) -> None:
    added = livedash(
        *ADD, "--name", "Café Acme", "--bot-name", "Bo", "--bot-name", "Bé", "--transcript-host", "X.example.com:8443",
        "--allow-address", "10.1.2.3", "--allow-address", "fd00:1::/32",
        "--csv-password-env", "ACME_PASSWORD", "--model", "gpt-4o", "--time-zone", "Europe/Berlin", "--json",
    )  # fmt: skip
    assert added.exit_code == 0, added.stdout
    company = document_of(added)["company"]
    assert company["name"] == "Café Acme"
    assert company["botNames"] == ["Bo", "Bé"]
    assert company["transcriptHosts"] == ["x.example.com:8443"]
    assert company["allowedAddresses"] == ["10.1.2.3/32", "fd00:1::/32"]
    assert company["csvPasswordEnv"] == "ACME_PASSWORD"
    assert (company["status"], company["model"], company["timeZone"]) == ("active", "gpt-4o", "Europe/Berlin")
    changed = document_of(livedash("company", "set", "acme", "--status", "Suspended", "--bot-name", "", "--json"))
    assert changed["company"]["status"] == "suspended"
    assert changed["company"]["botNames"] == []
    assert changed["company"]["allowedAddresses"] == ["10.1.2.3/32", "fd00:1::/32"]
    cleared = document_of(livedash("company", "set", "acme", "--allow-address", "", "--json"))
    assert cleared["company"]["allowedAddresses"] == []
    assert changed["company"]["transcriptHosts"] == ["x.example.com:8443"]
    assert [row["slug"] for row in document_of(livedash("company", "list", "--json"))["companies"]] == ["acme"]
    assert "Café Acme" in livedash("company", "list").stdout


def test_caps_and_budget_of_a_company_are_set_shown_and_taken_away(livedash: Run) -> None:
    added = document_of(livedash(*ADD, "--monthly-cap", "50.00", "--json"))["company"]
    assert (added["monthlyCapEur"], added["dailyCapEur"], added["monthlyBudgetEur"]) == ("50", None, None)
    line = ("company", "set", "acme", "--daily-cap", "0", "--monthly-budget", "40.5", "--json")
    changed = document_of(livedash(*line))["company"]
    assert (changed["monthlyCapEur"], changed["dailyCapEur"], changed["monthlyBudgetEur"]) == ("50", "0", "40.5")
    assert "month 50, day 0, budget 40.5" in livedash("company", "list", "--wide").stdout
    assert "monthly budget eur: 40.5" in livedash("company", "show", "acme").stdout
    cleared = document_of(livedash("company", "set", "acme", "--monthly-cap", "none", "--daily-cap", "None", "--json"))
    assert (cleared["company"]["monthlyCapEur"], cleared["company"]["dailyCapEur"]) == (None, None)
    assert cleared["company"]["monthlyBudgetEur"] == "40.5"
    refused = livedash("company", "set", "acme", "--monthly-cap", "much")
    assert (refused.exit_code, "or none" in refused.stderr) == (2, True)


def test_adding_a_company_twice_changes_nothing_and_says_so(livedash: Run) -> None:
    assert livedash(*ADD).exit_code == 0
    again = livedash(*ADD, "--name", "Other")
    assert again.exit_code == 2
    assert "'acme' already" in again.stderr
    assert document_of(livedash("company", "list", "--json"))["companies"][0]["name"] == "acme"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("company", "add", "Acme!", "--csv-url", "x.csv"), "'Acme!'"),
        (("company", "add", "acme"), "--csv-url"),
        ((*ADD, "--time-zone", "Mars/Olympus"), "'Mars/Olympus'"),
        ((*ADD, "--csv-password-env", "hunter 2"), "environment variable"),
        ((*ADD, "--transcript-host", "http://x"), "'http://x'"),
        ((*ADD, "--allow-address", "10.1.2.3/8"), "'10.1.2.3/8'"),
        ((*ADD, "--monthly-cap", "12,50"), "'12,50' is no amount in euro"),
        ((*ADD, "--daily-cap", "-1"), "'-1' is no amount in euro"),
        ((*ADD, "--monthly-budget", ""), "'' is no amount in euro"),
        (("company", "set", "nobody", "--monthly-cap", "5"), "'nobody'"),
        (("caps", "--company", "nobody"), "'nobody'"),
        (("company", "set", "nobody", "--name", "x"), "'nobody'"),
        (("company", "set", "nobody"), "Nothing is to be changed"),
        (("model", "set", "m"), "--parameters"),
        (("model", "set", "m", "--default", "--parameters", "{}"), "--parameters"),
        (("model", "set", "m", "--parameters", '{"temperature": 0}'), "max_completion_tokens"),
        (("model", "set", " ", "--default"), "'' is no name of a model"),
        (("model", "set", "a\tb", "--default"), "is no name of a model"),
        ((*ADD, "--model", "x" * 201), "is no name of a model"),
        (("ingest", "--again", "batch_none"), "'batch_none'"),
        (("ingest", "--again", "b", "--accept-files", "b"), "exclude each other"),
        (("ingest", "--again", "b", "--company", "acme"), "exclude each other"),
    ],
)
def test_a_value_that_cannot_be_ends_with_2(refused: Run, arguments: tuple[str, ...], words: str) -> None:
    result = refused(*arguments)
    assert result.exit_code == 2, result.stderr
    assert words in result.stderr
    assert "hunter" not in result.stderr
    assert document_of(refused("company", "list", "--json"))["companies"] == []


def test_an_empty_list_says_what_to_do_next(refused: Run) -> None:
    assert "livedash company add" in refused("company", "list").stdout
    assert "livedash submit" in refused("batches").stdout
    assert "livedash import" in refused("status").stdout
    assert "livedash summary" in refused("requests", "--status", "PROCESSING_FAILED").stdout


def test_parameters_of_a_model_are_stored_listed_and_forgotten(livedash: Run) -> None:
    parameters = '{"max_tokens": 77, "stop": ["[b]"]}'
    stored = document_of(livedash("model", "set", "prod-x", "--parameters", parameters, "--json"))
    assert (stored["parameters"], stored["maxOutputTokens"]) == ({"max_tokens": 77, "stop": ["[b]"]}, 77)
    assert "[b]" in livedash("model", "set", "prod-x", "--parameters", parameters).stdout
    listed = document_of(livedash("model", "list", "--json"))["models"]
    assert [(each["model"], each["stored"]) for each in listed] == [("gpt-5-mini", False), ("prod-x", True)]
    assert "by its name" in livedash("model", "list").stdout
    forgotten = document_of(livedash("model", "set", "prod-x", "--default", "--json"))
    assert (forgotten["stored"], forgotten["maxOutputTokens"]) == (False, 1000)
