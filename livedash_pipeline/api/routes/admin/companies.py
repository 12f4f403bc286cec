"""Admin routes about companies: how their files are written.

Add a route about what is set for a company. All of them need a platform administrator's token.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from livedash_pipeline.api.access import ADMIN_READ, admin_write
from livedash_pipeline.api.guard import allow, guarded_router, note
from livedash_pipeline.api.http.parameters import Body
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.problems import not_found
from livedash_pipeline.api.routes.admin.schemas import Answered, answers
from livedash_pipeline.api.services import services_of
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.rules.profiles.csv_profile import CsvProfile
from livedash_pipeline.intake.rules.profiles.transcript_profile import TranscriptProfile
from livedash_pipeline.intake.steps.company_profiles import set_profiles, show_profiles

PREFIX = "/api/admin/companies"
_WRITE = admin_write("set_profiles", body="json")
_CSV: dict[str, Any] = {"version": 1, "delimiter": ";", "times": ["%d/%m/%Y %H:%M"]}


class Profiles(Answered):
    """How a company's files are written; null where they are like the seed's."""

    company: str = Field(examples=["acme"])
    csv_profile: dict[str, Any] | None = Field(examples=[_CSV])
    transcript_profile: dict[str, Any] | None = Field(examples=[None])


class ProfilesBody(Body):
    """Both profiles, as they are to be from now on; null for files like the seed's."""

    csv_profile: CsvProfile | None = Field(description="How its CSV is written (docs/profiles.md).", examples=[_CSV])
    transcript_profile: TranscriptProfile | None = Field(
        description="How its transcripts are written (docs/transcript-profiles.md).", examples=[None]
    )


def router() -> APIRouter:
    """Routes below `/api/admin/companies`."""
    routes = guarded_router(PREFIX, ["companies"])

    @routes.get(
        "/{slug}/profile",
        responses=answers(Profiles),
        summary="Show how a company's files are written",
        operation_id="get_profiles",
    )
    @allow(ADMIN_READ)
    def get_profiles(request: Request, slug: str) -> Response:
        """The two profiles as they are stored; null where the files are like the seed's."""
        try:
            return answer(show_profiles(services_of(request).engine, slug))
        except UsageError:
            raise not_found(f"company {slug[:64]!r}") from None

    @routes.put(
        "/{slug}/profile",
        responses=answers(Profiles),
        summary="Say how a company's files are written",
        operation_id="set_profiles",
    )
    @allow(_WRITE)
    def put_profiles(request: Request, slug: str, body: ProfilesBody) -> Response:
        """Both are replaced, and the next import reads the whole CSV again; sessions with other words then are analysed anew."""
        engine = services_of(request).engine
        get_profiles(request, slug)
        csv = body.csv_profile.document() if body.csv_profile else {}
        transcripts = body.transcript_profile.document() if body.transcript_profile else {}
        document = set_profiles(engine, slug, csv=csv, transcripts=transcripts)
        note(request, company=slug)
        return answer(document)

    return routes
