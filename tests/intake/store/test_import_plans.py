"""How Postgres goes about an import: never by reading a table again for every row."""

from __future__ import annotations

import uuid

from sqlalchemy import Engine, text

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.intake.store.imports import create_scratch
from tests.conftest import NOW


def test_a_table_that_was_vacuumed_while_it_was_empty_is_not_read_again_for_every_row(untouched_engine: Engine) -> None:
    with untouched_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE session_imports"))
    merge = statement("intake/merge_session_imports")
    values = {"company_id": uuid.uuid4(), "import_run_id": uuid.uuid4(), "now": NOW, "time_zone": "UTC"}
    named = {name: value for name, value in values.items() if f":{name}" in merge.text}
    with untouched_engine.begin() as connection:
        create_scratch(connection)
        plan = "\n".join(connection.execute(text(f"EXPLAIN {merge.text}"), named).scalars())
    assert "Insert on session_imports" in plan
    assert "Nested Loop Anti Join" not in plan
