"""`livedash db`: the schema of the database, and the embedded server.

Add what is done to a database as a whole. The server itself is `embedded_postgres.server`, the schema is in `sql/migrations`.
"""

from __future__ import annotations

import click

from livedash_pipeline.commands.shell.command import Answer, CommandGroup
from livedash_pipeline.commands.shell.context import start


@click.group(cls=CommandGroup, example=("livedash db upgrade", "livedash db stop", "livedash db remove --orphans"))
def db() -> None:
    """Bring the schema up to date; start, stop and remove the embedded server."""


@db.command("upgrade", works=True, example="livedash db upgrade")
def upgrade() -> Answer:
    """Bring the database of DATABASE_URL, or the embedded one, to this program's schema, and store known prices."""
    from livedash_pipeline.runtime.dagster_home import lacks_of_instance, write_dagster_home
    from livedash_pipeline.runtime.environment import bring_up_to_date, opened_engine, resolve_environment

    settings = start()
    with opened_engine(resolve_environment(settings)) as engine:
        before, after = bring_up_to_date(engine)
    write_dagster_home(settings)
    said = "\n".join(
        filter(
            None, (f"The database was at revision {before or 'none'} and is at {after}.", lacks_of_instance(settings))
        )
    )
    document = {"ok": True, "revisionBefore": before, "revisionAfter": after}
    return Answer(document, lambda console: console.print(said))


@db.command("start", example="livedash db start")
def start_server() -> Answer:
    """Start the embedded server and bring its database up to date; it runs until `livedash db stop`."""
    from livedash_pipeline.errors import SettingsError
    from livedash_pipeline.runtime.environment import prepare

    settings = start()
    if settings.database_url is not None:
        raise SettingsError(
            "DATABASE_URL is set, so that the embedded server is not used.", remedy="Unset it to use that server."
        )
    environment = prepare(settings)
    server = environment.postgres
    started = server is not None and server.started_by_us
    document = {
        "ok": True,
        "started": started,
        "pid": None if server is None else server.pid,
        "databaseUrl": environment.database_url,
    }
    said = f"{'Started' if started else 'Running already'}, process {document['pid']}: {environment.database_url}"
    return Answer(document, lambda console: console.print(said))


@db.command("stop", example="livedash db stop")
def stop_server() -> Answer:
    """Stop the embedded server of LIVEDASH_HOME; open transactions are rolled back."""
    from livedash_pipeline.embedded_postgres.server import stop_postgres

    stopped = stop_postgres(start().home)
    said = "Stopped." if stopped else "It was not running."
    return Answer({"ok": True, "stopped": stopped}, lambda console: console.print(said))


@db.command("remove", works=True, example=("livedash db remove", "livedash db remove --orphans --no-dry-run"))
@click.option(
    "--orphans", is_flag=True, help="Databases that root's removed homes left behind, instead of that of LIVEDASH_HOME."
)
@click.option(
    "--dry-run/--no-dry-run", default=True, show_default=True, help="Show what would be deleted, and delete nothing."
)
def remove(*, orphans: bool, dry_run: bool) -> Answer:
    """Delete the embedded server's database with all its data, wherever it lies; it is stopped first."""
    from livedash_pipeline.embedded_postgres import removal

    home = start().home
    found = removal.orphans() if orphans else removal.cluster_of(home)
    if not dry_run:
        found = removal.remove_orphans(found) if orphans else removal.remove_cluster_of(home)
    document = {
        "ok": True,
        "dryRun": dry_run,
        "removed": [{"path": str(each.path), "home": str(each.home), "bytes": each.bytes} for each in found],
    }
    said = [f"{each.path} of {each.home}: {each.bytes / 1e6:.0f} MB" for each in found]
    what = "Would be deleted, with all data (--no-dry-run does it)" if dry_run else "Deleted"
    text = "\n".join([f"{what}:", *said]) if said else "There is nothing to delete."
    return Answer(document, lambda console: console.print(text))
