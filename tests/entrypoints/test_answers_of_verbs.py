"""Every verb that prints JSON has a schema of what it prints, in `schemas/answers/`."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import typer
from jsonschema import ValidationError

from ledger.entrypoints.cli.app import app
from ledger.entrypoints.cli.branches import paths
from tests.answer_schemas import NAMES, must_be_as_said
from tests.schemas_of_verbs import SCHEMAS_OF, verb_of

NO_ANSWER = frozenset({"head"})
"""Schemas of what no verb prints by itself."""


def printing_json() -> set[str]:
    """Every verb that takes `--json`."""
    group: Any = typer.main.get_command(app)
    found = set()
    with typer.Context(group, info_name="pulsa") as ctx:
        for path, _ in paths():
            command = group
            for word in path.split():
                command = cast("Any", command.get_command(ctx, word))
            if any("--json" in param.opts for param in command.params):
                found.add(path)
    return found


def test_every_verb_that_prints_json_has_a_schema_and_no_schema_is_nobodys() -> None:
    assert SCHEMAS_OF.keys() == printing_json()
    assert {name for names in SCHEMAS_OF.values() for name in names} | NO_ANSWER == {*NAMES}


def test_the_verb_of_a_call_is_found_behind_its_settings() -> None:
    assert verb_of(["--log", "x.db", "terms", "list", "--json"]) == "terms list"
    assert verb_of(["status", "--json"]) == "status"
    assert verb_of(["audit", "new-key", "k"]) is None


@pytest.mark.parametrize("wrong", [{"extra": 1}, {"verdict": "fine"}, {"message": None}])
def test_what_is_not_as_its_schema_says_is_noticed(wrong: dict[str, Any]) -> None:
    said = {"check": "log", "verdict": "well", "message": "it is", "code": None, "page": None}
    must_be_as_said(["doctor", "--json"], json.dumps(said))
    with pytest.raises(ValidationError):
        must_be_as_said(["doctor", "--json"], json.dumps(said | wrong))
