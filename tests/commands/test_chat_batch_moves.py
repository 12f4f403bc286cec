"""What `livedash chat-batch compare` and `import` say to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.steps.process import process_for_duration
from tests.commands.conftest import Run, document_of
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, make_batch

ID = "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"
ROWS = [{"question": f"What is question {each}?", "answer": f"Expected {each}."} for each in range(3)]


def _run(engine: Engine, company: Company, answer: str) -> str:
    context = chat_context(engine, ScriptedChats(lambda question: answered(f"{answer} {question[-2]}")))
    batch_id = make_batch(context, company.slug, ROWS)
    process_for_duration(context, batch_id, seconds=60)
    return str(batch_id)


def _export(path: Path, *documents: Any) -> str:
    path.write_text("\n".join(map(json.dumps, documents)))
    return str(path)


def _batch(**fields: Any) -> dict[str, Any]:
    return {
        "_id": {"$oid": f"{1:024x}"},
        "name": "Spring",
        "entries": [{"question": "Really?", "answer": "Yes."}, {"question": "Why?", "status": "failed"}],
    } | fields


def test_compare_shows_counts_and_the_rows_that_differ(livedash: Run, engine: Engine, company: Company) -> None:
    a, b = _run(engine, company, "One"), _run(engine, company, "Two")
    shown = livedash("chat-batch", "compare", a, b).stdout
    assert [line.split() for line in shown.splitlines()[2:6]] == [
        ["same", "0"], ["changed", "3"], ["missing", "0"], ["text", "3"],
    ]  # fmt: skip
    assert shown.splitlines()[-1].split() == ["2", "3", "changed", "text"]
    assert "One" not in shown
    paged = livedash("chat-batch", "compare", a, b, "--limit", "1", "--show-text").stdout
    assert "One 0" in paged
    more = paged.splitlines()[-1]
    assert more.startswith(f"More: livedash chat-batch compare {a} {b} --show-text --cursor ")
    following = livedash(*more.split()[2:], "--json")
    assert document_of(following)["rows"][0]["answerB"] == "Two 1"


def test_compare_with_what_the_file_expects(livedash: Run, engine: Engine, company: Company) -> None:
    a = _run(engine, company, "expected")
    document = document_of(livedash("chat-batch", "compare", a, "--expected", "--json"))
    assert (document["b"], document["same"], document["rows"]) == (None, 3, [])
    assert "No row differs." in livedash("chat-batch", "compare", a, "--expected").stdout
    b = _run(engine, company, "other")
    more = livedash("chat-batch", "compare", b, "--expected", "--limit", "1").stdout.splitlines()[-1]
    assert more.startswith(f"More: livedash chat-batch compare {b} --expected --cursor ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("compare", ID), "--expected"),
        (("compare", ID, ID, "--expected"), "--expected"),
        (("compare", ID, ID), "There is no chat batch"),
        (("compare", "x", ID), "There is no chat batch 'x'"),
        (("compare", ID, "x"), "There is no chat batch 'x'"),
        (("compare", ID, "--expected", "--limit", "0"), "limit is 0"),
        (("import", "--company", "acme"), "FILES"),
        (("import", "x.json"), "--company"),
        (("import", "x.json", "--company", "initech"), "initech"),
    ],
)
def test_a_wrong_argument_ends_with_2_and_one_sentence(refused: Run, line: tuple[str, ...], said: str) -> None:
    result = refused("chat-batch", *line)
    assert result.exit_code == 2
    assert said in (result.stderr or result.stdout)


def test_an_import_is_tried_first_and_kept_on_demand(
    livedash: Run, engine: Engine, company: Company, tmp_path: Path
) -> None:
    file = _export(tmp_path / "b.json", _batch(), {"_id": 9, "chatId": "alone", "interactions": []})
    tried = livedash("chat-batch", "import", file, "--company", company.slug)
    assert tried.exit_code == 0, tried.stderr
    assert "1 document belongs to no batch and is left out." in tried.stdout
    assert "this was a dry run" in tried.stdout
    done = livedash("chat-batch", "import", file, "--company", company.slug, "--no-dry-run")
    assert "Next: livedash chat-batch list --company acme" in done.stdout
    again = document_of(livedash("chat-batch", "import", file, "--company", company.slug, "--no-dry-run", "--json"))
    assert (again["batches"], again["alreadyThere"], again["unused"]) == (0, 1, 1)
    with engine.connect() as connection:
        batch_id = str(connection.execute(text("SELECT id FROM chat_batches")).scalar_one())
    results = livedash("chat-batch", "results", batch_id)
    assert ("Yes." in results.stdout, "imported_failure" in results.stdout) == (True, True)
    resumed = livedash("chat-batch", "resume", batch_id)
    assert (resumed.exit_code, "moved in from another system" in resumed.stderr) == (2, True)


def test_problems_of_an_import_are_shown_without_texts(livedash: Run, company: Company, tmp_path: Path) -> None:
    file = _export(tmp_path / "b.json", *([7] * 30), _batch(entries=[{"answer": "secret"}]))
    shown = livedash("chat-batch", "import", file, "--company", company.slug).stdout
    assert "empty_batch" in shown
    assert "12 more problems; --json lists the first hundred." in shown
    assert "secret" not in shown
    missing = livedash("chat-batch", "import", str(tmp_path / "none.json"), "--company", company.slug)
    assert (missing.exit_code, "cannot be read" in missing.stderr) == (2, True)


def test_erase_counts_first_and_says_what_it_did(livedash: Run, engine: Engine, company: Company) -> None:
    a = _run(engine, company, "One")
    counted = livedash("chat-batch", "erase", a).stdout
    assert "3 conversations would be erased: 3 questions, 3 answers" in counted
    assert "--no-dry-run" in counted
    done = document_of(livedash("chat-batch", "erase", a, "--no-dry-run", "--json"))
    assert (done["ok"], done["dryRun"], done["chats"], done["questions"], done["answers"]) == (True, False, 3, 3, 3)
    with engine.connect() as connection:
        left = connection.execute(text("SELECT count(*) FROM chat_interactions WHERE question <> '' OR answer <> ''"))
        assert left.scalar_one() == 0


def test_a_judge_is_asked_after_a_dry_run(livedash: Run, engine: Engine, company: Company) -> None:
    a, b = _run(engine, company, "One"), _run(engine, company, "Two")
    foreseen = livedash("chat-batch", "compare", a, b, "--judge", "--dry-run").stdout
    assert "gpt-5-mini would be asked about 3 of 3 pairs that differ" in foreseen
    asked = document_of(livedash("chat-batch", "compare", a, b, "--judge", "--judge-model", "gpt-5", "--json"))
    assert (asked["judging"]["requested"], asked["judgements"]["waiting"]) == (3, 3)
    shown = livedash("chat-batch", "compare", a, b, "--judge-model", "gpt-5", "--limit", "1").stdout
    assert "gpt-5: waiting" in shown
    assert shown.splitlines()[-1].startswith(f"More: livedash chat-batch compare {a} {b} --judge-model gpt-5 --cursor ")
    refused = livedash("chat-batch", "compare", a, b, "--dry-run")
    assert (refused.exit_code, "--judge" in refused.stderr) == (2, True)
