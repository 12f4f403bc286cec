"""JSON objects of the service that belong to no record: pages of lists, and models.

Add others here. Files and batches are in `records.py`.
"""

from typing import Any

_MODEL_CREATED = 1_735_689_600


def page(found: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """Returns a list object from up to `count` + 1 documents; the one too many says that there are more."""
    data = found[:count]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > count,
    }


def model_document(name: str) -> dict[str, Any]:
    """Returns the Model object of a name."""
    return {"id": name, "object": "model", "created": _MODEL_CREATED, "owned_by": "livedash-stand-in"}
