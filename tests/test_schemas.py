"""The schemas are the source of truth: classes equal them, and they are written as others read them."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from typing import Any

import msgspec
from fastavro.schema import fingerprint, to_parsing_canonical_form

from ledger.application.outcomes import EventReference, Outcome
from ledger.domain.commands import Command
from ledger.domain.customer.breach import NOTIFIED
from ledger.domain.events import Event
from ledger.domain.kinds import COMMANDS, EVENT_TYPES
from ledger.domain.line.commands import SERVICES, LineCommand
from ledger.domain.line.dispute_commands import ABOUTS, DECISIONS, ELSEWHERE, KEPT
from ledger.domain.statement.stated import KINDS_OF_STATEMENT
from ledger.store.schemas import fingerprint_of
from tests.schema_compatibility import SCHEMAS, Schema, files, parsed

FILES = files(SCHEMAS)
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}

POSTING_TABLES = ("posting_table", "posting_table_of_contracts")

METHODS = ["cash", "transfer", "auto-debit", "card", "other"]
HEADER = list(Event.FIELDS)
INSTANTS = ("_at", "_until", "since", "through", "at")
FORMS = {
    "id": "string",
    "customer": "string",
    "customer-id": "string",
    "card": "string",
    "text": "string",
    "msisdn": "string",
    "choice": "string",
    "amount": "long",
    "amount-or-zero": "long",
    "signed-amount": "long",
    "fee": "long",
    "count": ("int", "long"),
    "flag": "boolean",
    "instant": "timestamp-micros",
    "day": "date",
    "count-or-zero": "long",
    "decimal": "string",
    "digest": "string",
    "ids": "array",
    "lines": "array",
    "balance": "long",
    "statement-lines": "array",
    "statement-findings": "array",
    "outcome-sums": "array",
}
"""How a form of a command's field is kept."""


def schema_of(kind: str, name: str) -> Schema:
    found: Schema = json.loads(TEXTS[f"{kind}/{name}"])
    return found


def shape(declared: Any) -> Any:
    """A Python annotation as the Avro type that has to stand for it."""
    if typing.get_origin(declared) in (types.UnionType, typing.Union):
        some, none = typing.get_args(declared)
        assert none is types.NoneType
        return ["null", shape(some)]
    if typing.get_origin(declared) in (list, tuple):
        return {"array": shape(typing.get_args(declared)[0])}
    if declared is EventReference or typing.is_typeddict(declared) or typing.get_origin(declared) is dict:
        return "record"
    return {int: "integer", str: "string", bool: "boolean", bytes: "bytes"}[declared]


def kept(avro_type: Any) -> Any:
    """An Avro type in the same words: `int` and `long` are both integers."""
    if isinstance(avro_type, list):
        return [kept(branch) for branch in avro_type]
    if isinstance(avro_type, dict):
        if avro_type["type"] == "array":
            return {"array": kept(avro_type["items"])}
        avro_type = avro_type["type"]
    return "integer" if avro_type in ("int", "long") else avro_type


def fields(schema: Schema) -> list[tuple[str, Any]]:
    return [(field["name"], kept(field["type"])) for field in schema["fields"]]


def logical(avro_type: Any) -> str | None:
    """The logical type, of the branch that is not null in a union."""
    if isinstance(avro_type, list):
        avro_type = next(branch for branch in avro_type if branch != "null")
    return avro_type.get("logicalType") if isinstance(avro_type, dict) else None


class TestEvents:
    def test_every_event_type_has_a_schema_and_every_schema_an_event_type(self) -> None:
        assert sorted(EVENT_TYPES) == sorted(
            n.removeprefix("events/") for n in TEXTS if n.startswith("events/")
        )

    def test_its_fields_are_those_of_the_class_in_order_and_type(self) -> None:
        for name in sorted(EVENT_TYPES):
            cls = EVENT_TYPES[name]
            hints = typing.get_type_hints(cls)
            declared = [(name_, shape(hints[name_])) for name_ in cls.FIELDS]
            assert fields(schema_of("events", name)) == declared, name
            assert not dataclasses.is_dataclass(cls), f"{name} needs no decorator: its fields are declared"

    def test_it_begins_with_the_header_that_all_share(self) -> None:
        for name in sorted(EVENT_TYPES):
            first = schema_of("events", min(EVENT_TYPES))["fields"][: len(HEADER)]
            assert [field["name"] for field in first] == HEADER, name
            assert schema_of("events", name)["fields"][: len(HEADER)] == first, name

    def test_its_class_says_what_its_schema_says(self) -> None:
        for name in sorted(EVENT_TYPES):
            assert schema_of("events", name)["doc"] == " ".join((EVENT_TYPES[name].__doc__ or "").split()), (
                name
            )

    def test_a_claimed_id_is_one_of_its_fields(self) -> None:
        for name in sorted(EVENT_TYPES):
            known = [field for field, _ in fields(schema_of("events", name))]
            assert {field for _, field in EVENT_TYPES[name].CLAIMS} <= set(known), name


