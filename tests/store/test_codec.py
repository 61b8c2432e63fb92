"""The bytes of the log: round trips, equal to what independent writers make, the same for ever."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from functools import cache
from hashlib import sha256
from typing import Any, cast

import avro.io
import avro.schema
import fastavro
import msgspec
import pytest
from eventsourcing.sqlite import SQLiteCursor
from hypothesis import given
from hypothesis import strategies as st

from ledger.application.journal import NO_CHAIN, event_digest
from ledger.domain.commands import Command
from ledger.domain.events import make
from ledger.domain.kinds import COMMANDS, EVENT_TYPES
from ledger.domain.line.commands import Unblock
from ledger.domain.postpaid.commands import IssueDebitNote
from ledger.domain.prepaid.commands import ChargeCredit, ReleaseReservation, TopUp
from ledger.domain.prepaid.events import Activated, CreditCharged, CreditToppedUp
from ledger.errors import SchemaUnknown
from ledger.store import codec, schemas
from ledger.store.codec import _ADDED, _WITH_LISTS, Codec, _as_written, _schema
from ledger.store.encoding import Encode, encoder
from ledger.store.kept_schemas import keep
from ledger.store.schemas import FINGERPRINT_BYTES, RecordSchema, load
from tests.given import NUMBER, Story, at, event, rupiah
from tests.often import often
from tests.rechained import rechain
from tests.schema_compatibility import RELEASED

CODEC = Codec()


def of_schema(schema: RecordSchema, record: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record that a schema has."""
    return {field["name"]: record[field["name"]] for field in schema.fields}


FEW = often(10, soaked=375)  # of each of some two hundred types
LONGS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 63, 64, -64, -65, 8191, 8192])
INTS = st.integers(-(2**31), 2**31 - 1)


SIMPLE: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "string": st.text(max_size=20),
    "bytes": st.binary(max_size=40),
    "boolean": st.booleans(),
    "long": LONGS,
    "int": INTS,
}


def values(avro_type: Any) -> st.SearchStrategy[Any]:
    """Any value of an Avro type."""
    if isinstance(avro_type, list):
        return st.one_of(*[values(branch) for branch in avro_type])
    if isinstance(avro_type, dict):
        match avro_type["type"]:
            case "array":
                return st.lists(values(avro_type["items"]), max_size=3)
            case "record":
                return st.fixed_dictionaries({f["name"]: values(f["type"]) for f in avro_type["fields"]})
            case plain:
                return values(plain)
    return SIMPLE[avro_type]


@cache  # a strategy that is made once is looked into once
def record_of(schema: RecordSchema) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in schema.fields})


@cache
def read_by_fastavro(schema: RecordSchema) -> Any:
    return fastavro.parse_schema(json.loads(schema.text))


def by_fastavro(schema: RecordSchema, record: dict[str, Any]) -> bytes:
    """The body as fastavro writes it by the schema's own text."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, read_by_fastavro(schema), record)
    return out.getvalue()


@cache
def read_by_avro(schema: RecordSchema) -> Any:
    """To Apache's own library instants and days are the numbers they are."""
    text = schema.text.replace('"logicalType":"timestamp-micros"', '"x":1').replace(
        '"logicalType":"date"', '"x":1'
    )
    return avro.schema.parse(text)


def by_avro(schema: RecordSchema, record: dict[str, Any]) -> bytes:
    """The body as Apache's own library writes it."""
    out = io.BytesIO()
    writer: Any = avro.io.DatumWriter(read_by_avro(schema))
    encoder: Any = avro.io.BinaryEncoder
    writer.write(record, encoder(out))
    return out.getvalue()


