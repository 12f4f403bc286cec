"""Looks at some transcripts of a company and proposes how they are to be read: those that its CSV names, or files that are given.

What is guessed from their texts is decided in `intake.rules.detection.transcript_detection`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.urls import SourceRules, source_rules
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.errors import SourceError
from livedash_pipeline.intake.rules.detection.transcript_detection import TranscriptProposal, detect_transcripts
from livedash_pipeline.intake.rules.transcript_failures import transcript_remedy
from livedash_pipeline.intake.steps.company_profiles import transcript_profile_of
from livedash_pipeline.intake.steps.fetch_transcripts import transcript_credentials
from livedash_pipeline.intake.steps.transcript_workers import TranscriptLimits
from livedash_pipeline.sources.credentials import Credentials
from livedash_pipeline.sources.places.opening import Stores
from livedash_pipeline.sources.transcript_source import NotModified, TranscriptSource
from livedash_pipeline.tls import machine_authorities

# Enough to tell names that recur from names of persons.
MOST_SAMPLES = 20
_NO_LOGIN = CsvLogin()


@dataclass(frozen=True, slots=True)
class Samples:
    """Texts of transcripts, and why others could not be had, by reason."""

    texts: list[str]
    failed: Mapping[str, int]


def named_samples(
    company: Company, urls: Iterable[str], rules: SourceRules, environ: Mapping[str, str] | None
) -> Samples:
    """The transcripts at some addresses of a CSV, as an import fetches them; without `environ` no credentials are sent."""
    chosen = list(urls)[:MOST_SAMPLES]
    if environ is None:
        return _fetched(chosen, rules, None, _NO_LOGIN, {}, _encoding_of(company))
    credentials = transcript_credentials(company, rules, environ)
    return _fetched(chosen, rules, credentials, company.csv_login, environ, _encoding_of(company))


def given_samples(company: Company, places: Iterable[str]) -> Samples:
    """The transcripts in files and at addresses that a person names; no credentials of the company are sent."""
    texts: list[str] = []
    failed = Counter[str]()
    for place in places:
        url = place if "://" in place else str(Path(place).expanduser().absolute())
        rules = source_rules(url, (), company.allowed_addresses, company=company.slug)
        found = _fetched(
            [url if rules.csv_path is None else Path(rules.csv_path).name],
            rules,
            None,
            _NO_LOGIN,
            {},
            _encoding_of(company),
        )
        texts += found.texts
        failed.update(found.failed)
    return Samples(texts, failed)


def propose_transcripts(company: Company, samples: Samples) -> TranscriptProposal | None:
    """The profile that reads some transcripts; None without any."""
    return detect_transcripts(samples.texts, zone=ZoneInfo(company.time_zone)) if samples.texts else None


def transcripts_document(
    company: Company, proposal: TranscriptProposal | None, samples: Samples, *, saved: bool
) -> Document:
    """What is proposed for a company's transcripts."""
    return {
        "transcriptProfile": proposal.profile.document() if proposal else None,
        "evidence": [{"field": name, "reason": reason} for name, reason in proposal.evidence] if proposal else [],
        "unclear": list(proposal.unclear) if proposal else [],
        "lookedAt": len(samples.texts),
        "notFetched": [
            {"reason": reason, "count": count, "remedy": transcript_remedy(reason, company.slug)}
            for reason, count in sorted(samples.failed.items())
        ],
        "messages": dict(proposal.messages) if proposal else {},
        "refused": proposal.refused if proposal else 0,
        "saved": saved,
    }


def _encoding_of(company: Company) -> str | None:
    profile = transcript_profile_of(company)
    return None if profile is None else profile.encoding


def _fetched(
    urls: Iterable[str],
    rules: SourceRules,
    credentials: Credentials | None,
    login: CsvLogin,
    environ: Mapping[str, str],
    encoding: str | None,
) -> Samples:
    texts: list[str] = []
    failed = Counter[str]()
    limits = TranscriptLimits().fetch
    with (
        Stores(rules, login, environ, limits) as stores,
        TranscriptSource(rules, credentials, limits, machine_authorities(), encoding=encoding, stores=stores) as source,
    ):
        for url in urls:
            try:
                found = source.fetch(url)
            except SourceError as error:
                failed[error.reason] += 1
                continue
            if isinstance(found, NotModified):
                raise AssertionError("nothing was said that could be unmodified")
            texts.append(found.text)
    return Samples(texts, failed)
