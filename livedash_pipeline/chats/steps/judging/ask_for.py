"""Asks for judgements of the answers that differ between two runs, or between a run and what its file expects.

Nothing is bought here: requests are made, which the ledger sends with its next batch, under its caps and holds. Add what is
looked at before somebody may ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.chats.rules.compare.answers import Verdict, compare_answers
from livedash_pipeline.chats.rules.judging import (
    INSTRUCTIONS,
    PROMPT_VERSION,
    content_hash,
    judge_body,
    judge_data,
    judge_line,
    pair_hash,
)
from livedash_pipeline.chats.steps.compare import compared_company
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer
from livedash_pipeline.chats.store.judgements import Pair, known_judgements, request_judgements
from livedash_pipeline.chats.store.pairs import stream_pairs
from livedash_pipeline.ledger.rules.admission.model_parameters import maximum_of
from livedash_pipeline.ledger.steps.admission.spending import budget_for
from livedash_pipeline.ledger.store.admission.model_parameters import parameters_for
from livedash_pipeline.logs import get_logger
from livedash_pipeline.money.rules.request_framing import framing_tokens, parameter_text

log = get_logger(__name__)

_CHUNK = 500
# Instructions and the pair.
_MESSAGES = 2


@dataclass
class _Asked:
    """Pairs so far: those that differ, those that are new, and what the new ones cost at most."""

    pairs: int = 0
    new: int = 0
    input_tokens: int = 0
    body_bytes: int = 0
    longest: int = 0


def ask_for_judgements(
    context: ChatContext,
    a: UUID,
    b: UUID | None,
    *,
    model: str,
    dry_run: bool = False,
    viewer: Viewer = EVERYBODY,
) -> Document:
    """Makes a request for every pair of answers that differ and that the model was never asked about.

    Returns how many there are and what they cost at most.

    Args:
        context: What work on chat batches is given.
        a: A batch.
        b: Another run of its file; None for the answers that the file expects.
        model: The judge.
        dry_run: Only count.
        viewer: Whose batches the caller sees; both must be of them.

    Raises:
        UsageError: The two cannot be compared, or are of two companies.
    """

    def work(connection: Connection) -> tuple[_Asked, Decimal | None]:
        company_id = compared_company(connection, a, b, viewer)
        parameters = parameters_for(connection, model)
        asked = _Asked()
        for chunk in _chunks(_pairs(context, stream_pairs(connection, a, b), model, parameters)):
            _ask_chunk(connection, company_id, model, chunk, asked, parameters, context, dry_run=dry_run)
        return asked, _cost(context, connection, model, asked, maximum_of(parameters))

    asked, cost = in_transaction(context.engine, work)
    if asked.new and not dry_run:
        log.info("judgements asked for", a=str(a), b=None if b is None else str(b), model=model, pairs=asked.new)
    return {
        "model": model,
        "promptVersion": PROMPT_VERSION,
        "pairs": asked.pairs,
        "requested": asked.new,
        "known": asked.pairs - asked.new,
        "costEurAtMost": money(cost),
        "dryRun": dry_run,
    }


def _pairs(context: ChatContext, rows: Iterable[Row[Any]], model: str, parameters: dict[str, Any]) -> Iterator[Pair]:
    """The pairs that rules call changed."""
    body = judge_body(model, "", parameters)
    shown = {name: value for name, value in body.items() if name not in ("model", "messages")}
    fixed = sum(map(context.count_tokens, (INSTRUCTIONS, parameter_text(shown)))) + framing_tokens(_MESSAGES)
    for row in rows:
        if compare_answers(row.answer_a, row.answer_b).verdict is not Verdict.CHANGED:
            continue
        texts = (row.question, row.answer_a, row.answer_b)
        data = judge_data(*texts)
        size = len(judge_line(UUID(int=0), model, data, parameters)) + 1
        tokens = fixed + context.count_tokens(data)
        yield Pair(pair_hash(*texts), content_hash(*texts), row.turn_a, row.turn_b, size, tokens)


def _chunks(pairs: Iterable[Pair]) -> Iterator[dict[str, Pair]]:
    """Different pairs, some at a time."""
    chunk: dict[str, Pair] = {}
    for pair in pairs:
        chunk.setdefault(pair.pair_hash, pair)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = {}
    if chunk:
        yield chunk


def _ask_chunk(
    connection: Connection,
    company_id: UUID,
    model: str,
    chunk: dict[str, Pair],
    asked: _Asked,
    parameters: dict[str, Any],
    context: ChatContext,
    *,
    dry_run: bool,
) -> None:
    known = known_judgements(connection, company_id, model, list(chunk))
    new = [pair for pair_hash, pair in chunk.items() if pair_hash not in known]
    asked.pairs += len(chunk)
    asked.new += len(new)
    asked.input_tokens += sum(pair.tokens for pair in new)
    asked.body_bytes += sum(pair.body_bytes for pair in new)
    asked.longest = max([asked.longest, *(pair.tokens for pair in new)])
    if new and not dry_run:
        now = context.now(connection)
        maximum = maximum_of(parameters)
        request_judgements(connection, company_id, model, new, max_output_tokens=maximum, now=now)


def _cost(
    context: ChatContext, connection: Connection, model: str, asked: _Asked, max_output_tokens: int
) -> Decimal | None:
    """What the new requests cost at most, at the rates of batches; None where price or exchange rate is unknown."""
    if not asked.new:
        return Decimal(0)
    budget = budget_for(connection, context.settings, model, now=context.now(connection))
    if budget is None:
        return None
    output = asked.new * max_output_tokens
    return budget.of_many(asked.new, asked.input_tokens, asked.body_bytes, output, longest=asked.longest)