def test_what_writes_a_type_is_made_once_however_many_logs_are_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def counted(schema: Any) -> Encode:
        made.append(schema["name"])
        return encoder(schema)

    unused = cache(schemas.load.__wrapped__)
    monkeypatch.setattr(codec, "load", unused)
    monkeypatch.setattr(schemas, "encoder", counted)
    command = Unblock(command_id="1", at=0, actor="test", msisdn=NUMBER, block="b1")
    assert len({Codec().command_content(command) for _ in range(3)}) == 1
    assert made == ["ledger.command.Unblock"]


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
@FEW
@given(data=st.data())
def test_an_event_is_written_as_others_write_it_and_read_back(name: str, data: st.DataObject) -> None:
    record = data.draw(record_of(load("events")[name]))
    schema = _schema("events", _as_written(name, record))
    before = make(EVENT_TYPES[name], dict(record))
    state = CODEC.event_state(before)
    assert state[:FINGERPRINT_BYTES] == schema.fingerprint
    stated = of_schema(schema, record)
    assert state[FINGERPRINT_BYTES:] == by_fastavro(schema, stated) == by_avro(schema, stated)
    after = CODEC.event(name, state)
    assert type(after) is EVENT_TYPES[name]
    assert after.__dict__ == record
    assert CODEC.record(state) == stated


@pytest.mark.parametrize("name", sorted(COMMANDS))
@FEW
@given(data=st.data())
def test_a_command_is_written_as_others_write_it_and_read_back(name: str, data: st.DataObject) -> None:
    record = data.draw(record_of(load("commands")[f"ledger.command.{name}"])) | {"at": data.draw(LONGS)}
    schema = _schema("commands", f"ledger.command.{_as_written(name, record)}")
    command = COMMANDS[name](**record)
    content = CODEC.command_content(command)
    stated = CODEC.command_state(command, content, stated_at=True)
    unstated = CODEC.command_state(command, content, stated_at=False)
    record = of_schema(schema, record)
    for state, written in ((stated, record), (unstated, record | {"at": None})):
        assert state[:FINGERPRINT_BYTES] == schema.fingerprint
        assert state[FINGERPRINT_BYTES:] == by_fastavro(schema, written) == by_avro(schema, written)
        with pytest.raises(ValueError, match="bytes after"):
            CODEC.command(name, state + b"\0", 17)
    assert CODEC.command(name, stated, 17) == command
    assert CODEC.command(name, unstated, 17) == msgspec.structs.replace(command, at=17)


def test_what_was_added_to_a_type_is_written_only_where_it_is_said() -> None:
    """So bytes and digests of all that says nothing of it are what they were."""
    added = {
        name.removeprefix("ledger.command."): tuple(f["name"] for f in schema.fields if f.get("added"))
        for folder in ("events", "commands")
        for name, schema in load(folder).items()
        if schema.before is not None
    }
    assert added == _ADDED
    for folder in ("events", "commands"):
        for name, schema in load(folder).items():
            added_in = [int(field["added"]) for field in schema.fields if field.get("added")]
            if schema.before is not None:
                last = RELEASED / str(min(added_in) - 1) / folder / f"{name}.avsc"
                assert schema.before.text == RecordSchema(last.read_text("utf-8")).text
                assert all(field["default"] is None for field in schema.fields if field.get("added"))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_there_is_one_way_to_write_a_command(name: str) -> None:
    """Arrays and maps may be written in any number of blocks (Avro specification): the digest would differ."""
    for field in load("commands")[f"ledger.command.{name}"].fields:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        names = {kind["type"] if isinstance(kind, dict) else kind for kind in kinds}
        lists = {"array"} if name in _WITH_LISTS else set()
        assert names <= {"null", "string", "long", "int", "boolean", *lists}, field


def test_lists_of_a_command_are_written_in_one_block() -> None:
    lists = {
        name.removeprefix("ledger.command.")
        for name, schema in load("commands").items()
        if '"array"' in schema.text
    }
    assert lists == _WITH_LISTS
    line: Any = {"kind": "usage", "amount": 1, "text": "a"}
    said: dict[str, Any] = {"note": "n", "bill": "b", "reason": "r", "approved_by": "s", "account": None}
    command = IssueDebitNote(at=1, command_id="c", msisdn=NUMBER, lines=[line, line], **said)
    state = CODEC.command_state(command, CODEC.command_content(command), stated_at=True)
    assert CODEC.command_and_content("IssueDebitNote", state, 0)[0] == command
    one = b"\x0ausage\x02\x02a"
    assert state.count(b"\x04" + one + one + b"\0") == 1
    blocks = state.replace(b"\x04" + one + one + b"\0", b"\x02" + one + b"\x02" + one + b"\0")
    with pytest.raises(ValueError, match="one block"):
        CODEC.command_and_content("IssueDebitNote", blocks, 0)


