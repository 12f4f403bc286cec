"""Colours of charts: contrast, and distance for people who lack one kind of cones."""

from __future__ import annotations

import itertools
import math

import pytest

from livedash_pipeline.overview.rules.charts.style import DARK, LIGHT, css, painted

# Full protanopia, deuteranopia and tritanopia after Machado and others (2009), in linear RGB.
VISION = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
SERIES = [f"c{index}" for index in range(6)]
SHADES = pytest.mark.parametrize("shades", [LIGHT, DARK], ids=["light", "dark"])


def linear(colour: str) -> list[float]:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    shares = (0.2126, 0.7152, 0.0722)
    levels = (sum(a * b for a, b in zip(shares, linear(each), strict=True)) for each in (one, other))
    darker, lighter = sorted(levels)
    return (lighter + 0.05) / (darker + 0.05)


def oklab(colour: str, vision: str) -> tuple[float, float, float]:
    rgb = linear(colour)
    seen = [min(1.0, max(0.0, sum(a * b for a, b in zip(row, rgb, strict=True)))) for row in VISION[vision]]
    rows = (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
    cones = [sum(a * b for a, b in zip(row, seen, strict=True)) ** (1 / 3) for row in rows]
    long, middle, short = cones
    return (
        0.2104542553 * long + 0.793617785 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.428592205 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.808675766 * short,
    )


@SHADES
def test_colours_stand_out_from_their_ground(shades: dict[str, str]) -> None:
    assert {name for name in (*SERIES, "axis", "mark") if contrast(shades[name], shades["ground"]) < 3} == set()
    assert contrast(shades["label"], shades["ground"]) >= 4.5


@SHADES
@pytest.mark.parametrize("vision", VISION)
def test_every_reader_can_tell_the_colours_apart(shades: dict[str, str], vision: str) -> None:
    pairs = itertools.combinations(SERIES, 2)
    near = [pair for pair in pairs if math.dist(*(oklab(shades[name], vision) for name in pair)) < 0.1]
    assert near == []


def test_a_page_gets_both_sets_and_an_element_the_light_one() -> None:
    assert ".chart .c0{color:#2266bb}" in css()
    assert f"(prefers-color-scheme:dark){{.chart .ground{{color:{DARK['ground']}}}" in css()
    assert painted("c0") == 'class="c0" color="#2266bb"'
    assert set(LIGHT) == set(DARK)
