"""Every command has a template; what stands in it is read back, and a file made of it is taken in."""

from __future__ import annotations

import csv

import pytest

from ledger.domain.kinds import COMMANDS
from ledger.domain.line.product import PRODUCTS
from ledger.entrypoints.forms import CommandReader, command_schemas
from ledger.entrypoints.registrations import COLUMN, IN_PLACE, OF_VALUES, from_text
from ledger.entrypoints.templates import BY_FORM, BY_NAME, OF_A_PERSON, example_of, template
from ledger.terms import bundled
from tests.entrypoints.pulsa import Pulsa

PLAYED = CommandReader(played=True, now=None)
LIVE = CommandReader(played=False, now=lambda: 0)


@pytest.mark.parametrize("name", sorted(command_schemas()))
def test_a_template_names_every_field_and_its_example_is_such_a_command(name: str) -> None:
    (row,) = csv.DictReader(template([name], played=True).splitlines())
    fields = {field["name"] for field in command_schemas()[name]["fields"]}
    if name in OF_VALUES:
        fields = fields - set(IN_PLACE) | {f"{COLUMN}{field}" for field in OF_A_PERSON}
    assert set(row) == {"command", *fields}
    assert all(row.values())
    assert type(from_text(PLAYED, row, None)[0]) is COMMANDS[name]
    assert row.get("decided_by", row["actor"]) == row["actor"] != row.get("approved_by"), "four eyes"
    (dated_by_the_log,) = csv.DictReader(template([name], played=False).splitlines())
    assert set(row) - set(dated_by_the_log) == {"at"}
    assert type(from_text(LIVE, dated_by_the_log, None)[0]) is COMMANDS[name]


def test_no_example_is_kept_that_no_field_needs() -> None:
    fields = [(name, field) for name, schema in command_schemas().items() for field in schema["fields"]]
    assert set(BY_NAME) <= {field["name"] for _, field in fields}
    used = {field["form"] for _, field in fields if field["name"] not in BY_NAME}
    assert used - {"id", "choice"} == set(BY_FORM)
    assert all(example_of(name, field) for name, field in fields)


@pytest.mark.parametrize("name", sorted(command_schemas()))
def test_terms_in_an_example_are_of_the_commands_product(name: str) -> None:
    (row,) = csv.DictReader(template([name], played=True).splitlines())
    product = next((one.name for one in PRODUCTS.values() if COMMANDS[name] in one.commands), None)
    named = {terms.id: terms for terms in bundled()}.get(row.get("terms", ""))
    assert ("terms" in row) == (named is not None)
    assert named is None or product in (None, named.product)
    if named is not None and "plan" in row:
        assert f'"{row["plan"]}"' in named.content


def test_one_file_made_of_several_templates_is_taken_in(pulsa: Pulsa) -> None:
    story = template(["IssueStarterPack", "Activate", "TopUp", "RecordUsage"], played=True)
    pulsa.done("ingest", "-", feed=story)
    assert [event["type"].rpartition(".")[2] for event in pulsa.events()[2:]] == [
        "StarterPackIssued",
        "Activated",
        "CreditToppedUp",
        "UsageDebited",
    ]


def test_a_command_that_files_may_not_hold_has_none() -> None:
    with pytest.raises(KeyError):
        template(["CloseThrough"], played=True)
