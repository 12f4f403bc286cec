"""Reads a transcript by its company's profile; without one, by the seed's grammar alone.

The laws of the grammar (`intake.rules.transcripts`) hold for every profile: no word is lost, equal times keep the order of the
file, text before the first message refuses the transcript, and who is not known speaks as `unknown`, with the name kept in the
content. Which lines begin what is here; what a template matches is `line_templates`, and JSON is `json_transcripts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.messages import ParsedTranscript, RefusedTranscript
from livedash_pipeline.intake.rules.profiles.json_transcripts import read_json_transcript
from livedash_pipeline.intake.rules.profiles.line_templates import Head, LineTemplate, line_templates, normal_name
from livedash_pipeline.intake.rules.profiles.message_moments import MessageMoments
from livedash_pipeline.intake.rules.profiles.time_forms import TimeForms
from livedash_pipeline.intake.rules.profiles.transcript_profile import SEED_LINES, SEED_TIMES, TranscriptProfile
from livedash_pipeline.intake.rules.transcript_lines import Role, split_where
from livedash_pipeline.intake.rules.transcripts import (
    MessageReader,
    known_roles,
    parse_spoken,
    parse_transcript,
    read_lines,
)

# A line that nobody said is short, and so is the begin by which others are told.
_LONGEST_SKIPPED = 1000


def read_transcript(
    text: str,
    *,
    bot_names: Iterable[str],
    zone: ZoneInfo,
    profile: TranscriptProfile | None = None,
    starts_at: datetime | None = None,
) -> ParsedTranscript | RefusedTranscript:
    """Reads a transcript; never raises, whatever the text.

    Args:
        text: The transcript.
        bot_names: Names that mean the assistant beside those of the profile.
        zone: Where times without a zone are local.
        profile: How the company's transcripts are written; None for the seed's grammar.
        starts_at: When the session began, by its row; times of day are found on a day near it.
    """
    if profile is None:
        return parse_transcript(text, bot_names=bot_names, zone=zone)
    way = _way(profile, tuple(bot_names))
    if profile.json_shape is not None:
        times = MessageMoments(way.times, zone, starts_at)
        return read_json_transcript(text, profile.json_shape, way.roles, profile.others, times, way.is_skipped)
    if not profile.has_forms:
        return parse_spoken(text, way.roles, zone, others=profile.others, is_skipped=way.is_skipped)
    lines = split_where(text, way.begins_message)
    reader = _FormReader(
        times=MessageMoments(way.times, zone, starts_at),
        roles=way.roles,
        others=profile.others,
        templates=way.templates,
        speaking=frozenset() if profile.others == "unknown" else _speaking(lines, way),
    )
    return read_lines(lines, reader, way.is_skipped)


@dataclass(frozen=True, slots=True)
class _Way:
    """What follows from a profile and the names of bots."""

    roles: Mapping[str, Role]
    templates: tuple[LineTemplate, ...]
    times: TimeForms
    is_skipped: Callable[[str], bool] | None

    def begins_message(self, line: str) -> bool:
        """Whether a line begins a message or event by itself."""
        heads = ((template, template.read(line)) for template in self.templates)
        return any(
            head is not None and (template.has_stamp or normal_name(head.name or "") in self.roles)
            for template, head in heads
        )


@lru_cache(maxsize=64)
def _way(profile: TranscriptProfile, bot_names: tuple[str, ...]) -> _Way:
    known = known_roles(bot_names)
    roles = {normal_name(name): role for name, role in known.items()} | profile.roles()
    times = profile.times or SEED_TIMES
    templates = line_templates(profile.lines or SEED_LINES, times)
    return _Way(roles, templates, TimeForms.of(times), _skipping(profile.skip))


def _skipping(words: Sequence[str]) -> Callable[[str], bool] | None:
    if not words:
        return None
    lines = frozenset(normal_name(word) for word in words if not word.endswith("*"))
    beginnings = tuple(normal_name(word[:-1]) for word in words if word.endswith("*"))

    def is_skipped(line: str) -> bool:
        bare = normal_name(line[:_LONGEST_SKIPPED])
        return (bare in lines and len(line) <= _LONGEST_SKIPPED) or bare.startswith(beginnings)

    return is_skipped


def _speaking(lines: Sequence[str], way: _Way) -> frozenset[str]:
    """Names without a time that speak: those before two lines or more, and the one before the first line."""
    names = [_timeless_name(line, way.templates) for line in lines if line.strip()]
    counts = Counter(names)
    return frozenset(name for name, count in counts.items() if name and (count > 1 or name == names[0]))


def _timeless_name(line: str, templates: Sequence[LineTemplate]) -> str:
    heads = (template.read(line) for template in templates if not template.has_stamp)
    return next((normal_name(head.name) for head in heads if head is not None and head.name), "")


@dataclass(slots=True)
class _FormReader(MessageReader):
    """Takes lines by templates.

    Attributes:
        times: What times mean.
        roles: What names mean.
        others: Who speaks under other names.
        templates: In the order in which they are tried.
        speaking: Names that are not listed and speak without a time.
        stamped: A message with a time was met.
    """

    times: MessageMoments = field(kw_only=True)
    roles: Mapping[str, Role] = field(kw_only=True)
    others: Role = field(kw_only=True)
    templates: tuple[LineTemplate, ...] = field(kw_only=True)
    speaking: frozenset[str] = field(kw_only=True)
    stamped: bool = False

    def take(self, line: str) -> bool:
        """Reads one line; False where it cannot stand there."""
        for template in self.templates:
            head = template.read(line)
            if head is not None and self._take_head(head):
                return True
        return MessageReader.take(self, line)

    def _take_head(self, head: Head) -> bool:
        role = None if head.name is None else self.roles.get(normal_name(head.name))
        if head.stamp is None:
            return self._take_unstamped(role, head)
        sent_at = self._moment(head.stamp, is_clock=head.kind == "clock")
        if head.name is None:
            self.open(None, sent_at, head.rest)
            return True
        self.stamped = True
        role = role or self.others
        self.open(role, sent_at, f"{head.name}: {head.rest}".rstrip() if role == "unknown" else head.rest)
        return True

    def _take_unstamped(self, role: Role | None, head: Head) -> bool:
        if role is None:
            if normal_name(head.name or "") not in self.speaking:
                return False
            # Nothing but its place says that this is a name, so it stays with the words.
            self.open(self.others, None, f"{head.name}: {head.rest}")
            return True
        if role == "system" and self.stamped:
            return False
        self.open(role, None, head.rest)
        return True

    def _moment(self, stamp: str, *, is_clock: bool) -> datetime | None:
        if is_clock and not self.times.has_day:
            return None
        sent_at = self.times.of_day(stamp) if is_clock else self.times.full(stamp)
        self.odd_times += sent_at is None
        return sent_at
