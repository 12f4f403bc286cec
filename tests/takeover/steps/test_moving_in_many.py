"""Moving in thousands of sessions of either branch, with values that are missing or odd: all counts agree, and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from livedash_pipeline.analysis.steps.build_requests import build_requests
from livedash_pipeline.base.store.companies import list_companies
from livedash_pipeline.base.store.tables import metadata
from livedash_pipeline.takeover.steps.run import import_livedash
from tests.takeover.steps.old_system import OldSystem, old_system

# Seven in ten are analysed. Of one in twenty the upgrade to batches made rows pending again, although their requests had been
# answered.
ANALYSED = 0.7
SET_BACK = 0.05

_FILLED = (
    """
    INSERT INTO "Company" (id, name, "csvUrl")
    SELECT md5('company ' || n)::uuid, 'Company ' || n, 'https://chats.example.com/' || n || '.csv'
    FROM generate_series(0, 2) AS n
    """,
    """
    INSERT INTO "SessionImport" (
        id, "companyId", "externalSessionId", "startTimeRaw", "endTimeRaw", "ipAddress", "countryCode", language,
        "messagesSent", "sentimentRaw", "fullTranscriptUrl", "avgResponseTimeSeconds", tokens, "tokensEur", category,
        "initialMessage", "rawTranscriptContent"
    )
    SELECT
        md5('import ' || n)::uuid, md5('company ' || n % 3)::uuid, 'chat-' || n,
        CASE n % 97 WHEN 0 THEN 'yesterday' WHEN 1 THEN '30.02.2025 10:00:00' ELSE '01.05.2025 10:00:00' END,
        CASE n % 97 WHEN 2 THEN '' ELSE '01.05.2025 10:05:00' END,
        CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN 'no address' ELSE '198.51.100.7' END,
        CASE n % 4 WHEN 0 THEN NULL ELSE 'NL' END, CASE n % 4 WHEN 1 THEN NULL ELSE 'Dutch' END,
        CASE n % 11 WHEN 0 THEN -1 WHEN 1 THEN NULL ELSE 1 END, CASE n % 2 WHEN 0 THEN 'happy' END,
        CASE n % 13 WHEN 0 THEN NULL ELSE 'https://chats.example.com/' || n || '.txt' END,
        CASE n % 17 WHEN 0 THEN 'NaN'::real WHEN 1 THEN -2 ELSE 2.05 END, CASE n % 3 WHEN 0 THEN NULL ELSE 6470 END,
        0.001, 'Greeting', CASE n % 7 WHEN 0 THEN NULL ELSE '=1+1' END,
        CASE n % 13 WHEN 0 THEN NULL ELSE 'User: question ' || n END
    FROM generate_series(0, %(last)s) AS n
    """,
    """
    INSERT INTO "Session" (
        id, "companyId", "importId", "startTime", "endTime", "messagesSent", language, sentiment, escalated, "forwardedHr",
        category, summary
    )
    SELECT
        md5('session ' || n)::uuid, md5('company ' || n % 3)::uuid, md5('import ' || n)::uuid,
        '2025-05-01 08:00:00+00', '2025-05-01 08:05:00+00', 1,
        CASE WHEN n < %(analysed)s THEN CASE n % 19 WHEN 0 THEN 'klingon' ELSE 'nl' END END,
        CASE WHEN n < %(analysed)s THEN 'POSITIVE'::"SentimentCategory" END, CASE WHEN n < %(analysed)s THEN FALSE END,
        CASE WHEN n < %(analysed)s THEN FALSE END, CASE WHEN n < %(analysed)s THEN 'ONBOARDING'::"SessionCategory" END,
        CASE WHEN n < %(analysed)s THEN 'The user asked question ' || n END
    FROM generate_series(0, %(last)s) AS n
    """,
    """
    INSERT INTO "Message" (id, "sessionId", timestamp, role, content, "order")
    SELECT
        md5('message ' || n || place)::uuid, md5('session ' || n)::uuid,
        CASE n % 3 WHEN 0 THEN NULL ELSE timestamptz '2025-05-01 08:00:00+00' END,
        CASE n % 23 WHEN 0 THEN 'Robin' ELSE 'user' END, 'question ' || n, place
    FROM generate_series(0, %(last)s) AS n CROSS JOIN generate_series(0, 1) AS place
    WHERE n % 50 <> 49
    """,
    """
    INSERT INTO "SessionProcessingStatus" (id, "sessionId", stage, status, "completedAt")
    SELECT
        md5('stage ' || n || stage)::uuid, md5('session ' || n)::uuid, stage,
        CASE
            WHEN stage < 'AI_ANALYSIS' OR n < %(analysed)s - %(set_back)s THEN 'COMPLETED'
            WHEN n % 2 = 0 AND n < %(analysed)s THEN 'IN_PROGRESS'
            ELSE 'PENDING'
        END::"ProcessingStatus",
        CASE WHEN stage < 'AI_ANALYSIS' THEN timestamptz '2025-05-01 09:00:00+00' END
    FROM generate_series(0, %(last)s) AS n CROSS JOIN unnest(enum_range(NULL::"ProcessingStage")) AS stage
    """,
    """
    INSERT INTO "Question" (id, content) SELECT md5('asked ' || n)::uuid, 'Question ' || n || '?' FROM generate_series(0, 99) AS n
    """,
    """
    INSERT INTO "SessionQuestion" (id, "sessionId", "questionId", "order")
    SELECT md5('link ' || n)::uuid, md5('session ' || n)::uuid, md5('asked ' || n % 90)::uuid, 0
    FROM generate_series(0, %(analysed)s - 1) AS n
    WHERE n % 4 <> 0
    """,
    """
    INSERT INTO "AIProcessingRequest" (
        id, "sessionId", model, "promptTokens", "completionTokens", "totalTokens", "promptTokenCost", "completionTokenCost",
        "totalCostEur", "processingType", success, "errorMessage", "completedAt"
    )
    SELECT
        md5('request ' || n || tried)::uuid, md5('session ' || n)::uuid, CASE tried WHEN 1 THEN 'gpt-4o' ELSE 'unknown' END,
        900 * tried, 100 * tried, 1000 * tried, 2.5e-06, 1e-05, 0.0027625 * tried, 'session_analysis', tried = 1,
        CASE tried WHEN 0 THEN 'the answer was no JSON' END, timestamptz '2025-05-02 08:00:03+00'
    FROM generate_series(0, %(analysed)s - 1) AS n CROSS JOIN generate_series(0, 1) AS tried
    WHERE tried = 1 OR n % 10 = 0
    """,
)


def _fill(old: OldSystem, sessions: int) -> None:
    values = {"last": sessions - 1, "analysed": round(sessions * ANALYSED), "set_back": round(sessions * SET_BACK)}
    for statement in _FILLED:
        # The pattern operator of Postgres and the one of Python are the same sign.
        old.connection.execute(_escaped(statement).encode(), values)
    old.connection.execute("ANALYZE")


def _escaped(statement: str) -> str:
    return statement.replace(" % ", " %% ")


def _rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


def _read(document: Mapping[str, Any], name: str) -> tuple[int, int]:
    counts = document["tables"][name]
    return counts["read"], counts["written"] + counts["skipped"]


@pytest.mark.longest
@pytest.mark.parametrize(("branch", "count"), [("f", 10_000), ("m", 4_000)])
def test_all_sessions_come_with_all_counts_equal_and_a_second_time_nothing_does(
    engine: Engine, empty_database_url: str, branch: str, count: int
) -> None:
    analysed = round(count * ANALYSED)
    with old_system(empty_database_url, branch) as old:
        _fill(old, count)
        document = import_livedash(engine, old.url)
        assert document["ok"], document["agree"]
        assert _read(document, "sessions") == _read(document, "sessionImports") == (count, count)
        assert _read(document, "requests") == (analysed * 11 // 10,) * 2
        assert document["tables"]["sessions"]["skipped"] == 0, document["skippedReasons"]
        before = _rows(engine)
        again = import_livedash(engine, old.url)
    assert again["ok"], again["agree"]
    assert {name: row["written"] + row["updated"] for name, row in again["tables"].items()} == dict.fromkeys(
        again["tables"], 0
    )
    assert _rows(engine) == before
    with engine.connect() as connection:
        companies = list_companies(connection)
    for company in companies:
        build_requests(engine, company, default_model="gpt-5-mini", count_tokens=len)
    with engine.connect() as connection:
        asked, twice = connection.execute(
            text(
                "SELECT count(*), count(*) FILTER (WHERE sessions.summary IS NOT NULL) FROM ai_processing_requests AS requests"
                " JOIN sessions ON sessions.id = requests.session_id WHERE requests.processing_status = 'PENDING_BATCHING'"
            )
        ).one()
    # One in fifty has no message.
    assert (asked, twice) == ((count - analysed) * 49 // 50, 0)
