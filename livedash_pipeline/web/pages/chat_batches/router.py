"""All routes of chat batches, in the order in which addresses are looked up: fixed words before ids.

Add the routes of another page here.
"""

from __future__ import annotations

from fastapi import APIRouter

from livedash_pipeline.web.guard import page_router
from livedash_pipeline.web.pages.chat_batches.answers import add_answers
from livedash_pipeline.web.pages.chat_batches.asking import add_asking
from livedash_pipeline.web.pages.chat_batches.comparing import add_comparing
from livedash_pipeline.web.pages.chat_batches.conversations import add_conversations
from livedash_pipeline.web.pages.chat_batches.listing import add_listing
from livedash_pipeline.web.pages.chat_batches.one import add_one
from livedash_pipeline.web.pages.chat_batches.uploading import add_uploading


def router() -> APIRouter:
    """Routes below `/console/chat-batches`."""
    routes = page_router("/chat-batches")
    add_listing(routes)
    add_uploading(routes)
    add_comparing(routes)
    add_one(routes)
    add_asking(routes)
    add_answers(routes)
    add_conversations(routes)
    return routes
