"""Transcripts that are due are fetched, stored with their stage, and tried again as the rules say."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import session_imports, transcripts
from livedash_pipeline.errors import SourceError
from livedash_pipeline.intake.steps.fetch_transcripts import TranscriptReport, fetch_transcripts
from livedash_pipeline.intake.steps.transcript_workers import TranscriptLimits
from livedash_pipeline.intake.store.transcripts import count_failed_transcripts
from livedash_pipeline.sources.http import FetchLimits
from tests.conftest import NOW
from tests.sources.transcript_site import Answer, TranscriptSite, transcript_site
from tests.support.imported import add_import, change_row, make_company, rows_of, set_stage, stage_of

TEXT = b"[01.05.2025 12:00:00] User: hello\n"
HOURS = timedelta(hours=1)
FETCH = FetchLimits(max_bytes=10_000, connect_seconds=2, read_seconds=2, total_seconds=5)


@pytest.fixture
def site() -> Iterator[TranscriptSite]:
    with transcript_site() as site:
        yield site


@pytest.fixture
def company(engine: Engine, site: TranscriptSite) -> Company:
    return make_company(engine, f"{site.url}/chats.csv")


def fetch(
    engine: Engine, company: Company, *, at: datetime = NOW, environ: dict[str, str] | None = None, **limits: Any
) -> TranscriptReport:
    return fetch_transcripts(
        engine,
        company,
        environ=environ or {},
        limits=TranscriptLimits(**({"fetch": FETCH} | limits)),
        sleep=lambda _seconds: None,
        clock=lambda _connection: at,
    )


def stored(engine: Engine, import_id: uuid.UUID) -> dict[str, Any]:
    return rows_of(engine, transcripts, import_id=import_id)[0]


def test_transcripts_are_stored_with_their_stage_and_fetched_once(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    site.answers["/a.txt"] = Answer(TEXT, headers={"ETag": '"1"'})
    import_id = add_import(engine, company, f" {site.url}/a.txt?key=secret ")
    site.answers["/a.txt?key=secret"] = site.answers["/a.txt"]
    report = fetch(engine, company)
    assert report == TranscriptReport(due=1, fetched=1, unchanged=0, failed={}, skipped=0)
    row = stored(engine, import_id)
    assert (row["status"], row["content"], row["etag"]) == ("FETCHED", TEXT.decode(), '"1"')
    assert (row["row_hash"], row["fetched_at"], row["attempts"]) == ("row-1", NOW, 0)
    stage = stage_of(engine, import_id, "TRANSCRIPT_FETCH")
    assert (stage["status"], stage["completed_at"]) == ("COMPLETED", NOW)
    assert stage["metadata"] == {"contentLength": len(TEXT), "url": f"{site.url}/a.txt"}
    assert fetch(engine, company).due == 0
    assert len(site.asked) == 1


def test_a_profiles_encoding_is_taken_up_and_given_up_with_the_same_bytes(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    words = "Добрый день, как дела? Всё хорошо"
    site.answers["/a.txt"] = Answer(b"User: " + words.encode("cp1251"), headers={"ETag": '"1"'})
    site.answers["/b.txt"] = Answer(f"User: {words}".encode(), headers={"ETag": '"2"'})
    import_id, plain = (add_import(engine, company, f"{site.url}/{name}.txt") for name in "ab")
    assert fetch(engine, company).failed == {"binary": 1}
    for row_hash, encoding, fetched in (("row-2", "windows-1251", 1), ("row-3", "koi8-r", 1), ("row-4", "koi8-r", 0)):
        for each in (import_id, plain):
            change_row(engine, each, row_hash)
        company = replace(company, transcript_profile={"encoding": encoding})
        assert fetch(engine, company).fetched == fetched
        assert stored(engine, import_id)["content"] == "User: " + words.encode("cp1251").decode(encoding)
        assert stored(engine, plain)["content"] == f"User: {words}"
    assert stage_of(engine, import_id, "TRANSCRIPT_FETCH")["metadata"]["encoding"] == "koi8-r"
    assert (stored(engine, import_id)["etag"], stored(engine, plain)["etag"]) == (None, '"2"')
    change_row(engine, import_id, "row-5")
    site.answers["/a.txt"] = Answer(
        b"User: " + words.encode("cp1251"), headers={"Content-Type": "text/plain; charset=cp1251"}
    )
    assert fetch(engine, company).fetched == 1
    assert stored(engine, import_id)["content"] == f"User: {words}"


def test_row_without_url_is_skipped_with_its_reason(engine: Engine, company: Company) -> None:
    ids = [add_import(engine, company, None), add_import(engine, company, "  ")]
    assert fetch(engine, company) == TranscriptReport(due=2, fetched=0, unchanged=0, failed={}, skipped=2)
    for import_id in ids:
        stage = stage_of(engine, import_id, "TRANSCRIPT_FETCH")
        assert (stage["status"], stage["error_message"]) == ("SKIPPED", "no_url: the row names no transcript")
    assert fetch(engine, company).due == 0


def test_bad_transcripts_fail_alone_and_at_once(engine: Engine, site: TranscriptSite, company: Company) -> None:
    answers = {
        "/401": Answer(status=401),
        "/403": Answer(status=403),
        "/404": Answer(status=404),
        "/empty": Answer(b""),
        "/binary": Answer(bytes(range(256))),
        "/large": Answer(b"a" * 10_001),
        "/good": Answer(TEXT),
    }
    site.answers |= answers
    ids = {path: add_import(engine, company, site.url + path) for path in answers}
    elsewhere = add_import(engine, company, "http://127.0.0.2/x")
    report = fetch(engine, company)
    reasons = ("binary", "empty", "host_not_allowed", "http_401", "http_403", "http_404", "too_large")
    assert report.failed == dict.fromkeys(reasons, 1)
    assert report.fetched == 1
    assert sorted(site.paths()) == sorted(answers)
    row, stage = stored(engine, ids["/404"]), stage_of(engine, ids["/404"], "TRANSCRIPT_FETCH")
    assert (row["status"], row["error_code"], row["attempts"]) == ("FAILED", "http_404", 1)
    assert row["next_attempt_at"] == NOW + 6 * HOURS
    assert (stage["status"], stage["retry_count"]) == ("FAILED", 1)
    assert stage["error_message"] == f"http_404: {site.url}/404 answered 404 Not Found."
    assert stored(engine, elsewhere)["error_code"] == "host_not_allowed"
    with engine.connect() as connection:
        assert count_failed_transcripts(connection, [company.slug]) == {company.slug: report.failed}
        assert count_failed_transcripts(connection, ["another"]) == count_failed_transcripts(connection, []) == {}


def test_failed_transcript_is_tried_again_after_growing_delays_and_five_times_at_most(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    # After 6 hours, 12, 24 and 48: at 6, 18, 42 and 90.
    looks = [0, 1, 5.9, 6, 12, 17.9, 18, 30, 41.9, 42, 60, 89.9, 90, 200, 3000]
    tried = [hours for hours in looks if fetch(engine, company, at=NOW + hours * HOURS).due]
    assert tried == [0, 6, 18, 42, 90]
    row = stored(engine, import_id)
    assert (row["attempts"], row["next_attempt_at"]) == (5, None), "from here on it waits for a person"
    assert stage_of(engine, import_id, "TRANSCRIPT_FETCH")["retry_count"] == 5


def test_each_failure_says_when_the_next_try_is(engine: Engine, site: TranscriptSite, company: Company) -> None:
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    waits, at = [], NOW
    while at is not None:
        fetch(engine, company, at=at)
        following = stored(engine, import_id)["next_attempt_at"]
        waits.append(following and (following - at) / HOURS)
        at = following
    assert waits == [6, 12, 24, 48, None]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.2/x", "host_not_allowed"),
        ("gopher://127.0.0.1/x", "bad_url"),
        ("http://user:password@127.0.0.1/x", "credentials_in_url"),
        ("file:///etc/hostname", "file_not_allowed"),
    ],
)
def test_refused_address_waits_for_a_person_and_is_not_tried_again(
    engine: Engine, company: Company, address: str, reason: str
) -> None:
    import_id = add_import(engine, company, address)
    assert fetch(engine, company).failed == {reason: 1}
    before = stored(engine, import_id)
    assert (before["attempts"], before["next_attempt_at"]) == (1, None)
    for hours in (1, 7, 1000):
        assert fetch(engine, company, at=NOW + hours * HOURS).due == 0
    assert stored(engine, import_id) == before


def test_refused_address_is_fetched_by_the_next_import_once_its_host_is_allowed(
    engine: Engine, site: TranscriptSite
) -> None:
    company = make_company(engine, "http://127.0.0.2:9/chats.csv")
    site.answers["/a.txt"] = Answer(TEXT)
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    assert fetch(engine, company).failed == {"host_not_allowed": 1}
    assert fetch(engine, company, at=NOW + HOURS).due == 0
    allowed = replace(company, transcript_hosts=(f"127.0.0.1:{site.port}",))
    assert fetch(engine, allowed, at=NOW + HOURS).fetched == 1
    row = stored(engine, import_id)
    assert (row["status"], row["attempts"], row["error_code"]) == ("FETCHED", 0, None)


def test_redirect_to_a_refused_address_may_change_and_is_tried_again(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    site.answers["/a.txt"] = Answer(status=302, headers={"Location": "http://127.0.0.2/elsewhere"})
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    assert fetch(engine, company).failed == {"host_not_allowed": 1}
    assert stored(engine, import_id)["next_attempt_at"] == NOW + 6 * HOURS
    assert fetch(engine, company, at=NOW + 5 * HOURS).due == 0
    site.answers["/a.txt"] = Answer(TEXT)
    assert fetch(engine, company, at=NOW + 6 * HOURS).fetched == 1


def test_failed_transcript_that_appears_later_is_fetched(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    site.answers["/a.txt"] = Answer(TEXT)
    assert fetch(engine, company, at=NOW + 6 * HOURS).fetched == 1
    row, stage = stored(engine, import_id), stage_of(engine, import_id, "TRANSCRIPT_FETCH")
    assert (row["status"], row["attempts"], row["error_code"], row["next_attempt_at"]) == ("FETCHED", 0, None, None)
    assert (stage["status"], stage["error_message"]) == ("COMPLETED", None)


@pytest.mark.parametrize(
    ("statuses", "tries", "failed"), [([503, 200], 2, {}), ([500, 500, 200], 3, {}), ([500], 3, {"http_500": 1})]
)
def test_server_errors_are_tried_again_in_the_same_run(
    engine: Engine, site: TranscriptSite, company: Company, statuses: list[int], tries: int, failed: dict[str, int]
) -> None:
    site.answers["/a.txt"] = [Answer(TEXT, status=status) for status in statuses]
    add_import(engine, company, f"{site.url}/a.txt")
    assert fetch(engine, company).failed == failed
    assert len(site.asked) == tries


def test_time_outs_are_tried_again_in_the_same_run(engine: Engine, site: TranscriptSite, company: Company) -> None:
    site.slowness = 2
    add_import(engine, company, f"{site.url}/a.txt")
    quick = FetchLimits(max_bytes=10_000, read_seconds=0.5, total_seconds=5)
    assert fetch(engine, company, fetch=quick).failed == {"timeout": 1}
    assert len(site.asked) == 3


def test_changed_row_is_fetched_again_with_the_etag(engine: Engine, site: TranscriptSite, company: Company) -> None:
    site.answers["/a.txt"] = [
        Answer(TEXT, headers={"ETag": '"1"'}),
        Answer(status=304),
        Answer(TEXT + b"more", headers={"ETag": '"2"'}),
    ]
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    change_row(engine, import_id, "row-2")
    later = NOW + HOURS
    assert fetch(engine, company, at=later) == TranscriptReport(1, 0, 1, {}, 0)
    row = stored(engine, import_id)
    assert (row["content"], row["row_hash"], row["etag"]) == (TEXT.decode(), "row-2", '"1"')
    assert stage_of(engine, import_id, "TRANSCRIPT_FETCH")["metadata"]["contentLength"] == len(TEXT)
    change_row(engine, import_id, "row-3")
    assert fetch(engine, company, at=later).fetched == 1
    assert (stored(engine, import_id)["etag"], stored(engine, import_id)["content"][-4:]) == ('"2"', "more")
    assert [each.headers.get("if-none-match") for each in site.asked] == [None, '"1"', '"1"']


def test_etag_belongs_to_its_url(engine: Engine, site: TranscriptSite, company: Company) -> None:
    site.answers |= {"/a.txt": Answer(TEXT, headers={"ETag": '"1"'}), "/b.txt": Answer(TEXT)}
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    change_row(engine, import_id, "row-2", full_transcript_url=f"{site.url}/b.txt")
    assert fetch(engine, company).unchanged == 1
    assert "if-none-match" not in site.asked[-1].headers
    assert (stored(engine, import_id)["url"], stored(engine, import_id)["etag"]) == (f"{site.url}/b.txt", None)


def test_failed_refetch_keeps_what_was_fetched_before(engine: Engine, site: TranscriptSite, company: Company) -> None:
    site.answers["/a.txt"] = [Answer(TEXT, headers={"ETag": '"1"'}), Answer(status=404), Answer(TEXT + b"more")]
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    change_row(engine, import_id, "row-2")
    assert fetch(engine, company).failed == {"http_404": 1}
    row = stored(engine, import_id)
    assert (row["status"], row["content"], row["error_code"]) == ("FETCHED", TEXT.decode(), "http_404")
    assert (row["attempts"], row["fetched_at"]) == (1, NOW)
    assert stage_of(engine, import_id, "TRANSCRIPT_FETCH")["status"] == "FAILED"
    assert fetch(engine, company, at=NOW + 5 * HOURS).due == 0
    assert fetch(engine, company, at=NOW + 6 * HOURS).fetched == 1
    assert stage_of(engine, import_id, "TRANSCRIPT_FETCH")["status"] == "COMPLETED"


def test_row_that_changes_gets_its_attempts_anew(engine: Engine, site: TranscriptSite, company: Company) -> None:
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    for hours in range(0, 120, 6):
        fetch(engine, company, at=NOW + hours * HOURS)
    assert (len(site.asked), stored(engine, import_id)["attempts"]) == (5, 5)
    change_row(engine, import_id, "row-2")
    assert fetch(engine, company, at=NOW + 200 * HOURS).due == 1
    row = stored(engine, import_id)
    assert (row["attempts"], row["next_attempt_at"]) == (1, NOW + 206 * HOURS)


def test_stage_set_back_to_pending_is_fetched_whatever_its_attempts(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    with engine.begin() as connection:
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", "PENDING")
    assert fetch(engine, company).due == 1


def test_url_that_disappears_keeps_the_transcript(engine: Engine, site: TranscriptSite, company: Company) -> None:
    site.answers["/a.txt"] = Answer(TEXT)
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    change_row(engine, import_id, "row-2", full_transcript_url=None)
    assert fetch(engine, company).skipped == 1
    assert fetch(engine, company).due == 0
    assert stored(engine, import_id)["content"] == TEXT.decode()


def test_credentials_come_from_the_named_variables(engine: Engine, site: TranscriptSite) -> None:
    company = make_company(
        engine, f"{site.url}/chats.csv", csv_username_env="ACME_USER", csv_password_env="ACME_PASSWORD"
    )
    site.answers["/a.txt"] = Answer(TEXT)
    add_import(engine, company, f"{site.url}/a.txt")
    with pytest.raises(SourceError, match="ACME_USER"):
        fetch(engine, company)
    fetch(engine, company, environ={"ACME_USER": "u", "ACME_PASSWORD": "p"})
    assert site.asked[0].headers["authorization"] == "Basic " + base64.b64encode(b"u:p").decode()


def test_no_more_than_the_limit_are_asked_of_one_host_at_a_time(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    site.slowness = 0.02
    for number in range(20):
        site.answers[f"/{number}"] = Answer(TEXT)
        add_import(engine, company, f"{site.url}/{number}")
    assert fetch(engine, company, per_host=3, total=8).fetched == 20
    assert max(each.at_once for each in site.asked) == 3


def test_no_more_than_the_limit_are_asked_in_total(engine: Engine, site: TranscriptSite, company: Company) -> None:
    site.slowness = 0.02
    for number in range(12):
        site.answers[f"/{number}"] = Answer(TEXT)
        add_import(engine, company, f"{site.url}/{number}")
    assert fetch(engine, company, per_host=8, total=2, store_rows=5).fetched == 12
    assert max(each.at_once for each in site.asked) == 2


def test_host_that_keeps_failing_is_left_alone_and_its_sessions_stay_due(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    for number in range(10):
        site.answers[f"/{number}"] = Answer(status=503)
        add_import(engine, company, f"{site.url}/{number}")
    report = fetch(engine, company, per_host=1, host_failures=3, tries=1)
    assert (report.failed, report.postponed) == ({"http_503": 3}, 7)
    assert len(rows_of(engine, transcripts)) == 3
    site.answers |= {f"/{number}": Answer(TEXT) for number in range(10)}
    assert fetch(engine, company).fetched == 7


def test_row_that_changed_while_it_was_fetched_is_fetched_again(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    site.answers["/a.txt"] = Answer(TEXT)
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    with engine.begin() as connection:  # The row only: its stage was written after the change.
        connection.execute(update(session_imports).values(content_hash="row-2"))
    assert fetch(engine, company).due == 1
    assert stored(engine, import_id)["row_hash"] == "row-2"
    assert fetch(engine, company).due == 0


def test_characters_that_postgres_refuses_are_replaced_and_flagged(
    engine: Engine, site: TranscriptSite, company: Company
) -> None:
    site.answers["/a.txt"] = Answer(TEXT + b"NUL \x00 among other characters of a longer line")
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    row = stored(engine, import_id)
    assert row["replaced_characters"]
    assert "NUL \ufffd among" in row["content"]


def test_encoding_that_was_guessed_is_noted(engine: Engine, site: TranscriptSite, company: Company) -> None:
    site.answers["/a.txt"] = Answer(TEXT + b"caf\xe9 \x80")
    import_id = add_import(engine, company, f"{site.url}/a.txt")
    fetch(engine, company)
    assert stored(engine, import_id)["content"].endswith("café €")
    assert stage_of(engine, import_id, "TRANSCRIPT_FETCH")["metadata"]["encoding"] == "cp1252"


def test_company_with_a_local_csv_reads_files_beside_it(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    company = make_company(engine, f"file://{tmp_path}/chats.csv")
    for url in ("a.txt", f"file://{tmp_path}/a.txt", "../outside.txt", "http://127.0.0.1:9/a.txt"):
        add_import(engine, company, url)
    report = fetch(engine, company)
    assert (report.fetched, report.failed) == (2, {"file_not_allowed": 1, "host_not_allowed": 1})


def test_company_that_does_not_work_is_not_fetched_for(engine: Engine, site: TranscriptSite) -> None:
    company = make_company(engine, f"{site.url}/chats.csv", status="SUSPENDED")
    add_import(engine, company, f"{site.url}/a.txt")
    assert fetch(engine, company).due == 0
    assert site.asked == []
