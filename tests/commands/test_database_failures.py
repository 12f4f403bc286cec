"""A database that refuses: each refusal has its own words, its remedy and its exit status, in commands and in doctor."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from tests.commands.conftest import Run, document_of


@contextmanager
def _role(url: str, *options: str, rights: bool = True, **settings: str) -> Iterator[str]:
    """The URL of the same database for a role of its own, with options and settings; dropped afterwards."""
    parsed = make_url(url)
    name = f"role_{parsed.database}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE ROLE "{name}" LOGIN {" ".join(options)}'))
        if rights:
            connection.execute(text(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{name}"'))
        for setting, value in settings.items():
            connection.execute(text(f"ALTER ROLE \"{name}\" SET {setting} = '{value}'"))
        try:
            yield parsed.set(username=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f'DROP OWNED BY "{name}"'))
            connection.execute(text(f'DROP ROLE "{name}"'))
    admin.dispose()


def _says(run: Run, url: str, code: str, status: int, words: str, *arguments: str) -> None:
    """A command ends with the status, and doctor has the same sentence unless a later step met it."""
    ended = run(*(arguments or ("summary",)), "--json", DATABASE_URL=url)
    error = document_of(ended)["error"]
    assert (ended.exit_code, error["code"]) == (status, code), error
    assert words in error["message"]
    assert "went away" not in error["message"]
    assert error["remedy"]
    assert "Traceback" not in ended.stderr
    if not arguments:
        examined = run("doctor", "--json", DATABASE_URL=url)
        failed = [check for check in document_of(examined)["checks"] if check["status"] == "failed"]
        assert examined.exit_code == 1
        assert words in failed[0]["message"], failed
        assert failed[0]["name"] in ("database", "migration")


def test_a_database_without_a_connection_to_spare_says_so(refused: Run, quiet_database_url: str) -> None:
    with _role(quiet_database_url, "CONNECTION LIMIT 0") as url:
        _says(refused, url, "database_too_many_connections", 1, "too many clients")


def test_a_user_without_rights_is_told_so(refused: Run, quiet_database_url: str) -> None:
    with _role(quiet_database_url, rights=False) as url:
        _says(refused, url, "database_forbidden", 2, "does not let this user")


def test_a_read_only_database_is_told_from_one_that_is_away(refused: Run, quiet_database_url: str) -> None:
    url = _changed(quiet_database_url, options="-c default_transaction_read_only=on")
    add = ("company", "add", "acme", "--csv-url", "https://chats.example.com/x.csv")
    _says(refused, url, "database_read_only", 2, "takes no changes", *add)
    checks = {check["name"]: check for check in document_of(refused("doctor", "--json", DATABASE_URL=url))["checks"]}
    assert "takes no changes" in checks["database_writes"]["message"]
    assert checks["migration"]["status"] == "ok"


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("lock_timeout", "database_lock_timeout", "did not grant a lock"),
        ("statement_timeout", "database_statement_cancelled", "ended a statement"),
    ],
)
def test_a_time_out_of_the_database_is_named(
    refused: Run, quiet_database_url: str, setting: str, code: str, words: str
) -> None:
    url = f"{quiet_database_url}&options={quote(f'-c {setting}=100')}"
    admin = create_engine(quiet_database_url)
    with admin.connect() as connection:
        connection.execute(text("LOCK TABLE kept_counts IN ACCESS EXCLUSIVE MODE"))
        ended = refused("summary", "--json", DATABASE_URL=url)
    admin.dispose()
    assert (ended.exit_code, document_of(ended)["error"]["code"]) == (1, code)
    assert words in document_of(ended)["error"]["message"]


def _changed(url: str, **query: str) -> str:
    return make_url(url).update_query_dict(query).render_as_string(hide_password=False)


def test_an_address_that_is_wrong_is_told_from_a_database_that_is_away(refused: Run, quiet_database_url: str) -> None:
    away = make_url(quiet_database_url)
    wrong = [
        (_changed(quiet_database_url, sslmode="bad"), "database_bad_address", '"bad"'),
        (_changed(quiet_database_url, foo="1"), "database_bad_address", '"foo"'),
        (_changed(quiet_database_url, options="-c statment_timeout=1"), "database_bad_address", "statment_timeout"),
        (_changed(quiet_database_url, options="-c statement_timeout=soon"), "database_bad_address", "soon"),
        (_changed(quiet_database_url, target_session_attrs="x"), "database_bad_address", '"x"'),
        (away.set(database="nowhere").render_as_string(hide_password=False), "database_unknown", "nowhere"),
        (away.set(username="nobody").render_as_string(hide_password=False), "database_login_refused", "nobody"),
    ]
    for url, code, words in wrong:
        _says(refused, url, code, 2, words)
    unknown_host = "postgresql://user:hush@nowhere.invalid/x?password=hush"
    ended = refused("summary", "--json", DATABASE_URL=unknown_host)
    assert document_of(ended)["error"]["code"] == "database_unknown_host"
    assert "hush" not in ended.stdout + ended.stderr


def test_a_server_without_tls_is_told_from_one_that_is_away(refused: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            """What a Postgres without TLS answers to the request for it, to whoever asks."""
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(8)
                    client.sendall(b"N")

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        try:
            _says(refused, f"postgresql://x@127.0.0.1:{port}/y?sslmode=require", "database_tls", 2, "TLS")
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_a_chat_is_refused_at_the_start(
    refused: Run, quiet_database_url: str, encoding: str
) -> None:
    parsed = make_url(quiet_database_url)
    name = f"{encoding.lower()}_{parsed.database}"
    admin = create_engine(quiet_database_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(
            text(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0")
        )
        try:
            url = parsed.set(database=name).render_as_string(hide_password=False)
            _says(refused, url, "database_encoding", 2, encoding)
            _says(refused, url, "database_encoding", 2, encoding, "db", "upgrade")
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_dagsters_database_is_named_where_it_is_the_one_that_is_away(livedash: Run, engine: Engine) -> None:
    ended = livedash("import", "--json")
    error = document_of(ended)["error"]
    assert (ended.exit_code, error["code"]) == (2, "database_not_ready")
    assert "LIVEDASH_DAGSTER_URL" in error["message"]