@FEW
@given(record_of(load("replies")["ledger.reply.Outcome"]))
def test_a_reply_is_written_as_others_write_it_and_read_back(record: dict[str, Any]) -> None:
    schema = load("replies")["ledger.reply.Outcome"]
    state = CODEC.outcome_state(record)
    assert state[FINGERPRINT_BYTES:] == by_fastavro(schema, record) == by_avro(schema, record)
    assert CODEC.record(state) == record


@FEW
@given(data=st.data(), name=st.sampled_from(sorted(COMMANDS)))
def test_a_commands_digest_names_its_content_and_not_its_time(data: st.DataObject, name: str) -> None:
    schema = load("commands")[f"ledger.command.{name}"]
    command = COMMANDS[name](**data.draw(record_of(schema)) | {"at": 0})
    later = msgspec.structs.replace(command, at=data.draw(LONGS))
    other = msgspec.structs.replace(command, actor=command.actor + "x")
    digests = [CODEC.command_digest(x, CODEC.command_content(x)) for x in (command, later, other)]
    assert digests[0] == digests[1] != digests[2]


def test_two_commands_of_the_same_content_have_different_digests() -> None:
    said: dict[str, Any] = {"at": 0, "command_id": "1", "msisdn": NUMBER, "reservation": "r1"}
    block = Unblock(at=0, command_id="1", msisdn=NUMBER, block="r1")
    release = ReleaseReservation(**said)
    assert CODEC.command_content(block) == CODEC.command_content(release)
    assert digest_of(block) != digest_of(release)


def digest_of(command: Command) -> str:
    return CODEC.command_digest(command, CODEC.command_content(command)).hex()


# --- the same for ever ------------------------------------------------------------------------------------------------

