"""Fault scripts: a list of faults with a seed, read from JSON, and every choice that the seed decides.

Nothing is added here for a new kind of fault (see `fault_kinds.py`). Pure: same script, same choices.

    {"seed": 7, "faults": [{"kind": "lose_reply", "operation": "create_batch", "match": {"nth": 1}},
                           {"kind": "expire", "share": 0.4, "match": {"nth": 2}},
                           {"kind": "missing_line", "match": {"share": 0.01}}]}
"""

from hashlib import blake2b
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from livedash_pipeline.errors import UsageError
from livedash_pipeline.local.batch_api.faults.fault_base import Part
from livedash_pipeline.local.batch_api.faults.fault_kinds import CallFault, FaultKind, LineFault, VisibilityLag
from livedash_pipeline.local.batch_api.faults.shown_kinds import ListingFault, OddValidation, SurvivingInput

Fault = Annotated[FaultKind, Field(discriminator="kind")]
"""One fault, told from the others by its `kind`."""

_CALLS, _LINES, _LISTINGS = get_args(CallFault), get_args(LineFault), get_args(ListingFault)
_REMEDY = "The kinds of faults and their fields are in the modules livedash_pipeline/local/batch_api/faults/*_kinds.py."


class FaultScriptError(UsageError):
    """A fault script cannot be used; the message is one sentence that names what is wrong."""

    code = "bad_fault_script"


class FaultScript(Part):
    """Faults in order: of several that could strike a call or a line, the first does."""

    seed: int = 0
    faults: tuple[Fault, ...] = ()

    @model_validator(mode="after")
    def _custom_id_is_for_lines(self) -> "FaultScript":
        for number, fault in enumerate(self.faults, start=1):
            if fault.match.custom_id is not None and not isinstance(fault, _LINES):
                raise ValueError(f"Fault {number} ({fault.kind}) has match.custom_id, which is for faults of lines")
        return self


class BoundFault(Part):
    """A fault that has struck a batch, with what decides about the lines: the seed, and its number among all faults."""

    fault: Fault
    seed: int
    number: int


def is_call_fault(fault: FaultKind) -> bool:
    """Whether a fault is one of calls."""
    return isinstance(fault, _CALLS)


def is_batch_fault(fault: FaultKind) -> bool:
    """Whether a fault is bound to batches, for itself or for their lines."""
    return not isinstance(fault, (*_CALLS, *_LISTINGS)) and not is_upload_fault(fault)


def is_upload_fault(fault: FaultKind) -> bool:
    """Whether a fault is one of input files, from their upload on."""
    if isinstance(fault, VisibilityLag):
        return fault.of == "input_file"
    return isinstance(fault, SurvivingInput) or (isinstance(fault, OddValidation) and fault.at == "upload")


def is_line_fault(fault: FaultKind) -> bool:
    """Whether a fault is one of lines."""
    return isinstance(fault, _LINES)


def chosen(share: float | None, *key: object) -> bool:
    """Returns whether something with this key belongs to the share; the same answer every time."""
    if share is None:
        return True
    digest = blake2b("/".join(map(str, key)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def parse_script(text: str | bytes, *, name: str = "The fault script") -> FaultScript:
    """Returns the script in a JSON document: an object with `faults` and perhaps `seed`, or only the list of faults.

    Args:
        text: the document.
        name: what the message calls it.

    Raises:
        FaultScriptError: it is no JSON, or has a kind, field or value that does not exist.
    """
    try:
        if text.lstrip()[:1] in ("[", b"["):
            return FaultScript(faults=_LIST.validate_json(text))
        return FaultScript.model_validate_json(text)
    except ValidationError as error:
        raise FaultScriptError(f"{name} cannot be used: {_sentence(error)}.", remedy=_REMEDY) from None


_LIST: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[Fault, ...])


def _sentence(error: ValidationError) -> str:
    """Says the first thing that is wrong, with the offending word."""
    first = error.errors()[0]
    place = [part for part in first["loc"] if part != "faults"]
    number = place[0] + 1 if place and isinstance(place[0], int) else None
    given = first["input"]
    if first["type"] == "union_tag_invalid":
        known = ", ".join(sorted(_kinds()))
        return f"fault {number} has the unknown kind {given.get('kind')!r}; the kinds are {known}"
    if first["type"] == "union_tag_not_found":
        return f"fault {number} has no kind"
    kind = f" ({place[1]})" if len(place) > 1 else ""
    whose = f"fault {number}{kind}" if number is not None else "it"
    field = ".".join(map(str, place[2:] if number is not None else place))
    if first["type"] == "extra_forbidden":
        return f"{whose} has the unknown field {field!r}"
    if first["type"] == "missing":
        return f"{whose} lacks the field {field!r}"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == "json_invalid":
        return f"it is no JSON ({first['ctx']['error']})"
    return f"{whose} has {_shown(given)} as {field or 'its value'}: {first['msg']}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kinds() -> list[str]:
    models = get_args(FaultKind)
    return [kind for model in models for kind in get_args(model.model_fields["kind"].annotation)]
