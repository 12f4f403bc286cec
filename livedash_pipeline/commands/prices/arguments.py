"""Days and figures as arguments of the commands about prices and rates.

Add a form of a value that both groups take.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import click

DAY = click.DateTime(["%Y-%m-%d"])
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"])
"""A day, or a moment with its offset, as `livedash price list` shows the beginnings of prices."""


def in_utc(when: datetime | None) -> datetime | None:
    """A day's first moment in UTC; a moment with an offset stays as it is."""
    return when if when is None or when.tzinfo else when.replace(tzinfo=UTC)


def number(text: str) -> Decimal:
    """A decimal figure, kept exact."""
    try:
        figure = Decimal(text)
    except InvalidOperation:
        figure = Decimal("NaN")
    if not figure.is_finite():
        raise click.BadParameter(f"{text!r} is no number.")
    return figure
