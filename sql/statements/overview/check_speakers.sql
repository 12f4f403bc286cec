-- Per working company, of its newest sessions: how many have messages, how many of these none of a user, how many have nothing
-- but lines without a speaker; how many messages there are, and of how many nobody's role is known.
SELECT
    companies.slug AS company,
    newest.*
FROM companies
JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE spoken.messages > 0) AS sessions,
        count(*) FILTER (WHERE spoken.messages > 0 AND NOT spoken.has_user) AS without_user,
        count(*) FILTER (WHERE spoken.messages = 0 AND creation.events > 0) AS without_speaker,
        coalesce(sum(spoken.messages), 0) AS messages,
        coalesce(sum(spoken.unknown), 0) AS unknown
    FROM (
        SELECT
            sessions.id,
            sessions.import_id
        FROM sessions
        WHERE sessions.company_id = companies.id
        ORDER BY sessions.start_time DESC
        LIMIT :newest
    ) AS chosen
    JOIN LATERAL (
        SELECT
            count(*) AS messages,
            count(*) FILTER (WHERE messages.role = 'unknown') AS unknown,
            coalesce(bool_or(messages.role = 'user'), false) AS has_user
        FROM messages
        WHERE messages.session_id = chosen.id
    ) AS spoken ON true
    LEFT JOIN LATERAL (
        SELECT (stages.metadata ->> 'events')::integer AS events
        FROM session_processing_status AS stages
        WHERE stages.import_id = chosen.import_id AND stages.stage = 'SESSION_CREATION'
    ) AS creation ON true
) AS newest ON true
WHERE companies.status = ANY(:working_companies)
ORDER BY companies.slug
