"""The fields of a command as its schema states them, read without anything else: for help, which has to be quick."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

Field = dict[str, Any]


def fields_of(command: str) -> list[Field]:
    """The fields of a command that an entry point takes, each with its `form`."""
    text = (files("schemas") / "commands" / f"ledger.command.{command}.avsc").read_text("utf-8")
    fields: list[Field] = json.loads(text)["fields"]
    return fields


def may_lack(field: Field) -> bool:
    """Whether a field of a command schema may be left out."""
    return "default" in field or field["name"] == "at"
