"""What the service charges, by a calculator that is not ours: the package genai-prices prices every line of its bill.

The pipeline takes figures from that package and has a calculator of its own; here the package calculates. Nothing here may use
`money.rules.pricing`, which it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, Tier, TieredPrices, Usage

_BATCH = {"processing": "batch"}
_PROVIDER = "openai"
LONG_INPUT, LONG_OUTPUT = Decimal(2), Decimal("1.5")
"""How many times the usual rates those of long requests are, in worlds that have such rates."""


@dataclass(frozen=True)
class BillRates:
    """How the service prices a world: at the package's rates for batches, with long-context rates where the world has them.

    Attributes:
        at: A moment of the submits, all of which have the same rates.
        long_context: As `World.long_context`.
    """

    at: datetime
    long_context: int = 0

    def price(self, model: str, input_tokens: int, output_tokens: int) -> Decimal:
        """US dollars that one line is charged."""
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=0, cache_write_tokens=0)
        total: Decimal = self._rates(model).calc_price(usage)["total_price"]
        return total

    def bases(self, model: str) -> tuple[Decimal, Decimal, Decimal]:
        """US dollars per million tokens of input, cached input and output, of requests that are not long."""
        rates = _batch_rates(model, self.at)
        return _plain(rates.input_mtok), _plain(rates.cache_read_mtok), _plain(rates.output_mtok)

    def _rates(self, model: str) -> ModelPrice:
        if not self.long_context:
            return _batch_rates(model, self.at)
        return _with_long_rates(model, self.at, self.long_context)


@lru_cache(maxsize=64)
def _batch_rates(model: str, at: datetime) -> ModelPrice:
    _, entry = get_snapshot().find_provider_model(model, None, _PROVIDER, None)
    return entry.get_prices(at, _BATCH)


@lru_cache(maxsize=64)
def _with_long_rates(model: str, at: datetime, above: int) -> ModelPrice:
    usual = _batch_rates(model, at)
    return ModelPrice(
        input_mtok=_tiered(usual.input_mtok, LONG_INPUT, above),
        cache_read_mtok=_tiered(usual.cache_read_mtok, LONG_INPUT, above),
        output_mtok=_tiered(usual.output_mtok, LONG_OUTPUT, above),
    )


def _tiered(rate: Decimal | TieredPrices | None, times: Decimal, above: int) -> TieredPrices:
    base = _plain(rate)
    return TieredPrices(base=base, tiers=[Tier(start=above, price=base * times)])


def _plain(rate: Decimal | TieredPrices | None) -> Decimal:
    """A rate of a model that the package prices without regard to length, as it does those of the simulation."""
    if not isinstance(rate, Decimal):
        raise TypeError(f"{rate} is no single rate")
    return rate
