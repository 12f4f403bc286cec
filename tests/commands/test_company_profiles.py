"""`livedash company detect`, `show` and `set`: what is proposed, told, stored and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Run, document_of

FILE = "Chat;When;Transcript\nx1;13/05/2025 12:00;t1.txt\nx2;14/05/2025 12:00;t2.txt\nx3;99/05/2025 12:00;t3.txt\n"
CHATS = {
    "t1.txt": "13/05/2025, 12:00 - Anna: hello\n13/05/2025, 12:01 - Support: hi\nthere\n",
    "t2.txt": "14/05/2025, 12:00 - Bo: yes\n14/05/2025, 12:01 - Support: no\n",
}
CSV = {"external_session_id": "Chat", "start_time": "When", "full_transcript_url": "Transcript"}


@pytest.fixture
def acme(livedash: Run, tmp_path: Path) -> Run:
    """The command line, with a company whose files lie in the present directory."""
    (tmp_path / "x.csv").write_text(FILE, encoding="utf-8")
    for name, text in CHATS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert livedash("company", "add", "acme", "--csv-url", str(tmp_path / "x.csv")).exit_code == 0
    return livedash


def test_a_proposal_says_why_and_stores_nothing_by_itself(acme: Run) -> None:
    shown = acme("company", "detect", "acme")
    assert shown.exit_code == 0, shown.stderr
    told = (
        "semicolons", "day first", "2 of 3 records fit; the others: 1 bad_start_time", "x1", "Messages in 2 transcripts",
        "Nothing was saved",
    )  # fmt: skip
    assert [words for words in told if words not in shown.stdout] == []
    assert document_of(acme("company", "show", "acme", "--json"))["company"]["csvProfile"] is None


def test_a_proposal_is_stored_when_that_is_said_and_makes_the_company_due(acme: Run) -> None:
    found = document_of(acme("company", "detect", "acme", "--save", "--json"))
    assert (found["saved"], found["csvProfile"]["columns"], found["fitting"], found["records"]) == (True, CSV, 2, 3)
    company = document_of(acme("company", "show", "acme", "--json"))["company"]
    assert company["csvProfile"] == found["csvProfile"]
    transcripts = found["transcripts"]
    assert company["transcriptProfile"] == (transcripts["transcriptProfile"] if transcripts["saved"] else None)
    assert "csv profile: {" in acme("company", "show", "acme").stdout
    assert acme("company", "set", "acme", "--csv-profile", "", "--transcript-profile", "").exit_code == 0
    company = document_of(acme("company", "show", "acme", "--json"))["company"]
    assert (company["csvProfile"], company["transcriptProfile"]) == (None, None)


def test_what_people_have_set_stays_where_no_file_shows_it(acme: Run, tmp_path: Path) -> None:
    own = {
        "header": True,
        "columns": {"external_session_id": "Chat", "start_time": "When"},
        "yes": ["ok"],
        "keep_extra": False,
    }
    (tmp_path / "own.json").write_text(json.dumps(own), encoding="utf-8")
    names = {
        "assistant_names": ["Support"],
        "others": "user",
        "lines": ["{time} - {name}: {text}"],
        "times": ["%d/%m/%Y, %H:%M"],
    }
    (tmp_path / "names.json").write_text(json.dumps(names), encoding="utf-8")
    acme("company", "set", "acme", "--csv-profile", "own.json", "--transcript-profile", "names.json")
    found = document_of(acme("company", "detect", "acme", "--save", "--json"))
    assert (found["saved"], found["transcripts"]["saved"]) == (True, False)
    company = document_of(acme("company", "show", "acme", "--json"))["company"]
    assert (company["csvProfile"]["yes"], company["csvProfile"]["keep_extra"]) == (["ok"], False)
    assert company["transcriptProfile"] == {"version": 1} | names


def test_transcripts_are_looked_at_by_themselves(acme: Run, tmp_path: Path) -> None:
    found = document_of(acme("company", "detect", "acme", "--transcript", "t1.txt", "--transcript", "t2.txt", "--json"))
    assert "csvProfile" not in found
    assert (found["transcripts"]["lookedAt"], found["transcripts"]["saved"]) == (2, False)
    assert found["transcripts"]["transcriptProfile"]["lines"]
    assert "transcript profile" in acme("company", "detect", "acme", "--transcript", "t1.txt").stdout
    missing = acme("company", "detect", "acme", "--transcript", "none.txt", "--save")
    assert (missing.exit_code, "No transcript could be had" in missing.stderr) == (2, True)
    (tmp_path / "plain.txt").write_text(
        "[01.05.2025 12:00:00] User: hi\n[01.05.2025 12:00:01] Assistant: yes\n", encoding="utf-8"
    )
    saved = document_of(acme("company", "detect", "acme", "--transcript", "plain.txt", "--save", "--json"))
    assert (saved["transcripts"]["saved"], saved["transcripts"]["transcriptProfile"]) == (True, {"version": 1})


def test_what_is_unclear_is_not_stored(acme: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,at\na,1/5/2025 12:00\nb,2/5/2025 12:00\n", encoding="utf-8")
    refused = acme("company", "detect", "acme", "--save")
    assert (refused.exit_code, "--date-order" in refused.stderr) == (2, True)
    assert "Unclear: " in acme("company", "detect", "acme").stdout
    decided = document_of(acme("company", "detect", "acme", "--date-order", "month", "--save", "--json"))
    assert (decided["saved"], decided["csvProfile"]["times"]) == (True, ["%m/%d/%Y %H:%M"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("detect", "nobody"), "'nobody'"),
        (("detect", "acme", "none.csv"), "does not exist"),
        (("detect", "acme", "--encoding", "windows1252x"), "no encoding of text files"),
        (("detect", "acme", "--encoding", "rot13"), "no encoding of text files"),
        (("detect", "acme", "bad.json"), "none can be the start"),
        (("detect", "acme", "http://127.0.0.1:9/x.csv"), "127.0.0.1"),
        (("set", "acme", "--csv-profile", "none.json"), "cannot be read"),
        (("set", "acme", "--csv-profile", "x.csv"), "is not JSON"),
        (("set", "acme", "--csv-profile", "bad.json"), "delimiter: 'xx' cannot separate columns"),
        (("set", "acme", "--transcript-profile", "bad.json"), "delimiter"),
        (("show", "nobody"), "'nobody'"),
    ],
)
def test_what_cannot_be_done_is_told(acme: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "bad.json").write_text(json.dumps({"delimiter": "xx"}), encoding="utf-8")
    ended = acme("company", *arguments)
    assert ended.exit_code in {1, 2}
    assert words in ended.stderr


def test_a_company_without_a_csv_names_a_file(acme: Run, tmp_path: Path) -> None:
    assert acme("company", "add", "bare", "--no-csv").exit_code == 0
    assert "has no CSV" in acme("company", "detect", "bare").stderr
    assert document_of(acme("company", "detect", "bare", "x.csv", "--json"))["fitting"] == 2


def test_a_file_of_which_no_record_can_be_read_is_not_stored(acme: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,start_time\n" + "1.5E+17,2025-05-01\n1.6E+17,2025-05-02\n", encoding="utf-8")
    assert acme("company", "detect", "acme", "--save").exit_code != 0
    assert document_of(acme("company", "show", "acme", "--json"))["company"]["csvProfile"] is None
