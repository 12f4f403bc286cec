"""Webhooks that come in. They carry no token: the signature says who sends them.

Add a sender here. What a delivery does is decided by steps.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, guarded_router
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.openapi import may_answer
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.api.routes.admin.schemas import Received, answers
from livedash_pipeline.api.services import services_of
from livedash_pipeline.ledger.steps.results.take_webhook import take_webhook

# The service's events are a few hundred bytes.
_SIGNED = Access(None, action="webhook", body="stream", max_body=64 * 1024)
_HEADERS = [
    {"name": name, "in": "header", "required": False, "description": about, "schema": {"type": "string"}}
    for name, about in (
        ("webhook-id", "Of the delivery; a repeated one has the same."),
        ("webhook-timestamp", "Seconds since 1970, at most five minutes off."),
        ("webhook-signature", "`v1,` and the HMAC-SHA256 of id, timestamp and body, joined by dots."),
    )
]
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object"},
            "example": {"id": "evt_1", "type": "batch.completed", "data": {"id": "batch_6812f0c2"}},
        }
    },
}


def router() -> APIRouter:
    """The one route for OpenAI's webhooks."""
    routes = guarded_router("/api/webhooks", ["webhooks"])

    @routes.post(
        "/openai",
        responses=answers(Received, "Taken, or taken before"),
        openapi_extra={"parameters": _HEADERS, "requestBody": _BODY},
        summary="Take a webhook of the Batch API",
    )
    @may_answer(403)
    @allow(_SIGNED)
    async def openai(request: Request) -> Response:
        """Makes the poll of a batch due at once. Only genuine deliveries are taken, and each of them once."""
        services = services_of(request)
        if services.webhooks is None:
            raise Problem(
                "not_configured",
                "Webhooks are not taken: OPENAI_WEBHOOK_SECRET is not set.",
                remedy="Set it to the secret of the webhook; until then batches are polled.",
                headers={"Retry-After": "3600"},
            )
        event = services.webhooks.read(await request.body(), dict(request.headers))
        if event is None:
            raise Problem(
                "forbidden",
                "The signature does not fit this body, or is more than five minutes old.",
                remedy="Compare OPENAI_WEBHOOK_SECRET with the secret of the webhook, and the clocks.",
            )
        return answer(await run_in_threadpool(take_webhook, services.engine, event))

    return routes
