from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select, update

from livedash_pipeline.base.store.companies import Company, add_company, get_company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import (
    companies,
    import_rejects,
    import_runs,
    session_imports,
    session_processing_status,
)
from livedash_pipeline.errors import LivedashError, RejectedImportError, SourceError, UsageError
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, CSV_COLUMNS
from livedash_pipeline.intake.steps.import_csv import import_company
from livedash_pipeline.intake.steps.import_report import ImportReport, ImportRules
from livedash_pipeline.intake.store.imports import forget_validators, import_lock, start_run
from livedash_pipeline.settings import make_settings
from livedash_pipeline.sources.csv_source import CsvSource
from livedash_pipeline.sources.http import FetchLimits
from tests.conftest import NOW
from tests.sources import csv_site
from tests.sources.csv_site import Answer, Site, plain, running_site
from tests.support.csv_rows import csv_line

RULES = ImportRules(max_reject_ratio=0.2, interval=timedelta(minutes=15))
PATIENT = FetchLimits(max_bytes=1_000_000, connect_seconds=10, read_seconds=10, total_seconds=30)
QUICK = FetchLimits(max_bytes=1_000_000, connect_seconds=10, read_seconds=0.15, total_seconds=0.3)

# A word or a number in every column.
FULL = {column.name: "3" if column.number else f"a {column.name}" for column in CSV_COLUMNS[3:]} | {
    "country_code": "Holland",
    "language": "dutch",
    "sentiment_raw": "Happy",
    "escalated_raw": "ja",
    "forwarded_hr_raw": "no",
    "tokens_eur": "0.0009",
}
OTHER = {name: "5" if text == "3" else f"another {name}" for name, text in FULL.items()} | {
    "country_code": "Belgium",
    "language": "french",
    "sentiment_raw": "sad",
    "escalated_raw": "no",
    "forwarded_hr_raw": "ja",
    "tokens_eur": "0.5",
}


def row(
    external_id: str,
    message: str = "hello",
    *,
    start: str = "01.05.2025 10:00:00",
    tokens: str = "100",
    messages_sent: str = "3",
    tokens_eur: str = "0.0009",
) -> str:
    end = start.rpartition(":")[0] + ":59"
    url = f"https://chats.example/{external_id}.txt"
    numbers = {"tokens": tokens, "messages_sent": messages_sent, "tokens_eur": tokens_eur}
    texts = {**FULL, **numbers, "full_transcript_url": url, "initial_message": message}
    return csv_line(external_id, start, end, **texts)


class Importing:
    """A company whose CSV is on a site, and what its imports left behind."""

    def __init__(self, engine: Engine, site: Site, spool: Path) -> None:
        self.engine, self.site = engine, site
        self.spool = spool
        self.source = self.source_with(PATIENT)
        self.now = NOW
        with engine.begin() as connection:
            self.company = add_company(connection, "acme", CompanyChanges(csv_url=f"{site.url}/x.csv"), now=NOW)

    def source_with(self, limits: FetchLimits) -> CsvSource:
        return CsvSource({}, self.spool, limits, sleep=lambda _: None)

    def run(self, answer: Answer | str | None = None, **options: Any) -> ImportReport:
        if answer is not None:
            self.site.answers["/x.csv"] = plain(answer.encode()) if isinstance(answer, str) else answer
        given: dict[str, Any] = {"source": self.source, "rules": RULES, "clock": lambda _: self.now, "chunk_records": 7}
        return import_company(self.engine, self.company, **given | options)

    def counts(self, *args: Any, **options: Any) -> tuple[int, int, int, int, int]:
        report = self.run(*args, **options)
        return report.rows, report.new, report.changed, report.unchanged, report.rejected

    def rows(self, table: Any, *order: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(table).order_by(*order)))

    def ids(self) -> list[str]:
        return [row.external_session_id for row in self.rows(session_imports, session_imports.c.external_session_id)]

    def last_run(self) -> Any:
        return self.rows(import_runs, import_runs.c.id)[-1]

    def rejects(self) -> list[tuple[int, str]]:
        return [(row.line_number, row.reason) for row in self.rows(import_rejects, import_rejects.c.line_number)]

    def stored_company(self) -> Company:
        with self.engine.connect() as connection:
            return get_company(connection, "acme")


