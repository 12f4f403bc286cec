"""The one kind of error that the embedded Postgres raises.

It has a module of its own so that every part of the embedded Postgres can import it. Nothing else belongs here.
"""

from livedash_pipeline.errors import LivedashError


class EmbeddedPostgresError(LivedashError):
    """The embedded Postgres cannot do what was asked; the message is a sentence, the value and the remedy."""

    code = "embedded_postgres"
