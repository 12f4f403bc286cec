-- Submitted sessions of one chunk on their way in; gone with the transaction. No id is in it twice.
CREATE TEMPORARY TABLE scratch_submissions (
    position integer NOT NULL,
    external_session_id text NOT NULL,
    start_time_raw text NOT NULL,
    end_time_raw text NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    ip_address text,
    country_code text,
    country text,
    language text,
    language_code text,
    content_hash text NOT NULL,
    content text NOT NULL,
    sha256 text NOT NULL,
    replaced boolean NOT NULL
) ON COMMIT DROP
