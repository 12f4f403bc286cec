"""A company's profiles as they are used, and as people set and see them.

What a profile may hold is decided in `intake.rules.profiles`; a company's row keeps the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.companies import change_company
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.rules.csv_reading import Reading
from livedash_pipeline.intake.rules.profiles.cells import reading_of
from livedash_pipeline.intake.rules.profiles.csv_profile import SEED_PROFILE, CsvProfile
from livedash_pipeline.intake.rules.profiles.documents import (
    BadProfileError,
    Profile,
    SomeProfile,
    digest_of,
    field_names,
    read_profile,
)
from livedash_pipeline.intake.rules.profiles.transcript_profile import TranscriptProfile
from livedash_pipeline.sources.forms import Expected

# The profiles that a company has.
KINDS: Mapping[str, type[Profile]] = {"csv": CsvProfile, "transcript": TranscriptProfile}


@dataclass(frozen=True, slots=True)
class CompanyProfiles:
    """How a company's files are read."""

    csv: CsvProfile
    reading: Reading

    @property
    def expected_form(self) -> Expected:
        """What its CSV is expected to be."""
        return "seed" if self.csv == SEED_PROFILE else self.csv.format


def profiles_of(company: Company) -> CompanyProfiles:
    """The profiles of a company.

    Raises:
        UsageError: A document in its row is none, as one that a later version wrote may be.
    """
    csv = checked_profile(CsvProfile, company.csv_profile or {})
    # Another reading of transcripts makes other messages of the same row.
    transcripts = digest_of(company.transcript_profile) if company.transcript_profile else ""
    return CompanyProfiles(csv, reading_of(csv, ZoneInfo(company.time_zone), transcript_digest=transcripts))


def transcript_profile_of(company: Company) -> TranscriptProfile | None:
    """The profile of a company's transcripts; None for the seed's grammar.

    Raises:
        UsageError: The document in its row is none, as one that a later version wrote may be.
    """
    return checked_profile(TranscriptProfile, company.transcript_profile) if company.transcript_profile else None


def read_profile_file(kind: Literal["csv", "transcript"], path: str | None) -> Mapping[str, Any] | None:
    """The checked profile in a JSON file; an empty one for an empty path, None without a path.

    Raises:
        UsageError: The file cannot be read, or holds no profile.
    """
    if not path:
        return None if path is None else {}
    try:
        text = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", remedy="Name a file that can be read.") from None
    document = read_json(text)
    if isinstance(document, JsonFault):
        raise UsageError(f"{path} {document.reason}.", remedy="Write one JSON object in UTF-8: docs/profiles.md.")
    return stored_profile(kind, document)


def stored_profile(kind: Literal["csv", "transcript"], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A profile's document as a company's row keeps it: checked, and nothing for the seed's.

    Raises:
        UsageError: It is no profile.
    """
    profile = checked_profile(KINDS[kind], document)
    return profile.document() if profile != KINDS[kind]() else {}


def show_profiles(engine: Engine, slug: str) -> Document:
    """The profiles of a company, null where its files are like the seed's.

    Raises:
        UsageError: There is no such company.
    """
    with engine.connect() as connection:
        company = get_company(connection, slug)
    return {
        "ok": True,
        "company": company.slug,
        "csvProfile": company.csv_profile,
        "transcriptProfile": company.transcript_profile,
    }


def set_profiles(engine: Engine, slug: str, *, csv: Mapping[str, Any], transcripts: Mapping[str, Any]) -> Document:
    """Replaces both profiles of a company; an empty document means files like the seed's.

    Raises:
        UsageError: There is no such company, or a document is no profile.
    """
    change_company(
        engine,
        slug,
        CompanyChanges(
            csv_profile=stored_profile("csv", csv), transcript_profile=stored_profile("transcript", transcripts)
        ),
    )
    return show_profiles(engine, slug)


def checked_profile(kind: type[SomeProfile], document: Mapping[str, Any]) -> SomeProfile:
    """A profile from its document.

    Raises:
        UsageError: It is none.
    """
    try:
        return read_profile(kind, document)
    except BadProfileError as error:
        raise UsageError(
            str(error), remedy=f"Known fields are {', '.join(field_names(kind))}: docs/profiles.md."
        ) from None
