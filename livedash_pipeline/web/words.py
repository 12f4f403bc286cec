"""How values are written on pages: times, money, counts, shares, texts.

Pure. Add a way of writing a kind of value; what is shown is decided by pages and templates.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from markupsafe import Markup

UTC_ZONE = "UTC"
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (31_536_000, 86_400, "d"))
_SHOWN_AS_ONE = Decimal("0.99995")
_NONE = Markup('<span class="none">none</span>')


def read_zone(name: str) -> ZoneInfo | None:
    """The zone of a name such as `Europe/Amsterdam`; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):
        # Unknown names are a KeyError's sibling of OSError in some versions, and names with dots or NUL a ValueError.
        return None
    except KeyError:
        return None


def read_moment(value: datetime | str | None) -> datetime | None:
    """A moment of a row or of a document."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value)


def absolute(value: datetime | str | None, *, zone: tzinfo) -> Markup:
    """A moment with its zone."""
    moment = read_moment(value)
    if moment is None:
        return _NONE
    local = moment.astimezone(zone)
    exact = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    # Digits and a name of the zone database hold nothing to escape. A list has a hundred times: each is ten times as quick so.
    return Markup(f'<time datetime="{exact}">{local:%Y-%m-%d %H:%M} {local.tzname() or ""}</time>')  # noqa: S704


def when(value: datetime | str | None, *, zone: tzinfo, now: datetime) -> Markup:
    """A moment with its zone, and how long ago or how far ahead it is beside it."""
    moment = read_moment(value)
    if moment is None:
        return _NONE
    return Markup(f'{absolute(moment, zone=zone)} <small class="ago">{ago(moment, now)}</small>')  # noqa: S704 - digits


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, or how far ahead: `3 min ago`, `in 2 h`."""
    seconds = (now - moment).total_seconds()
    return f"{span(abs(seconds))} ago" if seconds >= 0 else f"in {span(-seconds)}"


def span(seconds: float | timedelta | None) -> str:
    """A length of time in its largest unit."""
    if seconds is None:
        return "unknown"
    given = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    for below, size, unit in _STEPS:
        if given < below:
            return f"{int(given // size)} {unit}"
    return f"{int(given // 31_536_000)} y"


def num(value: int | float | Decimal | None) -> str:
    """A count with thousands apart; `none` where it is not known."""
    return "none" if value is None else f"{value:,}"


def eur(value: Decimal | str | float | None) -> str:
    """Euro: cents from one euro on, below it four decimals or, where that shows nothing, two digits that count."""
    return money(value, "\N{EURO SIGN}")


def usd(value: Decimal | str | float | None) -> str:
    """US dollars, written as euro are."""
    return money(value, "$")


def money(value: Decimal | str | float | None, sign: str) -> str:
    """An amount with the sign of its currency in front; `unknown` where it is not known, and what is no amount as it is."""
    if value is None:
        return "unknown"
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not amount.is_finite():
        return str(value)
    size = abs(amount)
    # What four decimals would round up to one has cents alone, as one has.
    if size >= _SHOWN_AS_ONE or size == 0:
        shown = f"{amount:,.2f}"
    elif size >= Decimal("0.001"):
        shown = f"{amount:.4f}"
    else:
        shown = f"{amount:.{1 - size.adjusted()}f}"
    return f"{sign}\N{NO-BREAK SPACE}{shown}"


def share(part: float | None, whole: float | None) -> str:
    """A part of a whole in per cent; `none` where there is no whole."""
    return "none" if not whole or part is None else f"{100 * part / whole:.1f}\N{NO-BREAK SPACE}%"


def short(text: str | None, length: int = 80) -> Markup:
    """The beginning of a text that people wrote, with its own direction of writing; nothing for None."""
    if text is None:
        return Markup("")
    plain = " ".join(str(text[: 4 * length]).split())
    cut = (
        plain
        if len(plain) <= length and len(text) <= 4 * length
        else plain[: length - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    )
    return Markup('<bdi dir="auto">{}</bdi>').format(cut)


def words(code: str | None) -> str:
    """A name of the code as words: `processing_failed` as `processing failed`."""
    return (code or "none").replace("_", " ").lower()
