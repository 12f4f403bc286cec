"""Declares commands: `--json`, an example in their help, and an answer that is printed in one place.

Add what every command needs. A command returns an `Answer`; it prints nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, MAX_PAGE
from livedash_pipeline.commands.shell.completion import complete_company

if TYPE_CHECKING:
    from rich.console import Console

Document = dict[str, Any]

AS_JSON = "livedash.as_json"
"""Key of `click.Context.meta`: whether the answer is a document; for commands that answer before they end."""

WIDE = "livedash.wide"
"""Key of `click.Context.meta`: whether a list has all its columns."""


@dataclass
class GlobalOptions:
    """The options before the command's name."""

    verbose: bool = False
    quiet: bool = False
    debug: bool = False


def with_options(
    options: Sequence[Callable[[Callable[..., Any]], Callable[..., Any]]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a command with options that several commands share, in the order in which its help shows them."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@dataclass(frozen=True)
class Answer:
    """The answer of a command.

    Attributes:
        document: The JSON document; a false `ok` makes the exit status 1.
        draw: Prints the same for people.
    """

    document: Document
    draw: Callable[[Console], None]


class ExampleMixin(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *args: Any, example: str | Sequence[str], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = (example,) if isinstance(example, str) else tuple(example)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click passes it
        """The examples, as they are typed: no line is broken."""
        with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
            for line in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class LivedashCommand(ExampleMixin):
    """A command that answers with a document.

    Args:
        works: It changes something at length, so its log is shown from INFO on.
    """

    def __init__(self, *args: Any, works: bool = False, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.works = works
        self.params.append(
            click.Option(["--json", "as_json"], is_flag=True, help="Answer with one JSON document on stdout.")
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command and prints its answer."""
        from livedash_pipeline.commands.shell.output import print_answer

        as_json = ctx.meta[AS_JSON] = ctx.params.pop("as_json")
        answer: Answer = super().invoke(ctx)
        print_answer(answer, as_json=as_json)
        if not answer.document["ok"]:
            ctx.exit(1)


class CommandGroup(ExampleMixin, click.Group):
    """A group of commands about one thing."""

    command_class = LivedashCommand


def command(name: str, *, example: str | Sequence[str], works: bool = False) -> Callable[..., LivedashCommand]:
    """Makes a command of a function that returns an `Answer`; its docstring is the help."""
    return click.command(name, cls=LivedashCommand, example=example, works=works)


def page_options(things: str, filters: str) -> Callable[..., Any]:
    """`--limit` and `--cursor` of a list; `filters` are what the cursor is bound to."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        limit = click.option(
            "--limit", default=DEFAULT_PAGE, show_default=True, help=f"{things} a page, 1 to {MAX_PAGE}."
        )
        cursor = click.option("--cursor", help=f"nextCursor of the page before, with the same {filters}.")
        return limit(cursor(function))

    return add


def wide_option() -> Callable[..., Any]:
    """`--wide` of a list that `draw_list` draws."""

    def note(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001 - click passes it
        ctx.meta[WIDE] = value

    help_text = "Show every column, and not only those that fit 80 characters."
    return click.option("--wide", is_flag=True, expose_value=False, callback=note, help=help_text)


def company_option(help_text: str = "Slug of one company; without it, all of them.") -> Callable[..., Any]:
    """`--company SLUG`."""
    return click.option("--company", metavar="SLUG", help=help_text, shell_complete=complete_company)
