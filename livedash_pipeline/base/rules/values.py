"""Values in the documents that commands, jobs and HTTP answer with: money and times as text; and amounts as people write them.

Keys are camelCase, those of the seed come first and in its order; counts are 0 and never absent. Each document is made
beside the report that it shows. Add a form of a value here, never in a shell, so that all shells answer alike.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

Document = dict[str, Any]

NO_LIMIT = "none"
"""What people write to take a limit in euro away."""

# What `numeric(20, 12)` holds.
_AMOUNT = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,12})?")
_AMOUNT_LIMIT, _AMOUNT_STEP = Decimal(10) ** 8, Decimal("1e-12")
AMOUNT_FORM = "8 digits before the point and 12 after it at most"
"""For messages about `is_amount` and `read_limit`."""


def money(amount: Decimal | None) -> str | None:
    """An amount as a decimal string without trailing zeros and without an exponent, never rounded; None where it is unknown."""
    if amount is None:
        return None
    # `Decimal.normalize` would round to 28 digits, which sums in a converted currency exceed.
    written = f"{amount:f}" if amount else "0"
    return written.rstrip("0").rstrip(".") if "." in written else written


def moment(value: datetime | None) -> str | None:
    """ISO 8601."""
    return None if value is None else value.isoformat()


def is_amount(amount: Decimal) -> bool:
    """Whether an amount in euro from 0 on can be stored as it is."""
    return amount.is_finite() and 0 <= amount < _AMOUNT_LIMIT and amount == amount.quantize(_AMOUNT_STEP)


def read_limit(text: str) -> Decimal | str | None:
    """Reads euro from 0 on, such as `25` or `12.50`, or `NO_LIMIT` in either case; None for anything else."""
    word = text.strip()
    if word.lower() == NO_LIMIT:
        return NO_LIMIT
    return Decimal(word) if _AMOUNT.fullmatch(word) else None
