"""Where every failure of a command ends: as a message and an exit status, or as one document with --json.

Nothing is added here unless a new kind of failure needs words of its own; what a failure says is decided where it is raised.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence

import click

from livedash_pipeline.commands.command import GlobalOptions
from livedash_pipeline.commands.output import print_document, show
from livedash_pipeline.errors import DatabaseNotReadyError, LivedashError, UsageError

INTERRUPTED = 130
_INTERRUPTION = LivedashError("Interrupted.", remedy="Run it again to go on.", code="interrupted")
# By name: importing the drivers would take longer than most usage errors.
_OPERATIONAL_ERRORS = {"psycopg.OperationalError", "psycopg2.OperationalError"}
# Connection exceptions, and a server that shuts down, crashed or cannot be connected to now.
_CONNECTION_STATES = ("08", "57P")


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
        if _was_interrupted(error):
            _fail(_INTERRUPTION, as_json=as_json)
            return INTERRUPTED
        explained = _database_gone() if _lost_database(error) else _unexpected(error)
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


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether it is only what came of an interrupt, such as a statement that could not be rolled back any more."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _lost_database(error: BaseException | None) -> bool:
    """Whether a connection to a database broke, ours or Dagster's, at the bottom of what was raised."""
    while error is not None:
        kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""
        # No state: the connection broke before the server could say anything. A full disk, for one, has a state of its own.
        if kinds & _OPERATIONAL_ERRORS and (not state or state.startswith(_CONNECTION_STATES)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _database_gone() -> DatabaseNotReadyError:
    return DatabaseNotReadyError(
        "The database went away while the command ran (DATABASE_URL, or the embedded server).",
        remedy="Start it again and repeat the command: what was not committed is done then, and nothing is bought twice.",
    )


def _trace(options: GlobalOptions) -> None:
    if options.debug:
        traceback.print_exc(file=sys.stderr)


def _fail(error: LivedashError, *, as_json: bool) -> None:
    if as_json:
        print_document(error.as_document())
    else:
        click.echo(f"error: {show(error)}", err=True)
