"""Views and sums of results, against a plain count in Python: random sessions, in zones with and without daylight saving."""

from __future__ import annotations

import random
import statistics
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from zoneinfo import available_timezones

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.store.company_values import PLACELESS_ZONES, CompanyChanges, checked_values
from livedash_pipeline.base.store.migrate import alembic_config, upgrade
from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.rules.results import FIGURES, Figures, Period, average, share, sum_of
from livedash_pipeline.overview.store.results import sum_period
from tests.support.drawn_sessions import ZONES, Made, draw_sessions, have_companies, store


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


# One database for all examples: each is rolled back.
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), chosen=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3))
def test_views_and_sums_are_what_python_counts(connection: Connection, seed: int, chosen: list[str]) -> None:
    draw = random.Random(seed)
    zones = {f"company-{number}": zone for number, zone in enumerate(chosen)}
    connection.rollback()
    owners = have_companies(connection, zones)
    made = draw_sessions(draw, zones, draw.randint(0, 60))
    asked = store(connection, made, owners)
    check_daily_results(connection, made)
    check_daily_counts(connection, made, asked)
    for slug in (None, *zones):
        first = draw.choice(made).day - timedelta(days=draw.randint(0, 3)) if made else date(2024, 10, 1)
        period = Period(first, first + timedelta(days=draw.randint(0, 60)))
        check_sums(connection, made, asked, period, slug, None if slug is None else owners[slug].id)
    connection.rollback()


def check_daily_results(connection: Connection, made: list[Made]) -> None:
    rows = {(row["company"], row["day"]): row for row in _all(connection, "daily_results")}
    assert set(rows) == {(each.company, each.day) for each in made}
    for (slug, day), row in rows.items():
        those = [each for each in made if (each.company, each.day) == (slug, day)]
        expected = sum_of(each.figures for each in those)
        assert Figures(**{name: int(row[name]) for name in FIGURES}) == expected
        assert row["sentiment_known"] == expected.sentiment_known
        assert row["escalation_rate"] == expected.escalation_rate
        assert row["forwarding_rate"] == expected.forwarding_rate
        assert row["average_messages"] == expected.average_messages
        assert row["average_duration_seconds"] == expected.average_duration
        assert row["median_duration_seconds"] == statistics.median(each.seconds for each in those)


def check_daily_counts(connection: Connection, made: list[Made], asked: dict[tuple[str, int], uuid.UUID]) -> None:
    for view, column in (("daily_categories", "category"), ("daily_languages", "language")):
        counted = {(row["company"], row["day"], row[column]): row["sessions"] for row in _all(connection, view)}
        values = [(each.company, each.day, getattr(each, column)) for each in made]
        assert counted == Counter(each for each in values if each[2] is not None)
    rows = list(_all(connection, "daily_questions"))
    counted = {(row["company"], row["day"], row["question_id"]): row["sessions"] for row in rows}
    assert counted == Counter(
        (each.company, each.day, asked[each.company, number]) for each in made for number in each.questions
    )
    first = {(row["company"], row["day"], row["question_id"]): row["asked_first"] for row in rows if row["asked_first"]}
    assert first == Counter(
        (each.company, each.day, asked[each.company, each.questions[0]]) for each in made if each.questions
    )


def check_sums(
    connection: Connection,
    made: list[Made],
    asked: dict[tuple[str, int], uuid.UUID],
    period: Period,
    slug: str | None,
    company_id: uuid.UUID | None,
) -> None:
    those = [each for each in made if slug in (None, each.company) and period.first <= each.day <= period.last]
    sums = sum_period(connection, period, company_id=company_id)
    assert sums.total == sum_of(each.figures for each in those) == sum_of(sums.days.values())
    assert sums.median_duration == (statistics.median(each.seconds for each in those) if those else None)
    assert {day: found.sessions for day, found in sums.days.items()} == Counter(each.day for each in those)
    assert sums.categories == Counter(each.category for each in those if each.category)
    assert sums.languages == Counter(each.language for each in those if each.language)
    counted = Counter(asked[each.company, number] for each in those for number in each.questions)
    assert {found.id: found.sessions for found in sums.questions} == counted
    assert [found.sessions for found in sums.questions] == sorted(counted.values(), reverse=True)


def _all(connection: Connection, view: str) -> Any:
    return connection.execute(text(f"SELECT * FROM {view}")).mappings().all()


def test_the_views_can_be_taken_back_with_sessions_in_the_database(engine: Engine) -> None:
    with engine.begin() as connection:
        owners = have_companies(connection, {"acme": "Europe/Amsterdam"})
        store(connection, draw_sessions(random.Random(1), {"acme": "Europe/Amsterdam"}, 20), owners)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0016_console")
        assert connection.execute(text("SELECT to_regclass('session_results')")).scalar_one() is None
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT sum(sessions) FROM daily_results")).scalar_one() == 20


def test_no_session_and_no_company_are_summed(connection: Connection) -> None:
    sums = sum_period(connection, Period(date(2025, 5, 1), date(2025, 5, 2)), company_id=None)
    assert (sums.total, sums.median_duration, sums.days, sums.questions) == (Figures(), None, {}, [])


def test_every_zone_that_a_company_may_have_is_one_of_the_database(connection: Connection) -> None:
    # One that the database does not know would fail every view with days of the company's own calendar.
    known = set(connection.execute(text("SELECT name FROM pg_timezone_names")).scalars())
    assert available_timezones() - known <= PLACELESS_ZONES
    with pytest.raises(UsageError, match="'localtime' is no time zone"):
        checked_values(CompanyChanges(time_zone="localtime"))


def test_rates_of_the_view_are_rounded_as_those_of_the_rules(connection: Connection) -> None:
    for part, whole in ((1, 3), (2, 3), (1, 8000), (1, 20000), (3, 20000), (1, 32000)):
        query = text("SELECT round(CAST(:part AS bigint) / CAST(nullif(CAST(:whole AS bigint), 0) AS numeric), 4)")
        assert connection.execute(query, {"part": part, "whole": whole}).scalar() == share(part, whole)
    assert (
        average(5, 4)
        == connection.execute(text("SELECT round(avg(x), 1) FROM (VALUES (1), (1), (1), (2)) t(x)")).scalar()
    )
