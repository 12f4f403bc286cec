"""The reports themselves: costs by day, usage by bucket, and whose key may read them.

Shapes are those that the real API was seen to answer with in 2026: amounts are texts with many decimals, although its reference
calls them numbers, and days without a charge come as empty buckets. Add a report here; its route belongs in `app.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hmac import compare_digest
from typing import Any

from starlette.datastructures import QueryParams

from livedash_pipeline.local.batch_api.journal import Charge, Journal
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.spending.queries import (
    COSTS_GROUPS,
    COSTS_WIDTHS,
    USAGE_GROUPS,
    USAGE_WIDTHS,
    ReportQuery,
    read_query,
)
from livedash_pipeline.local.batch_api.spending.rates import cost_of

ADMIN_PREFIX = "sk-admin-"
PROJECT = "proj_local"
_DECIMALS = Decimal(1).scaleb(-28)
_MISSING_SCOPE = (
    "You have insufficient permissions for this operation. Missing scopes: api.usage.read. Check that you have the correct role "
    "in your organization, and if you're using a restricted API key, that it has the necessary scopes."
)


class SpendingReports:
    """The reports on a journal's bill.

    Args:
        journal: has the bill.
        clock: the present, in seconds since 1970.
        look: brings batches to the present.
        admin_keys: the keys that may read; None for any that begins with `sk-admin-`.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Callable[[], float],
        look: Callable[[], None],
        admin_keys: Collection[str] | None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._look = look
        self._admin_keys = None if admin_keys is None else tuple(key.encode() for key in admin_keys)

    def check_key(self, authorization: str | None) -> None:
        """Raises `Refusal` (401) unless an Authorization header carries an admin key; the real API answers 401, too."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(401, "You didn't provide an API key in an Authorization header (Bearer YOUR_KEY).")
        given = key.strip().encode(errors="surrogateescape")
        if self._admin_keys is None:
            accepted = given.startswith(ADMIN_PREFIX.encode())
        else:
            accepted = sum(compare_digest(given, known) for known in self._admin_keys) > 0
        if not accepted:
            raise Refusal(401, _MISSING_SCOPE)

    def costs(self, params: QueryParams) -> dict[str, Any]:
        """Returns a page of costs by day."""
        query = read_query(params, self._clock(), COSTS_WIDTHS, COSTS_GROUPS)
        return self._page(query, _cost_results)

    def usage(self, params: QueryParams) -> dict[str, Any]:
        """Returns a page of the usage of chat completions, in a batch or not."""
        query = read_query(params, self._clock(), USAGE_WIDTHS, USAGE_GROUPS)
        return self._page(query, _usage_results)

    def _page(
        self, query: ReportQuery, results: Callable[[list[Charge], ReportQuery], Iterator[dict[str, Any]]]
    ) -> dict[str, Any]:
        self._look()
        buckets: dict[int, list[Charge]] = defaultdict(list)
        if query.starts and (not query.projects or PROJECT in query.projects):
            for charge in self._journal.charges(query.starts[0], query.starts[-1] + query.width):
                if query.batch in (None, charge.batch) and (not query.models or charge.model in query.models):
                    buckets[int(charge.at // query.width) * query.width].append(charge)
        data = [_bucket(start, start + query.width, list(results(buckets[start], query))) for start in query.starts]
        more = query.next_page is not None
        return {"object": "page", "data": data, "has_more": more, "next_page": query.next_page}


def _bucket(start: int, end: int, results: list[dict[str, Any]]) -> dict[str, Any]:
    written = {f"{name}_iso": datetime.fromtimestamp(at, UTC).isoformat() for name, at in _bounds(start, end)}
    return {"object": "bucket", **dict(_bounds(start, end)), **written, "results": results}


def _bounds(start: int, end: int) -> list[tuple[str, int]]:
    return [("start_time", start), ("end_time", end)]


def _cost_results(charges: list[Charge], query: ReportQuery) -> Iterator[dict[str, Any]]:
    """One result for each line item, or for all of them."""
    amounts: dict[str | None, Decimal] = defaultdict(Decimal)
    quantities: Counter[str | None] = Counter()
    by_item = "line_item" in query.groups
    for charge in charges:
        for line_item, tokens, usd in _line_items(charge):
            item = line_item if by_item else None
            amounts[item] += usd
            quantities[item] += tokens
    for item, usd in sorted(amounts.items(), key=lambda each: each[0] or ""):
        yield {
            "object": "organization.costs.result",
            "amount": {"value": f"{usd.quantize(_DECIMALS):f}", "currency": "usd"},
            "line_item": item,
            "quantity": float(quantities[item]) if by_item else None,
            "quantity_unit": "tokens" if by_item else None,
            **_owners(query, "api_source"),
        }


def _line_items(charge: Charge) -> Iterator[tuple[str, int, Decimal]]:
    """The line items of a request, with their tokens and dollars; none where a call of an earlier version left no model."""
    if charge.model is None:
        return
    day = datetime.fromtimestamp(charge.at, UTC).date()
    tokens = (charge.input_tokens, charge.cached_tokens, charge.output_tokens)
    usd = cost_of(charge.model, day, tokens, batch=charge.batch)
    batch = "batch " if charge.batch else ""
    yield f"{charge.model}, {batch}input", charge.input_tokens - charge.cached_tokens, usd.input
    if charge.cached_tokens:
        yield f"{charge.model}, {batch}cached input", charge.cached_tokens, usd.cached
    yield f"{charge.model}, {batch}output", charge.output_tokens, usd.output


def _usage_results(charges: list[Charge], query: ReportQuery) -> Iterator[dict[str, Any]]:
    """One result for each model, kind of processing, or both, whichever is asked for."""
    grouped: dict[tuple[str | None, bool | None], Counter[str]] = defaultdict(Counter)
    for charge in charges:
        model = charge.model if "model" in query.groups else None
        batch = charge.batch if "batch" in query.groups else None
        grouped[model, batch].update(
            input_tokens=charge.input_tokens,
            output_tokens=charge.output_tokens,
            input_cached_tokens=charge.cached_tokens,
            num_model_requests=1,
        )
    for (model, batch), sums in sorted(grouped.items(), key=repr):
        yield {
            "object": "organization.usage.completions.result",
            **{name: sums[name] for name in ("input_tokens", "output_tokens", "input_cached_tokens")},
            "input_audio_tokens": 0,
            "output_audio_tokens": 0,
            "num_model_requests": sums["num_model_requests"],
            "model": model,
            "batch": batch,
            "service_tier": "default" if "service_tier" in query.groups else None,
            **_owners(query),
        }


def _owners(query: ReportQuery, *more: str) -> dict[str, str | None]:
    """The project, which is one, and users and keys, which the stand-in does not tell apart."""
    return {
        "project_id": PROJECT if "project_id" in query.groups else None,
        **dict.fromkeys(("user_id", "api_key_id", *more)),
    }
