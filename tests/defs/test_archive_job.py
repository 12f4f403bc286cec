"""The archive through Dagster: the job only counts until it is told to write, and says what it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from livedash_pipeline.errors import UsageError
from tests.defs.world import World


def test_the_job_counts_writes_and_deletes_as_its_form_says(world: World, tmp_path: Path) -> None:
    world.flow()
    ((month, sessions),) = world.sql(
        "SELECT to_char(start_time AT TIME ZONE 'UTC', 'YYYY-MM'), count(*) FROM sessions GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )
    asked = {"month": month, "root": str(tmp_path / "archive")}
    (counted,) = world.answer("archive", **asked)["companies"]
    assert counted["settled"] + sum(counted["left"].values()) == sessions
    assert counted["settled"] > 0 and not (tmp_path / "archive").exists()
    (done,) = world.answer("archive", **asked, delete_texts=True, dry_run=False)["companies"]
    assert done["deleted"]["sessions"] == done["settled"] == counted["settled"]
    assert [Path(part).name for part in done["parts"]] == ["part-0001"]
    assert world.sql("SELECT kind FROM prune_runs") == [("archive",)]


def test_a_month_is_named(world: World) -> None:
    with pytest.raises(UsageError, match="no month"):
        world.answer("archive")
