-- Per working company, the files of its folder that were read, cannot be used, and still lie there: how many, and the newest one.
SELECT
    companies.slug AS company,
    refused.files,
    refused.newest_file,
    refused.error_code
FROM companies
CROSS JOIN
    LATERAL (
        SELECT
            count(*) AS files,
            (array_agg(import_files.path ORDER BY import_files.seen_at DESC, import_files.path ASC))[1] AS newest_file,
            (array_agg(import_files.error_code ORDER BY import_files.seen_at DESC, import_files.path ASC))[1] AS error_code
        FROM import_files
        WHERE import_files.company_id = companies.id AND import_files.state = 'REFUSED' AND import_files.gone_at IS NULL
    ) AS refused
WHERE companies.status = ANY(:working_companies) AND refused.files > 0
ORDER BY companies.slug
