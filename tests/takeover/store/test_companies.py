from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.base.store.companies import (
    add_company,
    due_companies,
    get_company,
    list_companies,
    update_company,
)
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import ai_models, companies, company_ai_models
from livedash_pipeline.errors import UsageError
from tests.conftest import NOW

URL = "https://data.example/acme.csv"


def test_a_company_is_added_with_defaults_and_is_due_at_once(engine: Engine) -> None:
    with engine.begin() as connection:
        company = add_company(connection, "acme", CompanyChanges(csv_url=URL), now=NOW)
        assert get_company(connection, "acme") == company
        assert due_companies(connection, NOW) == [company]
    assert (company.name, company.status, company.time_zone) == ("acme", CompanyStatus.ACTIVE, "Europe/Amsterdam")
    assert (company.transcript_hosts, company.allowed_addresses, company.bot_names) == ((), (), ())
    assert company.model is None
    assert company.created_by == "operator"


def test_all_values_are_kept(engine: Engine) -> None:
    changes = CompanyChanges(
        name="Acme B.V.",
        status="trial",
        csv_url=URL,
        csv_username_env="ACME_USER",
        csv_password_env="ACME_PASSWORD",
        time_zone="America/New_York",
        transcript_hosts=["Chats.example:8443", "[::1]:80"],
        bot_names=["Robin"],
        model="gpt-5-nano",
    )
    with engine.begin() as connection:
        company = add_company(connection, "acme", changes, now=NOW, created_by="demo")
    assert (company.csv_username_env, company.csv_password_env) == ("ACME_USER", "ACME_PASSWORD")
    assert (company.transcript_hosts, company.bot_names) == (("chats.example:8443", "[::1]:80"), ("Robin",))
    assert (company.model, company.created_by, company.is_working) == ("gpt-5-nano", "demo", True)


