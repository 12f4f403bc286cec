"""Addresses as people write them, and what is between them and the server: each works, or one sentence says what to do."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from livedash_pipeline.api.app import make_api_engine
from livedash_pipeline.base.store.connect import check_reachable
from livedash_pipeline.runtime.environment import resolve_environment
from livedash_pipeline.settings import Settings
from tests.commands.conftest import Run, document_of
from tests.support.pooler import running_pooler


def _changed(url: str, **query: str) -> str:
    return make_url(url).update_query_dict(query).render_as_string(hide_password=False)


def _checks(run: Run, url: str) -> dict[str, dict[str, Any]]:
    document = document_of(run("doctor", "--json", DATABASE_URL=url))
    return {check["name"]: check for check in document["checks"]}


@pytest.mark.parametrize("line", ["summary", "import", "submit", "db upgrade", "serve --port 0", "status"])
def test_every_start_refuses_a_pooler_in_transaction_mode(refused: Run, quiet_database_url: str, line: str) -> None:
    with running_pooler(quiet_database_url, "transaction") as pooler:
        ended = refused(*line.split(), "--json", DATABASE_URL=pooler.url)
    error = document_of(ended)["error"]
    assert (ended.exit_code, error["code"]) == (2, "database_pooler")
    assert "pool_mode = transaction" in error["message"] and "Set DATABASE_URL to" in error["remedy"]


def test_doctor_names_what_is_in_between(refused: Run, quiet_database_url: str) -> None:
    with running_pooler(quiet_database_url, "transaction") as pooler:
        moving = _checks(refused, pooler.url)
    assert moving["database"]["status"] == "failed" and "PgBouncer" in moving["database"]["message"]
    assert moving["database_session"]["status"] == "not_checked"
    with running_pooler(quiet_database_url, "session") as pooler:
        keeping = _checks(refused, pooler.url)
    assert keeping["database_session"]["status"] == "ok"
    assert "through a pooler, which keeps each" in keeping["database_session"]["message"]
    direct = _checks(refused, quiet_database_url)
    assert direct["database_session"]["message"] == "Connections reach the server itself."
    assert direct["database_writes"]["status"] == "ok"


def test_doctor_looks_at_dagsters_database_too(refused: Run, quiet_database_url: str) -> None:
    away = _checks(refused, quiet_database_url)["dagster_database"]
    assert away["status"] == "failed" and "(LIVEDASH_DAGSTER_URL)" in away["message"]
    with running_pooler(quiet_database_url, "transaction") as pooler:
        url = pooler.url.replace("+psycopg:", "+psycopg2:")
        document = document_of(refused("doctor", "--json", LIVEDASH_DAGSTER_URL=url))
    (check,) = [check for check in document["checks"] if check["name"] == "dagster_database"]
    assert "a pooler in transaction mode" in check["message"] and "Set LIVEDASH_DAGSTER_URL to" in check["remedy"]


def test_the_http_api_is_served_through_a_pooler_that_takes_no_options(quiet_database_url: str) -> None:
    with running_pooler(quiet_database_url, "session") as pooler:
        with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"):
            psycopg.connect(pooler.url.replace("+psycopg", ""), options="-c statement_timeout=1")
        engine = make_api_engine(Settings(database_url=pooler.url))
        check_reachable(engine)
        engine.dispose()


def test_parameters_of_prisma_are_left_out_and_doctor_says_which(refused: Run, quiet_database_url: str) -> None:
    url = _changed(quiet_database_url, pgbouncer="true", connection_limit="1", pool_timeout="5")
    assert refused("summary", DATABASE_URL=url).exit_code == 0
    check = _checks(refused, url)["database_session"]
    assert check["status"] == "warning"
    assert "connection_limit, pgbouncer, pool_timeout" in check["message"]
    assert "CONNECTION LIMIT" in check["remedy"]


def test_a_parameter_that_dagsters_driver_does_not_know_is_named(refused: Run) -> None:
    url = "postgresql+psycopg2://u@127.0.0.1:9/dagster?schema=x&pgbouncer=true"
    ended = refused("summary", "--json", LIVEDASH_DAGSTER_URL=url)
    error = document_of(ended)["error"]
    assert (ended.exit_code, error["code"]) == (2, "bad_setting")
    assert "schema, pgbouncer" in error["message"] and "search_path" in error["remedy"]


def test_a_parameter_that_stands_for_trust_is_not_left_out(refused: Run, quiet_database_url: str) -> None:
    ended = refused("summary", "--json", DATABASE_URL=_changed(quiet_database_url, sslaccept="strict"))
    error = document_of(ended)["error"]
    assert (ended.exit_code, error["code"]) == (2, "bad_setting")
    assert "sslaccept" in error["message"] and "sslmode=verify-full" in error["remedy"]


def test_tables_are_in_the_schema_that_the_address_names(refused: Run, empty_database_url: str) -> None:
    url = _changed(empty_database_url, schema='It"s')
    missing = document_of(refused("db", "upgrade", "--json", DATABASE_URL=url))["error"]
    assert missing["code"] == "database_schema" and "CREATE SCHEMA" in missing["remedy"]
    with psycopg.connect(empty_database_url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute('CREATE SCHEMA "It""s"')
        assert refused("db", "upgrade", DATABASE_URL=url).exit_code == 0
        assert refused("company", "list", DATABASE_URL=url).exit_code == 0
        assert admin.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    for line in ("db upgrade", "summary"):
        lost = refused(*line.split(), "--json", DATABASE_URL=empty_database_url)
        error = document_of(lost)["error"]
        assert (lost.exit_code, error["code"]) == (2, "database_schema")
        assert "schema=It%22s" in error["remedy"], "a second set of tables would hide the first"


def test_several_hosts_are_tried_until_one_is_as_it_should_be(refused: Run, quiet_database_url: str) -> None:
    with running_pooler(quiet_database_url, "session") as pooler:
        port = make_url(pooler.url).port
        url = pooler.url.replace(f"127.0.0.1:{port}", f"127.0.0.1:9,127.0.0.1:{port}")
        writable = f"{url}?target_session_attrs=read-write"
        assert refused("summary", DATABASE_URL=writable).exit_code == 0
        ended = refused("summary", "--json", DATABASE_URL=f"{url}?target_session_attrs=standby")
    error = document_of(ended)["error"]
    assert (ended.exit_code, error["code"]) == (2, "database_bad_address")
    assert "is no standby" in error["message"] and "read-write" in error["remedy"]
    hosts = "postgresql+psycopg2://u@a,b:6000/dagster"
    found = resolve_environment(Settings(database_url=writable, livedash_dagster_url=hosts))
    assert found.dagster_url == "postgresql+psycopg2://u@/dagster?host=a,b&port=5432,6000"


def test_sslmode_is_the_drivers_own(refused: Run, quiet_database_url: str) -> None:
    with running_pooler(quiet_database_url, "session") as pooler:
        assert refused("summary", DATABASE_URL=_changed(pooler.url, sslmode="disable")).exit_code == 0
        ended = refused("summary", "--json", DATABASE_URL=_changed(pooler.url, sslmode="require"))
    assert document_of(ended)["error"]["code"] == "database_tls"
