"""Forms of times that follow from the times themselves."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from livedash_pipeline.intake.rules.detection.written_times import choose_times, forms_of
from livedash_pipeline.intake.rules.profiles.time_forms import TimeForms

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2025-05-01T12:00:03.123Z", "iso8601"),
        ("2025-05-01 12:00", "iso8601"),
        ("1746093603", "unix"),
        ("1746093603.000200", "unix"),
        ("1746093603123", "unix_ms"),
        ("13/05/2025, 12:00:03", "%d/%m/%Y, %H:%M:%S"),
        ("5/13/25, 12:00\u202fPM", "%m/%d/%y, %I:%M %p"),
        ("13.05.2025 12:00", "%d.%m.%Y %H:%M"),
        ("2025/05/13  12:00:03", "%Y/%m/%d %H:%M:%S"),
        ("13-05-25 12:00:03.5", "%d-%m-%y %H:%M:%S.%f"),
        ("Tue, 13 May 2025 12:00:03 +0200", "%a, %d %b %Y %H:%M:%S %z"),
        ("13 mei 2025 om 12:00", "%d %b %Y om %H:%M"),
        ("13. Mai 2025, 12:00", "%d. %b %Y, %H:%M"),
        ("13-May-25 12:00", "%d-%b-%y %H:%M"),
        ("May 13, 2025 at 12:00am", "%b %d, %Y at %I:%M%p"),
        ("May 13 2025 12:00", "%b %d %Y %H:%M"),
        ("12:00:03 13/05/2025", "%H:%M:%S %d/%m/%Y"),
        ("12:00, Tue 13.05.2025", "%H:%M, %a %d.%m.%Y"),
    ],
)
def test_a_time_shows_its_form(text: str, form: str) -> None:
    chosen = choose_times([[text]], AMSTERDAM)
    assert (chosen.forms, chosen.read, chosen.unclear) == ((form,), 1, "")
    assert TimeForms.of(chosen.forms).read(text, AMSTERDAM) is not None


@pytest.mark.parametrize("text", ["", "noon", "12:00", "1/2 12:00", "45/45/2025 12:00", "99999999999999"])
def test_what_is_no_time_has_no_form(text: str) -> None:
    assert choose_times([[text]], AMSTERDAM).forms == ()
    assert len(forms_of(text)) in (0, 2)


def test_several_forms_are_found_the_commonest_first() -> None:
    written = [["13/05/2025 12:00", "14/05/2025 12:00"], ["2025-05-01 12:00", "x"]]
    chosen = choose_times(written, AMSTERDAM)
    assert (chosen.forms, chosen.read) == (("%d/%m/%Y %H:%M", "iso8601"), 3)


def test_no_more_forms_than_a_few_are_proposed() -> None:
    written = [[f"13{sign}05{sign}2025{gap}12:00{end}" for sign in "/.-" for gap in (" ", ", ") for end in ("", ":00")]]
    assert len(choose_times(written, AMSTERDAM).forms) == 5
