"""Each reason for which a record is rejected says what cures it."""

from __future__ import annotations

import re

import click
import pytest

from livedash_pipeline.cli import cli
from livedash_pipeline.intake.rules.csv_rejects import RejectReason
from livedash_pipeline.intake.rules.reject_cures import cure_of


@pytest.mark.parametrize("reason", RejectReason)
def test_every_reason_has_a_cure(reason: RejectReason) -> None:
    cure = cure_of(reason.value, company="acme")
    assert cure is not None
    assert cure.endswith(".")
    assert "{" not in cure


@pytest.mark.parametrize("reason", RejectReason)
def test_the_commands_of_cures_exist(reason: RejectReason) -> None:
    for command in re.findall(r"`livedash ([a-z ]+)", cure_of(reason.value, company="acme") or ""):
        found: click.Command | None = cli
        for word in command.split():
            if isinstance(found, click.Group):
                found = found.get_command(click.Context(found), word)
            assert found is not None, command


def test_a_reason_of_another_program_has_none() -> None:
    assert cure_of("of another version", company="acme") is None
