"""What is asked of an existing LiveDash database: fixed statements over its quoted tables, none of which changes anything.

Rows come as JSON, so that one statement serves every branch, whatever columns it lacks. Add a statement here; which of them can
be asked (a table may be missing) is decided in `livedash_database`.
"""

from __future__ import annotations

# Within the transaction: where its tables are, and how it writes times and numbers.
PREPARE = """
    SELECT
        set_config('search_path', quote_ident(%(schema)s), true),
        set_config('TimeZone', 'UTC', true),
        set_config('extra_float_digits', '1', true)
"""
# The lock that `take_takeover_lock.sql` takes in our database; who cannot have it here is there.
IS_OTHER_DATABASE = "SELECT pg_try_advisory_xact_lock(hashtextextended('livedash move', 0))"
COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %(schema)s"

COMPANIES = """SELECT row_to_json("Company")::text FROM "Company" ORDER BY name, id"""
BATCHES = """SELECT row_to_json("AIBatchRequest")::text FROM "AIBatchRequest" ORDER BY id"""
MODELS = """SELECT row_to_json("AIModel")::text FROM "AIModel" ORDER BY name, id"""
PRICES = """SELECT row_to_json("AIModelPricing")::text FROM "AIModelPricing" ORDER BY "effectiveFrom", id"""
COMPANY_MODELS = """SELECT row_to_json("CompanyAIModel")::text FROM "CompanyAIModel" ORDER BY id"""

# A company's chats: its rows of the CSV with their sessions, then its sessions without a row.
IMPORTED_CHATS = """
    SELECT row_to_json(imported)::text, row_to_json(session)::text
    FROM "SessionImport" AS imported
    LEFT JOIN "Session" AS session ON session."importId" = imported.id
    WHERE imported."companyId" = %(company_id)s
"""
OTHER_CHATS = """
    SELECT NULL, row_to_json(session)::text
    FROM "Session" AS session
    WHERE
        session."companyId" = %(company_id)s
        AND NOT EXISTS (SELECT FROM "SessionImport" AS imported WHERE imported.id = session."importId")
"""
MESSAGES = """
    SELECT row_to_json("Message")::text FROM "Message" WHERE "sessionId" = ANY(%(session_ids)s)
"""
STAGES = """
    SELECT row_to_json("SessionProcessingStatus")::text
    FROM "SessionProcessingStatus"
    WHERE "sessionId" = ANY(%(session_ids)s)
"""
QUESTIONS = """
    SELECT json_build_object(
        'id', asked.id, 'sessionId', asked."sessionId", 'order', asked."order", 'content', question.content
    )::text
    FROM "SessionQuestion" AS asked
    JOIN "Question" AS question ON question.id = asked."questionId"
    WHERE asked."sessionId" = ANY(%(session_ids)s)
"""
REQUESTS = """
    SELECT row_to_json("AIProcessingRequest")::text
    FROM "AIProcessingRequest"
    WHERE "sessionId" = ANY(%(session_ids)s)
"""
UNASKED_QUESTIONS = """
    SELECT count(*)
    FROM "Question" AS question
    WHERE NOT EXISTS (SELECT FROM "SessionQuestion" AS asked WHERE asked."questionId" = question.id)
"""
COUNTS = {
    "Company": """SELECT count(*) FROM "Company" """,
    "SessionImport": """SELECT count(*) FROM "SessionImport" """,
    "Session": """SELECT count(*) FROM "Session" """,
    "Message": """SELECT count(*) FROM "Message" """,
    "SessionProcessingStatus": """SELECT count(*) FROM "SessionProcessingStatus" """,
    "Question": """SELECT count(*) FROM "Question" """,
    "SessionQuestion": """SELECT count(*) FROM "SessionQuestion" """,
    "AIModel": """SELECT count(*) FROM "AIModel" """,
    "AIModelPricing": """SELECT count(*) FROM "AIModelPricing" """,
    "AIProcessingRequest": """SELECT count(*) FROM "AIProcessingRequest" """,
    "User": """SELECT count(*) FROM "User" """,
    "PlatformUser": """SELECT count(*) FROM "PlatformUser" """,
    "SecurityAuditLog": """SELECT count(*) FROM "SecurityAuditLog" """,
}

# What every branch has; without one of these a database is not LiveDash's.
REQUIRED = {
    "Company": ("id", "name", "csvUrl"),
    "SessionImport": ("id", "companyId", "externalSessionId", "startTimeRaw", "endTimeRaw"),
    "Session": ("id", "companyId", "importId", "startTime"),
    "Message": ("id", "sessionId", "role", "content", "order"),
}
# What a branch may lack; where it is there, these columns are asked for by name.
OPTIONAL = {
    "SessionProcessingStatus": ("sessionId", "stage", "status"),
    "Question": ("id", "content"),
    "SessionQuestion": ("id", "sessionId", "questionId", "order"),
    "AIProcessingRequest": ("id", "sessionId", "requestedAt"),
    "AIBatchRequest": ("id", "companyId", "status"),
    "AIModel": ("id", "name"),
    "AIModelPricing": ("id", "aiModelId", "effectiveFrom"),
    "CompanyAIModel": ("id", "companyId", "aiModelId"),
}
