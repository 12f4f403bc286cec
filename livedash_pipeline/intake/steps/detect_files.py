"""Looks at a company's file and proposes how it is to be read: `livedash company detect`.

What is guessed from the beginning of a file is decided in `intake.rules.detection`; here it is fetched, the proposal is tried on
all of its records as an import would try it, and stored where somebody says so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.places.stores import Place
from livedash_pipeline.base.rules.urls import source_rules
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.companies import change_company
from livedash_pipeline.base.steps.workbooks import open_sheet_apart
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import SourceError, UsageError
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, NUMBERS, SCRATCH_COLUMNS
from livedash_pipeline.intake.rules.csv_records import gather
from livedash_pipeline.intake.rules.detection.csv_detection import detect_csv
from livedash_pipeline.intake.rules.detection.proposals import CsvProposal, NoProposalError
from livedash_pipeline.intake.rules.detection.times import DateOrder
from livedash_pipeline.intake.rules.detection.transcript_detection import TranscriptProposal
from livedash_pipeline.intake.rules.profiles.cells import UnreadableFileError, reading_of
from livedash_pipeline.intake.rules.profiles.csv_profile import CsvProfile
from livedash_pipeline.intake.rules.profiles.documents import checked_encoding
from livedash_pipeline.intake.rules.profiles.records import open_records
from livedash_pipeline.intake.steps.company_profiles import stored_profile
from livedash_pipeline.intake.steps.detect_transcripts import (
    MOST_SAMPLES,
    Samples,
    given_samples,
    named_samples,
    propose_transcripts,
    transcripts_document,
)
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource, NotModified
from livedash_pipeline.sources.http import shown_url
from livedash_pipeline.sources.places.opening import Stores
from livedash_pipeline.sources.places.reading import list_files

# The beginning tells the form; whether it holds is tried on the whole file.
SAMPLE_BYTES = 8_000_000
SHOWN_ROWS = 5
_CHUNK_RECORDS = 20_000
_LONGEST_SHOWN = 120
# Words and wishes of people, which are never proposed.
_OWN_WORDS = frozenset({"yes", "no", "categories", "keep_extra"})
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DetectionRequest:
    """What is looked at, and what a person says about it beforehand.

    Attributes:
        slug: The company.
        source: A file or an address; None for the company's own CSV.
        transcripts: Files and addresses of transcripts; with them alone, no CSV is looked at.
        order: Whether day or month comes first in its dates.
        encoding: Its encoding.
        save: Whether the proposal is stored.
        is_sent: Whether `source` is a file that somebody sent: nothing that it names is fetched.
        most_records: Records that the proposal is tried on, for whoever waits for the answer; None for all.
    """

    slug: str
    source: str | None = None
    transcripts: tuple[str, ...] = ()
    order: DateOrder | None = None
    encoding: str | None = None
    save: bool = False
    is_sent: bool = False
    most_records: int | None = None


@dataclass(slots=True)
class Tried:
    """What a profile made of all records of a file."""

    records: int = 0
    fitting: int = 0
    unread: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    rows: list[Document] = field(default_factory=list)
    transcripts: list[str] = field(default_factory=list)


def detect_files(engine: Engine, request: DetectionRequest, *, source: CsvSource) -> Document:
    """Proposes profiles for a company's CSV and transcripts, and stores them if that was asked for.

    Of the transcripts that a CSV names the first ones are looked at, as an import would fetch them; what is unclear about
    them is not stored.

    Raises:
        UsageError: There is no such company or no file, or what is to be stored is not decided by the file.
        SourceError: The file cannot be had, or no profile reads it.
    """
    if request.encoding is not None:
        request = replace(request, encoding=_checked_encoding(request.encoding))
    with engine.connect() as connection:
        company, now = get_company(connection, request.slug), database_now(connection)
    if request.transcripts and request.source is None:
        return {"ok": True, "company": company.slug, "transcripts": _look_at_given(engine, company, request)}
    url = request.source or company.csv_url
    if not url:
        raise UsageError(f"Company {company.slug} has no CSV.", remedy="Name a file or an address to look at.")
    with _opened(source, company, url) as download:
        proposal = _propose(download, company, url, request, now)
        tried = try_profile(download, proposal.profile, ZoneInfo(company.time_zone), most=request.most_records)
    given = request.transcripts
    if request.is_sent:
        samples = Samples([], {})
    else:
        samples = given_samples(company, given) if given else _named(company, url, tried, source)
    found = propose_transcripts(company, samples)
    if request.save:
        _refuse_doubtful(proposal, tried, url)
        change_company(engine, company.slug, CompanyChanges(csv_profile=_with_own_words(company, proposal.profile)))
    # A profile of transcripts that somebody has set is changed only by who shows transcripts.
    saves = request.save and found is not None and not found.unclear and (bool(given) or not company.transcript_profile)
    if found is not None and saves:
        _store_transcripts(engine, company, found)
    document = _document(company, url, proposal, tried, saved=request.save)
    return document | {"transcripts": transcripts_document(company, found, samples, saved=saves)}


def _look_at_given(engine: Engine, company: Company, request: DetectionRequest) -> Document:
    samples = given_samples(company, request.transcripts)
    found = propose_transcripts(company, samples)
    if request.save and (found is None or found.unclear):
        told = (
            f"The transcripts do not decide everything. {' '.join(found.unclear)}"
            if found
            else "No transcript could be had."
        )
        raise UsageError(
            told,
            remedy="Look at the proposal without --save, and write the profile to a file: docs/transcript-profiles.md.",
        )
    if found is not None and request.save:
        _store_transcripts(engine, company, found)
    return transcripts_document(company, found, samples, saved=request.save)


def _with_own_words(company: Company, profile: CsvProfile) -> Mapping[str, Any]:
    """A proposal with those fields of the company's present profile that no file shows."""
    kept = {name: value for name, value in (company.csv_profile or {}).items() if name in _OWN_WORDS}
    return stored_profile("csv", profile.document() | kept)