CHANNELS_OF_PERSONS = (
    *("GiveConsent.channel", "WithdrawConsent.channel", "RequestAccess.channel"),
    *("RestrictProcessing.channel", "LiftRestriction.channel", "RequestErasure.channel"),
)


class TestCommands:
    def test_every_command_has_a_schema_and_every_schema_a_command(self) -> None:
        assert sorted(f"commands/ledger.command.{name}" for name in COMMANDS) == sorted(
            name for name in TEXTS if name.startswith("commands/")
        )

    def test_its_fields_are_those_of_the_class_in_order_and_type(self) -> None:
        for name in sorted(COMMANDS):
            hints = typing.get_type_hints(COMMANDS[name])
            declared = [(f.name, shape(hints[f.name])) for f in msgspec.structs.fields(COMMANDS[name])]
            in_schema = fields(schema_of("commands", f"ledger.command.{name}"))
            assert in_schema[0] == ("at", ["null", "integer"]), "stated on a played log only"
            assert [("at", "integer"), *in_schema[1:]] == declared, name

    def test_what_may_be_left_out_is_what_has_a_default(self) -> None:
        for name in sorted(COMMANDS):
            schema = schema_of("commands", f"ledger.command.{name}")
            in_schema = {f["name"]: f["default"] for f in schema["fields"] if "default" in f}
            declared = {
                f.name: f.default
                for f in msgspec.structs.fields(COMMANDS[name])
                if f.default is not msgspec.NODEFAULT
            }
            assert in_schema == declared, name
            assert schema.get("internal", False) == COMMANDS[name].INTERNAL, name

    def test_every_field_says_how_it_is_written_and_is_kept_as_that(self) -> None:
        for name in sorted(COMMANDS):
            for field in schema_of("commands", f"ledger.command.{name}")["fields"]:
                branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
                plain = branches[-1]
                kind = plain["type"] if isinstance(plain, dict) else plain
                assert (logical(plain) or kind) in FORMS[field["form"]], field
                assert ("choices" in field) == (field["form"] == "choice"), name

    def test_choices_are_those_of_the_language(self) -> None:
        choices = {
            f"{name}.{field['name']}": field["choices"]
            for name in COMMANDS
            for field in schema_of("commands", f"ledger.command.{name}")["fields"]
            if "choices" in field
        }
        assert choices == {
            "BeginStatement.kind": list(KINDS_OF_STATEMENT),
            "Activate.registration": ["verified", "failed"],
            "Block.scope": ["outgoing", "all", *SERVICES],
            "AttachEvidence.lies_in": [KEPT, ELSEWHERE],
            "Block.basis": ["established", "suspected"],
            "Terminate.basis": ["established", "suspected"],
            "BlockForDebt.scope": ["outgoing", "all"],
            "NoteDebt.scope": ["outgoing", "all"],
            "DecideRightsTransfer.decision": ["approved", "refused"],
            "ReclaimNumber.decision": ["approved", "refused"],
            "RecordUsage.service": list(SERVICES),
            "RecordUsage.direction": ["outgoing", "incoming"],
            "RecordUsage.destination": ["on-net", "off-net", "international", "free"],
            "OpenDispute.about": list(ABOUTS),
            "DisputeItem.about": list(ABOUTS),
            "RaiseDispute.about": list(ABOUTS),
            "DecideDispute.decision": list(DECISIONS),
            "ReserveCredit.service": list(SERVICES),
            "OpenContract.registration": ["verified", "failed", "pending"],
            "RecordVerification.result": ["passed", "failed"],
            "SetAutoDebit.initiated_by": ["customer", "operator"],
            "RecordRoaming.service": list(SERVICES),
            "RecordRoaming.direction": ["outgoing", "incoming"],
            "ReceivePayment.method": METHODS,
            "TakeSuspense.method": METHODS,
            "ReopenSuspense.method": METHODS,
            "GiveConsent.purpose": ["offers", "partners", "credit-bureau", "processing"],
            "WithdrawConsent.purpose": ["offers", "partners", "credit-bureau", "processing"],
            "NotifyBreach.to": list(NOTIFIED),
            **{key: ["care", "settings", "600-600"] for key in CHANNELS_OF_PERSONS},
        }

    def test_every_command_begins_alike(self) -> None:
        common = [field.name for field in msgspec.structs.fields(Command)]
        assert common == ["at", "command_id", "actor"]
        of_lines = [field.name for field in msgspec.structs.fields(LineCommand)]
        assert of_lines == [*common, "msisdn"]
        for name, command in COMMANDS.items():
            begins = of_lines if issubclass(command, LineCommand) else common
            declared = [n for n, _ in fields(schema_of("commands", f"ledger.command.{name}"))]
            assert declared[: len(begins)] == begins


