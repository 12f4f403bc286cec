"""What holds for every command: help with an example, --json, and a quick start."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from livedash_pipeline.access.rules.tokens import Role
from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import BatchStatus, RequestStatus, Stage
from livedash_pipeline.cli import cli
from livedash_pipeline.commands.shell.command import CommandGroup, LivedashCommand
from tests.commands.conftest import Run


def _walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from _walk(found, (*path, name))


COMMANDS = dict(_walk(cli))


def test_all_named_commands_are_there() -> None:
    leaves = {" ".join(path) for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
    assert leaves >= {
        "company add", "company list", "company set", "import", "submit", "poll", "ingest", "status", "summary",
        "requests", "requeue", "batches", "env", "doctor", "db upgrade", "db start", "db stop", "rate set",
        "price set", "batch-api",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_of_every_command_ends_with_an_example(run: Run, path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0, result.stderr
    last = result.stdout.split("\n\n")[-1]
    assert last.startswith("Example")
    assert "livedash" in last


# Words of this house that say nothing to a stranger, and what the work on it was called.
PRIVATE_WORDS = (
    *("seed", "strangers", "dearest", "wish", "witness", "validator", "nonce", "custom_id", "foresee"),
    *("taken in", "takes in", "take in", "worked for", "stand there", "fenced", "lease", "scratch", "ledger"),
)
# Names that a reader of help meets elsewhere: in answers, in the Dagster UI, or in a file that is shown.
SHOWN_NAMES = {
    *(word.lower() for words in (Stage, RequestStatus, BatchStatus, ChatBatchStatus, Outcome, Role) for word in words),
    *("nextCursor", "chatId", "chat_batch_sensor", "bad_start_time", "livedash_pipeline"),
    *("max_completion_tokens", "reasoning_effort", "completions_usage"),
    *("OpenAI", "LiveDash", "MongoDB"),
}
NAME = re.compile(r"\b(?:[a-z]+(?:_[a-z]+)+|_[a-z_]+|[A-Za-z]+[a-z][A-Z]\w*)\b")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_uses_the_words_of_its_readers(run: Run, path: tuple[str, ...]) -> None:
    shown = " ".join(run(*path, "--help").stdout.split())
    assert [word for word in PRIVATE_WORDS if re.search(rf"\b{word}", shown, re.IGNORECASE)] == []
    assert set(NAME.findall(shown)) <= SHOWN_NAMES


@pytest.mark.parametrize("path", [path for path, command in COMMANDS.items() if not isinstance(command, click.Group)])
def test_every_command_takes_json(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert isinstance(command, LivedashCommand)
    assert any("--json" in parameter.opts for parameter in command.params)


def test_groups_are_commands_with_examples_of_their_own() -> None:
    assert all(
        isinstance(command, CommandGroup)
        for path, command in COMMANDS.items()
        if path and isinstance(command, click.Group)
    )


def test_help_shows_the_flow_in_its_order(run: Run) -> None:
    shown = run("--help").stdout
    section = shown.split("The flow, in its order:")[1].split("\n\n")[0]
    assert [line.split()[0] for line in section.strip().splitlines() if not line.startswith(" " * 4)] == [
        "company", "import", "submit", "poll", "ingest", "status",
    ]  # fmt: skip


def test_help_loads_no_heavy_library() -> None:
    script = (
        "import sys\n"
        "from livedash_pipeline.cli import cli\n"
        "try:\n"
        "    cli.main(['--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'dagster', 'pandas', 'openai', 'sqlalchemy', 'fastapi', 'pydantic', 'alembic', 'rich', 'httpx2'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version_is_shown(run: Run) -> None:
    assert run("--version").stdout.startswith("livedash, version ")
