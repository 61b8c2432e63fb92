"""Free text that tells who a person is is taken nowhere, and what is refused is not said again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.domain.free_text import tells_of_somebody
from ledger.domain.line.commands import Block
from ledger.domain.prepaid.commands import ReverseTopUp
from ledger.domain.refusals import Invalid
from ledger.domain.statement.commands import AddStatementLines
from ledger.entrypoints.forms import CommandReader, command_schemas
from ledger.entrypoints.kafka import avro_forms
from tests.entrypoints.pulsa import NUMBER, START, Pulsa, activate, issue, top_up
from tests.entrypoints.test_every_form import EXAMPLES

EMAIL, IDENTITY, OF_A_WOMAN = "b.quetzalcoatl@example.net", "3273010101900001", "3273017112990001"
WIDE = {ord(one): ord(one) + 0xFEE0 for one in "0123456789@"}
"""Digits and the sign as wide characters."""
WIDE_EMAIL = EMAIL.translate(WIDE)
ARABIC, BENGALI = ({ord("0") + n: zero + n for n in range(10)} for zero in (0x660, 0x9E6))
READER = CommandReader(played=True, now=None)


@pytest.mark.parametrize(
    "text",
    [
        EMAIL,
        f"call {EMAIL.upper()} back",
        "ömer@exämple.id",
        IDENTITY,
        f"NIK {IDENTITY}.",
        OF_A_WOMAN,
        f"NIK{IDENTITY}",
        "3273 0101 0190 0001",
        "32.73.01.010190.0001",
        "NIK: 3273-0101-0190-0001",
        "3273-0101 0190.0001",
        "3273 0101-0190 0001",
        "to 2024 3273-0101 0190 0001",
        "3273-0101 0190.0001".translate(WIDE),
        f"ID{IDENTITY}",
        f"{IDENTITY}-A{IDENTITY}b",
        "\u200b".join(IDENTITY),
        EMAIL.replace("@", "\u2060@"),
        IDENTITY.translate(WIDE),
        WIDE_EMAIL,
        IDENTITY.translate(ARABIC),
        "3273 0101 0190 0001".translate(BENGALI),
        EMAIL.replace(".", "\u3002"),
        "\u2800".join(IDENTITY),
    ],
)
def test_what_tells_of_somebody(text: str) -> None:
    assert tells_of_somebody(text)


@pytest.mark.parametrize(
    "text",
    [
        "terms/sp23@0",
        f"ab{IDENTITY}ab{'c' * 4}",
        "log@12",
        "@example.net",
        "a@b",
        "1730000000000000",
        "6288112345678",
        "8962090000000000001",
        "32730101019000011",
        "3273013201900001",
        "3273010113900001",
        f"{IDENTITY}f{IDENTITY[:7]}",
        "1730 0000 0000 0000",
        "6288110112345-001",
        "6288112345678-1-B0001",
        "",
        "Kartu perdana, 5 GB",
        "2023-2024 2024-2025",
        "2024-0101 2024.0131",
        "1201.2024 - 1231.2024",
        "1000-1230 1000-1230",
        "12.03.24 140512-0001",
        "0812-3456 7890.1234",
        "6281-1012 1290-0001",
        "62 81 10 121290 0001",
        "1234.5678 9012.3456",
        "4556-7375 8689-9855",
        "8962 0900-0000 0000 001",
        "3273-0132 0190.0001",
        "3273-0101 0190.00011",
        "13273-0101 0190.0001",
        "INV-2024.0301-1001.0002",
    ],
)
def test_what_tells_of_nobody(text: str) -> None:
    assert not tells_of_somebody(text)


@pytest.mark.parametrize("said", [EMAIL, IDENTITY, "a@bc.de".translate(WIDE)])
@pytest.mark.parametrize("field", ["channel", "customer", "actor", "registration", "command"])
def test_a_field_that_tells_of_somebody_is_refused_and_not_repeated(field: str, said: str) -> None:
    for form in ("json", "text"):
        line = activate(**{field: said})
        with pytest.raises(Invalid) as refused:
            READER.from_text(line) if form == "text" else READER.from_json(json.dumps(line).encode())
        assert any(fault.startswith(f"{field}: ") for fault in refused.value.faults)
        assert not any(said in fault for fault in refused.value.faults)


def _with(said: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every command with that text in each place, one at a time, where text may stand; the field, and the place."""
    for name, schema in command_schemas().items():
        whole = {
            one["name"]: EXAMPLES.get(one["form"], (one.get("choices", [""])[0],))[0]
            for one in schema["fields"]
        }
        for field in schema["fields"]:
            for place, value in _placed(whole[field["name"]], said):
                yield field["name"], place, {"command": name, **whole, field["name"]: value}


def _placed(value: Any, said: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, str):
        yield "", said
    elif isinstance(value, list):
        yield from ((f"0{place}", [one, *value[1:]]) for place, one in _placed(value[0], said))
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from ((f".{name}{place}", {**value, name: one}) for place, one in _placed(part, said))


