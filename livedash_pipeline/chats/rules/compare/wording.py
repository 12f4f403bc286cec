"""The wording of an answer: its words and figures, without how they are set.

Add a mark of Markdown here. How a character is written is decided in `folding`.
"""

from __future__ import annotations

import re

from livedash_pipeline.chats.rules.compare.folding import fold

# What begins a line of Markdown and could be a sign elsewhere: a quotation, a bullet, the underline of a heading.
_LINE_MARKS = re.compile(r"^(?:[ \t]*(?:>|\+(?=[ \t])))+|^[ \t]*=+[ \t\r]*$", re.MULTILINE)
# Emphasis and code. These vanish, for in scripts without spaces they stand inside a sentence.
_EMPHASIS = re.compile(r"(?<![\d*`~])[*`~]++|[*`~]++(?!\d)")
_GAP_SIGN = r"[\s!\"#&'(),\-./:;?@\[\\\]_{|}]"
# A single space is what a gap becomes: most gaps are one, and are passed over here, where that costs least.
_GAP = re.compile(rf"(?! (?!{_GAP_SIGN})){_GAP_SIGN}+")
_FIGURE_AHEAD = re.compile(r"[$\u00a2-\u00a5\u20a0-\u20cf]?\d")


def normalise(text: str) -> str:
    """The words and figures of a text with one space between them; to normalise it again changes nothing.

    - Characters are folded (`folding.fold`), so case and ways of writing a character are gone.
    - Markdown's quotation marks, bullets and heading lines are gone, as are `*`, `` ` `` and `~` wherever they stand.
    - Each run of white space and punctuation is one space, at the ends of the text nothing.
    - Signs that mean something stay: `%`, `+`, `<`, `=`, `>`, currencies and all other symbols.
    - Inside a figure, between two digits, all marks without white space stay: `1.50`, `10-12`, `2*3` and `12:30` are other
      figures than `150`, `10 12`, `23` and `12 30`. So does a minus before a figure that begins there, as in ` -5`.
    """
    previous, normal = "", text
    while normal != previous:
        # To take out one mark can bring others to the beginning of a line or next to a digit.
        previous, normal = normal, _normalise_once(normal)
    return normal


def _normalise_once(text: str) -> str:
    unmarked = _EMPHASIS.sub("", _LINE_MARKS.sub(" ", fold(text)))
    return _GAP.sub(_gap, unmarked).strip()


def _gap(match: re.Match[str]) -> str:
    run, text, start = match[0], match.string, match.start()
    if start and text[start - 1].isdigit() and text[match.end() :][:1].isdigit() and not re.search(r"\s", run):
        return run
    begins_figure = run.endswith("-") and (start == 0 or len(run) > 1) and _FIGURE_AHEAD.match(text, match.end())
    return " -" if begins_figure else " "
