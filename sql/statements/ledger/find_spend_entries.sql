-- All that costs money, each entry with the part of the spending that it is (`part_of` of `overview.rules.spend`; null while
-- nothing is known to be spent), whether the service charges for it, and what it would have cost at the standard tier of the
-- price that it was charged by (`money.rules.pricing.cost_of`), which can be compared with the cost of a line of a batch where
-- both are known.
SELECT
    entries.entry,
    entries.entry_id,
    entries.company_id,
    entries.batch_id,
    entries.request_id,
    entries.model,
    entries.processing_type,
    entries.outcome,
    entries.incurred_at,
    entries.is_in_flight,
    entries.is_open,
    entries.is_late,
    entries.reserved_eur,
    entries.cost_usd,
    entries.cost_eur,
    charged.is_charged,
    CASE WHEN charged.is_charged THEN billed.prompt ELSE 0 END AS input_tokens,
    CASE WHEN charged.is_charged THEN coalesce(entries.cached_tokens, 0) ELSE 0 END AS cached_tokens,
    CASE WHEN charged.is_charged THEN billed.completion ELSE 0 END AS output_tokens,
    CASE WHEN charged.is_charged THEN coalesce(entries.reasoning_tokens, 0) ELSE 0 END AS reasoning_tokens,
    CASE
        WHEN entries.cost_usd IS NULL AND entries.cost_eur IS NULL THEN NULL
        WHEN entries.entry IN ('surplus', 'unattributed') THEN entries.entry
        -- First whether there is another try at all, which the index alone answers. A late answer is as old as its batch.
        WHEN
            EXISTS (
                SELECT 1
                FROM ai_request_attempts AS others
                WHERE
                    others.request_id = entries.request_id
                    AND (
                        others.batch_id IS DISTINCT FROM entries.batch_id
                        OR others.is_late <> entries.is_late
                        OR others.batch_id IS NULL
                    )
            )
            AND EXISTS (
                SELECT 1
                FROM ai_request_attempts AS others
                LEFT JOIN ai_batch_requests AS bought ON bought.id = others.batch_id
                WHERE
                    others.request_id = entries.request_id
                    AND others.id <> entries.entry_id
                    AND others.outcome = ANY(:charged_outcomes)
                    AND (coalesce(bought.submitted_at, bought.created_at, others.created_at), others.id)
                    > (entries.priced_at, entries.entry_id)
            )
            THEN 'retried'
        WHEN entries.outcome = 'parsed' THEN 'useful'
        -- An answer that was judged again and taken.
        WHEN
            EXISTS (
                SELECT 1
                FROM ai_processing_requests AS requests
                WHERE requests.id = entries.request_id AND requests.processing_status = 'PROCESSING_COMPLETE'
            )
            THEN 'useful'
        ELSE 'wasted'
    END AS part,
    entries.entry = 'line' AND charged.is_charged AS is_paid_line,
    -- A price row always has rates for the standard tier.
    entries.entry = 'line' AND charged.is_charged AND billed.is_known AND entries.cost_usd IS NOT NULL AND prices.id IS NOT NULL
        AS is_comparable,
    (
        (billed.prompt - billed.cached - billed.written) * listed.fresh
        + billed.cached * coalesce(listed.cached, listed.fresh)
        + billed.written * coalesce(listed.written, listed.fresh)
        + billed.completion * listed.output
    ) * 0.000001 AS standard_usd
FROM cost_entries AS entries
-- What was filled in later has its price there.
LEFT JOIN ai_cost_adjustments AS filled ON entries.entry = 'line' AND filled.attempt_id = entries.entry_id
LEFT JOIN ai_model_pricing AS prices ON prices.id = coalesce(entries.pricing_id, filled.pricing_id)
CROSS JOIN
    LATERAL (
        SELECT
            entries.entry IN ('surplus', 'unattributed')
            -- What is taken back is no purchase of its own.
            OR (entries.entry <> 'taken_back' AND coalesce(entries.outcome = ANY(:charged_outcomes), FALSE)) AS is_charged
    ) AS charged
CROSS JOIN
    LATERAL (
        SELECT
            entries.prompt_tokens IS NULL AND entries.completion_tokens IS NULL AS is_total,
            coalesce(entries.prompt_tokens, CASE WHEN entries.completion_tokens IS NULL THEN entries.total_tokens END, 0)
                AS prompt,
            coalesce(entries.completion_tokens, 0) AS completion
    ) AS stated
CROSS JOIN
    LATERAL (
        SELECT
            stated.prompt,
            stated.completion,
            CASE
                WHEN stated.is_total THEN entries.total_tokens IS NOT NULL
                ELSE entries.prompt_tokens IS NOT NULL AND entries.completion_tokens IS NOT NULL
            END AS is_known,
            least(coalesce(entries.cached_tokens, 0), stated.prompt) AS cached,
            least(
                coalesce(entries.cache_write_tokens, 0), stated.prompt - least(coalesce(entries.cached_tokens, 0), stated.prompt)
            ) AS written,
            coalesce(stated.prompt > prices.long_context_tokens, FALSE) AS is_long
    ) AS billed
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN billed.is_long THEN coalesce(prices.long_input_usd, prices.input_usd) ELSE prices.input_usd END AS fresh,
        CASE
            WHEN billed.is_long THEN coalesce(prices.long_cached_input_usd, prices.cached_input_usd)
            ELSE prices.cached_input_usd
        END AS cached,
        CASE
            WHEN billed.is_long THEN coalesce(prices.long_cache_write_usd, prices.cache_write_usd)
            ELSE prices.cache_write_usd
        END AS written,
        CASE WHEN billed.is_long THEN coalesce(prices.long_output_usd, prices.output_usd) ELSE prices.output_usd END AS output
) AS listed