def _store_transcripts(engine: Engine, company: Company, found: TranscriptProposal) -> None:
    document = stored_profile("transcript", found.profile.document())
    change_company(engine, company.slug, CompanyChanges(transcript_profile=document))


def _named(company: Company, url: str, tried: Tried, source: CsvSource) -> Samples:
    """The first transcripts that a CSV names, fetched by the rules that hold for it."""
    own = url == company.csv_url
    rules = company.source_rules if own else source_rules(url, (), company.allowed_addresses, company=company.slug)
    return named_samples(company, tried.transcripts, rules, source.environ if own else None)


def try_profile(download: CsvDownload, profile: CsvProfile, zone: ZoneInfo, *, most: int | None = None) -> Tried:
    """Reads all records of a file by a profile, as an import does; about so many where `most` says so.

    Raises:
        SourceError: The file is not what the profile says.
    """
    from livedash_pipeline.intake.steps.csv_columns import ColumnReader

    reader, tried = ColumnReader(reading_of(profile, zone)), Tried()
    try:
        for block in gather(open_records(download.pieces, profile, opener=open_sheet_apart).blocks(), _CHUNK_RECORDS):
            typed = reader.read(block)
            rejects = [*block.rejects, *typed.rejects]
            columns = dict(zip(SCRATCH_COLUMNS, typed.columns, strict=True))
            fitting = len(columns["line_number"])
            tried.records += fitting + len(rejects)
            tried.fitting += fitting
            tried.rejected.update(reject.reason.value for reject in rejects)
            tried.unread += sum(map(bool, columns["unread"]))
            urls = filter(None, columns["full_transcript_url"])
            tried.transcripts += islice(urls, MOST_SAMPLES - len(tried.transcripts))
            for index in range(min(fitting, SHOWN_ROWS - len(tried.rows))):
                tried.rows.append(_shown_row({name: column[index] for name, column in columns.items()}))
            if most is not None and tried.records >= most:
                break
    except UnreadableFileError as error:
        raise SourceError(f"The file {error}.", reason="not_as_described", retryable=False) from None
    return tried


def _shown_row(row: Mapping[str, Any]) -> Document:
    """A record as it would be stored: times in UTC, what words mean, and what else it holds; long texts are cut."""
    times = {
        name: datetime.fromtimestamp(row[f"{name[:-5]}_epoch"], UTC).isoformat() for name in ("start_time", "end_time")
    }
    names = [name for name in COLUMNS if not name.startswith(("start_time", "end_time"))]
    beside = ("country", "language_code", "sentiment_score", "escalated", "forwarded_hr")
    texts = {name: _plain(name, row[name]) for name in (*names, *beside) if row[name] not in ("", None)}
    shown = {name: _cut(value) if isinstance(value, str) else value for name, value in texts.items()}
    extra = {name: _cut(value) for name, value in json.loads(row["extra"] or "{}").items()}
    unread = json.loads(row["unread"] or "{}")
    ordered = {"external_session_id": shown.pop("external_session_id"), **times, **shown}
    return ordered | ({"unread": unread} if unread else {}) | ({"extra": extra} if extra else {})


