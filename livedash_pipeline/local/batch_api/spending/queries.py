"""What a caller asks of a report: which time, in which buckets, grouped by what, and which page.

Add a parameter here when a report takes one more; parameters that are not known are left alone, as the service does it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from starlette.datastructures import QueryParams

from livedash_pipeline.local.batch_api.batches.batch_request import check_integer
from livedash_pipeline.local.batch_api.refusals import Refusal, invalid_value, missing_parameter

_LATEST = 7_258_118_400


class _Width(NamedTuple):
    """A width of buckets: seconds, buckets on a page unless a caller says otherwise, and at most."""

    seconds: int
    usual: int
    most: int


COSTS_WIDTHS = {"1d": _Width(86_400, 7, 180)}
USAGE_WIDTHS = {"1d": _Width(86_400, 7, 31), "1h": _Width(3600, 24, 168), "1m": _Width(60, 60, 1440)}
COSTS_GROUPS = ("project_id", "user_id", "line_item", "api_key_id", "api_source")
USAGE_GROUPS = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "api_source")


@dataclass(frozen=True)
class ReportQuery:
    """A page of a report.

    Attributes:
        starts: When the buckets of the page begin, in seconds since 1970.
        width: How many seconds a bucket covers.
        groups: Fields by which results are split.
        models: Models to report on; empty for all.
        projects: Projects to report on; empty for all.
        batch: Whether to report on batches alone, or on everything else; None for both.
        next_page: The token of the next page; None on the last.
    """

    starts: tuple[int, ...]
    width: int
    groups: frozenset[str]
    models: frozenset[str]
    projects: frozenset[str]
    batch: bool | None
    next_page: str | None


def read_query(params: QueryParams, now: float, widths: dict[str, _Width], groups: tuple[str, ...]) -> ReportQuery:
    """Reads the parameters of a report, or refuses them (400)."""
    width = _one_of("bucket_width", params.get("bucket_width") or "1d", widths)
    chosen = widths[width]
    if params.get("start_time") is None:
        raise missing_parameter("start_time")
    start = check_integer("start_time", params.get("start_time"), 0, _LATEST)
    end = check_integer("end_time", params.get("end_time") or int(now) + 1, 0, _LATEST)
    if end <= start:
        raise Refusal(400, "Invalid 'end_time': must be after 'start_time'.", code="invalid_value", param="end_time")
    count = check_integer("limit", params.get("limit") or chosen.usual, 1, chosen.most)
    first = _page_start(params.get("page"), start) // chosen.seconds * chosen.seconds
    starts = tuple(islice(range(first, end, chosen.seconds), count + 1))
    return ReportQuery(
        starts=starts[:count],
        width=chosen.seconds,
        groups=frozenset(_one_of("group_by", group, groups) for group in _many(params, "group_by")),
        models=frozenset(_many(params, "models")),
        projects=frozenset(_many(params, "project_ids")),
        batch=_flag(params.get("batch")),
        next_page=_page_token(starts[count]) if len(starts) > count else None,
    )


def _many(params: QueryParams, name: str) -> Iterator[str]:
    """The values of a parameter that may come several times: `group_by=model`, `group_by[]=model`, `group_by=model,batch`."""
    for key in (name, f"{name}[]"):
        for value in params.getlist(key):
            yield from value.split(",")


def _one_of(name: str, value: str, known: tuple[str, ...] | dict[str, _Width]) -> str:
    if value not in known:
        raise invalid_value(name, value, ", ".join(map(repr, known)))
    return value


def _flag(value: str | None) -> bool | None:
    return None if value is None else _one_of("batch", value.lower(), ("true", "false")) == "true"


def _page_token(start: int) -> str:
    return "page_" + urlsafe_b64encode(str(start).encode()).decode()


def _page_start(token: str | None, start: int) -> int:
    if token is None:
        return start
    try:
        return max(start, int(urlsafe_b64decode(token.removeprefix("page_").encode())))
    except ValueError:
        raise invalid_value("page", token, "the next_page of another page") from None