@pytest.mark.parametrize(
    ("slug", "changes", "shown"),
    [
        ("Acme", {}, "'Acme'"),
        ("a" * 64, {}, "slug"),
        ("", {}, "slug"),
        ("acme", {"csv_url": None}, "--csv-url"),
        ("acme", {"csv_url": "ftp://data.example/x.csv"}, "ftp://data.example/x.csv"),
        ("acme", {"csv_url": "https://"}, "'https://'"),
        ("acme", {"csv_url": "http://host:99999/x"}, "99999"),
        ("acme", {"csv_url": "https://me:pw@data.example/x"}, "--csv-password-env"),
        ("acme", {"time_zone": "Europe/Atlantis"}, "Europe/Atlantis"),
        ("acme", {"time_zone": "../etc/passwd"}, "IANA"),
        ("acme", {"csv_username_env": "not a name"}, "environment variable"),
        ("acme", {"transcript_hosts": ["https://x.example"]}, "HOST:PORT"),
        ("acme", {"transcript_hosts": ["x.example:70000"]}, "x.example:70000"),
        ("acme", {"allowed_addresses": ["files.internal"]}, "CIDR"),
        ("acme", {"allowed_addresses": ["10.0.0.7/8"]}, "'10.0.0.7/8'"),
        ("acme", {"allowed_addresses": ["0.0.0.0/0"]}, "not all of them"),
        ("acme", {"allowed_addresses": ["::/0"]}, "not all of them"),
        ("acme", {"status": "asleep"}, "ACTIVE, TRIAL, SUSPENDED, ARCHIVED"),
        ("acme", {"name": "  "}, "name"),
        ("acme", {"bot_names": [""]}, "name"),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence(
    engine: Engine, slug: str, changes: dict[str, object], shown: str
) -> None:
    with engine.connect() as connection, pytest.raises(UsageError) as caught:
        add_company(connection, slug, CompanyChanges(**({"csv_url": URL} | changes)), now=NOW)  # type: ignore[arg-type]
    assert shown in str(caught.value)
    assert "pw" not in str(caught.value).replace("password", "")


def test_a_secret_given_for_a_name_is_not_repeated(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(UsageError) as caught:
        add_company(connection, "acme", CompanyChanges(csv_url=URL, csv_password_env="hunter2!"), now=NOW)
    assert "hunter2" not in str(caught.value)


def test_a_path_is_stored_whole(engine: Engine) -> None:
    with engine.begin() as connection:
        company = add_company(connection, "acme", CompanyChanges(csv_url="data/x.csv"), now=NOW)
    assert company.csv_url == str(Path("data/x.csv").absolute())


def test_a_slug_is_taken_once(engine: Engine) -> None:
    with engine.begin() as connection:
        add_company(connection, "acme", CompanyChanges(csv_url=URL), now=NOW)
        with pytest.raises(UsageError, match="already"):
            add_company(connection, "acme", CompanyChanges(csv_url=URL), now=NOW)


def test_an_unknown_slug_is_answered_with_those_that_exist(engine: Engine) -> None:
    with engine.begin() as connection:
        with pytest.raises(UsageError, match="company add"):
            get_company(connection, "acme")
        add_company(connection, "bravo", CompanyChanges(csv_url=URL), now=NOW)
        with pytest.raises(UsageError, match="Known: bravo"):
            update_company(connection, "acme", CompanyChanges(name="x"), now=NOW)


def test_a_model_is_set_replaced_and_taken_away(engine: Engine) -> None:
    with engine.begin() as connection:
        add_company(connection, "acme", CompanyChanges(csv_url=URL, model="one"), now=NOW)
        assert update_company(connection, "acme", CompanyChanges(model="two"), now=NOW).model == "two"
        assert update_company(connection, "acme", CompanyChanges(model="one"), now=NOW).model == "one"
        assert update_company(connection, "acme", CompanyChanges(name="x"), now=NOW).model == "one"
        assert update_company(connection, "acme", CompanyChanges(model=""), now=NOW).model is None
        assert connection.scalar(select(func.count()).select_from(ai_models)) == 2
        assert connection.scalar(select(func.count()).select_from(company_ai_models)) == 2


def test_another_address_or_zone_makes_the_whole_file_be_read_again(engine: Engine) -> None:
    later = NOW + timedelta(hours=1)
    with engine.begin() as connection:
        add_company(connection, "acme", CompanyChanges(csv_url=URL, csv_username_env="U"), now=NOW)
        connection.execute(update(companies).values(csv_etag="e", csv_last_modified="m", next_import_at=later))
        same = update_company(connection, "acme", CompanyChanges(name="New", csv_url=URL), now=NOW)
        assert (same.name, same.csv_etag, same.next_import_at) == ("New", "e", later)
        moved = update_company(connection, "acme", CompanyChanges(time_zone="UTC"), now=NOW)
        assert (moved.csv_etag, moved.csv_last_modified, moved.next_import_at) == (None, None, NOW)
        assert update_company(connection, "acme", CompanyChanges(csv_username_env=""), now=NOW).csv_username_env is None


def test_due_are_working_companies_whose_time_has_come_longest_overdue_first(engine: Engine) -> None:
    moments = {
        "c": timedelta(hours=-1),
        "a": timedelta(hours=-2),
        "late": timedelta(hours=1),
        "off": timedelta(hours=-3),
    }
    with engine.begin() as connection:
        for slug, offset in moments.items():
            add_company(connection, slug, CompanyChanges(csv_url=URL), now=NOW + offset)
        add_company(connection, "new", CompanyChanges(csv_url=URL), now=NOW)
        connection.execute(update(companies).where(companies.c.slug == "new").values(next_import_at=None))
        update_company(connection, "off", CompanyChanges(status="SUSPENDED"), now=NOW)
        assert [company.slug for company in due_companies(connection, NOW)] == ["new", "a", "c"]
        assert [company.slug for company in list_companies(connection)] == ["a", "c", "late", "new", "off"]
