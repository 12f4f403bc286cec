"""Text from outside shows in Markdown as it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from livedash_pipeline.base.rules.escaping.markdown import escape_markdown

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# What GitHub's Markdown links of itself, where the text is already free of escapes and entities, as Dagster's UI does.
LINKED = re.compile(r"(?:https?|ftp)://|www\.|[-.\w+]+@[-\w]+(?:\.[-\w]+)+", re.IGNORECASE)
ADDRESSES = [
    "https://evil.example/login", "see HTTP://evil.example.", "(https://evil.example)", "ftp://evil.example/x",
    "www.evil.example", "WWW.evil.example/a_b", "a@b.example", "a_@b.example",
    "mailto:a.b+c@d.example", "xmpp:a@b.example/x", "*www.evil.example*",
    "http\\://evil.example", "http&#58;//evil.example", "http:/\u2060/evil.example", "https:https://evil.example", "@b.example",
]  # fmt: skip
ATTACKS = [
    *ADDRESSES,
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<https://evil.example>",
    "`code` ``two`` ```\nfence\n```",
    "a | b |\n|---|---|\n| c | d",
    "\\| \\\\| \\` \\[a](b)",
    "[ref]: http://evil.example",
    "**bold** __bold__ *em* _em_ ~~gone~~",
    "# heading", "- item", "+ item", "* item", "1. item", "12) item", "> quote", "---", "===", "***", "___", "\tcode",
    "    code", "&lt;b&gt; &#60; &amp;", "line\r\nline\u2028line\x0bline", "nul \x00 bell \x07", "a  \nb", "a\\\nb", "|", "\\",
    "snake_case _edge_ edge_", "_", "!", "![", "-", "1.", "1\\.", "&", "", "  ", "|---|",
]  # fmt: skip
MARKS = st.one_of(
    st.text(st.sampled_from("\\`*_{}[]<>()#+-.!|~&:;@$=^/\"'\n\r\t 1a"), max_size=25),
    st.lists(
        st.sampled_from(["www", ".", "http", "s", ":", "/", "//", "a", "@", "_", "\\", "*", " "]), max_size=12
    ).map("".join),
)


def shown(text: str) -> str:
    """What a person reads of the text."""
    spaced = "".join(" " if char in "\t\n\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029" else char for char in text)
    return "".join("\ufffd" if ord(char) < 32 or 127 <= ord(char) < 160 else char for char in spaced).strip()


def plain(tokens: list[Token]) -> str:
    """The text of inline tokens, without word joiners; anything but text, and anything that would be linked, fails."""
    assert all(token.type in {"text", "text_special"} for token in tokens), [token.type for token in tokens]
    text = "".join(token.content for token in tokens)
    assert LINKED.search(text) is None, text
    return text


def squeezed(text: str) -> str:
    return " ".join(text.replace("\u2060", "").split())


@given(st.one_of(st.sampled_from(ATTACKS), MARKS, st.text(max_size=40)))
@example("0)")
@example("a\n1. b")
def test_escaped_text_is_rendered_as_itself(text: str) -> None:
    tokens = RENDERER.parse(escape_markdown(text))
    if not shown(text):
        assert tokens == []
        return
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert squeezed(plain(tokens[1].children or [])) == squeezed(shown(text))


@given(st.one_of(st.sampled_from(ATTACKS), MARKS, st.text(max_size=40)))
def test_escaped_text_stays_within_its_cell(text: str) -> None:
    cell = escape_markdown(text)
    tokens = RENDERER.parse(f"| a | b |\n| --- | --- |\n| {cell} | last |")
    cells = [token for token in tokens if token.type == "inline"]
    assert [token.content for token in cells[:2]] == ["a", "b"]
    assert len(cells) == 4 and cells[3].content == "last"
    assert squeezed(plain(cells[2].children or [])) == squeezed(shown(text))


@pytest.mark.parametrize("text", ["ingest_results", "2025-05-01T12:00:00+00:00", "0.12", "acme-bv", "Wat is dit?"])
def test_names_and_numbers_stay_readable(text: str) -> None:
    assert escape_markdown(text) == text