@pytest.fixture
def acme(engine: Engine, tmp_path: Path) -> Iterator[Importing]:
    with running_site() as site:
        yield Importing(engine, site, tmp_path / "spool")


def test_a_row_is_stored_raw_and_with_its_meaning(acme: Importing) -> None:
    assert acme.counts(row("a", '"one, two"', start="26.10.2025 02:30:00", tokens="0")) == (1, 1, 0, 0, 0)
    (stored,) = acme.rows(session_imports)
    assert (stored.start_time_raw, stored.start_time) == (
        "26.10.2025 02:30:00",
        datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
    )
    assert (stored.country_code, stored.country, stored.language, stored.language_code) == (
        "Holland",
        "NL",
        "dutch",
        "nl",
    )
    assert (stored.sentiment_raw, stored.sentiment_score) == ("Happy", Decimal("1.00"))
    assert (stored.escalated_raw, stored.escalated, stored.forwarded_hr) == ("ja", True, False)
    assert (stored.messages_sent, stored.tokens, stored.tokens_eur) == (3, 0, Decimal("0.0009"))
    assert (stored.initial_message, stored.source, stored.created_at) == ("one, two", "csv", NOW)
    (stage,) = acme.rows(session_processing_status)
    assert (stage.import_id, stage.stage, stage.status) == (stored.id, "CSV_IMPORT", "COMPLETED")
    assert (stage.started_at, stage.completed_at) == (NOW, NOW)


def test_every_column_is_stored_and_follows_a_changed_record(acme: Importing) -> None:
    names = [name for column in CSV_COLUMNS for name in (column.name, column.stored_beside) if name]
    found = []
    for start, end, texts in (
        ("01.05.2025 10:00:00", "01.05.2025 10:01:00", FULL),
        ("02.05.2025 10:00:00", "02.05.2025 10:01:00", OTHER),
    ):
        acme.run(csv_line("a", start, end, **texts))
        (stored,) = acme.rows(session_imports)
        found.append([stored._mapping[name] for name in names])
    assert [name for name, value in zip(names, found[0], strict=True) if value is None] == []
    assert [name for name, *values in zip(names, *found, strict=True) if values[0] == values[1]] == [names[0]]


def test_empty_columns_are_null_and_unknown_words_have_no_meaning(acme: Importing) -> None:
    acme.run(csv_line("a", language="Klingon", sentiment_raw="meh", forwarded_hr_raw="perhaps"))
    (stored,) = acme.rows(session_imports)
    assert (stored.ip_address, stored.country, stored.messages_sent, stored.initial_message) == (None, None, None, None)
    assert (stored.language, stored.language_code, stored.sentiment_score) == ("Klingon", None, None)
    assert (stored.forwarded_hr_raw, stored.forwarded_hr, stored.escalated) == ("perhaps", None, None)


def test_the_same_file_changes_nothing_a_changed_row_is_updated_a_missing_one_kept(acme: Importing) -> None:
    assert acme.counts(row("a") + row("b") + row("c")) == (3, 3, 0, 0, 0)
    before = acme.rows(session_imports, session_imports.c.id)
    acme.now += timedelta(hours=1)
    assert acme.counts() == (3, 0, 0, 3, 0)
    assert acme.rows(session_imports, session_imports.c.id) == before
    assert acme.counts(row("a") + row("b", "other") + row("d")) == (3, 1, 1, 1, 0)
    assert acme.ids() == ["a", "b", "c", "d"]
    changed = next(stored for stored in acme.rows(session_imports) if stored.external_session_id == "b")
    assert (changed.initial_message, changed.updated_at, changed.created_at) == ("other", acme.now, NOW)
    assert changed.import_run_id == acme.last_run().id


