"""Proposes a profile from some transcripts of a company, and says what it reads with it.

What is proposed never reads fewer messages than the seed's grammar, which is kept where nothing reads more messages, speakers or
times. Guesses are made in `line_detection`, `json_detection` and `speakers`; here they are compared by what comes of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.intake.rules.detection.json_detection import JsonGuess, detect_json
from livedash_pipeline.intake.rules.detection.line_detection import LineGuess, detect_lines
from livedash_pipeline.intake.rules.detection.speakers import SpeakerGuess, guess_speakers
from livedash_pipeline.intake.rules.messages import RefusedTranscript
from livedash_pipeline.intake.rules.profiles.transcript_profile import TranscriptProfile
from livedash_pipeline.intake.rules.profiles.transcript_reading import read_transcript

_ROLES = ("user", "assistant", "system", "unknown")
# Sessions have a start, near which times of day are found; here it only matters that they are.
_SOME_DAY = datetime(2025, 5, 1, 12, tzinfo=UTC)
_NOT_SEED = ("lines", "times", "json")


@dataclass(frozen=True, slots=True)
class TranscriptProposal:
    """A profile, and what it makes of the samples.

    Attributes:
        profile: To be checked by a person and stored.
        evidence: A field of the profile, and a sentence that says why it is so.
        unclear: Sentences: what a person has to decide.
        messages: How many messages are read, by role.
        events: Lines with a time that name nobody, and lines to skip.
        refused: Transcripts that cannot be read.
        transcripts: Transcripts that were looked at.
    """

    profile: TranscriptProfile
    evidence: tuple[tuple[str, str], ...]
    unclear: tuple[str, ...]
    messages: Mapping[str, int]
    events: int
    refused: int
    transcripts: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a profile makes of the samples."""

    profile: TranscriptProfile
    roles: Mapping[str, int]
    timed: int
    events: int
    reasons: Mapping[str, int]

    @property
    def refused(self) -> int:
        return sum(self.reasons.values())

    @property
    def messages(self) -> int:
        return sum(self.roles.values())

    @property
    def worth(self) -> tuple[int, int, int]:
        return self.messages, self.messages - self.roles["unknown"], self.timed


def detect_transcripts(texts: Sequence[str], *, zone: ZoneInfo) -> TranscriptProposal:
    """Proposes a profile from several transcripts of one company, decoded; times without a zone are local to `zone`."""
    texts = [storable_text(text)[0] for text in texts]
    seed = _read(TranscriptProfile(), texts, zone)
    if not texts:
        return _proposal(seed, 0, (), ("No transcript was given.",))
    found: LineGuess | JsonGuess | None = detect_json(texts, zone) or detect_lines(texts, zone)
    if found is None:
        return _proposal(seed, len(texts), (), ("No form of lines or JSON fits: describe one in the profile.",))
    flags = found.flags if isinstance(found, JsonGuess) else None
    speakers = SpeakerGuess() if flags else guess_speakers(found.names)
    if flags is not None:
        speakers.add("user", flags[0], "is said where the user speaks")
        speakers.add("assistant", flags[1], "is said where the assistant speaks")
    names = _names(speakers)
    candidates = [names, names | _forms(found)]
    best = seed
    for document in candidates:
        reading = _read(TranscriptProfile.model_validate(document), texts, zone)
        if reading.refused <= seed.refused and reading.messages >= seed.messages and reading.worth > best.worth:
            best = reading
    fields = best.profile.document()
    evidence = [each for each in (*found.evidence, *speakers.evidence) if each[0] in fields]
    if best is seed:
        evidence.append(("lines", "the seed's grammar reads these transcripts as well as any other form"))
    unclear = [*(found.unclear if set(_NOT_SEED) & fields.keys() else ()), *speakers.unclear]
    unclear += [f"{count} of {len(texts)} transcripts are refused: {reason}." for reason, count in best.reasons.items()]
    return _proposal(best, len(texts), evidence, unclear)


def _proposal(
    reading: _Reading, transcripts: int, evidence: Sequence[tuple[str, str]], unclear: Sequence[str]
) -> TranscriptProposal:
    return TranscriptProposal(
        reading.profile,
        tuple(evidence),
        tuple(unclear),
        reading.roles,
        reading.events,
        reading.refused,
        transcripts,
    )


def _names(speakers: SpeakerGuess) -> dict[str, Any]:
    listed: dict[str, Any] = {f"{role}_names": tuple(names) for role, names in speakers.names.items()}
    return listed | {"others": speakers.others}


def _forms(found: LineGuess | JsonGuess) -> dict[str, Any]:
    times = () if found.times is None else found.times.forms
    if isinstance(found, JsonGuess):
        return {"json": found.shape, "times": times}
    return {"lines": found.lines, "times": times, "skip": found.skip}


def _read(profile: TranscriptProfile, texts: Sequence[str], zone: ZoneInfo) -> _Reading:
    roles = Counter(dict.fromkeys(_ROLES, 0))
    timed = events = 0
    reasons = Counter[str]()
    for text in texts:
        parsed = read_transcript(text, bot_names=(), zone=zone, profile=profile, starts_at=_SOME_DAY)
        if isinstance(parsed, RefusedTranscript):
            reasons[parsed.reason] += 1
            continue
        roles.update(message.role for message in parsed.messages)
        timed += len(parsed.messages) - parsed.untimed
        events += len(parsed.events)
    return _Reading(profile, dict(roles), timed, events, reasons)