def test_a_reply_begins_with_the_fields_of_an_outcome_and_all_others_have_a_default() -> None:
    hints = typing.get_type_hints(Outcome)
    declared = [(name, shape(hints[name])) for name in Outcome._fields]
    reply = schema_of("replies", "ledger.reply.Outcome")
    assert fields(reply)[: len(declared)] == declared
    assert all("default" in field for field in reply["fields"][len(declared) :])


class TestForm:
    def test_the_file_is_named_as_the_type_and_both_libraries_take_it(self) -> None:
        for name in sorted(FILES):
            schema = json.loads(TEXTS[name])
            assert name.partition("/")[2] == f"{schema['namespace']}.{schema['name']}", name
            record: Any = parsed(TEXTS[name])
            assert record.fullname == f"{schema['namespace']}.{schema['name']}", name

    def test_there_is_no_float_no_enum_no_map_and_no_name_twice(self) -> None:
        for name in sorted(FILES):
            text = TEXTS[name]
            for unwanted in ("float", "double", "enum", "map", "fixed", "decimal"):
                assert f'"type": "{unwanted}"' not in text, name
                assert f'"logicalType": "{unwanted}"' not in text, name
            names = [field["name"] for field in json.loads(text)["fields"]]
            assert len(names) == len(set(names)), name

    def test_instants_and_days_are_marked_and_nothing_else_is(self) -> None:
        for name in sorted(FILES):
            for field in json.loads(TEXTS[name])["fields"]:
                instant = field["name"] == "at" or field["name"].endswith(INSTANTS[:-1])
                day = field["name"] in ("day", "valid_until") or field["name"].endswith("_on")
                expected = "date" if day else "timestamp-micros" if instant else None
                assert logical(field["type"]) == expected, field["name"]

    def test_what_may_be_absent_is_null_first(self) -> None:
        for name in sorted(FILES):
            for field in json.loads(TEXTS[name])["fields"]:
                if isinstance(field["type"], list):
                    assert field["type"][0] == "null", name
                    assert len(field["type"]) == 2, name

    def test_everything_is_said_in_words(self) -> None:
        for name in sorted(FILES):
            schema = json.loads(TEXTS[name])
            assert schema["doc"], name
            assert [field["name"] for field in schema["fields"] if not field.get("doc")] == [], name

    def test_fingerprints_are_what_others_reckon(self) -> None:
        for name, text in TEXTS.items():
            theirs = fingerprint(to_parsing_canonical_form(json.loads(text)), "CRC-64-AVRO")
            assert fingerprint_of(json.loads(text)).hex() == theirs, name

    def test_fingerprints_are_all_different(self) -> None:
        marks = [fingerprint_of(json.loads(text)) for text in TEXTS.values()]
        assert len(set(marks)) == len(marks)


def test_the_page_says_what_every_event_that_moves_money_moves() -> None:
    folder = SCHEMAS.parent / "tests"
    tables = "".join((folder / f"{name}.py").read_text("utf-8") for name in POSTING_TABLES)
    moving = {kind.__name__ for kind in EVENT_TYPES.values()} & set(re.findall(r"[A-Z]\w+", tables))
    assert len(moving) > 30
    page = (SCHEMAS / "README.md").read_text("utf-8")
    assert {name for name in moving if f"`{name}`" not in page} == set()