def test_a_changed_row_sets_its_derivation_back_and_leaves_the_analysis(acme: Importing) -> None:
    acme.run(row("a") + row("b"))
    stages = ("TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS")
    with acme.engine.begin() as connection:
        for stored in acme.rows(session_imports):
            connection.execute(
                session_processing_status.insert(),
                [
                    {
                        "import_id": stored.id,
                        "stage": stage,
                        "status": "COMPLETED",
                        "retry_count": 2,
                        "completed_at": NOW,
                    }
                    for stage in stages
                ],
            )
    acme.run(row("a", "other") + row("b"))
    names = {stored.id: stored.external_session_id for stored in acme.rows(session_imports)}
    found = {
        (names[stage.import_id], stage.stage): (stage.status, stage.retry_count)
        for stage in acme.rows(session_processing_status)
        if stage.stage in stages
    }
    assert found["a", "TRANSCRIPT_FETCH"] == found["a", "SESSION_CREATION"] == ("PENDING", 0)
    assert found["a", "AI_ANALYSIS"] == ("COMPLETED", 2)
    assert {found["b", stage] for stage in stages} == {("COMPLETED", 2)}


def test_another_time_zone_derives_the_times_anew(acme: Importing) -> None:
    acme.run(csv_site.with_etag(row("a").encode(), "e"))
    with acme.engine.begin() as connection:
        update_company(connection, "acme", CompanyChanges(time_zone="UTC"), now=NOW)
    assert acme.counts() == (1, 0, 1, 0, 0)
    assert acme.rows(session_imports)[0].start_time == datetime(2025, 5, 1, 10, tzinfo=UTC)


BAD_ROWS = {
    "wrong_column_count": "x,y\n",
    "empty_id": row(""),
    "bad_start_time": row("bad", start="30.02.2025 10:00:00"),
    "bad_end_time": row("bad").replace("01.05.2025 10:00:59", "31.04.2025 10:00:00"),
    "end_before_start": row("bad").replace("01.05.2025 10:00:59", "01.05.2025 09:00:00"),
    "stray_quote": row("bad", 'a 5" pipe'),
    "unclosed_quote": row("bad", '"open'),
    "nul_character": row("bad", "a\0b"),
    "bad_encoding": row("bad", "caf\udce9"),
    "ruined_id": row("1.23457E+17"),
    "header_line": ",".join(COLUMNS) + "\n",
    "field_too_long": row("x" * 300),
}


@pytest.mark.parametrize("reason", BAD_ROWS)
def test_a_row_that_cannot_be_read_is_kept_as_a_reject_and_the_rest_imported(acme: Importing, reason: str) -> None:
    text = row("a", '"two\nlines"') + BAD_ROWS[reason] + row("b")
    assert acme.counts(plain(text.encode("utf-8", "surrogateescape"))) == (3, 2, 0, 0, 1)
    assert acme.ids() == ["a", "b"]
    (reject,) = acme.rows(import_rejects)
    assert (reject.line_number, reject.reason, reject.import_run_id) == (3, reason, acme.last_run().id)
    assert reject.raw_text == BAD_ROWS[reason].replace("\0", "\ufffd").replace("\udce9", "\\xe9")


def test_a_number_that_cannot_be_read_is_noted_and_rejects_no_session(acme: Importing) -> None:
    text = row("a", tokens="12abc", messages_sent="3.0") + row("b", tokens="7", tokens_eur="9.5e-05") + row("c")
    report = acme.run(text)
    assert (report.rows, report.rejected, report.unread) == (3, 0, 1)
    stored = acme.rows(session_imports, session_imports.c.external_session_id)
    assert [(each.messages_sent, each.tokens, each.unread) for each in stored] == [
        (3, None, {"tokens": "12abc"}),
        (3, 7, None),
        (3, 100, None),
    ]
    assert stored[1].tokens_eur == Decimal("0.000095")
    assert acme.run(row("a", tokens="12", messages_sent="3.0")).changed == 1
    assert acme.rows(session_imports, session_imports.c.external_session_id)[0].unread is None


