"""What a person does about a rejected record, by the reason for which it was rejected.

Add a sentence with each reason that is added to `csv_rejects.RejectReason`; a test asks for all of them. A sentence names the
command that helps, where one does, and says what the company has to change where none does.
"""

from __future__ import annotations

from collections.abc import Mapping

from livedash_pipeline.intake.rules.csv_rejects import RejectReason

_R = RejectReason
_DETECT = "`livedash company detect {company}` on a sample proposes a profile"
_TIMES = _DETECT + " with the form of its times, for `livedash company set {company} --csv-profile FILE`."
_QUOTES = _DETECT + " with the file's separator and quotes. Within quotes, the company has to double them."

_CURES: Mapping[RejectReason, str] = {
    _R.WRONG_COLUMN_COUNT: "The line has other columns than the file's. If all lines do, "
    + _DETECT
    + "; a single one has a "
    "separator within a field, which the company has to quote.",
    _R.EMPTY_ID: "The company has to give every session an id. If the id stands in another column, " + _DETECT + ".",
    _R.BAD_START_TIME: _TIMES,
    _R.BAD_END_TIME: _TIMES,
    _R.END_BEFORE_START: "The company has to correct the times. If all are so, day and month are taken for each other: "
    + _DETECT
    + ".",
    _R.STRAY_QUOTE: _QUOTES,
    _R.UNCLOSED_QUOTE: _QUOTES,
    _R.NUL_CHARACTER: "The file was damaged on its way, or is no text: have it written again, then run "
    "`livedash import --company {company} --force`.",
    _R.BAD_ENCODING: _DETECT + " with the file's encoding.",
    _R.DUPLICATE_ID: "The file has the session twice, and one of the two was imported: the company has to give each session an "
    "id of its own.",
    _R.HEADER_LINE: "A line of titles within the file, as in files that were put together. Nothing is lost.",
    _R.RUINED_ID: "A spreadsheet has rounded the id or written it with an exponent: the company has to export it as text.",
    _R.FIELD_TOO_LONG: "A field is longer than any chat's; as a rule a quote is missing before it. If lines end otherwise, "
    + _DETECT
    + ".",
    _R.NOT_JSON: "The line is no JSON object. If the file has another format, "
    + _DETECT
    + "; if it was cut, have it written again.",
}


def cure_of(reason: str, *, company: str) -> str | None:
    """Returns what cures a rejected record, in one or two sentences; None for a reason that this program does not know.

    Args:
        reason: The reason as it is stored.
        company: The slug of the company whose record it is.
    """
    try:
        return _CURES[RejectReason(reason)].format(company=company)
    except ValueError:
        return None
