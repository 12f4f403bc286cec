"""Slices of work: what is asked, once each, and how a slice and a batch end."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatState
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.slices import StopReason
from livedash_pipeline.chats.steps.cancel import cancel, resume
from livedash_pipeline.chats.steps.documents import slice_document
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.store.figures import batches_with_work
from livedash_pipeline.chats.store.moves import count_moves, lock_batch
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd, end_of_failure
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, column, make_batch, states
from tests.support.rows import insert_company

pytest_plugins = ["tests.support.fixtures"]


def failed(kind: FailureKind, status: int | None = None) -> CallEnd:
    return end_of_failure(ApiFailure(kind, status, None, "It failed."))


def test_every_question_is_asked_once_and_the_batch_is_complete(engine: Engine, company: Company) -> None:
    chats = ScriptedChats()
    context = chat_context(engine, chats)
    batch_id = make_batch(context, company.slug, 20)
    report = process_for_duration(context, batch_id, seconds=30)
    assert (report.processed, report.failed, report.remaining, report.stop) == (20, 0, 0, StopReason.FINISHED)
    assert report.status is ChatBatchStatus.COMPLETED
    assert sorted(chats.questions) == sorted(f"What is question {each}?" for each in range(20))
    assert states(engine, batch_id) == {"COMPLETED": 20}
    assert column(engine, batch_id, "answer")[3] == "About What is question 3?"
    assert all(cost > 0 for cost in column(engine, batch_id, "cost_eur"))
    with engine.connect() as connection:
        tried = connection.execute(
            text("SELECT count(*), count(total_cost_eur) FROM ai_request_attempts WHERE is_call")
        )
        assert tuple(tried.one()) == (20, 20)
        total, turns = connection.execute(
            text("SELECT (SELECT cost_eur FROM chat_batches), (SELECT sum(cost_eur) FROM chat_interactions)")
        ).one()
        assert total == turns > 0


@pytest.mark.parametrize("seconds", [0, 0.5, 301, -1])
def test_a_slice_too_short_or_too_long_is_refused(engine: Engine, company: Company, seconds: float) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 1)
    with pytest.raises(UsageError, match="slice"):
        process_for_duration(context, batch_id, seconds=seconds)
    assert states(engine, batch_id) == {"PENDING": 1}


def test_turns_show_the_answers_before_them(engine: Engine, company: Company) -> None:
    chats = ScriptedChats()
    context = chat_context(engine, chats)
    rows = [{"chatId": "a", "question": "Who are you?"}, {"chatId": "b", "question": "Alone, am I?"}]
    batch_id = make_batch(context, company.slug, [*rows, {"chatId": "a", "question": "Since when?"}])
    report = process_for_duration(context, batch_id, seconds=30)
    assert report.processed == 2
    second = next(body for body in chats.sent if body["messages"][-1]["content"] == "Since when?")
    assert [message["content"] for message in second["messages"][1:]] == [
        "Who are you?",
        "About Who are you?",
        "Since when?",
    ]


@pytest.mark.parametrize(
    ("policy", "codes"),
    [
        ("stop", ["answered", "invalid_output", "earlier_turn_failed"]),
        ("continue", ["answered", "invalid_output", "answered"]),
    ],
)
def test_a_failed_turn_ends_or_passes_over(engine: Engine, company: Company, policy: str, codes: list[str]) -> None:
    chats = ScriptedChats(lambda question: CallEnd(Outcome.INVALID_OUTPUT) if question == "Second one?" else answered())
    context = chat_context(engine, chats)
    rows = [{"chatId": "a", "question": each} for each in ("First one?", "Second one?", "Third one?")]
    batch_id = make_batch(context, company.slug, rows, turn_policy=policy)
    report = process_for_duration(context, batch_id, seconds=30)
    assert (report.failed, report.status) == (1, ChatBatchStatus.FAILED)
    assert column(engine, batch_id, "outcome_code") == codes


def test_short_and_refused_questions_are_skipped(engine: Engine, company: Company) -> None:
    chats = ScriptedChats(
        lambda question: CallEnd(Outcome.REFUSED, content="No.") if "weapon" in question else answered()
    )
    context = chat_context(engine, chats)
    batch_id = make_batch(context, company.slug, [{"question": "?"}, {"question": "a weapon?"}, {"question": "fine?"}])
    report = process_for_duration(context, batch_id, seconds=30)
    assert (report.processed, report.skipped, report.failed, report.status) == (1, 2, 0, ChatBatchStatus.COMPLETED)
    assert column(engine, batch_id, "outcome_code") == ["too_short", "refused", "answered"]
    assert chats.questions == ["a weapon?", "fine?"] or sorted(chats.questions) == ["a weapon?", "fine?"]


def test_a_failure_that_passes_is_tried_again_and_leaves_no_trace(engine: Engine, company: Company) -> None:
    first = threading.Event()

    def answer(_question: str) -> CallEnd:
        if not first.is_set():
            first.set()
            return failed(FailureKind.BROKEN, 503)
        return answered()

    context = chat_context(engine, ScriptedChats(answer))
    batch_id = make_batch(context, company.slug, 1)
    report = process_for_duration(context, batch_id, seconds=30)
    assert (report.processed, report.status) == (1, ChatBatchStatus.COMPLETED)
    assert column(engine, batch_id, "error_message", "chats") == [None]
    assert column(engine, batch_id, "attempts", "chats") == [2]


def test_what_may_have_been_paid_counts_as_bought_and_ends(engine: Engine, company: Company) -> None:
    chats = ScriptedChats(lambda _: failed(FailureKind.TIMEOUT))
    context = chat_context(engine, chats)
    batch_id = make_batch(context, company.slug, 1)
    report = process_for_duration(context, batch_id, seconds=60)
    assert (report.failed, report.status, len(chats.sent)) == (1, ChatBatchStatus.FAILED, 3)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT outcome, reserved_eur > 0 AS reserved FROM ai_request_attempts WHERE is_call")
        ).all()
    assert [tuple(row) for row in rows] == [("artifact_unavailable", True)] * 3


def test_a_cancel_stops_what_waits_and_keeps_what_is_under_way(engine: Engine, company: Company) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def answer(_question: str) -> CallEnd:
        asked.set()
        assert go_on.wait(30)
        return answered()

    context = chat_context(engine, ScriptedChats(answer))
    batch_id = make_batch(context, company.slug, 5)
    work = threading.Thread(target=process_for_duration, args=(context, batch_id), kwargs={"seconds": 60, "workers": 1})
    work.start()
    assert asked.wait(30)
    done = cancel(context, batch_id, by="a test")
    assert (done.requested, done.under_way, done.status) == (True, 1, ChatBatchStatus.CANCELLING)
    assert not cancel(context, batch_id, by="a test").requested
    go_on.set()
    work.join(30)
    assert states(engine, batch_id) == {"CANCELLED": 4, "COMPLETED": 1}
    assert process_for_duration(context, batch_id, seconds=1).stop is StopReason.CANCELLED
    assert resume(context, batch_id, dry_run=True).items == 4
    assert resume(context, batch_id).items == 4
    report = process_for_duration(context, batch_id, seconds=60)
    assert (report.processed, report.status) == (4, ChatBatchStatus.COMPLETED)


def test_a_worker_whose_lease_passed_writes_nothing(engine: Engine, company: Company) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(_question: str) -> CallEnd:
        asked.set()
        assert go_on.wait(30)
        return answered("late")

    lost, present = chat_context(engine, ScriptedChats(slow)), chat_context(engine, ScriptedChats())
    batch_id = make_batch(lost, company.slug, 1)
    reports = []
    work = threading.Thread(target=lambda: reports.append(process_for_duration(lost, batch_id, seconds=1)), daemon=True)
    work.start()
    assert asked.wait(30)
    with engine.begin() as connection:
        connection.execute(text("UPDATE chats SET lease_until = now() - interval '1 second'"))
    report = process_for_duration(present, batch_id, seconds=30)
    assert (report.processed, column(engine, batch_id, "answer")) == (1, ["About What is question 0?"])
    go_on.set()
    work.join(30)
    assert column(engine, batch_id, "answer") == ["About What is question 0?"]
    assert (reports[0].processed, column(engine, batch_id, "attempts", "chats")) == (0, [2])
    with engine.connect() as connection:
        outcomes = connection.execute(text("SELECT outcome, error_code FROM ai_request_attempts ORDER BY id")).all()
    assert [tuple(row) for row in outcomes] == [("artifact_unavailable", "worker_lost"), ("parsed", None)]


def test_a_worker_that_comes_late_to_its_call_sends_nothing(engine: Engine, company: Company) -> None:
    chats = ScriptedChats()
    frozen = iter([0.0, 0.0, 0.0, 0.0, 20.0])
    # The fifth look at the clock is the one after the purchase was written down.
    context = replace(chat_context(engine, chats), monotonic=lambda: next(frozen, 20.0))
    batch_id = make_batch(context, company.slug, 1)
    process_for_duration(context, batch_id, seconds=1, workers=1)
    assert chats.sent == []
    assert column(engine, batch_id, "attempts", "chats") == [0]
    with engine.connect() as connection:
        tried = connection.execute(text("SELECT outcome, total_cost_eur FROM ai_request_attempts")).all()
    assert [tuple(row) for row in tried] == [("transient", None)]
    assert process_for_duration(chat_context(engine, chats), batch_id, seconds=30).processed == 1


def test_an_item_that_loses_its_workers_fails_in_the_end(engine: Engine, company: Company) -> None:
    class Killed(BaseException):
        pass

    def die(_question: str) -> CallEnd:
        raise Killed

    context = chat_context(engine, ScriptedChats(die))
    batch_id = make_batch(context, company.slug, 1)
    for _ in range(3):
        with pytest.raises(Killed):
            process_for_duration(context, batch_id, seconds=1)
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE chats SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")
            )
    report = process_for_duration(chat_context(engine, ScriptedChats()), batch_id, seconds=1)
    assert (report.remaining, report.status) == (0, ChatBatchStatus.FAILED)
    assert column(engine, batch_id, "outcome_code") == ["worker_lost"]


def test_a_wrong_key_holds_everything_and_uses_no_try_up(engine: Engine, company: Company) -> None:
    chats = ScriptedChats(lambda _: failed(FailureKind.BAD_KEY, 401))
    context = chat_context(engine, chats)
    batch_id = make_batch(context, company.slug, 3)
    report = process_for_duration(context, batch_id, seconds=30, workers=1)
    assert (report.stop, report.remaining, len(chats.sent)) == (StopReason.HELD, 3, 1)
    assert column(engine, batch_id, "attempts", "chats") == [0, 0, 0]
    assert process_for_duration(context, batch_id, seconds=30).stop is StopReason.HELD
    assert len(chats.sent) == 1


def test_a_cap_is_kept(engine: Engine, company: Company) -> None:
    chats = ScriptedChats()
    context = chat_context(engine, chats, livedash_monthly_cap_eur="0.000001")
    batch_id = make_batch(context, company.slug, 2)
    report = process_for_duration(context, batch_id, seconds=30)
    assert (report.stop, len(chats.sent)) == (StopReason.HELD, 0)
    assert report.reason is not None
    assert "spending cap" in report.reason


def test_a_cap_of_all_companies_is_kept_and_tells_no_company_its_figures(engine: Engine, company: Company) -> None:
    chats = ScriptedChats()
    context = chat_context(engine, chats, livedash_total_monthly_cap_eur="0.000777")
    with engine.begin() as connection:
        other = insert_company(connection, "globex")
    make_batch(context, other.slug, 1)
    batch_id = make_batch(context, company.slug, 2)
    report = process_for_duration(context, batch_id, seconds=30)
    assert (report.stop, len(chats.sent)) == (StopReason.HELD, 0)
    reason = str(slice_document(report)["reason"])
    assert reason.startswith("The monthly spending cap of all companies together leaves less, and a call to ")
    assert "777" not in reason


def test_calls_that_fail_one_after_the_other_pause_the_slice(engine: Engine, company: Company) -> None:
    chats = ScriptedChats(lambda _: failed(FailureKind.BROKEN, 503))
    context = replace(chat_context(engine, chats), jitter=lambda: 1.0)
    batch_id = make_batch(context, company.slug, 100)
    report = process_for_duration(context, batch_id, seconds=60)
    assert report.stop is StopReason.PAUSED
    assert len(chats.sent) < 40
    assert report.remaining == 100
    # The next slice leaves the service in peace.
    assert process_for_duration(context, batch_id, seconds=60).stop is StopReason.HELD


def _turns(number: int) -> list[dict[str, str]]:
    return [{"chatId": "a", "question": f"Turn {each} of it?"} for each in range(number)]


def test_a_slice_ends_between_two_turns_and_the_next_one_goes_on(engine: Engine, company: Company) -> None:
    moment = [0.0]

    def answer(_question: str) -> CallEnd:
        moment[0] += 0.6
        return answered()

    chats = ScriptedChats(answer)
    context = replace(chat_context(engine, chats), monotonic=lambda: moment[0])
    batch_id = make_batch(context, company.slug, _turns(5))
    report = process_for_duration(context, batch_id, seconds=1)
    assert (report.stop, report.remaining, len(chats.sent)) == (StopReason.DEADLINE, 1, 2)
    assert (states(engine, batch_id), column(engine, batch_id, "attempts", "chats")) == ({"PENDING": 1}, [0])
    report = process_for_duration(context, batch_id, seconds=60)
    assert (report.status, len(chats.sent)) == (ChatBatchStatus.COMPLETED, 5)


def test_every_turn_takes_its_moment_of_the_pace(engine: Engine, company: Company, tmp_path: Path) -> None:
    moment = [0.0]

    def sleep(seconds: float) -> None:
        moment[0] += seconds

    providers = tmp_path / "providers.toml"
    providers.write_text(
        '[providers.slow]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "gpt-5-mini"\nrequests_per_minute = 6\n',
        encoding="utf-8",
    )
    chats = ScriptedChats()
    scripted = chat_context(engine, chats, livedash_chat_providers=providers)
    context = replace(scripted, monotonic=lambda: moment[0], sleep=sleep)
    batch_id = make_batch(context, company.slug, _turns(4), ai_provider="slow")
    report = process_for_duration(context, batch_id, seconds=25)
    assert (len(chats.sent), report.stop) == (3, StopReason.DEADLINE)


def test_the_turns_after_an_answered_one_have_all_tries(engine: Engine, company: Company) -> None:
    ends = iter(["failed", "failed", "answered", "failed", "failed", "answered"])
    chats = ScriptedChats(lambda _: failed(FailureKind.BROKEN, 503) if next(ends) == "failed" else answered())
    context = chat_context(engine, chats, livedash_max_attempts=3)
    batch_id = make_batch(context, company.slug, _turns(2))
    report = process_for_duration(context, batch_id, seconds=60)
    assert (report.status, len(chats.sent)) == (ChatBatchStatus.COMPLETED, 6)


def test_nothing_is_asked_for_a_company_that_is_off(engine: Engine, company: Company) -> None:
    chats = ScriptedChats()
    context = chat_context(engine, chats)
    batch_id = make_batch(context, company.slug, 3)
    for status, sent, stop in (("SUSPENDED", 0, StopReason.HELD), ("ACTIVE", 3, StopReason.FINISHED)):
        with engine.begin() as connection:
            connection.execute(text("UPDATE companies SET status = :status"), {"status": status})
        report = process_for_duration(context, batch_id, seconds=30)
        assert (len(chats.sent), report.stop) == (sent, stop)
        assert ("suspended" in (report.reason or "")) is (status == "SUSPENDED")


def test_a_question_that_is_forbidden_holds_and_fails_at_last(engine: Engine, company: Company) -> None:
    chats = ScriptedChats(lambda _: failed(FailureKind.FORBIDDEN, 403))
    context = chat_context(engine, chats, livedash_max_attempts=3)
    batch_id = make_batch(context, company.slug, 1)
    for _ in range(2):
        report = process_for_duration(context, batch_id, seconds=30)
        assert (report.stop, report.remaining) == (StopReason.HELD, 1)
        assert "It failed" not in (report.reason or "")
        held = process_for_duration(context, batch_id, seconds=30)
        assert "on hold until" in (held.reason or "")
        assert "It failed" not in (held.reason or "")
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM ai_holds"))
            connection.execute(text("UPDATE chats SET next_try_at = NULL"))
    assert process_for_duration(context, batch_id, seconds=30).status is ChatBatchStatus.FAILED
    assert (len(chats.sent), column(engine, batch_id, "outcome_code")) == (3, ["not_run"])


def test_a_question_larger_than_a_minute_of_tokens_is_refused(engine: Engine, company: Company) -> None:
    message = "Request too large for gpt-5-mini on tokens per min (TPM): Limit 30000, Requested 50000."
    too_large = end_of_failure(ApiFailure(FailureKind.RATE_LIMITED, 429, "rate_limit_exceeded", message))
    context = chat_context(engine, ScriptedChats(lambda _: too_large))
    batch_id = make_batch(context, company.slug, 1)
    assert process_for_duration(context, batch_id, seconds=30).status is ChatBatchStatus.FAILED
    assert column(engine, batch_id, "outcome_code") == ["rejected"]


@pytest.mark.parametrize(
    ("failures", "after"), [(1, ChatBatchStatus.COMPLETED), (2, ChatBatchStatus.COMPLETED_WITH_FAILURES)]
)
def test_a_late_answer_changes_what_the_end_was(
    engine: Engine, company: Company, failures: int, after: ChatBatchStatus
) -> None:
    context = chat_context(engine, ScriptedChats(lambda _: failed(FailureKind.REFUSED, 400)))
    batch_id = make_batch(context, company.slug, failures)
    assert process_for_duration(context, batch_id, seconds=30).status is ChatBatchStatus.FAILED
    with engine.begin() as connection:
        locked = lock_batch(connection, batch_id)
        assert locked is not None
        moves = {(ChatState.FAILED, ChatState.COMPLETED): 1}
        assert count_moves(connection, locked, moves, now=context.now(connection)) is after


def test_batches_are_not_bought_with_another_key_than_the_providers(
    engine: Engine, company: Company, tmp_path: Path
) -> None:
    providers = tmp_path / "providers.toml"
    providers.write_text(
        '[providers.careful]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "gpt-5-mini"\napi_key_env = "CAREFUL_KEY"\n',
        encoding="utf-8",
    )
    context = chat_context(engine, ScriptedChats(), livedash_chat_providers=providers)
    with pytest.raises(UsageError, match="CAREFUL_KEY, and batches are bought with OPENAI_API_KEY"):
        make_batch(context, company.slug, 1, ai_provider="careful", mode="batch")
    assert make_batch(context, company.slug, 1, ai_provider="careful")


@pytest.mark.parametrize(("status", "found"), [("PROCESSING", False), ("CANCELLING", True)])
def test_what_is_being_cancelled_ends_for_a_company_that_is_off_too(
    engine: Engine, company: Company, status: str, found: bool
) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE companies SET status = 'SUSPENDED'"))
        connection.execute(
            text(
                "UPDATE chat_batches SET status = :status, started_at = now(),"
                " cancel_requested_at = CASE WHEN :status = 'CANCELLING' THEN now() END"
            ),
            {"status": status},
        )
        waiting = [each.id for each in batches_with_work(connection, now=context.now(connection))]
    assert (batch_id in waiting) is found
