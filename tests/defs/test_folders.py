"""Companies whose CSVs lie in a folder, as sensors and jobs see them."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import text

from livedash_pipeline.base.store.companies import update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from tests.defs.world import SLUG, World
from tests.support.csv_rows import csv_line


def deliver(folder: Path, name: str, *ids: str) -> None:
    folder.mkdir(exist_ok=True)
    lines = [csv_line(each, "01.05.2025 10:00:00", "01.05.2025 10:00:59") for each in ids]
    (folder / name).write_text("".join(lines))
    # Long ago: a file that was just written waits.
    os.utime(folder / name, (1_700_000_000, 1_700_000_000))


def move_to_folder(world: World, folder: Path) -> None:
    with world.engine.begin() as connection:
        changes = CompanyChanges(csv_url=f"{folder}/*.csv")
        update_company(connection, SLUG, changes, now=database_now(connection))


def test_the_sensor_imports_a_folder_like_a_csv(world: World, tmp_path: Path) -> None:
    deliver(tmp_path / "in", "1.csv", "a", "b")
    deliver(tmp_path / "in", "2.csv", "c")
    move_to_folder(world, tmp_path / "in")
    tick = world.tick("company_csv_sensor")
    assert [request.job_name for request in tick.run_requests] == ["import_sessions"]
    (run,) = world.follow(tick.run_requests)
    assert run.success
    assert [
        row.external_session_id for row in world.sql("SELECT external_session_id FROM session_imports ORDER BY 1")
    ] == [
        "a",
        "b",
        "c",
    ]
    (materialized,) = run.asset_materializations_for_node("session_imports")
    assert materialized.metadata["dagster/partition_row_count"].value == 3
    report = materialized.metadata["report"].value
    assert isinstance(report, dict)
    assert [file["outcome"] for file in report["files"]] == ["imported", "imported"]
    assert world.tick("company_csv_sensor").run_requests == []


def test_a_new_file_is_seen_once_the_company_is_due_again(world: World, tmp_path: Path) -> None:
    deliver(tmp_path / "in", "1.csv", "a")
    move_to_folder(world, tmp_path / "in")
    assert world.answer("import_companies")["companies"][0]["new"] == 1
    deliver(tmp_path / "in", "2.csv", "b")
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE companies SET next_import_at = next_import_at - interval '1 day'"))
    (document,) = world.answer("import_companies")["companies"]
    assert (document["new"], [file["outcome"] for file in document["files"]]) == (1, ["imported"])


def test_a_folder_that_is_gone_fails_its_company_alone(world: World, tmp_path: Path) -> None:
    world.add_company("globex")
    move_to_folder(world, tmp_path / "gone")
    document = world.answer("import_companies")
    assert [(company["company"], company["ok"]) for company in document["companies"]] == [
        ("globex", True),
        (SLUG, False),
    ]