@pytest.mark.clause("PS-01")
@pytest.mark.parametrize("said", [EMAIL, IDENTITY])
def test_no_command_takes_it_in_any_place_whichever_way_it_comes(said: str) -> None:
    """Whoever adds a field with text to a command has it looked at, or is told here."""
    looked_at = 0
    for field, place, given in _with(said):
        if field in ("command_id", "reverses") and said == IDENTITY:
            continue  # as long numbers are ids of many a sender
        looked_at += 1
        with pytest.raises(Invalid) as in_json:
            READER.from_json(json.dumps(given).encode())
        assert said not in str(in_json.value.faults), (given["command"], field, place)
    assert looked_at > 500


def test_nor_what_comes_by_kafka_in_a_list() -> None:
    line = EXAMPLES["statement-lines"][0][0]
    for place, value in _placed([line], EMAIL):
        if place.split(".")[1] in ("amount", "on", "raw"):
            continue  # numbers there
        held: Any = [
            {**EXAMPLES["statement-lines"][2][0], place.split(".")[1]: value[0][place.split(".")[1]]}
        ]
        with pytest.raises(Invalid) as refused:
            avro_forms.check(
                AddStatementLines(
                    at=0, command_id="c", actor="a", statement="statement/s", lines=held, findings=[]
                )
            )
        assert EMAIL not in str(refused.value.faults)


def test_an_unknown_field_is_not_repeated_where_it_tells_of_somebody() -> None:
    with pytest.raises(Invalid) as refused:
        READER.from_json(json.dumps(top_up(**{EMAIL: "x"})).encode())
    assert EMAIL not in str(refused.value.faults)


@pytest.mark.parametrize("field", ["command", "credit", WIDE_EMAIL])
def test_what_is_no_value_is_not_repeated_in_escapes_either(field: str) -> None:
    with pytest.raises(Invalid) as refused:
        READER.from_json(json.dumps({**top_up(), field: WIDE_EMAIL}).encode())
    assert "quetzalcoatl" not in str(refused.value.faults)
    with pytest.raises(Invalid) as refused:
        READER.from_json(json.dumps({**top_up(), field: f"\a{IDENTITY}"}).encode())
    assert IDENTITY not in str(refused.value.faults)


def test_a_commands_id_may_be_a_long_number_but_no_address() -> None:
    assert READER.from_text(top_up(command_id=IDENTITY)).command_id == IDENTITY
    for said in (EMAIL, WIDE_EMAIL):
        with pytest.raises(Invalid):
            READER.from_text(top_up(command_id=said))


def test_a_top_up_whose_id_is_a_long_number_is_reversed_like_any_other() -> None:
    read = READER.from_text(reversing(IDENTITY))
    assert isinstance(read, ReverseTopUp)
    assert read.reverses == IDENTITY
    avro_forms.check(read)
    for said in (EMAIL, WIDE_EMAIL):
        with pytest.raises(Invalid, match="reverses"):
            READER.from_text(reversing(said))
        with pytest.raises(Invalid, match="reverses"):
            avro_forms.check(msgspec.structs.replace(read, reverses=said))


def reversing(top_up_id: str) -> dict[str, str]:
    said = {"reason": "wrong-number", "approved_by": "staff-2", "reverses": top_up_id}
    return {"command": "ReverseTopUp", "command_id": "r-1", "at": START, "msisdn": NUMBER, **said}


def test_what_comes_by_kafka_is_looked_at_but_not_what_the_ledger_itself_tells() -> None:
    taken = READER.from_text(
        {"command": "Block", "command_id": "b", "at": START, "msisdn": NUMBER, "block": "b-1", "ground": "9"}
        | {"scope": "all"}
    )
    assert isinstance(taken, Block)
    avro_forms.check(taken)
    for said in (EMAIL, IDENTITY):
        with pytest.raises(Invalid) as refused:
            avro_forms.check(msgspec.structs.replace(taken, block=said))
        assert said not in str(refused.value.faults)
    assert all("@" not in form for form in avro_forms._OF_OWN)


def test_a_file_of_such_lines_leaves_nothing_of_them(pulsa: Pulsa) -> None:
    lines = [issue(), activate(customer=EMAIL), activate(command_id=EMAIL), top_up(channel=f"for {IDENTITY}")]
    file = pulsa.file("in.jsonl", *lines)
    rows = [",".join(top_up()), ",".join(map(str, top_up(channel=EMAIL, command_id="r").values()))]
    rows.append(",".join(map(str, top_up(command_id=EMAIL).values())))
    csv = pulsa.file("in.csv", *rows)
    said = [
        pulsa("ingest", one, "--outcomes", str(pulsa.folder / f"{one[-3:]}.out")).output
        for one in (file, csv)
    ]
    assert "an e-mail address" in said[0]
    assert "an identity number" in said[0]
    Path(file).unlink()
    Path(csv).unlink()
    written = [path.read_bytes() for path in pulsa.folder.rglob("*") if path.is_file()]
    for one in (EMAIL, IDENTITY):
        assert not any(one.encode() in content for content in [*written, "".join(said).encode()])