def _plain(name: str, value: Any) -> Any:
    return f"{Decimal(value).normalize():f}" if name in NUMBERS and value else value


def _cut(value: object) -> object:
    return value if not isinstance(value, str) or len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 1] + "…"


@contextmanager
def _opened(source: CsvSource, company: Company, url: str) -> Iterator[CsvDownload]:
    own = url == company.csv_url
    # An address that somebody names is asked for without the company's credentials, unless it is the company's own.
    login = company.csv_login if own else CsvLogin()
    if own and company.csv_files is not None:
        with _newest(source, company, company.csv_files) as download:
            yield download
        return
    with source.open_csv(
        url if "://" in url else str(Path(url).expanduser().absolute()),
        username_env=login.username_env,
        password_env=login.password_env,
        bearer_env=login.bearer_env,
        headers=login.headers,
        rules=company.source_rules if own else source_rules(url, (), company.allowed_addresses, company=company.slug),
        expected="any",
    ) as answer:
        if isinstance(answer, NotModified):
            raise AssertionError("nothing was said that could be unmodified")
        yield answer


@contextmanager
def _newest(source: CsvSource, company: Company, place: Place) -> Iterator[CsvDownload]:
    """The file of a folder that was written last."""
    rules, login = company.source_rules, company.csv_login
    with Stores(rules, login, source.environ, source.limits, resolver=source.resolver) as stores:
        store = stores.get(place.root)
        listed = list_files(store, place)
        if not listed:
            raise UsageError(f"There is no file in {shown_url(company.csv_url)}.", remedy="Name a file to look at.")
        newest = max(listed, key=lambda file: (file.modified_at or _LONG_AGO, file.address))
        with source.open_listed(store, newest, expected="any", company=company.slug) as download:
            yield download


def _checked_encoding(name: str) -> str:
    try:
        return checked_encoding(name)
    except ValueError as error:
        raise UsageError(f"{error}.", remedy="Name one as Python knows it, such as cp1252.") from None


def _propose(
    download: CsvDownload, company: Company, url: str, request: DetectionRequest, now: datetime
) -> CsvProposal:
    sample = download.sample(SAMPLE_BYTES)
    try:
        return detect_csv(
            sample,
            ZoneInfo(company.time_zone),
            now=now,
            order=request.order,
            encoding=request.encoding,
            sheet_rows=_sheet_rows(download, sample),
        )
    except (NoProposalError, UnreadableFileError) as error:
        raise SourceError(
            f"{shown_url(url)} {error}.",
            reason="no_proposal",
            retryable=False,
            remedy="Write a profile by hand (docs/profiles.md) and set it with "
            f"`livedash company set {company.slug} --csv-profile FILE`.",
        ) from None


def _sheet_rows(download: CsvDownload, sample: bytes) -> Sequence[list[str]] | None:
    if not sample.startswith(b"PK\x03\x04"):
        return None
    from livedash_pipeline.intake.rules.profiles.sheet_records import first_rows

    return first_rows(download.pieces, opener=open_sheet_apart)


def _refuse_doubtful(proposal: CsvProposal, tried: Tried, url: str) -> None:
    if proposal.unclear:
        raise UsageError(
            f"{shown_url(url)} does not decide everything. {' '.join(proposal.unclear)}",
            remedy="Look at the proposal without --save, and say what is asked for.",
        )
    if not tried.fitting:
        raise UsageError(f"No record of {shown_url(url)} can be read.", remedy="Look at the proposal without --save.")


def _document(company: Company, url: str, proposal: CsvProposal, tried: Tried, *, saved: bool) -> Document:
    return {
        "ok": True,
        "company": company.slug,
        "source": shown_url(url),
        "csvProfile": proposal.profile.document(),
        "evidence": [{"field": each.field, "reason": each.reason} for each in proposal.evidence],
        "unclear": proposal.unclear,
        "records": tried.records,
        "fitting": tried.fitting,
        "rejected": dict(tried.rejected.most_common()),
        "unread": tried.unread,
        "firstRows": tried.rows,
        "saved": saved,
    }
