"""Every command is read alike, whether JSON or text says what is in its fields."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ledger.domain.calendar import day_number, parse_day, parse_instant
from ledger.domain.commands import Command
from ledger.domain.kinds import COMMANDS
from ledger.domain.line.dispute_commands import AttachEvidence
from ledger.domain.refusals import Invalid
from ledger.entrypoints.forms import CommandReader, command_schemas
from ledger.entrypoints.kafka import avro_forms
from tests.entrypoints.pulsa import NUMBER, START

PLAYED = CommandReader(played=True, now=None)
AT = parse_instant(START)

EXAMPLES: dict[str, tuple[Any, str, Any]] = {
    "msisdn": (NUMBER, NUMBER, NUMBER),
    "id": ("an-id", "an-id", "an-id"),
    "customer": ("customer/C-17", "customer/C-17", "customer/C-17"),
    "customer-id": ("C-17", "C-17", "C-17"),
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
    avro_forms.check(expected)


@pytest.mark.parametrize("wrong", ["customer/C-17", "C-17#1", "C/17", "C@17", "customer/", "customer/C#1"])
def test_a_customers_id_is_taken_without_a_prefix_where_it_names_a_holder(wrong: str) -> None:
    for name in ("Activate", "OpenContract", "ReclaimNumber", "RequestRightsTransfer"):
        (field,) = (one["name"] for one in command_schemas()[name]["fields"] if one["form"] == "customer-id")
        said = f"{field}: a customer's id has no #, / or @ of its own: write "
        meant = "C-17, without customer/" if wrong == "customer/C-17" else "the id alone, without customer/"
        with pytest.raises(Invalid) as in_text:
            PLAYED.from_text({"command": name, field: wrong})
        with pytest.raises(Invalid) as in_json:
            PLAYED.from_json(json.dumps({"command": name, field: wrong}).encode())
        assert f"{said}{meant}; given: " in str(in_text.value)
        assert f"{said}{meant}; given: " in str(in_json.value)
        with pytest.raises(Invalid, match=r"[(](to_)?customer: a customer's id has no"):
            avro_forms.check(_as_its_examples_say(name, field, wrong))


@pytest.mark.parametrize("wrong", ["C-17", "customer/", "customer/C#1", "customer/C/1", "breach/C-17"])
def test_a_customer_who_is_addressed_has_the_prefix_and_is_told_so_by_that_name(wrong: str) -> None:
    names = [name for name in command_schemas() if _form_of(name, "customer") == "customer"]
    assert {"RegisterCustomer", "GiveConsent", "Disclose", "ErasePerson", "AdvanceCustomer"} < set(names)
    for name in names:
        said = f"customer: no customer: write customer/{'C-17' if wrong == 'C-17' else '…'}"
        with pytest.raises(Invalid) as in_json:
            PLAYED.from_json(json.dumps({"command": name, "customer": wrong}).encode())
        assert said in str(in_json.value)
        with pytest.raises(Invalid, match=re.escape(said)):
            avro_forms.check(_as_its_examples_say(name, "customer", wrong))


def _form_of(command: str, field: str) -> str | None:
    return next((one["form"] for one in command_schemas()[command]["fields"] if one["name"] == field), None)


def _as_its_examples_say(command: str, field: str, value: str) -> Command:
    held: dict[str, Any] = {}
    for one in command_schemas()[command]["fields"]:
        held[one["name"]] = EXAMPLES.get(one["form"], (one.get("choices", [""])[0],) * 3)[2]
    return COMMANDS[command](**held | {field: value})


def test_what_comes_in_avro_is_held_against_every_form() -> None:
    said: dict[str, Any] = {"at": AT, "command_id": "c", "msisdn": NUMBER, "dispute": "d", "title": "t"}
    for digest in ("0" * 60_000, "0F" * 32, "who@example.com"):
        with pytest.raises(Invalid, match="digest: not a digest"):
            avro_forms.check(AttachEvidence(**said, media_type="m", digest=digest))
    for name in COMMANDS:
        avro_forms._checks(name)  # raises where it has a form that nobody knows
