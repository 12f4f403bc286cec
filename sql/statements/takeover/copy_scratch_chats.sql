-- In the order of `takeover.store.chats`.
COPY scratch_chats (
    chat, import_id, import_legacy_id, external_session_id, start_time_raw, end_time_raw, ip_address, country_code,
    language, messages_sent, sentiment_raw, escalated_raw, forwarded_hr_raw, full_transcript_url,
    avg_response_time_seconds, tokens, tokens_eur, category, initial_message, start_time, end_time, country,
    language_code, sentiment_score, escalated, forwarded_hr, content_hash, imported_at, transcript_status, content,
    transcript_sha256, transcript_hash, session_id, session_legacy_id, session_start_time, session_end_time,
    session_ip_address, session_country, session_transcript_url, session_response_time, session_initial_msg,
    session_messages_sent, session_duration_seconds, analysis_language, analysis_sentiment, analysis_escalated,
    analysis_forwarded_hr, analysis_category, analysis_summary, analysed_at, session_created_at, session_updated_at
) FROM STDIN
