"""Tables, views and their columns say in one sentence what they hold, and the database says the same."""

from __future__ import annotations

from sqlalchemy import Engine, text

from livedash_pipeline.base.store.tables import metadata
from livedash_pipeline.base.store.tables.views import VIEWS

COLUMNS = [column for table in metadata.tables.values() for column in table.columns]
SENTENCES = {f"{column.table.name}.{column.name}": column.comment for column in COLUMNS}
SENTENCES |= {table.name: table.comment for table in metadata.tables.values()}
SENTENCES |= {name: view.comment for name, view in VIEWS.items()}
SENTENCES |= {f"{name}.{column}": each.comment for name, view in VIEWS.items() for column, each in view.columns.items()}


def test_every_table_view_and_column_has_a_comment() -> None:
    assert [name for name, comment in SENTENCES.items() if not comment] == []


def test_a_comment_is_one_short_sentence() -> None:
    for name, comment in SENTENCES.items():
        assert comment, name
        assert comment.endswith(".") and ". " not in comment, f"{name}: {comment}"
        assert len(comment) <= 125, f"{name}: {comment}"


def test_a_column_says_what_null_means_exactly_where_it_may_be_null() -> None:
    computed = {"chat_documents.words"}
    said = {f"{column.table.name}.{column.name}" for column in COLUMNS if "null:" in str(column.comment)}
    assert said | computed == {f"{column.table.name}.{column.name}" for column in COLUMNS if column.nullable}


def test_comments_and_types_of_views_are_those_of_the_database(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT relname, obj_description(pg_class.oid, 'pg_class'),"
                " attname, format_type(atttypid, atttypmod), col_description(pg_class.oid, attnum)"
                " FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0"
                " WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace ORDER BY attrelid, attnum"
            )
        ).all()
    found: dict[str, tuple[str, list[tuple[str, ...]]]] = {}
    for view, comment, *column in rows:
        found.setdefault(view, (comment, []))[1].append((column[0], column[1].replace(",", ", "), column[2]))
    assert found == {
        name: (view.comment, [(each, *column) for each, column in view.columns.items()]) for name, view in VIEWS.items()
    }
