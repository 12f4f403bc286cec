"""Loads real vocabularies of other vendors from packages that ship them; none of them is needed by the tests.

Add a package that ships another one. `token_margins` beside this file says how to install them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from livedash_pipeline.services.openai.tokens import Encoding, count_tokens, load_encoding


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary, a model that is counted with it, and what counts the tokens of a text."""

    name: str
    model: str
    count: Callable[[str], int]


# The last part of the package's name, and a model's name.
_IN_NODE_PACKAGES = {
    "gptoss": "gpt-oss-120b",
    "gpt4o": "gpt-4o",
    "claude": "claude-2.1",
    "gemini": "gemini-2.5-flash",
    "gemma3": "gemma-3-27b-it",
    "llama2": "llama-2-70b-chat",
    "llama3_1": "llama-3.1-70b-instruct",
    "qwen3": "qwen3-32b",
    "deepseek_v3": "deepseek-chat",
}
_OF_MISTRAL = {
    "tekken_240911.json": ("tekken", "Tekkenizer", "mistral-small-latest"),
    "tokenizer.model.v1": ("sentencepiece", "SentencePieceTokenizer", "mixtral-8x7b"),
}
# Version, tokens that it adds to every message, a model's name.
_OF_CTOK = (("3.0", 7, "claude-sonnet-4-5"), ("4.7", 12, "claude-opus-4-7"))


def vocabularies(node_modules: Path | None) -> Iterator[Vocabulary]:
    """Every vocabulary that is installed, those of OpenAI first."""
    yield Vocabulary("o200k", "gpt-5-mini", count_tokens)
    yield Vocabulary("cl100k", "gpt-4-turbo", cl100k)
    if node_modules is not None and find_spec("tokenizers"):
        yield from _from_node_packages(node_modules)
    if find_spec("mistral_common"):
        yield from _from_mistral()
    if find_spec("ctok"):
        count = import_module("ctok").token_count
        for version, frame, model in _OF_CTOK:
            yield Vocabulary(f"ctok {version}", model, _less(count, version, frame))


def cl100k(text: str) -> int:
    """Counts with the vocabulary of gpt-4 and gpt-3.5, which is in the package that the pipeline counts with."""
    return len(_cl100k().encode_ordinary(text))


@cache
def _cl100k() -> Encoding:
    # Loading o200k imports the package, with the warnings that it raises.
    load_encoding()
    return cast(Encoding, import_module("bpe_openai").get_encoding("cl100k_base"))


def _from_node_packages(node_modules: Path) -> Iterator[Vocabulary]:
    tokenizer = import_module("tokenizers").Tokenizer
    for name, model in _IN_NODE_PACKAGES.items():
        for path in node_modules.glob(f"**/tokenizer-{name}/models/tokenizer.json"):
            yield Vocabulary(name, model, _ids_of(tokenizer.from_file(str(path))))


def _ids_of(tokenizer: Any) -> Callable[[str], int]:
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _from_mistral() -> Iterator[Vocabulary]:
    folder = Path(str(import_module("mistral_common").__file__)).parent / "data"
    for file, (module, kind, model) in _OF_MISTRAL.items():
        reader = getattr(import_module(f"mistral_common.tokens.tokenizers.{module}"), kind)
        tokenizer = reader.from_file(folder / file) if module == "tekken" else reader(folder / file)
        yield Vocabulary(f"mistral {module}", model, _plain(tokenizer))


def _plain(tokenizer: Any) -> Callable[[str], int]:
    return lambda text: len(tokenizer.encode(text, bos=False, eos=False))


def _less(count: Callable[[str, str], int], version: str, frame: int) -> Callable[[str], int]:
    return lambda text: count(text, version) - frame
