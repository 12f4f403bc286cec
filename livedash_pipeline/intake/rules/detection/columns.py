"""What a table's columns say of its profile: which is which, in what forms, and with which words for nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.csv_fields import trimmed
from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT
from livedash_pipeline.intake.rules.detection.column_cells import NOTHING_WORDS, Columns
from livedash_pipeline.intake.rules.detection.column_names import COLUMN_NAMES, plain_name
from livedash_pipeline.intake.rules.detection.column_places import ADDRESS, find_columns
from livedash_pipeline.intake.rules.detection.numbers import number_signs
from livedash_pipeline.intake.rules.detection.proposals import Evidence
from livedash_pipeline.intake.rules.detection.times import SEED_FORMS, DateOrder, FoundForms, find_forms, order_of
from livedash_pipeline.intake.rules.profiles.documents import normal_word
from livedash_pipeline.intake.rules.profiles.time_forms import ISO, UNIX, UNIX_MS

_ZONED = re.compile(r":\d{2}(?:[.,]\d+)? ?(?:Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?)$")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")
_NUMBERS = ("messages_sent", "avg_response_time_seconds", "tokens", "tokens_eur")


@dataclass(slots=True)
class Guess:
    """Fields of a profile, why, and what is to be decided."""

    fields: dict[str, object] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)


def guess_columns(
    rows: Sequence[Sequence[str]],
    names: Sequence[str] | None,
    zone: ZoneInfo,
    *,
    now: datetime,
    order: DateOrder | None,
    prefers_comma: bool = False,
    is_sheet: bool = False,
) -> Guess:
    """What the columns of a table are.

    Args:
        rows: Records of one width; the first may be a header, where `names` are not given.
        names: Dotted paths of JSON.
        zone: Of times that do not say theirs.
        now: No session begins later.
        order: Whether day or month comes first, where a person says so.
        prefers_comma: Whether a comma before three digits is a decimal sign, as where semicolons separate fields.
        is_sheet: Whether cells of a workbook that are times come as ISO 8601.

    Raises:
        NoProposalError: No column can be an id or a start.
    """
    header = names is None and _is_header(rows, zone, now)
    found = names if names is not None else [trimmed(name) for name in rows[0]] if header else None
    table = Columns(rows[1:] if header else rows, found, zone, now, order)
    guess = Guess()
    if header:
        guess.fields["header"] = True
        guess.evidence.append(Evidence("header", "the first record holds names and no values"))
    places = find_columns(table, guess.evidence, guess.unclear)
    if names is None and not header and places == _seed_places(table):
        guess.evidence.append(
            Evidence("columns", "there are 16, with times in the second and third, as in the seed's file")
        )
    else:
        guess.fields["columns"] = {ours: table.shown(where) for ours, where in places.items()}
    _add_times(table, places, guess, is_sheet=is_sheet, is_json=names is not None)
    _add_nothing(table, places, guess)
    _add_numbers(table, places, guess, prefers_comma=prefers_comma)
    return guess


def _is_header(rows: Sequence[Sequence[str]], zone: ZoneInfo, now: datetime) -> bool:
    first = [trimmed(cell) for cell in rows[0]]
    filled = [cell for cell in first if cell]
    if len(filled) * 2 < len(first) or any(_NUMBER.fullmatch(cell) or ADDRESS.fullmatch(cell) for cell in filled):
        return False
    if any(any(map(str.isdigit, cell)) and find_forms([cell], zone, now=now).names for cell in filled):
        return False
    known = {name for names in COLUMN_NAMES.values() for name in names}
    return len(rows) == 1 or any(plain_name(cell) in known for cell in filled) or len(set(filled)) == len(filled)


def _seed_places(table: Columns) -> dict[str, tuple[int, ...]] | None:
    if len(table.cells) != COLUMN_COUNT:
        return None
    return {"external_session_id": (0,), "start_time": (1,), "end_time": (2,)}


def _add_times(
    table: Columns, places: dict[str, tuple[int, ...]], guess: Guess, *, is_sheet: bool, is_json: bool
) -> None:
    wheres = [places[column] for column in ("start_time", "end_time") if column in places]
    found = _forms_of_one_order(table, wheres)
    names = tuple(dict.fromkeys(name for forms in found for name in forms.names))
    if table.says_utc(wheres[0]) and not _tell_zones(names, table.joined(wheres[0])):
        guess.fields["time_zone"] = "UTC"
        told = f"{table.title(wheres[0])} says so by its name, and its times say nothing"
        guess.evidence.append(Evidence("time_zone", told))
    if any(forms.is_unclear for forms in found) or (is_sheet and _is_half_converted(names)):
        guess.unclear.append(
            f"Nothing tells for certain what comes first in {table.title(wheres[0])}: "
            "say --date-order day, --date-order month or --date-order year."
        )
    if set(names) <= set(SEED_FORMS):
        if is_sheet or is_json:
            guess.fields["times"] = list(names)
        return
    guess.fields["times"] = list(names)
    reason = next((forms.reason for forms in found if forms.reason), "")
    read, cells = found[0].read, len(table.joined(places["start_time"]))
    guess.evidence.append(Evidence("times", f"they read {read:,} of {cells:,} starts{'; ' + reason if reason else ''}"))


def _forms_of_one_order(table: Columns, wheres: Sequence[tuple[int, ...]]) -> list[FoundForms]:
    """The forms of start and end; where one shows what comes first in a date, it does so for the other."""
    found = [table.forms(where) for where in wheres]
    sure = {order_of(name) for forms in found if not forms.is_unclear for name in forms.names} - {None}
    if len(sure) != 1 or not any(forms.is_unclear for forms in found):
        return found
    (order,) = sure
    return [
        table.forms(where, order) if forms.is_unclear else forms for where, forms in zip(wheres, found, strict=True)
    ]


def _is_half_converted(names: Sequence[str]) -> bool:
    """Whether some dates of a sheet are dates and others are text: Excel has read the first in the order of its own locale."""
    return ISO in names and any(order_of(name) is not None for name in names)


def _tell_zones(names: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether times say their zone by themselves."""
    return any("%z" in name or name in {UNIX, UNIX_MS} for name in names) or any(map(_ZONED.search, texts))


def _add_nothing(table: Columns, places: dict[str, tuple[int, ...]], guess: Guess) -> None:
    # NA is Namibia where countries are named.
    wheres = [where for column, where in places.items() if column != "country_code"]
    cells = {cell for where in wheres for place in where for cell in table.cells[place]}
    words = sorted({cell for cell in cells if cell and normal_word(cell) in NOTHING_WORDS})
    if words:
        guess.fields["nothing"] = words
        guess.evidence.append(Evidence("nothing", f"cells hold {', '.join(words)}"))


def _add_numbers(table: Columns, places: dict[str, tuple[int, ...]], guess: Guess, *, prefers_comma: bool) -> None:
    texts = [text for column in _NUMBERS if column in places for text in table.values(places[column][0])]
    signs = number_signs(texts, prefers_comma=prefers_comma)
    for name, sign in (("decimal", signs.decimal), ("thousands", signs.thousands)):
        if sign:
            guess.fields[name] = sign
            guess.evidence.append(Evidence(name, f"numbers are written like {signs.example}"))
