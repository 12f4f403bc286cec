"""The analysis of a session as a document, without its texts, the same wherever a session is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from livedash_pipeline.base.rules.values import Document, moment


def analysis_document(analysis: Mapping[str, Any] | RowMapping) -> Document:
    """What an analysis says of a session, without its texts; all null before it is analysed."""
    sentiment, category = analysis["sentiment"], analysis["category"]
    return {
        "analysedAt": moment(analysis["analysed_at"]),
        "language": analysis["language"],
        "sentiment": sentiment and sentiment.lower(),
        "escalated": analysis["escalated"],
        "forwardedHr": analysis["forwarded_hr"],
        "category": category and category.lower(),
    }
