"""Every command is read alike, whether JSON or text says what is in its fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.domain.calendar import day_number, parse_day, parse_instant
from ledger.domain.kinds import COMMANDS
from ledger.entrypoints.forms import CommandReader, command_schemas
from tests.entrypoints.pulsa import NUMBER, START

PLAYED = CommandReader(played=True, now=None)
AT = parse_instant(START)

EXAMPLES: dict[str, tuple[Any, str, Any]] = {
    "msisdn": (NUMBER, NUMBER, NUMBER),
    "id": ("an-id", "an-id", "an-id"),
    "card": ("ab" * 32, "ab" * 32, "ab" * 32),
    "text": ("Kartu perdana, 5 GB", "Kartu perdana, 5 GB", "Kartu perdana, 5 GB"),
    "amount": ("5.05", "5.05", 505),
    "amount-or-zero": ("0", "0", 0),
    "signed-amount": ("-12.5", "-12.5", -1250),
    "instant": (START, START, AT),
    "day": ("2023-07-03", "2023-07-03", day_number(parse_day("2023-07-03"))),
    "count": (200, "200", 200),
    "flag": (True, "true", True),
    "fee": (True, "true", None),
    "count-or-zero": (0, "0", 0),
    "decimal": ("12.345678", "12.345678", "12.345678"),
    "ids": (["an-id", "other"], "an-id,other", ["an-id", "other"]),
    "lines": (
        [{"kind": "usage", "amount": "5.05", "text": "a call"}],
        "usage:5.05:a call",
        [{"kind": "usage", "amount": 505, "text": "a call"}],
    ),
    "balance": ("-5.05", "-5.05", -505),
    "digest": ("0f" * 32, "0f" * 32, "0f" * 32),
    "statement-lines": (
        [{"line": 1, "amount": "-5.05", "unit": "IDR", "on": "1970-01-02", "quantity": 7, "raw": "0" * 64}],
        json.dumps(
            [
                {
                    "line": 1,
                    "amount": "-5.05",
                    "unit": "IDR",
                    "on": "1970-01-02",
                    "quantity": 7,
                    "raw": "0" * 64,
                }
            ]
        ),
        [
            dict.fromkeys(("account", "reference", "kind", "group", "at", "balance"))
            | {"line": 1, "amount": -505, "unit": "IDR", "on": 1, "quantity": 7, "raw": "0" * 64}
        ],
    ),
    "statement-findings": (
        [{"line": 1, "code": "chain", "expected": "0", "found": "5"}],
        '[{"line": 1, "code": "chain", "expected": "0", "found": "5"}]',
        [{"line": 1, "code": "chain", "expected": 0, "found": 500}],
    ),
    "outcome-sums": (
        [{"outcome": "equal", "items": 1, "amount": "5"}],
        '[{"outcome": "equal", "items": 1, "amount": "5"}]',
        [{"outcome": "equal", "items": 1, "amount": 500}],
    ),
}
"""For each form: a JSON value, the same as text, and what the command then holds."""


@pytest.mark.parametrize("name", sorted(command_schemas()))
def test_every_command_is_read_alike_from_json_and_from_text(name: str) -> None:
    in_json, in_text, held = {"command": name}, {"command": name}, {}
    for field in command_schemas()[name]["fields"]:
        choices = field.get("choices", [""])
        example = EXAMPLES.get(field["form"], (choices[0],) * 3)
        in_json[field["name"]], in_text[field["name"]], held[field["name"]] = example
    expected = COMMANDS[name](**held)
    assert PLAYED.from_json(json.dumps(in_json).encode()) == expected
    assert PLAYED.from_text(in_text) == expected