def test_marks_around_an_id_make_no_second_session(acme: Importing) -> None:
    assert acme.counts(row("a") + row("b")) == (2, 2, 0, 0, 0)
    assert acme.counts(f'\ufeff{row("a")}\ufeff"b",{row("b").partition(",")[2]}{row(chr(0x200B) + "c")}')[:2] == (3, 1)
    assert acme.ids() == ["a", "b", "c"]


def test_a_csv_that_has_not_changed_is_read_again_where_its_validators_are_forgotten(acme: Importing) -> None:
    answer = csv_site.with_etag(row("a").encode(), '"v1"')
    acme.run(answer)
    assert acme.run(answer).not_modified
    with acme.engine.begin() as connection:
        assert forget_validators(connection, uuid4()) == 0
        assert forget_validators(connection, acme.stored_company().id) == 1
        assert forget_validators(connection, None) == 0
    assert not acme.run(answer).not_modified
    assert acme.run(answer).not_modified


def unbounded(body: bytes, **headers: str) -> Answer:
    """An answer that ends with its connection, without having said how long it is."""

    def answer(handler: csv_site.Handler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


@pytest.mark.parametrize("kept", [30, -40])
def test_an_answer_of_unknown_length_that_ends_within_a_record_is_refused(acme: Importing, kept: int) -> None:
    acme.run(row("before"))
    text = row("a") + row("b", '"two\nlines"')
    with pytest.raises(SourceError) as caught:
        acme.run(unbounded((text + row("c")[:kept]).encode(), ETag='"v1"'))
    assert (caught.value.reason, acme.ids()) == ("cut_off", ["before"])
    assert acme.counts(unbounded(text.encode(), ETag='"v1"'))[:2] == (2, 2)
    assert acme.stored_company().csv_etag is None, "nobody knows whether it was whole"
    assert acme.counts(plain((text + row("c")[:kept]).encode()))[-1] == 1, "with a length it is a row that is wrong"


def test_a_validator_that_cannot_be_sent_again_is_forgotten(acme: Importing) -> None:
    acme.run(plain(row("a").encode(), ETag='"v\u00e9"'))
    assert acme.stored_company().csv_etag is None
    assert acme.run().unchanged == 1


def test_of_repeated_ids_the_last_row_counts(acme: Importing) -> None:
    text = row("a", '"1\n1"') + row("b") + row("a", "2") + "".join(row(f"r{n}") for n in range(20)) + row("a", "3")
    assert acme.counts(text) == (24, 22, 0, 0, 2)
    kept = next(stored for stored in acme.rows(session_imports) if stored.external_session_id == "a")
    assert kept.initial_message == "3"
    rejects = acme.rows(import_rejects, import_rejects.c.line_number)
    assert [(reject.line_number, reject.reason, reject.raw_text) for reject in rejects] == [
        (1, "duplicate_id", row("a", '"1\n1"')),
        (4, "duplicate_id", row("a", "2")),
    ]
    assert rejects[0].detail == "line 25 counts"


def test_too_many_rejects_fail_the_run_and_keep_the_first_hundred(acme: Importing) -> None:
    acme.run(row("before"))
    good, bad = [row(f"g{n}") for n in range(450)], [row(f"b{n}", start="31.02.2025 10:00:00") for n in range(150)]
    with pytest.raises(RejectedImportError, match=r"Of 600 records .* 150 .*bad_start_time") as caught:
        acme.run("".join(good + bad))
    assert "LIVEDASH_MAX_REJECT_RATIO" in caught.value.remedy
    assert acme.ids() == ["before"]
    assert acme.rejects() == [(line, "bad_start_time") for line in range(451, 551)]
    run = acme.last_run()
    assert (run.status, run.error_code, run.rows, run.rows_rejected) == ("FAILED", "too_many_rejects", 600, 150)
    assert acme.counts("".join(good + bad), rules=replace(RULES, max_reject_ratio=0.25)) == (600, 450, 0, 0, 150)


def test_a_small_file_fails_only_if_nothing_in_it_can_be_read(acme: Importing) -> None:
    assert acme.counts("x\n" * 48 + row("a")) == (49, 1, 0, 0, 48)
    with pytest.raises(RejectedImportError):
        acme.run("just,one\n")


def test_an_empty_file_is_an_import_of_nothing(acme: Importing) -> None:
    assert acme.counts("\n\n") == (0, 0, 0, 0, 0)
    assert acme.last_run().status == "COMPLETED"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (plain(b"<!doctype html><form>Log in</form>"), "not_csv"),
        (plain(b"", 401), "http_401"),
        (plain(b"", 404), "http_404"),
        (csv_site.silent, "timeout"),
        (csv_site.endless_body, "too_large"),
        (csv_site.dripping_body, "timeout"),
    ],
    ids=["login page", "401", "404", "silence", "endless", "dripping"],
)
def test_a_source_that_gives_no_csv_fails_the_run_and_touches_nothing(
    acme: Importing, answer: Answer, code: str
) -> None:
    acme.run(row("a"))
    with pytest.raises(SourceError) as caught:
        acme.run(answer, source=acme.source_with(QUICK) if code == "timeout" else acme.source)
    run = acme.last_run()
    assert (run.status, run.error_code, run.error_message) == ("FAILED", code, caught.value.message)
    assert acme.ids() == ["a"]
    company = acme.stored_company()
    assert (company.import_failures, company.next_import_at) == (1, NOW + RULES.interval)


