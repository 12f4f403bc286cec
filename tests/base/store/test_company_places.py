"""Where a company's CSV may lie and how it is logged in to, as people give it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.places.stores import Place
from livedash_pipeline.base.steps.companies import company_values
from livedash_pipeline.base.store.companies import Company, add_company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.errors import UsageError
from tests.conftest import NOW

URL = "https://data.example/acme.csv"


def added(engine: Engine, **changes: object) -> Company:
    with engine.begin() as connection:
        return add_company(connection, "acme", CompanyChanges(**({"csv_url": URL} | changes)), now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("s3://bucket/exports/*.csv", "s3://bucket/exports/*.csv"),
        ("gcs://bucket/exports/", "gs://bucket/exports/"),
        ("abfs://container/x.csv", "az://container/x.csv"),
        ("sftp://Files.Example:22/in/", "sftp://files.example/in/"),
        ("file:///data/acme/", "file:///data/acme/"),
        ("/data/acme/", "/data/acme/"),
        ("/data/acme/*.csv", "/data/acme/*.csv"),
        ("/", "/"),
    ],
)
def test_places_are_stored_in_one_spelling(engine: Engine, given: str, stored: str) -> None:
    assert added(engine, csv_url=given).csv_url == stored


def test_a_relative_folder_stays_a_folder(engine: Engine) -> None:
    company = added(engine, csv_url="data/in/")
    assert company.csv_url == f"{Path('data/in').absolute()}/"
    assert company.csv_files == Place(None, company.csv_url)


@pytest.mark.parametrize("url", [URL, "s3://bucket/x.csv", "/data/x.csv", "https://data.example/*.csv"])
def test_one_csv_is_no_folder(engine: Engine, url: str) -> None:
    assert added(engine, csv_url=url).csv_files is None


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"csv_url": "s3:///x.csv"}, "s3://BUCKET/PATH"),
        ({"csv_url": "s3://bucket/**/x.csv"}, "one level of folders"),
        ({"csv_url": "/data/**/x.csv"}, "one level of folders"),
        ({"csv_url": "/data/../acme/*.csv"}, "its path"),
        ({"csv_url": "ftp://host/x.csv"}, "sftp://"),
        ({"csv_url": "sftp://me:hunter2@host/x.csv"}, "--csv-password-env"),
        ({"csv_url": "abfs://container@account.dfs.core.windows.net/x"}, "AZURE_STORAGE_ACCOUNT_NAME"),
        ({"transcript_hosts": ["s3://bucket/folder/"]}, "s3://BUCKET"),
        ({"transcript_hosts": ["sftp://me:hunter2@host"]}, "sftp://HOST:PORT"),
        ({"csv_headers": ["Host=ACME"]}, "by the client itself"),
        ({"csv_headers": ["X-Api-Key=hunter2!"]}, "--csv-header X-Api-Key=ACME_API_KEY"),
        ({"csv_bearer_env": "hunter2!"}, "environment variable"),
        ({"csv_bearer_env": "B", "csv_username_env": "U"}, "both set the header Authorization"),
    ],
)
def test_what_cannot_be_is_one_sentence_without_a_secret(
    engine: Engine, changes: dict[str, object], shown: str
) -> None:
    with pytest.raises(UsageError) as caught:
        added(engine, **changes)
    assert shown in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_logins_are_names_and_are_shown_as_such(engine: Engine) -> None:
    company = added(
        engine,
        csv_bearer_env="ACME_TOKEN",
        csv_headers=["X-Api-Key = ACME_KEY"],
        transcript_hosts=["s3://chats", "sftp://Files.example:22"],
    )
    assert company.csv_login == CsvLogin(None, None, "ACME_TOKEN", ("X-Api-Key=ACME_KEY",))
    assert company.transcript_hosts == ("s3://chats", "sftp://files.example")
    shown = company_values(company)
    assert (shown["csvBearerEnv"], shown["csvHeaders"]) == ("ACME_TOKEN", ["X-Api-Key=ACME_KEY"])


def test_a_second_way_to_log_in_is_refused_when_it_comes_later(engine: Engine) -> None:
    added(engine, csv_bearer_env="ACME_TOKEN")
    with engine.connect() as connection, pytest.raises(UsageError, match="both set"):
        update_company(connection, "acme", CompanyChanges(csv_password_env="P"), now=NOW)
    with engine.begin() as connection:
        swapped = CompanyChanges(csv_password_env="P", csv_username_env="U", csv_bearer_env="")
        assert update_company(connection, "acme", swapped, now=NOW).csv_login == CsvLogin("U", "P")


def test_another_login_makes_the_csv_due_at_once(engine: Engine) -> None:
    added(engine)
    later = NOW.replace(hour=15)
    with engine.begin() as connection:
        same = update_company(connection, "acme", CompanyChanges(csv_headers=[]), now=later)
        assert same.next_import_at == NOW
        other = update_company(connection, "acme", CompanyChanges(csv_headers=["X-A=B"]), now=later)
    assert other.next_import_at == later
