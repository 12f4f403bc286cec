"""Another server that answers the lines: any that speaks OpenAI's chat completions, such as one for self-hosted models.

Add what is sent or understood of such a server here. A 4xx is the line's own error; 429, 5xx and silence are tried again a
little and then become the line's error as well, for the pipeline to retry.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx2
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from livedash_pipeline.base.rules.endpoints import is_loopback
from livedash_pipeline.errors import UsageError
from livedash_pipeline.local.batch_api.refusals import Refusal

DEFAULT_CONCURRENCY = 4
_ATTEMPTS = 3
_CONNECT_SECONDS, _MODELS_SECONDS = 5.0, 10.0
_STAND_IN_HEADER = "x-livedash-stand-in"
_NO_SUCH_ROUTE = (404, 405, 501)

_T = TypeVar("_T")
_R = TypeVar("_R")
_Reply = dict[str, Any] | Refusal


class Upstream:
    """Connections to a chat server; made by `connect_upstream`.

    Attributes:
        models: names of its models; None where it does not say, and every name is passed on.
        is_stand_in: whether it says of itself that no model is behind it.
        concurrency: how many requests are under way at once.
    """

    def __init__(
        self,
        client: httpx2.Client,
        *,
        models: frozenset[str] | None,
        is_stand_in: bool,
        concurrency: int,
        sleep: Callable[[float], None],
    ) -> None:
        self.models = models
        self.is_stand_in = is_stand_in
        self.concurrency = concurrency
        self._client = client
        self._sleep = sleep
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="batch-api-upstream")

    def close(self) -> None:
        """Ends threads and connections after requests under way are over."""
        self._threads.shutdown()
        self._client.close()

    def answer(self, body: Mapping[str, Any], _completion_id: str, _created: int) -> dict[str, Any]:
        """Returns the server's completion for a request; raises `Refusal` with its status where it gives none."""
        retrying = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(multiplier=0.5, max=8),
            retry=retry_if_result(_passes),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
            sleep=self._sleep,
        )
        reply: _Reply = retrying(self._ask, body)
        if isinstance(reply, Refusal):
            raise reply
        return reply

    def map(self, run: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
        """Returns the results for items in their order, worked out by as many threads as there may be requests."""
        return self._threads.map(run, items)

    def _ask(self, body: Mapping[str, Any]) -> _Reply:
        try:
            response = self._client.post("chat/completions", json=dict(body))
        except httpx2.TimeoutException:
            return Refusal(504, "The upstream server did not answer in time.", kind="server_error")
        except httpx2.HTTPError as error:
            return Refusal(502, f"The upstream server cannot be reached: {error}", kind="server_error")
        try:
            document = response.json()
        except ValueError:
            document = None
        if response.status_code == 200:
            if isinstance(document, dict) and isinstance(document.get("choices"), list) and document["choices"]:
                return document
            return Refusal(502, "The upstream server's answer is no chat completion.", kind="server_error")
        return _refusal(response.status_code, document)


def connect_upstream(
    url: str,
    *,
    key: str | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
    timeout: float = 600.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Upstream:
    """Returns connections to a chat server, whose list of models is asked for at once.

    Args:
        url: its address, with the path that `/chat/completions` follows; usually it ends in /v1.
        key: its key; None for a server that wants none.
        concurrency: how many requests may be under way at once.
        timeout: seconds that one answer may take.
        sleep: waits between tries.

    Raises:
        UsageError: the address cannot be used, or the server does not answer or refuses the key.
    """
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL:
        address = httpx2.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise UsageError(f"The upstream {url!r} is no address.", remedy="Give one such as http://127.0.0.1:8000/v1.")
    client = httpx2.Client(
        base_url=address,
        headers={"Authorization": f"Bearer {key}"} if key else None,
        timeout=httpx2.Timeout(timeout, connect=_CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=concurrency),
        # A proxy of the environment has no way to a server on this machine.
        trust_env=not is_loopback(address.host),
    )
    try:
        models, is_stand_in = _models(client, url)
    except BaseException:
        client.close()
        raise
    return Upstream(client, models=models, is_stand_in=is_stand_in, concurrency=concurrency, sleep=sleep)


def _models(client: httpx2.Client, url: str) -> tuple[frozenset[str] | None, bool]:
    """Returns the names of the server's models, and whether it is a stand-in itself."""
    try:
        response = client.get("models", timeout=_MODELS_SECONDS)
    except httpx2.HTTPError as error:
        message = f"The upstream {url} does not answer: {error or type(error).__name__}."
        raise UsageError(message, remedy="Start it, or give another --upstream.") from None
    is_stand_in = response.headers.get(_STAND_IN_HEADER) == "true"
    if response.status_code in _NO_SUCH_ROUTE:
        return None, is_stand_in
    if response.status_code != 200:
        message = f"The upstream {url} answers {response.status_code} when asked for its models."
        raise UsageError(message, remedy="Check the address, and the key named by --upstream-key-env.")
    try:
        names = frozenset(str(model["id"]) for model in response.json()["data"])
    except (ValueError, KeyError, TypeError):
        return None, is_stand_in
    return names or None, is_stand_in


def _passes(reply: object) -> bool:
    """Whether a refusal is of the kind that passes."""
    return isinstance(reply, Refusal) and (reply.status in (408, 425, 429) or reply.status >= 500)


def _refusal(status: int, document: object) -> Refusal:
    """Returns the server's own error; whatever is no error status counts as a broken answer."""
    error = document.get("error") if isinstance(document, Mapping) else None
    fields = error if isinstance(error, Mapping) else {}
    message = fields.get("message") or (error if isinstance(error, str) else None) or f"Upstream status {status}."
    return Refusal(
        status if 400 <= status <= 599 else 502,
        str(message),
        code=_text(fields.get("code")),
        param=_text(fields.get("param")),
        kind=_text(fields.get("type")) or "upstream_error",
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
