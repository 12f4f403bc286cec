"""Random sessions with their analyses and questions, in zones with and without daylight saving, for tests that count them."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import companies, questions, session_imports, session_questions, sessions
from livedash_pipeline.overview.rules.results import Figures
from tests.conftest import NOW
from tests.support.rows import insert_company

# Clocks change in the first five, at midnight in some, by half an hour in one; the others are as far from UTC as zones are.
ZONES = (
    "Europe/Amsterdam",
    "America/Havana",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
    "UTC",
)
# Around changes of the clocks: 2018 in Sao Paulo, 2024 in Amsterdam, Lord Howe, Beirut and Havana.
CHANGES = (
    datetime(2018, 11, 4, 3, tzinfo=UTC),
    datetime(2018, 2, 18, 2, tzinfo=UTC),
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 3, 30, 22, tzinfo=UTC),
    datetime(2024, 10, 26, 21, tzinfo=UTC),
    datetime(2024, 11, 3, 5, tzinfo=UTC),
    datetime(2024, 4, 6, 15, tzinfo=UTC),
)


@dataclass(frozen=True)
class Made:
    """A session as it was made."""

    id: uuid.UUID
    company: str
    zone: str
    start: datetime
    seconds: int
    messages: int | None
    analysed: bool
    language: str | None
    sentiment: str | None
    category: str | None
    escalated: bool | None
    forwarded_hr: bool | None
    questions: tuple[int, ...]

    @property
    def day(self) -> date:
        return self.start.astimezone(ZoneInfo(self.zone)).date()

    @property
    def figures(self) -> Figures:
        return Figures(
            sessions=1,
            analysed=self.analysed,
            positive=self.sentiment == "POSITIVE",
            neutral=self.sentiment == "NEUTRAL",
            negative=self.sentiment == "NEGATIVE",
            escalation_known=self.escalated is not None,
            escalated=self.escalated is True,
            forwarding_known=self.forwarded_hr is not None,
            forwarded_hr=self.forwarded_hr is True,
            messages_known=self.messages is not None,
            messages=self.messages or 0,
            duration_seconds=self.seconds,
        )


def draw_sessions(draw: random.Random, zones: dict[str, str], count: int) -> list[Made]:
    """Random sessions, half of them within hours of a change of some clock."""
    return [_draw(draw, *draw.choice(list(zones.items()))) for _ in range(count)]


def _draw(draw: random.Random, slug: str, zone: str) -> Made:
    near = draw.choice(CHANGES) + timedelta(minutes=draw.randint(-180, 180))
    far = datetime(2024, 10, 1, tzinfo=UTC) + timedelta(seconds=draw.randint(0, 60 * 86400))
    analysed = draw.random() < 0.8

    def known(*values: Any) -> Any:
        return draw.choice((*values, None)) if analysed else None

    return Made(
        uuid.UUID(int=draw.getrandbits(128), version=4),
        slug,
        zone,
        near if draw.random() < 0.5 else far,
        draw.choice((0, 1, 7, 60, draw.randint(0, 9000))),
        draw.choice((None, 0, 1, draw.randint(0, 50))),
        analysed,
        known("nl", "en", "fil"),
        known("POSITIVE", "NEUTRAL", "NEGATIVE"),
        known("ONBOARDING", "LEAVE_VACATION", "SALARY_COMPENSATION"),
        known(True, False),
        known(True, False),
        tuple(draw.sample(range(4), draw.randint(0, 3))) if analysed else (),
    )


def store(connection: Connection, made: list[Made], owners: dict[str, Company]) -> dict[tuple[str, int], uuid.UUID]:
    """Stores sessions with their questions; returns the questions' ids by company and number."""
    asked = {(slug, number): uuid.uuid4() for slug in owners for number in range(4)}
    for (slug, number), question_id in asked.items():
        row = {"id": question_id, "company_id": owners[slug].id, "content": f"Question {number}?", "created_at": NOW}
        connection.execute(insert(questions), row)
    for each in made:
        import_id, session_id = uuid.uuid4(), each.id
        times: dict[str, Any] = {"start_time": each.start, "end_time": each.start + timedelta(seconds=each.seconds)}
        times |= {"created_at": NOW, "updated_at": NOW, "company_id": owners[each.company].id}
        given = {"id": import_id, "external_session_id": str(import_id), "start_time_raw": "", "content_hash": "row"}
        connection.execute(insert(session_imports), times | given)
        row = {
            "id": session_id, "import_id": import_id, "row_hash": "row", "duration_seconds": each.seconds,
            "messages_sent": each.messages, "analysed_at": NOW if each.analysed else None, "language": each.language,
            "sentiment": each.sentiment, "category": each.category, "escalated": each.escalated,
            "forwarded_hr": each.forwarded_hr,
        }  # fmt: skip
        connection.execute(insert(sessions), times | row)
        for position, number in enumerate(each.questions):
            link = {"session_id": session_id, "position": position, "question_id": asked[each.company, number]}
            connection.execute(insert(session_questions), link)
    return asked


def have_companies(connection: Connection, zones: dict[str, str]) -> dict[str, Company]:
    found = {}
    for slug, zone in zones.items():
        found[slug] = insert_company(connection, slug)
        connection.execute(update(companies).where(companies.c.slug == slug).values(time_zone=zone))
    return found
