"""Exports as OpenAI writes them: buckets, pages and tables, for the tests of bills."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

DAY = date(2026, 6, 14)
COSTS_HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,user_id,"
    "api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source"
)
USAGE_HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,"
    "input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens"
)


def seconds(day: date, hour: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + 3600 * hour


def bucket(*results: dict[str, Any], day: date = DAY, start: Any = None, end: Any = None) -> dict[str, Any]:
    begins = seconds(day) if start is None else start
    ends = seconds(day + timedelta(days=1)) if end is None else end
    return {"object": "bucket", "start_time": begins, "end_time": ends, "results": list(results)}


def page(*buckets: dict[str, Any], next_page: str | None = None) -> dict[str, Any]:
    return {"object": "page", "data": list(buckets), "has_more": next_page is not None, "next_page": next_page}


def cost(value: Any, line_item: str | None = None, currency: Any = "usd", **more: Any) -> dict[str, Any]:
    amount = {"value": value, "currency": currency}
    return {"object": "organization.costs.result", "amount": amount, "line_item": line_item, **more}


def usage(given: Any, made: Any, model: str | None = "gpt-5-mini-2025-08-07", **more: Any) -> dict[str, Any]:
    counts = {"input_tokens": given, "output_tokens": made, "input_cached_tokens": 0, "num_model_requests": 1}
    return {"object": "organization.usage.completions.result", **counts, "model": model, **more}


def as_bytes(*documents: Any) -> bytes:
    return b"\n".join(json.dumps(document).encode() for document in documents)


def cost_line(value: str, line_item: str = "", day: date = DAY, currency: str = "usd") -> str:
    end = day + timedelta(days=1)
    item = f'"{line_item}"' if line_item else ""
    return f"{seconds(day)},{seconds(end)},{day}T00:00:00,{end}T00:00:00,{value},{currency},,,{item},,,,org-x,,Acme,,"


def usage_line(given: str, made: str, model: str, day: date = DAY, batch: str = "True") -> str:
    end = day + timedelta(days=1)
    return (
        f"{seconds(day)},{seconds(end)},{day}T00:00:00+00:00,{end}T00:00:00+00:00,proj_a,3.0,,,{model},{batch},default,"
        f"{given},{made},0.0,{given}"
    )


def table(header: str, *lines: str) -> bytes:
    return "\r\n".join((header, *lines, "")).encode()
