"""Links from runs to pages of the console, where the settings say under which address people open it.

Add the link of another kind of page here. What a page shows is the business of `web`; its path is all that is known of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from uuid import UUID

import dagster as dg

from livedash_pipeline.settings import Settings

# A run of many batches has as many pages; their list in the console has the rest.
_MOST = 20


def batch_pages(
    settings: Settings, batch_ids: Iterable[UUID]
) -> dict[str, dg.MarkdownMetadataValue | dg.UrlMetadataValue]:
    """Makes metadata that leads to the pages of some batches; nothing without LIVEDASH_CONSOLE_URL, or without a batch."""
    base, few = settings.livedash_console_url, list(islice(batch_ids, _MOST + 1))
    if base is None or not few:
        return {}
    pages = f"{base}/console/batches"
    if len(few) == 1:
        return {"console": dg.MetadataValue.url(f"{pages}/{few[0]}")}
    # Our own ids: nothing in them is Markdown.
    links = [f"[{batch_id}]({pages}/{batch_id})" for batch_id in few[:_MOST]]
    more = [f"[All batches]({pages})"] if len(few) > _MOST else []
    return {"console": dg.MetadataValue.md("  \n".join(links + more))}
