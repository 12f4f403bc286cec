"""Proposes the CSV profile of a file by its first records.

The encoding, the way to cut it, the header, which column means what, forms of times and numbers, and words for nothing are
guessed one after another, each with its evidence. Of several ways to cut a file the one by which most
records are read is proposed, and the seed's own where it reads as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.csv_fields import RecordTimes, read_record, trimmed
from livedash_pipeline.intake.rules.detection.columns import Guess, guess_columns
from livedash_pipeline.intake.rules.detection.encodings import GuessedEncoding, guess_encoding
from livedash_pipeline.intake.rules.detection.proposals import CsvProposal, Evidence, NoProposalError
from livedash_pipeline.intake.rules.detection.tables import Table, cut_tables, json_table, table_of
from livedash_pipeline.intake.rules.detection.times import DateOrder
from livedash_pipeline.intake.rules.profiles.cells import UnreadableFileError, reading_of
from livedash_pipeline.intake.rules.profiles.csv_profile import SEED_PROFILE, CsvProfile
from livedash_pipeline.intake.rules.profiles.records import open_records
from livedash_pipeline.intake.rules.profiles.transcoding import to_utf_8

_WAYS = 4
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def detect_csv(
    sample: bytes,
    zone: ZoneInfo,
    *,
    now: datetime,
    order: DateOrder | None = None,
    encoding: str | None = None,
    sheet_rows: Sequence[list[str]] | None = None,
) -> CsvProposal:
    """Proposes a profile.

    Args:
        sample: The beginning of the file, unpacked, with whole lines.
        zone: Of times that do not say theirs.
        now: No session begins later.
        order: Whether day or month comes first, where a person says so.
        encoding: The encoding, where a person says so.
        sheet_rows: The first rows of a workbook's worksheet, if it is one; then `sample` does not matter.

    Raises:
        NoProposalError: No column can be an id or a start, however the file is cut.
    """
    if sheet_rows is not None:
        return _of_workbook(sheet_rows, zone, now, order)
    guessed = GuessedEncoding(encoding, "it was given") if encoding else guess_encoding(sample)
    text = b"".join(to_utf_8([sample], guessed.name)).decode("utf-8", "replace").removeprefix("\ufeff")
    listed = json_table(text) if text.lstrip().startswith("{") else None
    if listed is not None:
        guess = guess_columns(listed[1], listed[0], zone, now=now, order=order)
        proposal = _proposal(guess, {"format": "jsonl"}, [Evidence("format", "each line is a JSON object")])
    else:
        proposal = _best_cut(text, zone, now, order, sample, guessed)
    return _with_encoding(proposal, guessed)


def fitting(profile: CsvProfile, sample: bytes, zone: ZoneInfo) -> int:
    """How many records of a file are read by a profile."""
    reading = reading_of(profile, zone)
    try:
        return sum(
            isinstance(read_record([trimmed(field) for field in row], reading), RecordTimes)
            for block in open_records(lambda: [sample], profile).blocks()
            for row in block.rows
        )
    except UnreadableFileError:
        return 0


def _best_cut(
    text: str, zone: ZoneInfo, now: datetime, order: DateOrder | None, sample: bytes, guessed: GuessedEncoding
) -> CsvProposal:
    proposals: list[CsvProposal] = []
    why = "has no records of several columns, however it is cut"
    for table in cut_tables(text)[:_WAYS]:
        try:
            proposals.append(_of_table(table, zone, now, order))
        except NoProposalError as error:
            why = str(error) if not proposals else why
    counted = [(fitting(_encoded(each.profile, guessed), sample, zone), each) for each in proposals]
    read, best = max(counted, key=lambda pair: pair[0], default=(0, None))
    seeds = fitting(SEED_PROFILE, sample, zone)
    if seeds and seeds >= read:
        return CsvProposal(SEED_PROFILE, [Evidence("format", "the seed's own form reads as many records as any other")])
    if best is None or not read:
        raise NoProposalError(why)
    return best


def _of_table(table: Table, zone: ZoneInfo, now: datetime, order: DateOrder | None) -> CsvProposal:
    guess = guess_columns(table.rows, None, zone, now=now, order=order, prefers_comma=table.delimiter == ";")
    fields: dict[str, object] = {"delimiter": table.delimiter}
    share = f"{table.share:.1%} of the records have {table.width} columns then"
    evidence = [Evidence("delimiter", f"{_SEPARATORS[table.delimiter]}: {share}")]
    if table.quote != '"':
        fields["quote"] = table.quote
        evidence.append(
            Evidence("quote", "fields are in single quotes" if table.quote else "double quotes are part of the text")
        )
    if table.escape:
        fields["escape"] = table.escape
        evidence.append(Evidence("escape", "quotes within quotes have a backslash before them"))
    if table.skipped:
        fields["skip_lines"] = table.skipped
        evidence.append(Evidence("skip_lines", f"{table.skipped} before the table have another number of columns"))
    return _proposal(guess, fields, evidence)


def _of_workbook(rows: Sequence[list[str]], zone: ZoneInfo, now: datetime, order: DateOrder | None) -> CsvProposal:
    table = table_of(rows)
    if table is None:
        raise NoProposalError("has a worksheet without a table")
    guess = guess_columns(table.rows, None, zone, now=now, order=order, is_sheet=True)
    fields: dict[str, object] = {"format": "xlsx"}
    evidence = [Evidence("format", "it is an Excel workbook")]
    if table.skipped:
        fields["skip_lines"] = table.skipped
        evidence.append(Evidence("skip_lines", f"{table.skipped} rows are above the table"))
    return _proposal(guess, fields, evidence)


def _proposal(guess: Guess, fields: dict[str, object], evidence: list[Evidence]) -> CsvProposal:
    profile = CsvProfile.model_validate({**fields, **guess.fields}, strict=False)
    return CsvProposal(profile, evidence + guess.evidence, guess.unclear)


def _encoded(profile: CsvProfile, guessed: GuessedEncoding) -> CsvProfile:
    return profile if guessed.name == "utf-8" else profile.model_copy(update={"encoding": guessed.name})


def _with_encoding(proposal: CsvProposal, guessed: GuessedEncoding) -> CsvProposal:
    evidence = [Evidence("encoding", f"{guessed.name}: {guessed.reason}"), *proposal.evidence]
    unclear = [*proposal.unclear]
    if not guessed.is_sure:
        unclear.append(f"The encoding may be {guessed.name}: look at the first rows, and say it with --encoding.")
    return replace(proposal, profile=_encoded(proposal.profile, guessed), evidence=evidence, unclear=unclear)
