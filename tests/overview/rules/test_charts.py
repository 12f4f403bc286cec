"""Charts as SVG: well-formed for every value and every text, small, with the same values as a table."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.charts import (
    COUNT,
    EUR,
    NUMBER,
    Cell,
    Chart,
    Kind,
    Marker,
    Row,
    Series,
    Unit,
    as_markdown_image,
    fold,
    stand_alone,
    svg,
    table,
)
from livedash_pipeline.overview.rules.charts.units import Number

DAYS = tuple(date(2025, 5, 1) + timedelta(days=count) for count in range(31))
HOSTILE = '"><script>alert(1)</script>\x00\ud800\u202egnp.\u2066 javascript:alert(1) مرحبا & co\n' + "x" * 10_000
ATTRIBUTES = re.compile(r"[A-Za-z0-9#%.,;:=?/&<>_ +-]*")
KINDS = pytest.mark.parametrize("kind", list(Kind))


def chart(values: Sequence[Number | None] = (3, 0, 7), kind: Kind = Kind.BARS, **more: object) -> Chart:
    made = Chart(kind, "Sessions", "Sessions a day.", DAYS[: len(values)], (Series("done", values),))
    return replace(made, **more)  # type: ignore[arg-type]


def parsed(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)


def named(drawn: str, name: str) -> list[ET.Element]:
    return [each for each in parsed(drawn).iter() if each.tag.rpartition("}")[2] == name]


def drawn_paths(drawn: str, style: str) -> list[str]:
    return [each.attrib["d"] for each in named(drawn, "path") if each.attrib.get("class") == style]


NUMBERS = st.one_of(st.none(), st.integers(), st.floats(), st.decimals(), st.integers(-5, 5))
TEXTS = st.one_of(st.text(), st.text(st.characters(codec=None)), st.just(HOSTILE))
LINKS = st.lists(st.one_of(st.none(), TEXTS, TEXTS.map(lambda text: f"/{text}")), max_size=5)
ANY = st.builds(
    Chart,
    st.sampled_from(Kind),
    TEXTS,
    TEXTS,
    st.lists(st.one_of(TEXTS, st.dates()), max_size=9),
    st.lists(st.builds(Series, TEXTS, st.lists(NUMBERS, max_size=10), LINKS), max_size=8),
    st.sampled_from([COUNT, EUR, NUMBER, Unit("CHF ", " a month")]),
    LINKS,
    st.one_of(st.none(), st.builds(Marker, TEXTS, st.one_of(st.integers(), st.floats(), st.decimals()))),
)


@given(ANY)
@settings(max_examples=300)
def test_every_chart_is_well_formed_and_has_nothing_foreign_in_attributes(made: Chart) -> None:
    drawn, alone = svg(made, "any"), stand_alone(made)
    assert bool(drawn) == bool(alone) == (not made.is_empty)
    table(made)
    assert as_markdown_image(made)
    if not drawn:
        return
    for text in (drawn, alone):
        text.encode()
        root = parsed(text)
        assert {each.tag.rpartition("}")[2] for each in root.iter()} <= {
            *("svg", "title", "desc", "g", "path", "text", "a", "style")
        }
        for each in root.iter():
            for name, value in each.attrib.items():
                assert not name.startswith("on")
                if name == "href":
                    assert re.match(r"/(?![/\\])|\?", value)
                else:
                    assert ATTRIBUTES.fullmatch(value), (name, value)
                    assert "nan" not in value
                    assert "inf" not in value


def test_a_chart_names_itself_for_people_who_hear_it() -> None:
    root = parsed(svg(chart(), "sessions"))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "sessions-title"
    assert root.attrib["aria-describedby"] == "sessions-desc"
    texts = {each.attrib["id"]: each.text for each in root.iter() if "id" in each.attrib}
    assert texts == {"sessions-title": "Sessions", "sessions-desc": "Sessions a day."}


def test_a_prefix_of_ids_is_no_text_of_others() -> None:
    with pytest.raises(ValueError, match="no prefix of ids"):
        svg(chart(), 'x" onload="')


@KINDS
@pytest.mark.parametrize("values", [(), (None,), (None, float("nan"), float("inf"))])
def test_nothing_is_drawn_of_no_values(kind: Kind, values: Sequence[Number | None]) -> None:
    empty = chart(values, kind)
    assert empty.is_empty
    assert (svg(empty, "none"), stand_alone(empty)) == ("", "")
    assert as_markdown_image(replace(empty, title="A*b")) == "A\\*b: no values yet."


def test_bars_stand_on_zero_and_small_ones_are_seen() -> None:
    (path,) = drawn_paths(svg(chart((100, None, 0, 0.001, -50)), "bars"), "c0")
    heights = [float(each) for each in re.findall(r"v(-?[\d.]+)", path)]
    assert heights[0] == pytest.approx(-2 * heights[2], abs=0.2)
    assert heights[1] == -1
    assert len(heights) == 3
    assert drawn_paths(svg(chart((5, -0.0001)), "bars"), "c0")[0].endswith("v1")
    assert drawn_paths(svg(chart((0, 0)), "bars"), "c0") == []


def test_several_series_of_bars_stand_side_by_side() -> None:
    both = chart(series=(Series("a", (1, 1, 1)), Series("b", (1, 1, 1))))
    drawn = svg(both, "bars")
    first, second = (re.findall(r"M([\d.]+)", drawn_paths(drawn, name)[-1]) for name in ("c0", "c1"))
    assert all(float(a) < float(b) for a, b in zip(first, second, strict=True))


def test_stacks_go_up_and_down_from_zero() -> None:
    drawn = svg(chart(kind=Kind.STACKED, series=(Series("a", (2, -2, 1)), Series("b", (2, -2, -1)))), "stack")
    a, b = (re.findall(r"M[\d.]+ ([\d.]+)v(-?[\d.]+)", drawn_paths(drawn, name)[-1]) for name in ("c0", "c1"))
    zero = a[0][0]
    assert a[1][0] == a[2][0] == b[2][0] == zero
    assert float(b[0][0]) == pytest.approx(float(zero) + float(a[0][1]) - 1, abs=0.2)
    assert float(b[1][0]) == pytest.approx(float(zero) + float(a[1][1]) + 1, abs=0.2)


def test_a_line_breaks_at_a_gap_and_a_lone_value_is_a_dot() -> None:
    drawn = svg(chart((1, 2, None, 5, None), Kind.LINES), "line")
    line, dot = drawn_paths(drawn, "c0")
    assert line.count("M") == 1
    assert line.count("L") == 1
    assert dot.endswith("h0")
    assert len(drawn_paths(svg(chart((4,), Kind.LINES), "one"), "c0")) == 1
    assert len(drawn_paths(svg(chart((4, 5), Kind.LINES), "two"), "c0")) == 1


def test_lines_differ_by_more_than_colour() -> None:
    series = tuple(Series(f"s{index}", (index, index)) for index in range(6))
    paths = named(svg(chart((1, 2), Kind.LINES, series=series), "lines"), "path")
    dashes = [each.attrib.get("stroke-dasharray") for each in paths if each.attrib.get("stroke-linejoin")]
    assert len(set(dashes)) == 6


def test_a_cap_is_a_line_with_a_name_and_within_the_picture() -> None:
    capped = chart((3, 4), kind=Kind.LINES, unit=EUR, marker=Marker("Cap", Decimal(50)))
    drawn = svg(capped, "cap")
    assert "Cap €50.00" in [each.text for each in named(drawn, "text")]
    assert len(drawn_paths(drawn, "mark")) == 2
    assert drawn_paths(svg(replace(capped, marker=Marker("Cap", Decimal("NaN"))), "cap"), "mark") == []


def test_progress_is_one_lying_bar_up_to_its_cap() -> None:
    made = chart(
        kind=Kind.PROGRESS,
        series=(Series("Spent", (Decimal(20),)), Series("In flight", (Decimal(5),)), Series("None", (0,))),
        unit=EUR,
        marker=Marker("Cap", Decimal(40)),
        labels=(),
        label_name="What",
        links=("/console/requests",),
    )
    drawn = svg(made, "progress")
    spent, flight = (drawn_paths(drawn, name)[-1] for name in ("c0", "c1"))
    lengths = [float(each.partition("h")[2]) for each in (spent, flight)]
    assert lengths[0] > 3.5 * lengths[1] > 0
    assert parsed(drawn).attrib["viewBox"].split()[3] != parsed(svg(chart(), "bars")).attrib["viewBox"].split()[3]
    shown = table(made)
    assert shown.headers == ("What", "Value")
    assert [(row.label, row.cells[0].text) for row in shown.rows] == [
        *(("Spent", "€20.00"), ("In flight", "€5.00"), ("None", "€0.00"), ("Cap", "€40.00"))
    ]
    assert len(table(replace(made, marker=None)).rows) == 3


def test_bars_lead_to_their_rows() -> None:
    links = ("/console/requests?day=2025-05-01&x=<\"'>", "//evil.example/", "javascript:alert(1)")
    linked = chart(links=links)
    drawn = svg(linked, "links")
    assert [each.attrib["href"] for each in named(drawn, "a")] == []
    safe = ("/console/requests?day=2025-05-01&x=%3C%27", None, "?page=2")
    drawn = svg(replace(linked, links=safe), "links")
    assert [each.attrib["href"] for each in named(drawn, "a")] == [safe[0], safe[2]]
    assert parsed(drawn).attrib["role"] == "group"
    assert [each.text for each in named(drawn, "title")][1:] == ["2025-05-01: 3", "2025-05-02: 0", "2025-05-03: 7"]


def test_the_table_says_what_the_picture_shows() -> None:
    own = Series("failed", (1,), ("/failed",))
    made = chart((3, None, 7), series=(Series("done", (3, None, 7)), own), links=("/all", "//evil"))
    shown = table(made)
    assert shown.headers == ("Day", "done", "failed")
    assert shown.rows[0] == Row("2025-05-01", (Cell("3", "/all"), Cell("1", "/failed")))
    assert shown.rows[1] == Row("2025-05-02", (Cell(""), Cell("")))
    assert shown.rows[2].cells[0] == Cell("7")
    tips = [each.text for each in named(svg(made, "tips"), "title")]
    assert tips[1:] == ["2025-05-01: done 3, failed 1", "2025-05-02: no value", "2025-05-03: done 7"]


def test_labels_are_thinned_out_and_texts_of_others_shortened() -> None:
    month = svg(chart(tuple(range(31))), "month")
    days = [each.text for each in named(month, "text") if each.text and "May" in each.text]
    assert 5 <= len(days) <= 12
    words = chart((1, 2), labels=(HOSTILE, "b"), series=(Series(HOSTILE, (1, 2)), Series("b", (1, 2))))
    assert max(len(each.text or "") for each in named(svg(words, "words"), "text")) <= 30


def test_a_long_legend_takes_several_lines() -> None:
    series = tuple(Series(f"{'name' * 6}{index}", (1,)) for index in range(6))
    rows = {
        each.attrib["y"]
        for each in named(svg(chart((1,), series=series), "legend"), "text")
        if "name" in (each.text or "")
    }
    assert len(rows) == 3
    assert svg(chart((1,), series=(Series("日本語" * 9, (1,)), Series("b", (1,)))), "wide")


def test_a_month_is_small() -> None:
    links = tuple(f"/console/requests?company=acme&from={day}&to={day}" for day in DAYS)
    values = tuple(1000 + 37 * index % 800 for index in range(31))
    assert len(svg(chart(values, links=links), "bars")) < 7_500
    assert len(svg(chart(values), "bars")) < 5_500
    four = tuple(Series(f"series {name}", values) for name in "abcd")
    assert len(svg(chart(values, Kind.LINES, series=four), "lines")) < 9_000
    assert len(svg(chart(range(1000), labels=[str(each) for each in range(1000)]), "many")) < 20_000


def test_a_file_has_its_own_colours_and_an_image_holds_the_file() -> None:
    alone = stand_alone(chart())
    assert alone.startswith('<svg xmlns="http://www.w3.org/2000/svg" width="520" height="')
    assert "prefers-color-scheme:dark" in alone
    text = as_markdown_image(chart(title="Sessions [a]"))
    found = re.fullmatch(r"!\[Sessions \\\[a\\\]\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", text)
    assert found
    assert b64decode(found[1]).decode() == stand_alone(chart(title="Sessions [a]"))


def test_small_series_are_folded_into_one() -> None:
    series = [Series(f"s{index}", (index, None, index)) for index in range(8)]
    folded = fold(series)
    assert [each.name for each in folded] == ["s3", "s4", "s5", "s6", "s7", "Others"]
    assert folded[-1].values == (3, None, 3)
    assert fold(series[:6]) == tuple(series[:6])
    money = [Series("a", (Decimal(9),)), Series("b", (Decimal("0.1"),)), Series("c", (Decimal("0.2"), 1))]
    assert fold(money, 2)[-1] == Series("Others", (Decimal("0.3"), 1))
    mixed = [Series("a", (9,)), Series("b", (0.5,)), Series("c", (Decimal("0.25"),))]
    assert fold(mixed, 2)[-1].values == (0.75,)
