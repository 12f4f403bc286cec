"""Days and figures as arguments of the commands about prices and rates.

Add a form of a value that both groups take.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import click

DAY = click.DateTime(["%Y-%m-%d"])


def number(text: str) -> Decimal:
    """A decimal figure, kept exact."""
    try:
        figure = Decimal(text)
    except InvalidOperation:
        figure = Decimal("NaN")
    if not figure.is_finite():
        raise click.BadParameter(f"{text!r} is no number.")
    return figure
