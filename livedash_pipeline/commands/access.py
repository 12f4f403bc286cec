"""`livedash token` and `livedash audit`: who may use the HTTP API, and what was changed and refused there.

Add options here when a token gets another property. Rules and documents are those of `access.steps.tokens`.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from livedash_pipeline.access.rules.tokens import Scope
from livedash_pipeline.commands.shell.command import (
    Answer,
    CommandGroup,
    Document,
    command,
    company_option,
    page_options,
    wide_option,
)
from livedash_pipeline.commands.shell.completion import AUDIT_OUTCOME, one_of
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_list, draw_more, show, show_moment

if TYPE_CHECKING:
    from rich.console import Console


@click.group(
    cls=CommandGroup,
    example=("livedash token create --name 'Acme, production' --company acme --days 365", "livedash token list"),
)
def token() -> None:
    """Make, list and revoke tokens of the HTTP API and the console."""


@token.command(
    "create",
    example=(
        "livedash token create --name 'Acme, production' --company acme --days 365",
        "livedash token create --name dashboards --role platform_admin --scope admin:read --scope metrics:read",
    ),
)
@click.option("--name", required=True, help="Who will use it, and for what.")
@click.option(
    "--role",
    type=click.Choice(["platform_admin", "company"]),
    help="What it is for; a company's with --company, else it has to be given.",
)
@company_option("The one company that the token sees and changes.")
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    help="What it may do; without any, all of its role.",
    shell_complete=one_of(Scope),
)
@click.option("--days", type=int, help="It expires after so many days; without this, never.")
def create(name: str, role: str | None, company: str | None, scopes: tuple[str, ...], days: int | None) -> Answer:
    """Make a token, which is shown once: only a hash of it is kept."""
    from livedash_pipeline.access.rules.tokens import SECRET_BYTES
    from livedash_pipeline.access.steps.token_key import token_key
    from livedash_pipeline.access.steps.tokens import create_token

    if role is None and company is None:
        raise click.UsageError("Give --company SLUG, or --role platform_admin.")
    if role is not None and (role == "company") != (company is not None):
        raise click.UsageError("--company goes with the role company, and with no other.")
    with ready_engine() as (settings, engine):
        document = create_token(
            engine,
            token_key(settings),
            name=name,
            secret=secrets.token_bytes(SECRET_BYTES),
            company=company,
            scopes=scopes,
            days=days,
        )
    return Answer(document, lambda console: _draw_created(console, document))


@token.command("list", example=("livedash token list", "livedash token list --wide"))
@wide_option()
def list_all() -> Answer:
    """List all tokens, expired and revoked ones included."""
    from livedash_pipeline.access.steps.tokens import list_tokens

    with ready_engine() as (_, engine):
        document = list_tokens(engine)
    return Answer(document, lambda console: _draw_tokens(console, document))


@token.command("revoke", example="livedash token revoke ldt_x7Gq2LmP")
@click.argument("token_id", metavar="TOKEN")
def revoke(token_id: str) -> Answer:
    """End TOKEN at once, named by its id or by the beginning that the list shows."""
    from livedash_pipeline.access.steps.tokens import revoke_token

    with ready_engine() as (_, engine):
        document = revoke_token(engine, token_id)
    said = "Revoked." if document["revoked"] else "It was revoked before."
    return Answer(document, lambda console: console.print(said))


@token.command(
    "link",
    example=(
        "livedash token link ldt_x7Gq2LmP",
        "livedash token link ldt_x7Gq2LmP --base-url https://livedash.example",
    ),
)
@click.argument("token_id", metavar="TOKEN")
@click.option(
    "--base-url",
    metavar="URL",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="Where browsers reach `livedash serve`.",
)
def link(token_id: str, base_url: str) -> Answer:
    """Make a link that signs in to the console once, with the rights of TOKEN, named by its id or beginning."""
    from livedash_pipeline.access.rules.tokens import SECRET_BYTES
    from livedash_pipeline.access.steps.signing_in import make_link
    from livedash_pipeline.access.steps.token_key import token_key

    with ready_engine() as (settings, engine):
        made = make_link(engine, token_key(settings), token_id, random=secrets.token_bytes(SECRET_BYTES))
    document = made | {"link": base_url.rstrip("/") + made["link"]}
    return Answer(document, lambda console: _draw_link(console, document))


@command(
    "audit",
    example=("livedash audit --limit 20", "livedash audit --outcome refused --company acme"),
)
@page_options("Entries", "filter")
@company_option("Only what concerns this company's tokens.")
@click.option("--outcome", metavar="OUTCOME", help="done, refused or failed.", shell_complete=AUDIT_OUTCOME)
@click.option("--action", metavar="ACTION", help="Such as requeue, cancel, or 'token create'.")
@wide_option()
def audit(limit: int, cursor: str | None, company: str | None, outcome: str | None, action: str | None) -> Answer:
    """List what was changed and refused over HTTP, and the tokens made and revoked, newest first."""
    from livedash_pipeline.access.steps.tokens import list_audit

    with ready_engine() as (_, engine):
        document = list_audit(engine, limit=limit, cursor=cursor, company=company, outcome=outcome, action=action)
    return Answer(
        document, lambda console: _draw_audit(console, document, company=company, outcome=outcome, action=action)
    )


def _draw_created(console: Console, document: Document) -> None:
    made = document["token"]
    console.print(f"The token, which is not shown again: {document['secret']}", soft_wrap=True)
    whose = f"company {made['company']}" if made["company"] else "platform administrator"
    until = show_moment(made["expiresAt"])
    console.print(f"{whose}; {', '.join(made['scopes'])}; {f'until {until} UTC' if until else 'without an end'}")


def _draw_link(console: Console, document: Document) -> None:
    console.print(document["link"], soft_wrap=True, markup=False)
    console.print(f"It signs in once, until {show_moment(document['expiresAt'])} UTC.")


def _draw_tokens(console: Console, document: Document) -> None:
    draw_list(
        console,
        ("id", "begins", "name", "role", "company", "scopes", "created (UTC)", "expires", "revoked", "last used"),
        [
            (
                row["id"],
                row["prefix"],
                row["name"],
                row["role"],
                row["company"],
                ", ".join(row["scopes"]),
                *(show_moment(row[name]) for name in ("createdAt", "expiresAt", "revokedAt", "lastUsedAt")),
            )
            for row in document["tokens"]
        ],
        chosen=("begins", "name", "role", "company", "revoked"),
        empty="No tokens yet. Make one: livedash token create --name NAME --company SLUG",
    )


def _draw_audit(console: Console, document: Document, **filters: str | None) -> None:
    draw_list(
        console,
        ("at (UTC)", "actor", "token", "company", "action", "outcome", "status", "path", "address", "detail"),
        [
            (
                show_moment(row["at"]),
                row["actor"],
                row["token"],
                row["company"],
                row["action"],
                row["outcome"],
                row["status"],
                row["path"],
                row["address"],
                ", ".join(f"{name} {show(value)}" for name, value in row["detail"].items()),
            )
            for row in document["entries"]
        ],
        chosen=("at (UTC)", "actor", "company", "action", "outcome"),
        empty="The audit log is empty.",
    )
    draw_more(console, document["nextCursor"], "audit", **filters)
