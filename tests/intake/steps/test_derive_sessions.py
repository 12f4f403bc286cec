"""Sessions and messages follow their rows and transcripts, except while a batch is being asked about them."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text, update

from livedash_pipeline.analysis.steps.build_requests import build_requests
from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import ai_processing_requests, messages, session_imports, sessions, transcripts
from livedash_pipeline.intake.rules.messages import Message, transcript_hash
from livedash_pipeline.intake.steps.derive_sessions import DeriveReport, derive_sessions
from tests.conftest import NOW
from tests.support.imported import (
    CHAT,
    START,
    add_import,
    add_request,
    change_row,
    claim,
    count,
    make_company,
    rows_of,
    session_of,
    set_stage,
    stage_of,
    store_text,
)
from tests.support.races import until_waiting

LONGER = CHAT + "[01.05.2025 12:02:00] User: one more\n[01.05.2025 12:02:06] Emma: yes?\n"


@pytest.fixture
def company(engine: Engine) -> Company:
    return make_company(engine, bot_names=["Emma"])


def derive(engine: Engine, company: Company, **options: Any) -> DeriveReport:
    return derive_sessions(engine, company, clock=lambda _connection: NOW, **options)


def test_session_and_messages_are_made_from_row_and_transcript(engine: Engine, company: Company) -> None:
    import_id = add_import(
        engine, company, "x", messages_sent=9, initial_message="row", country="NL", ip_address="10.1.1.1"
    )
    store_text(engine, import_id, LONGER)
    assert derive(engine, company) == DeriveReport(created=1, messages=4)
    session = session_of(engine, import_id)
    assert (session["start_time"], session["end_time"]) == (START, START + timedelta(seconds=126))
    assert (session["duration_seconds"], session["messages_sent"], session["initial_msg"]) == (126, 2, "hello")
    assert session["avg_response_time"] == Decimal("5.000")
    assert (session["country"], session["ip_address"], session["full_transcript_url"]) == ("NL", "10.1.1.1", "x")
    assert (session["row_hash"], session["stale"], session["created_at"]) == ("row-1", False, NOW)
    listed = rows_of(engine, messages, session_id=session["id"])
    assert [(row["position"], row["role"], row["content"]) for row in listed] == [
        (0, "user", "hello"),
        (1, "assistant", "hi"),
        (2, "user", "one more"),
        (3, "assistant", "yes?"),
    ]
    assert listed[1]["sent_at"] == START + timedelta(seconds=4)
    stage = stage_of(engine, import_id, "SESSION_CREATION")
    assert (stage["status"], stage["completed_at"]) == ("COMPLETED", NOW)
    assert stage["metadata"] == {"messages": 4, "events": 0, "dropped": 0, "untimed": 0}


def test_session_without_a_transcript_is_made_from_its_row_alone(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, None, messages_sent=3, initial_message="row")
    with engine.begin() as connection:
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", "SKIPPED")
    assert derive(engine, company) == DeriveReport(created=1)
    session = session_of(engine, import_id)
    assert (session["messages_sent"], session["initial_msg"], session["duration_seconds"]) == (3, "row", 60)
    assert session["transcript_hash"] == transcript_hash([])
    assert derive(engine, company) == DeriveReport()


@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
def test_session_waits_for_its_transcript(engine: Engine, company: Company, status: str) -> None:
    import_id = add_import(engine, company, "x")
    assert derive(engine, company) == DeriveReport()
    with engine.begin() as connection:
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", status)
    assert derive(engine, company) == DeriveReport()


def test_deriving_twice_changes_nothing(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, CHAT)
    derive(engine, company)
    before = session_of(engine, import_id)
    assert derive(engine, company) == DeriveReport()
    assert session_of(engine, import_id) == before


def test_changed_transcript_replaces_the_messages_of_its_session(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, LONGER)
    derive(engine, company)
    session_id = session_of(engine, import_id)["id"]
    store_text(engine, import_id, CHAT)
    assert derive(engine, company) == DeriveReport(updated=1, messages=2)
    assert session_of(engine, import_id)["id"] == session_id
    assert len(rows_of(engine, messages, session_id=session_id)) == 2


def test_hash_is_the_same_when_it_is_computed_from_the_stored_messages(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "x")
    odd = "\n[30.02.2025 12:00:00] Emma: é 👍 \u2028 \\N \\t\ttab\nline\r\n[26.10.2025 02:30:00] User: autumn\n"
    store_text(engine, import_id, CHAT + odd)
    derive(engine, company)
    session = session_of(engine, import_id)
    with engine.connect() as connection:
        connection.execute(text("SET TIME ZONE 'America/New_York'"))
        found = connection.execute(
            select(messages).where(messages.c.session_id == session["id"]).order_by(messages.c.position)
        )
        listed = [Message(row.role, row.content, row.sent_at) for row in found]
    assert len(listed) == 4
    assert listed[2].content == "é 👍 \u2028 \\N \\t\ttab\nline"
    assert transcript_hash(listed) == session["transcript_hash"]


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "SKIPPED"])
def test_new_messages_set_a_finished_analysis_back_to_pending(engine: Engine, company: Company, status: str) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, CHAT)
    derive(engine, company)
    with engine.begin() as connection:
        for stage in ("AI_ANALYSIS", "QUESTION_EXTRACTION"):
            set_stage(
                connection, import_id, stage, status, started_at=NOW, completed_at=NOW, error_message="x", retry_count=2
            )
        connection.execute(update(sessions).values(language="nl", summary="s", sentiment="NEUTRAL"))
    store_text(engine, import_id, LONGER)
    derive(engine, company)
    for stage in ("AI_ANALYSIS", "QUESTION_EXTRACTION"):
        row = stage_of(engine, import_id, stage)
        cleared = (row["error_message"], row["started_at"], row["completed_at"], row["retry_count"])
        assert (row["status"], *cleared) == ("PENDING", None, None, None, 0)
    # What was found stays readable until something newer is found.
    assert (session_of(engine, import_id)["language"], session_of(engine, import_id)["summary"]) == ("nl", "s")


def change_zone(engine: Engine, company: Company, zone: str) -> Company:
    """Another time zone, and what the next import makes of it: every row has changed, every transcript is fetched again."""
    with engine.begin() as connection:
        changed = update_company(connection, company.slug, CompanyChanges(time_zone=zone), now=NOW)
    for row in rows_of(engine, session_imports, company_id=company.id):
        change_row(engine, row["id"], zone)
        store_text(engine, row["id"], rows_of(engine, transcripts, import_id=row["id"])[0]["content"], row_hash=zone)
    return changed


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
def test_another_time_zone_moves_the_messages_and_leaves_every_analysis(
    engine: Engine, company: Company, status: str
) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, CHAT)
    derive(engine, company)
    before = session_of(engine, import_id)
    with engine.begin() as connection:
        for stage in ("AI_ANALYSIS", "QUESTION_EXTRACTION"):
            set_stage(connection, import_id, stage, status, completed_at=NOW)
    changed = change_zone(engine, company, "UTC")
    assert derive(engine, changed) == DeriveReport(updated=1, messages=2)
    for stage in ("AI_ANALYSIS", "QUESTION_EXTRACTION"):
        assert stage_of(engine, import_id, stage)["status"] == status
    after = session_of(engine, import_id)
    assert after["end_time"] == START + timedelta(hours=2, seconds=4) != before["end_time"]
    listed = rows_of(engine, messages, session_id=after["id"])
    assert [row["sent_at"] for row in listed] == [START + timedelta(hours=2), START + timedelta(hours=2, seconds=4)]
    said = [Message(row["role"], row["content"], row["sent_at"]) for row in listed]
    assert after["transcript_hash"] == transcript_hash(said) != before["transcript_hash"]
    assert build_requests(engine, changed, default_model="m", count_tokens=len).created == 0


@pytest.mark.parametrize(
    "transcript",
    [
        CHAT.replace("hello", "good day"),
        CHAT.replace("Assistant", "System"),
        CHAT + "[01.05.2025 12:02:00] User: more\n",
        CHAT.splitlines()[0],
    ],
)
def test_another_time_zone_together_with_other_words_or_roles_is_a_new_input(
    engine: Engine, company: Company, transcript: str
) -> None:
    kept, changed_one = add_import(engine, company, "x"), add_import(engine, company, "y")
    for each in (kept, changed_one):
        store_text(engine, each, CHAT)
    derive(engine, company)
    with engine.begin() as connection:
        for each in (kept, changed_one):
            set_stage(connection, each, "AI_ANALYSIS", "COMPLETED")
    changed = change_zone(engine, company, "UTC")
    store_text(engine, changed_one, transcript, row_hash="UTC")
    assert derive(engine, changed).updated == 2
    assert stage_of(engine, changed_one, "AI_ANALYSIS")["status"] == "PENDING"
    assert stage_of(engine, kept, "AI_ANALYSIS")["status"] == "COMPLETED"


@pytest.mark.parametrize("transcript", [CHAT, CHAT.replace("hello\n", "hello  \r\n\r\n") + "\n\n"])
def test_changed_fields_of_the_row_alone_leave_the_analysis(engine: Engine, company: Company, transcript: str) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, CHAT)
    derive(engine, company)
    with engine.begin() as connection:
        set_stage(connection, import_id, "AI_ANALYSIS", "COMPLETED")
    change_row(engine, import_id, "row-2", country="BE")
    store_text(engine, import_id, transcript, row_hash="row-2")
    assert derive(engine, company) == DeriveReport(updated=1)
    assert (session_of(engine, import_id)["country"], session_of(engine, import_id)["row_hash"]) == ("BE", "row-2")
    assert stage_of(engine, import_id, "AI_ANALYSIS")["status"] == "COMPLETED"
    assert count(engine, messages) == 2


def test_refused_transcript_fails_with_its_line_until_something_changes(engine: Engine, company: Company) -> None:
    import_id, good = add_import(engine, company, "x"), add_import(engine, company, "y")
    store_text(engine, import_id, "\nsecret words\n" + CHAT)
    store_text(engine, good, CHAT)
    assert derive(engine, company) == DeriveReport(created=1, failed=1, messages=2)
    stage = stage_of(engine, import_id, "SESSION_CREATION")
    assert (stage["status"], stage["retry_count"], stage["metadata"]["line"]) == ("FAILED", 1, 2)
    assert stage["error_message"] == "text_before_first_message: line 2 of the transcript belongs to no message."
    assert session_of(engine, import_id) == {}
    assert derive(engine, company) == DeriveReport()
    change_row(engine, import_id, "row-2")
    store_text(engine, import_id, "\nsecret words\n" + CHAT, row_hash="row-2")
    assert derive(engine, company) == DeriveReport(failed=1)
    store_text(engine, import_id, CHAT)
    assert derive(engine, company) == DeriveReport(created=1, messages=2)
    stage = stage_of(engine, import_id, "SESSION_CREATION")
    assert (stage["status"], stage["error_message"]) == ("COMPLETED", None)


def test_a_company_with_a_profile_has_its_own_speakers_and_times(engine: Engine, company: Company) -> None:
    profile = {"lines": ["({clock}) {name}: {text}"], "assistant_names": ["Agent"], "others": "user"}
    with engine.begin() as connection:
        company = update_company(connection, "acme", CompanyChanges(transcript_profile=profile), now=NOW)
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, "(12:00:05) Agent: hi\n(12:00:09) Visitor 7: hello\nthere\n(12:00) Emma: welcome")
    assert derive(engine, company) == DeriveReport(created=1, messages=3)
    listed = rows_of(engine, messages, session_id=session_of(engine, import_id)["id"])
    assert [(row["role"], row["content"], row["sent_at"]) for row in listed] == [
        ("assistant", "welcome", START),
        ("assistant", "hi", START + timedelta(seconds=5)),
        ("user", "hello\nthere", START + timedelta(seconds=9)),
    ]
    assert session_of(engine, import_id)["initial_msg"] == "hello\nthere"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("secret words", 1, "not_json: line 1 of the transcript is not the JSON that its company's profile names."),
        (
            '{"secret": "words"}',
            1,
            "no_messages: the transcript has no messages with a text where its company's profile says (json).",
        ),
    ],
)
def test_refused_json_fails_with_its_reason(
    engine: Engine, company: Company, content: str, line: int, message: str
) -> None:
    profile = {"json": {"messages": "chat", "name": "from", "text": "body"}}
    with engine.begin() as connection:
        company = update_company(connection, "acme", CompanyChanges(transcript_profile=profile), now=NOW)
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, content)
    assert derive(engine, company) == DeriveReport(failed=1)
    stage = stage_of(engine, import_id, "SESSION_CREATION")
    assert (stage["error_message"], stage["metadata"]["line"]) == (message, line)


def test_stage_set_back_to_pending_derives_again(engine: Engine, company: Company) -> None:
    import_id, refused = add_import(engine, company, "x"), add_import(engine, company, "y")
    store_text(engine, import_id, CHAT)
    store_text(engine, refused, "no chat")
    derive(engine, company)
    with engine.begin() as connection:
        set_stage(connection, import_id, "SESSION_CREATION", "PENDING")
        set_stage(connection, refused, "SESSION_CREATION", "PENDING")
    assert derive(engine, company) == DeriveReport(unchanged=1, failed=1)


def test_session_whose_request_is_in_flight_keeps_everything_and_is_derived_after_settlement(
    engine: Engine, company: Company
) -> None:
    import_id, other = add_import(engine, company, "x"), add_import(engine, company, "y")
    for each in (import_id, other):
        store_text(engine, each, CHAT)
    derive(engine, company)
    before = session_of(engine, import_id)
    with engine.begin() as connection:
        request_id = add_request(connection, company, before["id"], "BATCHING_IN_PROGRESS")
    for each in (import_id, other):
        change_row(engine, each, "row-2", country="BE")
        store_text(engine, each, LONGER, row_hash="row-2")
    assert derive(engine, company) == DeriveReport(updated=1, deferred=1, messages=4)
    assert session_of(engine, import_id) == before | {"stale": True}
    assert len(rows_of(engine, messages, session_id=before["id"])) == 2
    assert derive(engine, company) == DeriveReport(deferred=1)
    with engine.begin() as connection:
        table = ai_processing_requests
        connection.execute(
            update(table).where(table.c.id == request_id).values(processing_status="PROCESSING_COMPLETE")
        )
    assert derive(engine, company) == DeriveReport(updated=1, messages=4)
    after = session_of(engine, import_id)
    assert (after["stale"], after["country"], after["row_hash"]) == (False, "BE", "row-2")


def test_stale_session_whose_old_transcript_returned_is_fresh_again(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, CHAT)
    derive(engine, company)
    with engine.begin() as connection:
        connection.execute(update(sessions).values(stale=True))
        set_stage(connection, import_id, "AI_ANALYSIS", "COMPLETED")
    assert derive(engine, company) == DeriveReport(unchanged=1)
    assert session_of(engine, import_id)["stale"] is False
    assert stage_of(engine, import_id, "AI_ANALYSIS")["status"] == "COMPLETED"


def test_session_with_an_unclaimed_request_is_derived(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, CHAT)
    derive(engine, company)
    with engine.begin() as connection:
        add_request(connection, company, session_of(engine, import_id)["id"], "PENDING_BATCHING")
    store_text(engine, import_id, LONGER)
    assert derive(engine, company) == DeriveReport(updated=1, messages=4)


def test_claim_that_is_under_way_is_waited_for_and_seen(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, CHAT)
    derive(engine, company)
    with engine.begin() as connection:
        request_id = add_request(connection, company, session_of(engine, import_id)["id"], "PENDING_BATCHING")
    store_text(engine, import_id, LONGER)
    reports: list[DeriveReport] = []
    thread = threading.Thread(target=lambda: reports.append(derive(engine, company)))
    with engine.begin() as claimer:
        claim(claimer, company, request_id)
        thread.start()
        until_waiting(engine)
    thread.join()
    assert reports == [DeriveReport(deferred=1)]
    assert session_of(engine, import_id)["stale"] is True


def test_claim_passes_over_requests_whose_session_is_being_derived(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "x")
    store_text(engine, import_id, CHAT)
    derive(engine, company)
    with engine.begin() as connection:
        add_request(connection, company, session_of(engine, import_id)["id"], "PENDING_BATCHING")
    store_text(engine, import_id, LONGER)
    claimable: list[int] = []

    def look_while_locked(connection: Any) -> Any:
        with engine.begin() as claimer:
            pending = select(ai_processing_requests.c.id).with_for_update(skip_locked=True)
            claimable.append(len(claimer.execute(pending).all()))
        return NOW

    # The clock is asked once per transaction, after the locks are taken.
    derive_sessions(engine, company, clock=look_while_locked)
    assert claimable == [0]


def test_two_derivations_of_one_company_make_each_session_once(engine: Engine, company: Company) -> None:
    for number in range(40):
        store_text(engine, add_import(engine, company, "x", name=f"s{number:02}"), CHAT)
    reports: list[DeriveReport] = []
    threads = [threading.Thread(target=lambda: reports.append(derive(engine, company, chunk_size=7))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.created for report in reports) == 40
    assert (count(engine, sessions), count(engine, messages)) == (40, 80)


@pytest.mark.parametrize("limits", [{"chunk_size": 3}, {"chunk_bytes": 1}, {"chunk_bytes": 200}])
def test_chunks_cover_everything(engine: Engine, company: Company, limits: dict[str, int]) -> None:
    for _ in range(10):
        store_text(engine, add_import(engine, company, "x"), CHAT)
    assert derive(engine, company, **limits) == DeriveReport(created=10, messages=20)


def test_a_transcript_that_changes_after_it_was_read_is_read_again_under_the_locks(
    engine: Engine, company: Company
) -> None:
    kept, changed = (add_import(engine, company, name) for name in ("kept", "changed"))
    for import_id in (kept, changed):
        store_text(engine, import_id, CHAT)
    moments: list[datetime] = []

    def clock(_connection: Connection) -> datetime:
        # Asked for when the locks are held, which is after everything was read.
        if not moments:
            store_text(engine, changed, LONGER)
        moments.append(NOW)
        return NOW

    assert derive_sessions(engine, company, clock=clock) == DeriveReport(created=2, messages=2 + 4)
    assert len(rows_of(engine, messages, session_id=session_of(engine, changed)["id"])) == 4
    assert derive(engine, company) == DeriveReport()


def test_chunks_are_all_written_however_small_they_are(engine: Engine, company: Company) -> None:
    for number in range(7):
        store_text(engine, add_import(engine, company, f"{number}"), CHAT)
    assert derive(engine, company, chunk_size=2) == DeriveReport(created=7, messages=14)
    assert count(engine, messages) == 14


def test_a_chunk_that_cannot_be_written_is_no_silent_loss(engine: Engine, company: Company) -> None:
    for number in range(4):
        store_text(engine, add_import(engine, company, f"{number}"), CHAT)
    moments: list[datetime] = []

    def clock(_connection: Connection) -> datetime:
        moments.append(NOW)
        if len(moments) == 2:
            raise RuntimeError("no time")
        return NOW

    with pytest.raises(RuntimeError, match="no time"):
        derive_sessions(engine, company, clock=clock, chunk_size=2)
    # The first chunk stays; the second is due again.
    assert derive(engine, company) == DeriveReport(created=2, messages=4)