TOP_UP = TopUp(
    at=1_689_829_200_000_000,
    command_id="t1",
    actor="shop-7",
    msisdn=NUMBER,
    credit=1_000_000,
    price=1_100_000,
    channel="web",
)
TOPPED_UP = CreditToppedUp(
    account=f"{NUMBER}#1",
    version=3,
    effective_at=1_689_829_200_000_000,
    recorded_at=1_689_829_200_000_000,
    terms="smartfren-prepaid-2023",
    clause="SP23-16",
    command_id="t1",
    command_digest=bytes(range(32)),
    actor="shop-7",
    postings=[
        {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": 1_000_000},
        {"account": "operator/credit-issued", "unit": "PULSA", "amount": -1_000_000},
    ],
    credit=1_000_000,
    price=1_100_000,
    channel="web",
    days=15,
    extension="longest",
    cap_days=None,
    active_until=1_691_427_600_000_000,
)


def test_the_bytes_of_an_event_are_the_same_for_ever() -> None:
    state = CODEC.event_state(TOPPED_UP)
    assert state.hex() == GOLDEN_EVENT
    assert event_digest(NO_CHAIN, TOPPED_UP.TOPIC, state).hex() == GOLDEN_EVENT_DIGEST
    assert event_digest(b"\1" * 32, TOPPED_UP.TOPIC, state).hex() == GOLDEN_CHAINED_DIGEST


def test_the_digest_of_an_event_is_what_the_design_says() -> None:
    state = CODEC.event_state(TOPPED_UP)
    parts = [NO_CHAIN, b"ledger.prepaid.CreditToppedUp", state[:FINGERPRINT_BYTES], state[FINGERPRINT_BYTES:]]
    assert event_digest(NO_CHAIN, TOPPED_UP.TOPIC, state) == sha256(b"".join(parts)).digest()


def test_the_digest_of_a_command_is_the_same_for_ever() -> None:
    assert digest_of(TOP_UP) == GOLDEN_COMMAND_DIGEST


# --- other releases ---------------------------------------------------------------------------------------------------


def of_another_release(name: str, *, more: bool = True) -> RecordSchema:
    """A schema that the released one is compatible with both ways: it has a field more, which has a default."""
    schema = json.loads(load("events")[name].text)
    if more:
        schema["fields"].append({"name": "wish", "type": ["null", "string"], "default": None})
    return RecordSchema(json.dumps(schema))


def test_an_event_of_another_release_is_read_by_the_schema_it_was_written_with() -> None:
    other = of_another_release(CreditToppedUp.TOPIC)
    record = TOPPED_UP.__dict__ | {"wish": "longer"}
    state = other.fingerprint + by_fastavro(other, record)
    codec = Codec()
    with pytest.raises(SchemaUnknown):
        codec.event(TOPPED_UP.TOPIC, state)
    codec.learn([other])
    assert codec.event(TOPPED_UP.TOPIC, state) == TOPPED_UP
    assert codec.record(state) == record


def test_a_field_that_the_writer_did_not_know_has_its_default() -> None:
    """Read by a later release, whose schema has a field more."""
    later = of_another_release(CreditToppedUp.TOPIC)
    body = io.BytesIO(CODEC.event_state(TOPPED_UP)[FINGERPRINT_BYTES:])
    read = fastavro.schemaless_reader(body, load("events")[TOPPED_UP.TOPIC].parsed, later.parsed)
    assert read == TOPPED_UP.__dict__ | {"wish": None}


@pytest.mark.parametrize("topic", ["ledger.prepaid.NeverHeardOf", "Path.to.Class"])
def test_a_type_that_this_release_does_not_know_is_said_to_be_unknown(topic: str) -> None:
    with pytest.raises(SchemaUnknown):
        CODEC.event(topic, CODEC.event_state(TOPPED_UP))


def test_a_log_with_events_of_another_release_is_written_on(story: Story) -> None:
    """The log's file holds the schemas that its events were written with."""
    story.given_active(credit=rupiah(9000))
    story.given(TopUp, at("2023-07-20T12:00:00+07:00"), credit=rupiah(5000))
    story.close()
    rewrite(story, Activated.TOPIC, keep_schema=True)
    story.reopen()
    assert story.credit() == rupiah(14000)
    story.when(ChargeCredit, at("2023-07-21T12:00:00+07:00"), amount=rupiah(14000)).then(
        event(CreditCharged, version=4)
    )


def test_without_their_schema_the_log_says_which_is_missing(story: Story) -> None:
    story.given_active(credit=rupiah(9000))
    story.close()
    mark = rewrite(story, Activated.TOPIC, keep_schema=False)
    story.reopen()
    with pytest.raises(SchemaUnknown, match=mark.hex()):
        story.when(ChargeCredit, at("2023-07-21T12:00:00+07:00"), amount=1)


def rewrite(story: Story, topic: str, *, keep_schema: bool) -> bytes:
    """Makes the log's one event of a type one that another release wrote; returns that schema's fingerprint."""
    other = of_another_release(topic)
    with closing(sqlite3.connect(story.path)) as connection:
        ((state,),) = connection.execute("SELECT state FROM stored_events WHERE topic=?", (topic,))
        record = CODEC.record(state) | {"wish": "more"}
        state = other.fingerprint + by_fastavro(other, record)
        connection.execute("UPDATE stored_events SET state=? WHERE topic=?", (state, topic))
        if keep_schema:
            keep(cast("SQLiteCursor", connection.cursor()), [other])
        connection.commit()
    rechain(story.path)
    return other.fingerprint


GOLDEN_EVENT = (
    "75ae5e5ddf6ad1e91e3632383831313233343536373823310680d093d380b9800680d093d380b98006022c736d617274"
    "6672656e2d707265706169642d32303233020e535032332d31360474310240000102030405060708090a0b0c0d0e0f10"
    "1112131415161718191a1b1c1d1e1f0c73686f702d37042c3632383831313233343536373823312f6372656469740a50"
    "554c534180897a2c6f70657261746f722f6372656469742d6973737565640a50554c5341ff887a0080897ac0a3860106"
    "776562021e020e6c6f6e676573740002809097d485968106"
)
GOLDEN_EVENT_DIGEST = "7384bcc9ca60678ca56255c9164f8f9bb4cf23e9bf3ba42bb49e514b0dae5b17"
GOLDEN_CHAINED_DIGEST = "1122d48ebcd4c3a447b90ea143e6921b99b4a6dd314c38b77d5ecc55e4e0b133"
GOLDEN_COMMAND_DIGEST = "1e78e1a73f8940a55a83680401952738946234433d03efde6eaf0ba4591ae915"
