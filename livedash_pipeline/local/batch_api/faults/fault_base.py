"""The common part of all faults of a script: what they strike, and how often.

Add here what holds for all kinds; the kinds themselves are in `fault_kinds.py` and `shown_kinds.py`. Pure data.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Operation = Literal[
    "upload_file",
    "list_files",
    "get_file",
    "download_file",
    "delete_file",
    "create_batch",
    "list_batches",
    "get_batch",
    "cancel_batch",
    "list_models",
    "get_model",
    "chat_completion",
    "get_costs",
    "get_usage",
]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A piece of a fault script: it never changes, and takes no field that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Match(Part):
    """The target of a fault; without fields, everything of its kind.

    A fault of a call strikes calls, a fault of a batch strikes batches when they are created (one that names its
    `batch_id` also strikes a batch that exists already), and a fault of a line strikes lines of the batches that match.

    Attributes:
        nth: only the n-th call or batch that fits the rest, from 1.
        batch_id: only calls about this batch, or this batch.
        file_id: only calls about this file, or batches with this input file.
        custom_id: only the line with this id; for faults of lines.
        metadata: only batches, and calls that create one, whose metadata hold these pairs.
        share: this part of the calls, batches or lines that fit, chosen by the script's seed.
    """

    nth: Count | None = None
    batch_id: str | None = None
    file_id: str | None = None
    custom_id: str | None = None
    metadata: dict[str, str] | None = None
    share: Share | None = None


class Base(Part):
    """What every fault has; `times` is how often it strikes at most (calls or batches), None for always."""

    match: Match = Match()
    times: Count | None = None
