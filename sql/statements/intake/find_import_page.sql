-- The last external id of the next page of a company's imports; null after the last one.
SELECT max(page.external_session_id)
FROM (
    SELECT imports.external_session_id
    FROM session_imports AS imports
    WHERE imports.company_id = :company_id AND imports.external_session_id > :after
    ORDER BY imports.external_session_id
    LIMIT :page_size
) AS page
