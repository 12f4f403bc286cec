"""The health checks: every rule that ought to hold, how a broken one is found, and what helps.

`CHECKS` is the one list: Dagster's checks, the job that runs them, the alerts and the tests of the documentation follow from it.
Add a check as an entry, with its statement in `sql/statements/overview`. Limits are in `overview.rules.health`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import Connection

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.overview.rules import health as rules
from livedash_pipeline.overview.rules.alerts import Remedy
from livedash_pipeline.overview.rules.health import Level, worst
from livedash_pipeline.overview.steps.check import Finding, HealthCheck, Row
from livedash_pipeline.overview.steps.cost_checks import disagreeing_costs, open_costs
from livedash_pipeline.overview.steps.spending_check import high_spending
from livedash_pipeline.overview.store.checks import SAMPLE, look_up
from livedash_pipeline.overview.store.row_counts import differing_counts
from livedash_pipeline.overview.store.spend import differing_sums
from livedash_pipeline.settings import Settings


def _rows_of(name: str) -> Callable[[Connection, Settings], Finding]:
    """A look that returns the rows of its statement."""
    return lambda connection, _: Finding(look_up(connection, name))


def _unaccounted_imports(connection: Connection, _: Settings) -> Finding:
    rows = look_up(connection, "overview/check_import_rows")
    wrong = [row for row in rows if row["rows"] != row["accounted"] or row["rows_rejected"] != row["rejects_kept"]]
    return Finding(wrong, shown={"imports": len(rows)})


def _stuck_stages(connection: Connection, settings: Settings) -> Finding:
    since = database_now(connection) - timedelta(seconds=settings.livedash_stuck_after)
    rows = look_up(connection, "base/find_stuck_stages", started_before=since, most=SAMPLE, company_id=None)
    return Finding(rows, count=rows[0]["total"] if rows else 0)


def _overdue_imports(connection: Connection, settings: Settings) -> Finding:
    patience, now = rules.longest_overdue(settings.livedash_import_interval), database_now(connection)
    rows = look_up(
        connection,
        "overview/check_overdue_imports",
        failures=rules.IMPORT_FAILURES,
        due_before=now - patience,
        running_since=now - rules.LONGEST_IMPORT,
    )
    return Finding(rows, shown={"limit_hours": _hours(patience)})


def _many_rejects(connection: Connection, settings: Settings) -> Finding:
    limit = settings.livedash_max_reject_ratio
    rows = look_up(connection, "overview/check_rejected_rows")
    judged = [(rules.reject_level(row["rows"], row["rows_rejected"], limit), row) for row in rows]
    wrong, level = _judged(judged)
    return Finding(wrong, level, sum(row["rows_rejected"] for row in wrong), {"max_ratio": limit})


def _refused_files(connection: Connection, _: Settings) -> Finding:
    rows = look_up(connection, "overview/check_refused_files")
    return Finding(rows, Level.WARN, sum(int(row["files"]) for row in rows))


def _unknown_speakers(connection: Connection, _: Settings) -> Finding:
    rows = look_up(connection, "overview/check_speakers", newest=rules.NEWEST_SESSIONS)
    counts = ("sessions", "without_user", "without_speaker", "messages", "unknown")
    wrong, level = _judged([(rules.speaker_level(**{name: row[name] for name in counts}), row) for row in rows])
    return Finding(wrong, level, sum(int(row["unknown"]) for row in wrong), {"newest_sessions": rules.NEWEST_SESSIONS})


def _waiting_requests(connection: Connection, settings: Settings) -> Finding:
    patience = rules.longest_wait(settings.livedash_max_wait)
    since = database_now(connection) - patience
    rows = look_up(connection, "overview/check_waiting_requests", waiting_before=since, sample=SAMPLE)
    # A company with a batch at the service gets its turn: its requests wait for tokens or money then.
    level = Level.WARN if all(row["batch_at_work"] for row in rows) else Level.ERROR
    return Finding(rows, level, sum(row["requests"] for row in rows), {"limit_hours": _hours(patience)})


def _late_batches(connection: Connection, settings: Settings) -> Finding:
    now = database_now(connection)
    rows = look_up(
        connection,
        "overview/check_open_batches",
        batch_window=rules.BATCH_WINDOW,
        expires_soon=now + rules.BATCH_WINDOW - rules.BATCH_WARNING,
        expired_before=now - rules.BATCH_GRACE,
        ended_before=now - rules.BATCH_GRACE,
        created_before=now - rules.longest_preparation(settings.livedash_lease),
        sample=SAMPLE,
    )
    # Warnings come last, so the first row is the worst.
    level = Level.WARN if rows and rows[0]["is_warning"] else Level.ERROR
    return Finding(rows, level, rows[0]["total"] if rows else 0)


def _failed_requests(connection: Connection, settings: Settings) -> Finding:
    since = database_now(connection) - rules.FAILURE_WINDOW
    limit = settings.livedash_max_failure_ratio
    rows = look_up(connection, "overview/check_failed_requests", since=since, sample=SAMPLE)
    wrong, _ = _judged([(rules.failure_level(row["settled"], row["failed"], limit), row) for row in rows])
    shown = {"max_ratio": limit, "since": since.isoformat()}
    return Finding(wrong, count=sum(row["failed"] for row in wrong), shown=shown)


def _differing_sums(connection: Connection, _: Settings) -> Finding:
    return Finding(differing_sums(connection, now=database_now(connection)))


def _differing_counts(connection: Connection, _: Settings) -> Finding:
    return Finding(differing_counts(connection, now=database_now(connection)))


def _judged(rows: Sequence[tuple[Level, Row]]) -> tuple[list[Row], Level]:
    """Returns the rows that are not green, and the worst level."""
    return [row for level, row in rows if level is not Level.GREEN], worst([level for level, _ in rows])


def _hours(duration: timedelta) -> float:
    return round(duration / timedelta(hours=1), 2)


def _stuck_chats(connection: Connection, settings: Settings) -> Finding:
    since = database_now(connection) - timedelta(seconds=settings.livedash_stuck_after)
    return Finding(look_up(connection, "overview/check_stuck_chats", standing_since=since))


CHECKS = (
    HealthCheck(
        "every_csv_row_is_accounted_for",
        "session_imports",
        "Every record of a CSV is new, changed, unchanged or a kept reject.",
        _unaccounted_imports,
        Remedy(
            "Import the company again (`livedash import --company SLUG`) and keep its CSV.",
            "livedash import --company {company}",
        ),
        after_its_asset=True,
    ),
    HealthCheck(
        "every_submitted_request_has_one_outcome",
        "ingested_results",
        "Every submitted request ends in exactly one outcome.",
        _rows_of("overview/check_request_outcomes"),
        Remedy(
            "Compare the batch's files at the service with `livedash requests`; "
            "missing ones are asked again by themselves, failed ones by `livedash requeue ID`.",
            "livedash requests --status processing_failed",
        ),
        after_its_asset=True,
    ),
    HealthCheck(
        "service_counts_agree",
        "ingested_results",
        "The service's counts are those of its result files.",
        _rows_of("overview/check_service_counts"),
        Remedy(
            "The lines count, not the service's numbers: look at the outcomes of the batch's requests.",
            "livedash batches",
        ),
        after_its_asset=True,
    ),
    HealthCheck(
        "cost_agrees_with_batch_usage",
        "ingested_results",
        "The cost of the lines agrees with the batch's usage, and no line of seven days was answered on another tier.",
        disagreeing_costs,
        Remedy(
            "Compare the batch with the service's own bill: it states less than its lines, or more that is not booked beside "
            "them. A line on another tier costs what that tier costs: ask the service why.",
            "livedash batches",
        ),
        after_its_asset=True,
    ),
    HealthCheck(
        "no_cost_is_unknown",
        "ingested_results",
        "Everything that was charged, or may have been, has a known cost.",
        open_costs,
        Remedy(
            "Set what is missing with `livedash price set` or `livedash rate set`, and then fill the costs in with "
            "`livedash price backfill --no-dry-run`. Where the service did not state all tokens, say what its bill says: "
            "`livedash price backfill --batch BATCH --usd USD --no-dry-run` of a batch or surplus batch, and with "
            "`--request REQUEST` of a call; the sample has their ids.",
            "livedash price backfill",
        ),
        after_its_asset=True,
    ),
    HealthCheck(
        "no_stage_is_stuck",
        "pending_ai_requests",
        "No stage has begun long ago without an end.",
        _stuck_stages,
        Remedy(
            "The next import frees them, of every company, and so does `company_csv_sensor`: see whether it runs.",
            "livedash import",
        ),
        after_its_asset=True,
    ),
    HealthCheck(
        "every_company_is_imported_in_time",
        "session_imports",
        "No working company's import is overdue or has failed three times in a row.",
        _overdue_imports,
        Remedy(
            "Failing: cure the cause and import by hand. Overdue without a failure: `company_csv_sensor` or Dagster's daemon "
            "does not run.",
            "livedash import --company {company}",
        ),
    ),
    HealthCheck(
        "few_csv_rows_are_rejected",
        "session_imports",
        "No company's newest import rejected more than half of what LIVEDASH_MAX_REJECT_RATIO allows.",
        _many_rejects,
        Remedy(
            "Look at the kept rejects; one reason for all of them means that the file's form has changed.",
            "livedash rejects --company {company}",
        ),
    ),
    HealthCheck(
        "no_delivered_file_is_passed_over",
        "session_imports",
        "No file in a company's folder was read and could not be used.",
        _refused_files,
        Remedy(
            "Its error code says why. Deliver it again under the same name, so that it counts by its new time. If it is written "
            "in another way: `livedash company detect SLUG FILE --save`, and then `livedash import --company SLUG --force`.",
            "livedash company detect {company}",
        ),
    ),
    HealthCheck(
        "speakers_of_transcripts_are_known",
        "messages",
        "Of the messages of each company's newest 200 sessions no more than 5 % have an unknown speaker, and some have a user.",
        _unknown_speakers,
        Remedy(
            "Look at a session with `livedash session ID --show-text`. `livedash company detect SLUG --transcript FILE` proposes "
            "a profile from some transcripts: its fields user_names, assistant_names, system_names and others say who speaks.",
            "livedash company show {company}",
        ),
    ),
    HealthCheck(
        "no_request_waits_too_long",
        "pending_ai_requests",
        "No request of a working company waits for a batch longer than four times LIVEDASH_MAX_WAIT, or an hour.",
        _waiting_requests,
        Remedy(
            "`livedash submit --dry-run` says what holds the requests back: a hold, the cap, a token limit, or nothing, and "
            "then `pending_request_sensor` does not run.",
            "livedash submit --dry-run",
        ),
    ),
    HealthCheck(
        "no_batch_outlives_its_window",
        "openai_batches",
        "No batch is beyond its 24 hours, ended long ago and not ingested, or without an id of the service for hours.",
        _late_batches,
        Remedy(
            "Close to its window: wait, it expires by itself. Otherwise `livedash poll` and `livedash ingest` say what is wrong; "
            "`livedash cancel ID` gives a batch up.",
            "livedash poll",
        ),
    ),
    HealthCheck(
        "few_requests_fail",
        "ingested_results",
        "Of each company's requests that were settled in seven days, no more failed than LIVEDASH_MAX_FAILURE_RATIO allows.",
        _failed_requests,
        Remedy(
            "Read why they failed; once the cause is gone, ask again with `livedash requeue --error-code CODE --no-dry-run`.",
            "livedash requests --status processing_failed --company {company}",
        ),
    ),
    HealthCheck(
        "spend_sums_to_the_ledger",
        "spend",
        "What is reported as spent is what the tables of the ledger hold, in dollars and euro, to the last digit.",
        _differing_sums,
        Remedy(
            "Keep the database as it is and report it: the view `cost_entries` leaves out money or counts it twice.",
            "livedash spend",
        ),
    ),
    HealthCheck(
        "row_counts_are_those_of_the_rows",
        "pending_ai_requests",
        "The counts of requests, sessions and imported rows that are kept are those of the rows.",
        _differing_counts,
        Remedy(
            "What `livedash summary` and metrics count is wrong, and nothing else is: somebody wrote rows past the triggers. "
            "Take the migration 0026 back and make it again, and report it.",
            "livedash summary",
        ),
    ),
    HealthCheck(
        "spending_stays_below_the_cap",
        "submitted_batches",
        "Nothing has reached the first of LIVEDASH_WARN_SHARES of a monthly budget (or cap, where there is none), and a further "
        "request fits into every cap.",
        high_spending,
        Remedy(
            "See what is spent, in flight and foreseen. Raise the cap or budget (`livedash company set`, or the setting and then "
            "restart the daemon), or wait for the next day or month (UTC); open batches are ingested all the same.",
            "livedash caps",
        ),
    ),
    HealthCheck(
        "chat_counts_sum",
        "chat_batches",
        "The counts of every chat batch are those of its conversations.",
        _rows_of("overview/check_chat_counts"),
        Remedy(
            "Keep the database as it is and report it: counts and conversations change in one transaction.",
            "livedash chat-batch list --company {company}",
        ),
        after_its_asset=True,
    ),
    HealthCheck(
        "no_chat_batch_is_stuck",
        "chat_batches",
        "No chat batch that is being processed or cancelled has stood still for LIVEDASH_STUCK_AFTER.",
        _stuck_chats,
        Remedy(
            "Run a slice by hand, which says what keeps it waiting; if it goes on by that, `chat_batch_sensor` or the daemon "
            "does not run. Turns at the Batch API are answered within a day.",
            "livedash chat-batch list --status processing",
        ),
    ),
    HealthCheck(
        "no_question_is_answered_twice",
        "chat_results",
        "No turn of a conversation has two answers that were paid for and complete.",
        _rows_of("overview/check_chat_answers"),
        Remedy(
            "Look at the tries of the request: one that was lost and answered again is counted as bought twice and is no fault.",
            "livedash requests --status processing_complete --company {company}",
        ),
        after_its_asset=True,
    ),
)
CHECKS_BY_NAME: Mapping[str, HealthCheck] = MappingProxyType({check.name: check for check in CHECKS})
