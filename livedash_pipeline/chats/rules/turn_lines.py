"""Lines of a batch's input file that ask turns."""

from __future__ import annotations

from uuid import UUID

from livedash_pipeline.base.rules.json_lines import line_json
from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.rules.turns import ENDPOINT, turn_body


def turn_line(request_id: UUID, configuration: Configuration, messages: list[dict[str, str]]) -> bytes:
    """The line of one turn, without its line end."""
    document = {
        "custom_id": str(request_id),
        "method": "POST",
        "url": ENDPOINT,
        "body": turn_body(configuration, messages),
    }
    return line_json(document).encode("utf-8", errors="replace")
