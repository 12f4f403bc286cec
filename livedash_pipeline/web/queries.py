"""What addresses of pages may hold: filters, order, period and page, as models that routes take.

Add a kind of value that several pages use here; the model of a page stands with the page.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from livedash_pipeline.api.http.parameters import SLUG, Day

# Rows of a page: what fits into 60 kB with everything around it.
PAGE_ROWS = 50
_CURSOR = r"^[A-Za-z0-9_-]{1,200}$"


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Company = Annotated[str, BeforeValidator(_stripped), Field(pattern=SLUG)]
Cursor = Annotated[str, Field(pattern=_CURSOR)]
Words = Annotated[str, BeforeValidator(_stripped), Field(min_length=1, max_length=200)]
__all__ = ["PAGE_ROWS", "Company", "Cursor", "Day", "PageQuery", "Words"]


class PageQuery(BaseModel):
    """Parameters of a page. A field of a form that was left empty counts as not given."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if not (isinstance(value, str) and not value.strip())}
