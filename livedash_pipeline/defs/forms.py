"""Kinds of fields of the jobs' forms: each shows in the launchpad with a default, which Dagster leaves out where it is null.

A text that stays empty, or a number that stays 0, reaches the job as None, as where a script leaves the field out. Words of a
closed set are enums in either letter case, so that the form completes them and Dagster refuses others before a run. Add a kind of
field; which fields a job has stands with the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import dagster as dg
from pydantic import BeforeValidator, Field

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import RequestStatus, Stage

Text = Annotated[str | None, BeforeValidator(lambda value: value or None)]
"""A text; empty: None."""
Days = Annotated[int | None, BeforeValidator(lambda value: value or None)]
"""A number of days; 0: None."""


def text(description: str) -> Any:
    """Declares a text that may stay empty."""
    return Field("", description=description, validate_default=True)


def days(description: str) -> Any:
    """Declares a number of days that may stay 0, which is none."""
    return Field(0, description=f"{description} 0: none.", validate_default=True)


def company(description: str = "Slug of one company; empty: all.") -> Any:
    """Declares the slug of a company that may stay empty."""
    return text(description)


def either_case(words: Iterable[str], *, or_empty: bool = False) -> Any:
    """Returns the enum of some words, in lower case first, as the documents of jobs and commands write them."""
    lower = [word.lower() for word in words]
    return Literal[(*([""] if or_empty else []), *lower, *map(str.upper, lower))]


# A checker of types knows no enum that is made of a list.
if TYPE_CHECKING:
    RequestStatusWord: TypeAlias = str
    StageWord: TypeAlias = str
    StageOrAny: TypeAlias = str
    OutcomeOrAny: TypeAlias = str
else:
    RequestStatusWord = either_case(RequestStatus)
    StageWord = either_case(Stage)
    StageOrAny = either_case(Stage, or_empty=True)
    OutcomeOrAny = either_case((Outcome.REFUSED, Outcome.TRUNCATED, Outcome.INVALID_OUTPUT), or_empty=True)


def counted_only(context: dg.OpExecutionContext, dry_run: bool | None, names: Iterable[object]) -> str | None:
    """Says in the run what to fill in, where a launch of a job that changes rows changed nothing because of its form.

    Args:
        context: Of the launch.
        dry_run: What the form says.
        names: What the form names explicitly; such a launch changes something where a script leaves `dry_run` out.
    """
    if dry_run and not (left_out(context, "dry_run") and any(names)):
        return "Nothing was changed: dry_run is true. Fill in dry_run: false to change what was counted."
    return None


def hours_of(context: dg.OpExecutionContext, field: str, value: float | None) -> float | None:
    """Returns the hours of a filter, None for none.

    A form names every field, `company` among them, and has 0 where nobody filled anything in. A script that names this field and
    not that one means what it says: 0 hours or more, which is everything.
    """
    is_form = _names(context, "company")
    return None if value == 0 and (is_form or not _names(context, field)) else value


def left_out(context: dg.OpExecutionContext, field: str) -> bool:
    """Says whether a launch did not name a field, as scripts do; the launchpad names every field that has a default."""
    return _config(context).get(field) is None


def _names(context: dg.OpExecutionContext, field: str) -> bool:
    return field in _config(context)


def _config(context: dg.OpExecutionContext) -> Mapping[str, Any]:
    """The configuration of this op as it was launched, without defaults."""
    ops: Any = context.run.run_config.get("ops") or {}
    config: Any = (ops.get(context.op_def.name) or {}).get("config") or {}
    return config if isinstance(config, Mapping) else {}
