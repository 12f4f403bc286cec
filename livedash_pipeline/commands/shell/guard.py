"""Ends every failure of a command with a message and an exit status, or with one document under --json.

Nothing is added here unless a new kind of failure needs words of its own; what a failure says is decided where it is raised.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress

import click

from livedash_pipeline.base.rules.causes import causes_of
from livedash_pipeline.base.store.faults import explain
from livedash_pipeline.commands.shell.command import GlobalOptions
from livedash_pipeline.commands.shell.output import print_document, show
from livedash_pipeline.errors import LivedashError, UsageError

INTERRUPTED = 130
_INTERRUPTION = LivedashError("Interrupted.", remedy="Run it again to go on.", code="interrupted")


def exit_status(call: Callable[[], object], arguments: Sequence[str], options: GlobalOptions) -> int:
    """Runs a command line and returns its exit status; failures are printed.

    Args:
        call: Runs it; returns a status or None.
        arguments: The command line, looked at for --json before it can be parsed.
        options: Filled while it is parsed.
    """
    as_json = "--json" in arguments
    try:
        _refuse_undecodable(arguments)
        status = call()
    except click.exceptions.NoArgsIsHelpError as error:
        _fail(
            _usage(click.UsageError("No command is given.", ctx=error.ctx)), as_json=True
        ) if as_json else error.show()
        return error.exit_code
    except click.ClickException as error:
        failure = _usage(error)
        _fail(failure, as_json=as_json)
        return failure.exit_status
    except (click.Abort, KeyboardInterrupt):
        _fail(_INTERRUPTION, as_json=as_json)
        return INTERRUPTED
    except LivedashError as error:
        _trace(options)
        _fail(error, as_json=as_json)
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - the outermost frame: whatever is left becomes a sentence and a status
        _trace(options)
        # What came of an interrupt is one, such as a statement that could not be rolled back any more.
        if any(isinstance(cause, KeyboardInterrupt) for cause in causes_of(error)):
            _fail(_INTERRUPTION, as_json=as_json)
            return INTERRUPTED
        explained = explain(error) or _unexpected(error)
        _fail(explained, as_json=as_json)
        return explained.exit_status
    return status if isinstance(status, int) else 0


def _refuse_undecodable(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if not argument.isascii() and any("\ud800" <= character <= "\udfff" for character in argument):
            raise UsageError(f"The argument {argument!a} is not valid UTF-8.", remedy="Type it again.", code="usage")


def _usage(error: click.ClickException) -> UsageError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    remedy = f"See `{context.command_path} --help`." if context else "See `livedash --help`."
    return UsageError(error.format_message(), remedy=remedy, code="usage")


def _unexpected(error: Exception) -> LivedashError:
    # Not its text: what a library says about a failure may quote a transcript or an address with a password.
    return LivedashError(
        f"Something went wrong that nobody foresaw ({type(error).__module__}.{type(error).__qualname__}).",
        remedy="Run it again with `livedash --debug …` to see where.",
        code="unexpected",
    )


def _trace(options: GlobalOptions) -> None:
    if options.debug:
        traceback.print_exc(file=sys.stderr)


def _fail(error: LivedashError, *, as_json: bool) -> None:
    line = f"error: {show(error)}"
    try:
        if as_json:
            print_document(error.as_document())
        else:
            sys.stdout.flush()
            click.echo(line, err=True)
    except OSError:
        # Stdout takes nothing. What it was to take is dropped, lest the interpreter fails over it again when it ends.
        with suppress(OSError):
            click.echo(line, err=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
