"""A company's transcript profile: which lines begin messages, or where they stand in JSON, and which names mean whom.

What is not given is as in the seed's grammar (`intake.rules.transcripts`). Add a field here and to
`docs/transcript-profiles.md`; what templates mean is `line_templates`, and what a profile makes of a text `transcript_reading`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from livedash_pipeline.intake.rules.profiles.documents import Profile, checked_encoding, checked_times, checked_words
from livedash_pipeline.intake.rules.profiles.line_templates import BadTemplateError, check_template, normal_name
from livedash_pipeline.intake.rules.transcript_lines import Role

SEED_TIMES = ("%d.%m.%Y %H:%M:%S",)
SEED_LINES = ("[{time}] {name}: {text}", "[{time}] {text}", "{name}: {text}")
_MOST_FORMS = 20
_MOST_PATHS = 8


def _checked_templates(templates: tuple[str, ...]) -> tuple[str, ...]:
    for template in templates:
        try:
            check_template(template)
        except BadTemplateError as error:
            raise ValueError(f"{template[:100]!r} {error}") from None
    return templates


def _checked_skip(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not normal_name(word.removesuffix("*")):
            raise ValueError(f"{word!r} would skip every line")
    return words


def _checked_paths(paths: str | tuple[str, ...]) -> str | tuple[str, ...]:
    listed = (paths,) if isinstance(paths, str) else paths
    if not 1 <= len(listed) <= _MOST_PATHS:
        raise ValueError(f"has {len(listed)} paths, and 1 to {_MOST_PATHS} can be")
    for path in listed:
        if path and not all(part.strip() for part in path.split(".")):
            raise ValueError(f"{path[:100]!r} is no path of names with points between them")
    return paths


Words = Annotated[tuple[str, ...], AfterValidator(checked_words)]
Path = Annotated[str, Field(max_length=255)]
Paths = Annotated[Path | tuple[Path, ...], AfterValidator(_checked_paths)]


class JsonShape(BaseModel):
    """Where messages stand in JSON. Of several paths to a name, text or time the first that leads to a value counts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    messages: Paths = Field(
        "", description="path to the list of messages; empty: the document, or each of several lines"
    )
    name: Paths = Field(description="path to who speaks, in a message")
    text: Paths = Field(description="path to what is said, in a message")
    time: Paths | None = Field(None, description="path to when it was said, in a message")
    html: bool = Field(False, description="whether texts are HTML")


class TranscriptProfile(Profile):
    """How transcripts are read."""

    model_config = ConfigDict(serialize_by_alias=True)

    user_names: Words = Field((), description="names that mean the user, in any case")
    assistant_names: Words = Field((), description="names that mean the assistant, in any case")
    system_names: Words = Field((), description="names that mean the system, in any case")
    others: Literal["unknown", "user", "assistant"] = Field("unknown", description="who speaks under any other name")
    lines: Annotated[tuple[str, ...], Field(max_length=_MOST_FORMS), AfterValidator(_checked_templates)] = Field(
        (), description="templates of lines that begin a message or an event"
    )
    times: Annotated[tuple[str, ...], Field(max_length=_MOST_FORMS), AfterValidator(checked_times)] = Field(
        (), description="forms of times; DD.MM.YYYY HH:MM:SS if none"
    )
    skip: Annotated[Words, AfterValidator(_checked_skip)] = Field(
        (), description="lines that nobody said, in any case; one that ends in * stands for all that begin so"
    )
    json_shape: JsonShape | None = Field(
        None, alias="json", description="where messages stand, for transcripts in JSON"
    )
    encoding: Annotated[str, AfterValidator(checked_encoding)] | None = Field(
        None, description="of transcripts that are no UTF-8 and whose server does not declare one"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.json_shape is not None and self.lines:
            raise ValueError("lines and json are given, and a transcript is one of the two")
        listed = [normal_name(name) for name in (*self.user_names, *self.assistant_names, *self.system_names)]
        twice = next((name for name in listed if listed.count(name) > 1), None)
        if "" in listed:
            raise ValueError("a name holds nothing that can be seen")
        if twice is not None:
            raise ValueError(f"the name {twice!r} is given twice")
        return self

    def roles(self) -> dict[str, Role]:
        """What its names mean, by the name as it is compared (`normal_name`)."""
        parties: tuple[tuple[Role, Iterable[str]], ...] = (
            ("user", self.user_names),
            ("assistant", self.assistant_names),
            ("system", self.system_names),
        )
        return {normal_name(name): role for role, names in parties for name in names}

    @property
    def has_forms(self) -> bool:
        """Whether it has forms of lines or times of its own, so that those of the seed's grammar do not count."""
        return bool(self.lines or self.times)
