-- What fetches brought, on its way into `transcripts`; gone with the transaction.
CREATE TEMPORARY TABLE scratch_transcripts (
    import_id uuid NOT NULL,
    url text NOT NULL,
    row_hash text NOT NULL,
    content text,
    sha256 text,
    etag text,
    replaced boolean NOT NULL,
    error_code text,
    error_message text,
    permanent boolean NOT NULL,
    stage_metadata jsonb NOT NULL
) ON COMMIT DROP
