"""What a role or a database is set to changes no row: the whole flow, as a role to which everything hostile was done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, DateTime, Uuid, create_engine, make_url, text

from livedash_pipeline.base.rules.database.session_settings import SETTINGS
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.tables import metadata
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.local.batch_api.server import RunningServer
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import Settings
from tests.conftest import migrated_database
from tests.sources.csv_site import Site, running_site
from tests.support.chats import Chats
from tests.support.roles import HOSTILE, role

# Times that the CSV and the transcripts state; all others are those of the run.
_STATED = frozenset({"start_time", "end_time", "sent_at"})
# Ids that the service makes up, and what holds or hashes ours. A request names its session, so its tokens differ with it.
_MADE_UP = re.compile(
    "(openai_batch|input_file|output_file|error_file|openai_request)_id|create_nonce|key_fingerprint|input_hash|input_delete_key"
    "|parsed_answer|raw_answer|body_bytes|usage|reserved_eur|.*(token|cost).*"
)
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _is_compared(column: Column[Any]) -> bool:
    is_time = isinstance(column.type, DateTime) and column.name not in _STATED
    return not (is_time or isinstance(column.type, Uuid) or _MADE_UP.fullmatch(column.name))


def _rows(url: str) -> dict[str, Counter[str]]:
    """Everything in every table that is the same in each run."""
    found = {}
    engine = create_engine(url)
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            columns = [f'"{column.name}"' for column in table.columns if _is_compared(column)] or ["1"]
            rows = connection.execute(text(f"SELECT CAST(ROW({', '.join(columns)}) AS text) FROM {table.name}"))
            found[table.name] = Counter(_UUID.sub("id", row[0]) for row in rows)
    engine.dispose()
    return found


@contextmanager
def _flow(url: str, site: Site, service: RunningServer, spool: Path) -> Iterator[Chats]:
    engine = make_engine(url)
    settings = Settings(openai_base_url=service.base_url, openai_api_key="test-key")
    with connect(service.base_url, "test-key") as gateway:
        context = BatchContext(engine, gateway, KINDS, settings, spool_dir=spool, sleep=lambda _: None)
        yield Chats(engine, context, site)
    engine.dispose()


def test_a_role_with_hostile_settings_leaves_the_same_rows(
    postgres_template: str, batch_api: RunningServer, tmp_path: Path
) -> None:
    with (
        running_site() as site,
        migrated_database(postgres_template) as plain,
        migrated_database(postgres_template) as other,
        role(other, f"hostile_{make_url(other).database}", HOSTILE) as hostile,
    ):
        for url in (plain, hostile):
            with _flow(url, site, batch_api, tmp_path / "spool") as chats:
                chats.set_up("anna", "bert", "carl", bot_names=["Robin", "null"])
                chats.publish("bert", said="çelik € 日本 \\n 'quoted'")
                chats.analyse()
        rows = [_rows(plain), _rows(other)]
    assert sum(rows[0]["sessions"].values()) == 3
    for table, expected in rows[0].items():
        assert rows[1][table] == expected, table


@pytest.mark.parametrize("of", ["ROLE", "DATABASE"])
def test_every_setting_is_what_it_is_to_be_whatever_was_set_before(database_url: str, of: str) -> None:
    name = f"hostile_{make_url(database_url).database}"
    target = f'ROLE "{name}"' if of == "ROLE" else f'DATABASE "{make_url(database_url).database}"'
    admin = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with role(database_url, name, {}) as url, admin.connect() as connection:
        try:
            for setting, value in HOSTILE.items():
                connection.execute(text(f"ALTER {target} SET {setting} = '{value}'"))
            engine = make_engine(url, statement_timeout=9)
            with engine.connect() as session:
                shown = {setting: session.execute(text(f"SHOW {setting}")).scalar_one() for setting in HOSTILE}
                assert session.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
                assert session.execute(text("SELECT current_schema()")).scalar_one() == "public"
            engine.dispose()
        finally:
            connection.execute(text(f"ALTER {target} RESET ALL"))
    admin.dispose()
    for setting, value in (
        dict(SETTINGS) | {"statement_timeout": "9s", "default_transaction_read_only": "off"}
    ).items():
        assert shown[setting] == value, setting
    assert set(HOSTILE) - set(SETTINGS) <= {
        "default_transaction_read_only", "search_path", "default_text_search_config", "jit", "jit_above_cost"
    }  # fmt: skip
