"""What the options --faults and --upstream of the command line stand for, read from file and environment.

Used by every command that starts the stand-in. Add an option's meaning here; its words for `--help` belong to the command.
"""

from collections.abc import Mapping
from pathlib import Path

from livedash_pipeline.errors import UsageError
from livedash_pipeline.local.batch_api.answering.upstream import DEFAULT_CONCURRENCY, Upstream, connect_upstream
from livedash_pipeline.local.batch_api.faults.script import FaultScript, FaultScriptError, parse_script


def read_faults(path: Path | None) -> FaultScript | None:
    """Returns the script in a file, None for no file.

    Raises:
        FaultScriptError: the file cannot be read, or its content cannot be used.
    """
    if path is None:
        return None
    try:
        text = path.read_bytes()
    except OSError as error:
        message = f"The fault script {path} cannot be read: {error.strerror or error}."
        raise FaultScriptError(message, remedy="Give another --faults.") from None
    return parse_script(text, name=f"The fault script {path}")


def caller_keys(upstream: str | None, api_key: str | None) -> list[str] | None:
    """Returns the keys that callers may present, None for any: with an upstream only `OPENAI_API_KEY`, whose owner pays for it.

    Raises:
        UsageError: there is an upstream and no key.
    """
    if upstream is None:
        return None
    if not api_key:
        raise UsageError(
            f"The upstream {upstream} would be open to whoever reaches the port, since OPENAI_API_KEY is not set.",
            remedy="Set OPENAI_API_KEY to a key of your choice, here and where the pipeline runs.",
        )
    return [api_key]


def report_keys(upstream: str | None, admin_key: str | None) -> list[str] | None:
    """Returns the keys that may read costs and usage: with an upstream only `OPENAI_ADMIN_KEY`, None for any admin key."""
    if upstream is None:
        return None
    return [admin_key] if admin_key else []


def open_upstream(
    url: str | None, *, key_env: str | None, environ: Mapping[str, str], concurrency: int = DEFAULT_CONCURRENCY
) -> Upstream | None:
    """Returns connections to the server at an address, None for no address.

    Args:
        url: its address.
        key_env: name of the environment variable with its key.
        environ: the environment.
        concurrency: how many requests may be under way at once.

    Raises:
        UsageError: the variable is not set, or the server cannot be used.
    """
    if url is None:
        return None
    key = environ.get(key_env, "").strip() if key_env else None
    if key_env and not key:
        raise UsageError(f"{key_env}, named by --upstream-key-env, is not set.", remedy="Set it to the upstream's key.")
    return connect_upstream(url, key=key, concurrency=concurrency)
