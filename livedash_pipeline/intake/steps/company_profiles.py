"""A company's profiles as they are used, and as people set and see them.

What a profile may hold is decided in `intake.rules.profiles`; a company's row keeps the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.rules.csv_reading import Reading
from livedash_pipeline.intake.rules.profiles.cells import reading_of
from livedash_pipeline.intake.rules.profiles.csv_profile import SEED_PROFILE, CsvProfile
from livedash_pipeline.intake.rules.profiles.documents import BadProfileError, SomeProfile, digest_of, read_profile
from livedash_pipeline.sources.forms import Expected


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


def checked_profile(kind: type[SomeProfile], document: Mapping[str, Any]) -> SomeProfile:
    """A profile from its document.

    Raises:
        UsageError: It is none.
    """
    try:
        return read_profile(kind, document)
    except BadProfileError as error:
        raise UsageError(
            str(error), remedy=f"Known fields are {', '.join(kind.model_fields)}: docs/profiles.md."
        ) from None
