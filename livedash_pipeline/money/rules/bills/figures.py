"""Reads the figures of an export: amounts, counts and moments, exactly or not at all.

Add a way of writing a figure here when an export is seen to use it. Whatever is not certain is refused with its own words: a
misread figure would look like a mistake of our ledger.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from livedash_pipeline.money.rules.bills.billed_days import UnreadableBillError

# No bill comes near them; behind the point OpenAI has been seen to write 39 digits.
_LARGEST_AMOUNT = Decimal(10**12)
_LARGEST_COUNT = Decimal(10**15)
_MOST_DECIMALS = 100
_LONGEST = 200
_SHOWN = 60

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+([eE][+-]?\d{1,6})?", re.ASCII)
_SECONDS = re.compile(r"\d{9,10}(\.0*)?", re.ASCII)
_PERHAPS_GROUPED = re.compile(r"[+-]?\d{1,3}\.\d{3}", re.ASCII)

# From before OpenAI to long after us, in seconds since 1970; milliseconds fall outside.
_EARLIEST = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp())
_LATEST = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())


def shown(value: object) -> str:
    """Returns a value as an error message quotes it; lists and objects, which may be of any size and depth, by their kind."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def has_decimal_comma(text: str) -> bool:
    """Whether a text can only be a number whose point is written as a comma, in a file whose cells no comma separates."""
    return _DECIMAL_COMMA.fullmatch(_bare(text)) is not None


def read_amount(value: object, where: str, *, decimal_comma: bool = False) -> Decimal:
    """Reads an amount of money; credits are negative.

    Args:
        value: A text such as "0.0045", "4.5E-3" or "$1,234.50".
        where: The place in the file, for the message.
        decimal_comma: Whether the file's numbers have a comma where others have a point.

    Raises:
        UnreadableBillError: It is no finite number, can be read in two ways, or has more digits than an amount can have.
    """
    number = _number(value, decimal_comma=decimal_comma)
    if number is None:
        raise UnreadableBillError(f"{where} has {shown(value)} for an amount, which is no number that can be read.")
    if number.is_zero():
        # Zero comes as "0E-6176".
        return Decimal(0)
    exponent = number.as_tuple().exponent
    if number.copy_abs() >= _LARGEST_AMOUNT or not isinstance(exponent, int) or exponent < -_MOST_DECIMALS:
        raise UnreadableBillError(f"{where} has {shown(value)} for an amount, which no bill has.")
    return number


def check_currency(currency: object, where: str) -> None:
    """Refuses every currency but US dollars; an amount without one is in dollars, in which OpenAI bills.

    Raises:
        UnreadableBillError: It is another one.
    """
    if currency is not None and not (isinstance(currency, str) and currency.strip().lower() == "usd"):
        raise UnreadableBillError(f"{where} has an amount in {shown(currency)}, and our ledger counts US dollars.")


def read_count(value: object, where: str, *, decimal_comma: bool = False) -> int:
    """Reads a count of tokens or requests, also where it is written as "59200.0".

    Raises:
        UnreadableBillError: It is no whole number from 0 to 10^15.
    """
    number = _number(value, decimal_comma=decimal_comma)
    if number is None or not 0 <= number <= _LARGEST_COUNT or number != int(number):
        raise UnreadableBillError(f"{where} has {shown(value)} for a count, which is no whole number that can be read.")
    return int(number)


def read_moment(value: object, where: str) -> datetime:
    """Reads a moment from a text with seconds since 1970; one that a spreadsheet has rounded to "1.75962E+09" is none.

    Raises:
        UnreadableBillError: It is none between 2015 and 2200.
    """
    seconds = int(value.partition(".")[0]) if isinstance(value, str) and _SECONDS.fullmatch(value) else 0
    if not _EARLIEST <= seconds < _LATEST:
        raise UnreadableBillError(
            f"{where} has {shown(value)} for a time, which is no number of seconds since 1970 between 2015 and 2200."
        )
    return datetime.fromtimestamp(seconds, UTC)


def read_written_moment(text: str, where: str) -> datetime:
    """Reads a moment from a text in ISO 8601, or from seconds since 1970; without a zone it is in UTC, as in OpenAI's exports.

    Raises:
        UnreadableBillError: It is written otherwise: in "03/04/2026" nobody can tell the day from the month.
    """
    if _SECONDS.fullmatch(text):
        return read_moment(text, where)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableBillError(
            f"{where} has {shown(text)} for a time, which is not written as 2026-03-04 or 2026-03-04T00:00:00+00:00."
        ) from None
    return read_moment(str(int(moment.timestamp())), where)


def one_day(start: datetime, end: datetime, where: str) -> date:
    """Returns the day in UTC within which a span of time lies.

    Raises:
        UnreadableBillError: It ends before it begins, or lies in several days, so that its figures belong to none.
    """
    span = f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} in UTC"
    if end <= start:
        raise UnreadableBillError(f"{where} reaches {span}, which is no span of time.")
    if (end - timedelta(seconds=1)).date() != start.date():
        raise UnreadableBillError(
            f"{where} reaches {span}, not within one day; only an export by day, in UTC, can be compared."
        )
    return start.date()


def _number(value: object, *, decimal_comma: bool) -> Decimal | None:
    """The number that a text writes; None for every other value, and for a text that can be read in two ways."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    text = _bare(value)
    if decimal_comma:
        if _PERHAPS_GROUPED.fullmatch(text):
            return None
        if _DECIMAL_COMMA.fullmatch(text):
            text = text.replace(".", "").replace(",", ".")
    elif _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def _bare(text: str) -> str:
    """A text without the sign of the dollar and white space around it."""
    return text.replace("$", "", 1).strip()