def test_each_failure_doubles_the_pause_up_to_a_day_and_a_success_ends_it(acme: Importing) -> None:
    acme.site.answers["/x.csv"] = plain(b"", 404)
    pauses = []
    for _ in range(9):
        with pytest.raises(SourceError):
            acme.run()
        due = acme.stored_company().next_import_at
        assert due is not None
        pauses.append(due - NOW)
    assert pauses[:3] == [RULES.interval, 2 * RULES.interval, 4 * RULES.interval]
    assert pauses[-1] == timedelta(days=1)
    acme.run(row("a"))
    company = acme.stored_company()
    assert (company.import_failures, company.next_import_at) == (0, NOW + RULES.interval)


def test_a_file_that_was_not_modified_is_reported_as_unchanged(acme: Importing) -> None:
    text = row("a") + "x,y\n" + row("b")
    acme.run(csv_site.with_etag(text.encode(), '"one"'))
    report = acme.run(run_id="dagster-1")
    assert (report.rows, report.unchanged, report.rejected, report.not_modified) == (3, 2, 1, True)
    run = acme.last_run()
    assert (run.not_modified, run.rows, run.rows_rejected, run.dagster_run_id) == (True, 3, 1, "dagster-1")
    assert acme.run().rows == 3
    assert acme.stored_company().csv_etag == '"one"'


def test_validators_of_another_address_are_not_used(acme: Importing) -> None:
    acme.run(csv_site.with_etag(row("a").encode(), "same"))
    acme.site.answers["/y.csv"] = csv_site.with_etag(row("b").encode(), "same")
    with acme.engine.begin() as connection:
        connection.execute(update(companies).values(csv_url=f"{acme.site.url}/y.csv"))
    assert acme.counts() == (1, 1, 0, 0, 0)


def test_a_run_that_a_killed_process_left_is_closed_by_the_next(acme: Importing) -> None:
    with acme.engine.begin() as connection:
        start_run(connection, acme.company, dagster_run_id=None, now=NOW)
    acme.run(row("a"))
    runs = acme.rows(import_runs, import_runs.c.id)
    assert [(run.status, run.error_code) for run in runs] == [("FAILED", "interrupted"), ("COMPLETED", None)]


def test_an_interrupted_import_leaves_nothing_but_its_failed_run(acme: Importing) -> None:
    moments = iter([NOW, None, NOW])  # Start of the run, the merge, the record of the failure.

    def interrupting(_: object) -> datetime:
        moment = next(moments)
        if moment is None:
            raise KeyboardInterrupt
        return moment

    with pytest.raises(KeyboardInterrupt):
        acme.run(row("a"), clock=interrupting)
    assert acme.ids() == []
    assert (acme.last_run().status, acme.last_run().error_code) == ("FAILED", "interrupted")
    assert acme.counts() == (1, 1, 0, 0, 0)


