"""The roles of docs/operations.md: its SQL is run, and each role can do what it is for and nothing else."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.local.batch_api.server import running_server
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import Settings
from tests.commands.conftest import NO_DAGSTER, Run, document_of
from tests.support.chats import running_chats

_OPERATIONS = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
_NAMES = re.compile(r"\b(livedash_owner|livedash_run|livedash_read|livedash|dagster)\b")
_FORBIDDEN = (
    "CREATE TABLE mine ()",
    "CREATE SCHEMA mine",
    "ALTER TABLE companies ADD mine int",
    "DROP TABLE session_questions",
    "TRUNCATE session_questions",
    "DROP VIEW session_stages",
    "ALTER TABLE ai_request_attempts DISABLE TRIGGER ALL",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
)


@dataclass(frozen=True)
class Roles:
    """Addresses of one migrated database, by role; the superuser's is `admin`."""

    admin: str
    owner: str
    run: str
    read: str


def _statements(block: int, suffix: str) -> list[str]:
    """One of the two blocks of SQL, with names of this test's own, since roles belong to the whole server."""
    section = _OPERATIONS.split("### Roles of the database")[1].split("\n### ")[0]
    sql = re.findall(r"```sql\n(.*?)```", section, flags=re.DOTALL)[block]
    return [_NAMES.sub(rf"\1_{suffix}", statement) for statement in sql.split(";\n") if statement]


def _raw(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


@pytest.fixture(scope="module")
def roles(postgres_template: str) -> Iterator[Roles]:
    """A database made as the document says, migrated by its owner."""
    suffix = uuid.uuid4().hex
    server = make_url(postgres_template)
    admin = server.set(database=f"livedash_{suffix}").render_as_string(hide_password=False)
    url = {name: make_url(admin).set(username=f"livedash_{name}_{suffix}") for name in ("owner", "run", "read")}
    made = Roles(admin, **{name: each.render_as_string(hide_password=False) for name, each in url.items()})
    with _raw(server.set(database="postgres").render_as_string(hide_password=False)) as connection:
        for statement in _statements(0, suffix):
            connection.execute(statement.encode())
        with _raw(admin) as inside:
            for statement in _statements(1, suffix):
                inside.execute(statement.encode())
        engine = make_engine(made.owner)
        upgrade(engine)
        engine.dispose()
        try:
            yield made
        finally:
            for name in ("livedash", "dagster"):
                connection.execute(f"DROP DATABASE {name}_{suffix} WITH (FORCE)".encode())
            for name in ("owner", "run", "read"):
                connection.execute(f"DROP ROLE livedash_{name}_{suffix}".encode())


def test_the_running_role_can_do_the_whole_flow(roles: Roles, tmp_path: Path) -> None:
    engine = make_engine(roles.run)
    with running_server(tmp_path / "batch-api", speed=0) as service, connect(service.base_url, "k") as gateway:
        settings = Settings(openai_base_url=service.base_url, openai_api_key="k")
        context = BatchContext(engine, gateway, KINDS, settings, spool_dir=tmp_path / "spool", sleep=lambda _: None)
        with running_chats(engine, context) as chats:
            chats.set_up("anna", "bert", keep_transcripts="30", keep_messages="60", keep_answers="90")
            chats.analyse()
            chats.sql(
                "UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', error_code = 'refused'"
            )
            chats.sql(
                "UPDATE session_processing_status SET status = 'FAILED', error_message = 'x' WHERE stage = 'AI_ANALYSIS'"
            )
            again = requeue_requests(engine, KINDS, company="acme", dry_run=False)
            assert again["requeuedCount"] == 2
            chats.submit()
            assert set(chats.ingest().outcomes) == {"parsed"}
            assert chats.prune(days=100).companies["acme"].transcripts == 2
            assert chats.prune(company="acme", external_ids=("anna",)).sessions == 1
    engine.dispose()


@pytest.mark.parametrize("role", ["run", "read"])
def test_neither_of_the_other_roles_changes_the_schema(roles: Roles, role: str) -> None:
    with _raw(getattr(roles, role)) as connection:
        for statement in _FORBIDDEN:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement.encode())


def test_what_a_later_migration_makes_belongs_to_all_as_the_first_tables_do(roles: Roles) -> None:
    with _raw(roles.owner) as owner, _raw(roles.run) as run, _raw(roles.read) as read:
        owner.execute("CREATE TABLE later (id serial, name text)")
        owner.execute("CREATE VIEW later_names AS SELECT name FROM later")
        try:
            run.execute("INSERT INTO later (name) VALUES ('a')")
            assert read.execute("SELECT name FROM later_names").fetchall() == [("a",)]
            with pytest.raises(InsufficientPrivilege):
                read.execute("DELETE FROM later")
        finally:
            owner.execute("DROP TABLE later CASCADE")


def test_the_reading_role_sees_everything_and_writes_nothing(roles: Roles) -> None:
    with _raw(roles.read) as read:
        relations = read.execute(
            "SELECT oid::regclass::text, relkind::text FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')"
        ).fetchall()
        assert len(relations) > 30
        for name, kind in relations:
            read.execute(f"SELECT * FROM {name} LIMIT 1".encode())
            if kind == "r":
                with pytest.raises(InsufficientPrivilege):
                    read.execute(f"DELETE FROM {name}".encode())
                with pytest.raises(InsufficientPrivilege):
                    read.execute(f"INSERT INTO {name} DEFAULT VALUES".encode())
        with pytest.raises(InsufficientPrivilege):
            read.execute("CREATE TEMPORARY TABLE mine ()")


@pytest.mark.parametrize(
    "line",
    [
        "status", "summary", "failed", "batches", "requests --status pending_batching", "company list", "model list",
        "chat-batch list", "audit", "token list", "export", "rejects --company acme",
    ],
)  # fmt: skip
def test_commands_that_look_work_with_the_reading_role(roles: Roles, run: Run, line: str) -> None:
    with _raw(roles.admin) as admin:
        admin.execute(
            "INSERT INTO companies (slug, name, csv_url, created_at, updated_at)"
            " VALUES ('acme', 'Acme', 'file:///x', now(), now()) ON CONFLICT DO NOTHING"
        )
    ended = run(*line.split(), DATABASE_URL=roles.read, LIVEDASH_DAGSTER_URL=NO_DAGSTER)
    assert ended.exit_code == 0, ended.output


def test_the_reading_role_is_told_where_it_may_not_write(roles: Roles, run: Run) -> None:
    add = ("company", "add", "other", "--csv-url", "https://chats.example.com/x.csv", "--json")
    ended = run(*add, DATABASE_URL=roles.read, LIVEDASH_DAGSTER_URL=NO_DAGSTER)
    assert (ended.exit_code, document_of(ended)["error"]["code"]) == (2, "database_forbidden")
