"""What a look at a file proposes: a profile, why, and what a person has to decide."""

from __future__ import annotations

from dataclasses import dataclass, field

from livedash_pipeline.intake.rules.profiles.csv_profile import CsvProfile


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a field of a profile is proposed as it is, as a sentence without its end."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class CsvProposal:
    """A profile for a file of sessions.

    Attributes:
        profile: What is proposed.
        evidence: Why, in the order of the fields.
        unclear: What the file does not decide; each a sentence with the option that decides it. Such a proposal is not stored.
    """

    profile: CsvProfile
    evidence: list[Evidence] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)


class NoProposalError(ValueError):
    """No profile reads the file; its text is the end of a sentence about it."""