def test_two_imports_of_a_company_do_not_run_at_once(acme: Importing) -> None:
    with (
        import_lock(acme.engine, acme.company),
        pytest.raises(LivedashError, match="Another import of acme is running"),
    ):
        acme.run(row("a"))
    assert acme.rows(import_runs) == []
    assert acme.run(row("a")).new == 1


@pytest.mark.parametrize("status", ["SUSPENDED", "ARCHIVED"])
def test_a_company_that_is_not_working_is_not_imported(acme: Importing, status: str) -> None:
    with acme.engine.begin() as connection:
        update_company(connection, "acme", CompanyChanges(status=status), now=NOW)
    with pytest.raises(UsageError, match=status):
        acme.run(row("a"))
    assert acme.rows(import_runs) == []
    assert acme.site.asked == []


def test_companies_do_not_see_each_other(acme: Importing) -> None:
    with acme.engine.begin() as connection:
        other = add_company(connection, "other", CompanyChanges(csv_url=acme.company.csv_url), now=NOW)
    acme.run(row("a"))
    acme.company = other
    assert acme.counts() == (1, 1, 0, 0, 0)
    with acme.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(session_imports)) == 2


def test_the_rules_are_those_of_the_settings() -> None:
    settings = make_settings(livedash_max_reject_ratio=0.5, livedash_import_interval=60)
    assert ImportRules.of(settings) == ImportRules(0.5, timedelta(minutes=1))


def test_a_report_must_add_up(acme: Importing) -> None:
    with pytest.raises(ValueError, match="lost count"):
        ImportReport("acme", acme.company.id, rows=2, new=1, changed=0, unchanged=0, rejected=0)


def test_a_name_of_this_machine_is_imported_from_once_its_address_is_allowed(acme: Importing) -> None:
    acme.site.answers["/x.csv"] = plain(row("one").encode())
    source = replace(acme.source, resolver=lambda _host, _port: ["127.0.0.1"])
    named = acme.site.url.replace("127.0.0.1", "chats.internal") + "/x.csv"
    with acme.engine.begin() as connection:
        acme.company = update_company(connection, "acme", CompanyChanges(csv_url=named), now=NOW)
    with pytest.raises(SourceError, match="leads to 127.0.0.1, a loopback address") as caught:
        acme.run(source=source)
    assert "`livedash company set acme --allow-address 127.0.0.1`" in caught.value.remedy
    assert (acme.site.asked, acme.last_run().error_code) == ([], "private_address")
    with acme.engine.begin() as connection:
        update_company(connection, "acme", CompanyChanges(allowed_addresses=["127.0.0.1"]), now=NOW)
    assert acme.run(source=source).new == 1


def test_what_another_server_says_is_never_among_the_rejects(acme: Importing) -> None:
    with running_site() as local:
        local.answers["/graphql"] = plain(b"a secret of this machine")
        acme.site.answers["/x.csv"] = plain(b"", 302, Location=f"{local.url}/graphql?query=mutation%7BlaunchRun%7D")
        with pytest.raises(SourceError) as caught:
            acme.run()
        assert (caught.value.reason, local.asked) == ("host_not_allowed", [])
    assert acme.rejects() == []
    assert "launchRun" not in acme.last_run().error_message


def test_a_profile_that_is_set_during_an_import_is_not_forgotten(acme: Importing) -> None:
    acme.site.answers["/x.csv"] = csv_site.with_etag(row("a").encode(), '"v1"')
    profile = {"version": 1, "nothing": ["-"]}
    looks = iter([False, True])

    def clock(_: Any) -> datetime:
        if next(looks, False):
            with acme.engine.begin() as other:
                update_company(other, "acme", CompanyChanges(csv_profile=profile), now=NOW)
        return NOW

    assert acme.run(clock=clock).new == 1
    company = acme.stored_company()
    assert (company.csv_etag, company.next_import_at, company.csv_profile) == (None, NOW, profile)
    again = acme.run()
    assert (again.changed, again.not_modified) == (1, False), "it is read as it is wanted"
    assert acme.stored_company().csv_etag == '"v1"'
