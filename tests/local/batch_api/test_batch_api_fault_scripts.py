"""Fault scripts: what is accepted, how a bad one is refused, and that the same script makes the same choices."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from livedash_pipeline.local.batch_api.faults.call_kinds import LoseReply
from livedash_pipeline.local.batch_api.faults.fault_desk import Call, FaultDesk
from livedash_pipeline.local.batch_api.faults.fault_kinds import FaultKind
from livedash_pipeline.local.batch_api.faults.script import FaultScript, FaultScriptError, chosen, parse_script

DROP = {"kind": "drop", "operation": "get_batch"}


def strikes(desk: FaultDesk, count: int, call: Call) -> list[int]:
    return [number for number in range(1, count + 1) if desk.for_call(call) is not None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"faults": [{"kind": "lose_replies", "operation": "get_batch"}]}',
            ["fault 1", "'lose_replies'", "lose_reply"],
        ),
        ('{"faults": [{"operation": "get_batch"}]}', ["fault 1 has no kind"]),
        (
            '[{"kind": "drop", "operation": "get_batch"}, {"kind": "expire", "share": 0.5, "at": 1}]',
            ["fault 2 (expire)", "'at'"],
        ),
        ('[{"kind": "expire"}]', ["fault 1 (expire) lacks the field 'share'"]),
        ('[{"kind": "expire", "share": 1.5}]', ["fault 1 (expire)", "1.5", "share"]),
        ('[{"kind": "drop", "operation": "get_batches"}]', ["fault 1 (drop)", "'get_batches'", "operation"]),
        ('[{"kind": "delay", "operation": "upload_file"}]', ["fault 1 (delay)", "'upload_file'"]),
        ('[{"kind": "drop", "operation": "any", "match": {"nht": 1}}]', ["fault 1 (drop)", "'match.nht'"]),
        ('[{"kind": "expire", "share": 1, "match": {"custom_id": "r"}}]', ["expire", "custom_id"]),
        ('{"faults": [{"kind": "expire", "share": 1, "match": {"custom_id": "r"}}]}', ["expire", "custom_id"]),
        ('{"sede": 1}', ["'sede'"]),
        ("{", ["no JSON"]),
        ("[1]", ["fault 1"]),
        ("7", ["7"]),
    ],
)
def test_bad_script_is_refused_with_one_sentence(text: str, words: list[str]) -> None:
    with pytest.raises(FaultScriptError) as refusal:
        parse_script(text, name="The fault script bad.json")
    message = refusal.value.message
    assert message.startswith("The fault script bad.json cannot be used: ")
    assert message.endswith(".")
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def test_script_may_be_a_list_or_an_object_with_a_seed() -> None:
    assert parse_script(json.dumps([DROP])) == parse_script(json.dumps({"faults": [DROP], "seed": 0}))
    assert parse_script(b" [] ") == FaultScript()


def test_every_fault_survives_its_own_json() -> None:
    """What the server shows can be put in again."""
    values: dict[str, Any] = {
        "operation": "delete_file", "status": 500, "seconds": 1, "share": 0.5, "limit": 1, "code": "x", "text": "nul",
            "word": "x", "at": "create", "says": "missing", "order": "unsteady", "items": 1,
    }  # fmt: skip
    models = get_args(FaultKind)
    assert len(models) == 62
    for model in models:
        needed = {
            name: values[name] if name in values else get_args(field.annotation)[0]
            for name, field in model.model_fields.items()
            if field.is_required() and name != "kind"
        }
        kind = get_args(model.model_fields["kind"].annotation)[0]
        (fault,) = parse_script(json.dumps([{"kind": kind, **needed}])).faults
        assert type(fault) is model
        assert parse_script(json.dumps([fault.model_dump()])).faults == (fault,)


def test_nth_and_times_count_only_what_matches() -> None:
    third = {**DROP, "match": {"nth": 2, "batch_id": "batch_1"}}
    desk = FaultDesk(parse_script(json.dumps([third])))
    assert strikes(desk, 3, Call("get_batch", "batch_2")) == []
    assert strikes(desk, 3, Call("list_batches", "batch_1")) == []
    assert strikes(desk, 3, Call("get_batch", "batch_1")) == [2]
    twice = FaultDesk(parse_script(json.dumps([{**DROP, "operation": "any", "times": 2}])))
    assert strikes(twice, 4, Call("get_file", None, "file-1")) == [1, 2]
    assert twice.document()["faults"][0]["struck"] == 2


def test_first_of_several_faults_strikes() -> None:
    lose = {"kind": "lose_reply", "operation": "get_batch", "match": {"nth": 1}}
    desk = FaultDesk(parse_script(json.dumps([lose, {**DROP, "times": 1}])))
    assert isinstance(desk.for_call(Call("get_batch", "b")), LoseReply)
    assert desk.for_call(Call("get_batch", "b")) is not None
    assert desk.for_call(Call("get_batch", "b")) is None


def test_share_follows_the_seed_and_nothing_else() -> None:
    def struck(seed: int) -> list[int]:
        script = parse_script(json.dumps({"seed": seed, "faults": [{**DROP, "match": {"share": 0.25}}]}))
        return strikes(FaultDesk(script), 400, Call("get_batch", "b"))

    assert struck(1) == struck(1) != struck(2)
    assert 60 < len(struck(1)) < 140
    assert not any(chosen(0.0, number) for number in range(100))
    assert all(chosen(1.0, number) for number in range(100))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--faults", "{tmp}/bad.json"], ["bad.json", "'nonsense'"]),
        (["--faults", "{tmp}/absent.json"], ["absent.json", "cannot be read"]),
        (["--upstream", "ftp://127.0.0.1"], ["ftp://127.0.0.1", "no address"]),
        (["--upstream", "http://127.0.0.1:9/v1", "--upstream-key-env", "NO_SUCH_KEY"], ["NO_SUCH_KEY"]),
        (["--upstream", "http://127.0.0.1:9/v1"], ["http://127.0.0.1:9/v1", "does not answer"]),
        (["--upstream", "http://127.0.0.1:9/v1", "without a key"], ["OPENAI_API_KEY is not set"]),
    ],
)
def test_command_with_a_bad_option_ends_with_2_and_a_sentence(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    (tmp_path / "bad.json").write_text('[{"kind": "nonsense"}]')
    command = [
        sys.executable,
        "-m",
        "livedash_pipeline.cli",
        "batch-api",
        "--port",
        "0",
        "--state",
        str(tmp_path / "s"),
    ]
    filled = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    environ = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    if "without a key" in filled:
        filled.remove("without a key")
    else:
        environ["OPENAI_API_KEY"] = "of the callers"
    ended = subprocess.run(
        [*command, *filled], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert [word for word in words if word not in ended.stderr] == []
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "s").exists()
