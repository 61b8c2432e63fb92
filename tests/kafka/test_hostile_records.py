"""Whatever anybody puts on the commands topic: it is answered, nothing is over the broker's limit, the rest goes on."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from kafka import KafkaProducer, codec
from kafka.record import default_records

from ledger.domain.bounds import LONGEST_COMMAND, LONGEST_ID, MOST_OPEN
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, ReserveCredit, TopUp
from ledger.entrypoints.kafka.intake import PORTION, Intake, portions
from ledger.store.codec import Codec
from ledger.store.encoding import LONGS
from ledger.store.kafka.arriving import LARGEST_BATCH, ArrivedBatch, TooLarge, decompressed
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.records import CUT, MOST_NAMED, Received, ReplyRecords, dead_copy
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from tests.given import NUMBER, SP23, START, at, day
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import committed, table
from tests.often import TIMES

T = at(START)
CODEC = Codec()
MOST = 100_000
"""Bytes that an answer or a dead copy takes at most: a tenth of what a broker takes."""


class Raw(str):
    """A header's name that is not UTF-8 once it is sent."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


class Record(NamedTuple):
    """A record as kafka-python hands it over."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    offset: int = 7
    partition: int = 0
    timestamp: int = T // 1000
    topic: str = "commands"


def closing_of(subject: str, through: int) -> CloseThrough:
    return CloseThrough(at=T, command_id="close", msisdn=subject, through=through)


def top_up(**fields: Any) -> TopUp:
    said: dict[str, Any] = {
        "at": T,
        "command_id": "1",
        "msisdn": NUMBER,
        "credit": 5,
        "price": 5,
        "channel": "web",
    }
    return TopUp(**(said | fields))


def wire(settings: KafkaSettings, asked: Command) -> bytes:
    state = CODEC.command_state(asked, CODEC.command_content(asked), stated_at=True)
    value = schema_ids(settings).to_wire(settings.commands, state)
    assert value is not None
    return value


def taking(settings: KafkaSettings) -> Any:
    """What makes of a record what the log would be given, answer and dead copy in bytes."""
    ids = schema_ids(settings)
    intake = Intake(ids, Codec(), 0, 1, {"commands": "commands"}, played=True)
    replies = ReplyRecords(settings.replies, ids, CODEC)

    def take(record: Record) -> Received | None:
        taken = intake.take(record, 3)
        if taken.command is not None:
            again = CODEC.command_content(taken.command)
            assert taken.content == again
            return None
        received = taken.received
        assert received.outcome is not None
        for sent in (replies.outgoing(received, received.outcome, None), dead_copy(0, received)):
            key, value, headers = sent
            assert len(key) + len(value or b"") + sum(len(n) + len(content) for n, content in headers) < MOST
        assert len(received.key or b"") <= LONGEST_ID
        assert (received.outcome.code == "defect") == (received.dead is not None)
        return received

    return take


@pytest.mark.chance
def test_no_record_raises_and_every_answer_can_be_sent(new_log: NewLog) -> None:
    settings = new_log()
    take = taking(settings)
    good = wire(settings, top_up())
    key = NUMBER.encode()
    assert take(Record(key, good, [])) is None
    subjects = ["log@x", "log@0", "terms/x@y", "terms/x@1", f"log@{'9' * 5000}", "", "0881", "\0", "log@٣"]
    keys = st.one_of(st.none(), st.binary(max_size=300), st.sampled_from([key, *map(str.encode, subjects)]))
    texts = st.one_of(st.text(max_size=300), st.sampled_from([*subjects, "x" * 5000, "\x1b[2J", "\u202e"]))
    longs = st.integers(-(2**63), 2**63 - 1)
    values = st.one_of(
        st.none(),
        st.binary(max_size=200),
        st.builds(lambda rest: good[:5] + rest, st.binary(max_size=100)),
        st.builds(mutated, st.just(good), st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=3)))),
        st.builds(lambda size: b"\0\0\0\0\1" + LONGS[size] * 3 + b"rest", longs),
        st.builds(
            lambda id_, subject, sen, when: wire(
                settings, top_up(command_id=id_, msisdn=subject, credit=sen, price=sen, channel=id_, at=when)
            ),
            texts,
            texts,
            longs,
            longs,
        ),
    )
    names = st.text(max_size=10)
    headers = st.lists(st.tuples(names, st.one_of(st.none(), st.binary(max_size=10))), max_size=3)
    asked = st.one_of(
        st.tuples(keys, values),
        st.builds(  # the key is the subject, whatever that is
            lambda subject, through: (subject.encode(), wire(settings, closing_of(subject, through))),
            texts,
            longs,
        ),
        st.builds(lambda subject: (subject.encode(), wire(settings, top_up(msisdn=subject))), texts),
    )

    @examples(max_examples=400 * TIMES, deadline=None)
    @given(asked, headers)
    def holds(record: tuple[bytes | None, bytes | None], headers: list[tuple[str, bytes | None]]) -> None:
        take(Record(*record, headers))

    holds()


def mutated(value: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    for place, content in changes:
        value = value[: place % len(value)] + content + value[(place % len(value)) + 1 :]
    return value


def test_what_is_not_written_as_avro_writes_it_is_recorded_as_avro_does(new_log: NewLog) -> None:
    """A length of two bytes where one would do says the same, and would give the same command another digest."""
    settings = new_log()
    ids = schema_ids(settings)
    good = wire(settings, top_up())
    longer = good[: good.rindex(b"\x06web")] + b"\x86\x00web"
    taken = Intake(ids, Codec(), 0, 1, {"commands": "commands"}, played=True).take(
        Record(NUMBER.encode(), longer, []), 0
    )
    assert taken.command == top_up()
    assert taken.content == CODEC.command_content(top_up())


def test_a_schema_whose_values_take_no_bytes_is_no_commands(new_log: NewLog) -> None:
    """A list of nulls takes a byte, and years to read."""
    settings = new_log()
    ids = schema_ids(settings)
    text = (
        '{"type":"record","name":"Unblock","namespace":"ledger.command","fields":['
        '{"name":"idle","type":{"type":"array","items":"null"}}]}'
    )
    from ledger.store.schemas import RecordSchema

    id_ = ids._registry.register(f"{settings.prefix}idle", RecordSchema(text))
    value = b"\0" + id_.to_bytes(4, "big") + LONGS[2**62]
    received = taking(settings)(Record(NUMBER.encode(), value, []))
    assert "no command has a field such as idle" in received.outcome.message


def test_a_polls_records_are_decided_in_portions() -> None:
    records = [Record(b"k", bytes(size), []) for size in (1, PORTION, 1, 1, PORTION // 2, PORTION // 2, 5)]
    pieces = list(portions(records))
    assert [record for piece in pieces for record in piece] == records
    assert [len(piece) for piece in pieces] == [1, 1, 3, 2]
    assert list(portions([])) == [[]]


# --- on a broker ------------------------------------------------------------------------------------------------------


@pytest.fixture
def every_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    """The senders' library has them all; the writers' need not."""
    for name in ("snappy", "lz4", "zstd"):
        monkeypatch.setitem(KafkaProducer._COMPRESSORS, name, (lambda: True, _NUMBERS[name]))
        monkeypatch.setattr(codec, f"has_{name}", lambda: True)
        monkeypatch.setattr(default_records, f"{name}_encode", _ENCODERS[name], raising=False)


def snappy_of_java(content: bytes) -> bytes:
    block: bytes = pa.compress(bytes(content), codec="snappy", asbytes=True)
    return b"\x82SNAPPY\0" + b"\0\0\0\1" * 2 + len(block).to_bytes(4, "big") + block


def streamed(codec: str, content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(bytes(content))
    return bytes(sink.getvalue())


def lz4_of_java(content: bytes) -> bytes:
    """A frame of independent blocks of up to 4 MiB, which is what brokers take."""
    frame = b"\x04\x22\x4d\x18\x60\x70\x73"
    for begin in range(0, len(content), 4 << 20):
        block: bytes = pa.compress(bytes(content[begin : begin + (4 << 20)]), codec="lz4_raw", asbytes=True)
        frame += len(block).to_bytes(4, "little") + block
    return frame + bytes(4)


_NUMBERS = {"snappy": 2, "lz4": 3, "zstd": 4}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "snappy": snappy_of_java,
    "lz4": lz4_of_java,
    "zstd": partial(streamed, "zstd"),
}


def send(settings: KafkaSettings, record: tuple[Any, Any, Any], compression: str | None = None) -> int:
    """Puts a record on the commands topic, as any client could; its offset."""
    with closing(
        KafkaProducer(
            bootstrap_servers=settings.bootstrap,
            compression_type=compression,
            max_request_size=100 << 20,
            batch_size=100 << 20,
        )
    ) as producer:
        key, value, headers = record
        future = producer.send(settings.commands, value, key, headers, 0)
        producer.flush()
        return int(future.get(30).offset)


@pytest.mark.usefixtures("every_codec")
def test_behind_every_hostile_record_the_next_command_is_answered(new_log: NewLog) -> None:
    settings = new_log()
    key = NUMBER.encode()
    good = wire(settings, AdvanceTime(at=T, command_id="good", msisdn=NUMBER))
    rubbish = (sha256(b"rubbish").digest() * 32_768)[: 1_048_488 - len(key)]
    zeros = bytes(20 << 20)
    named = wire(settings, top_up(command_id="x" * (5 << 20)))
    padded = [("padding", bytes(1000))]  # what would not become smaller is not compressed
    hostile: list[tuple[tuple[Any, Any, Any], str | None]] = [
        ((b"log@x", wire(settings, AdvanceTime(at=T, command_id="a", msisdn="log@x")), []), None),
        (
            (b"log@x", wire(settings, CloseThrough(at=T, command_id="b", msisdn="log@x", through=T)), []),
            None,
        ),
        ((b"terms/x@y", wire(settings, AdvanceTime(at=T, command_id="c", msisdn="terms/x@y")), []), None),
        ((key, rubbish, []), None),
        ((key, zeros, []), "gzip"),
        ((key, bytes(LARGEST_BATCH), []), "zstd"),
        ((b"k" * 600_000, good, []), None),
        ((key, named, []), "gzip"),
        ((key, b"?", [(f"header {n}", b"x" * 10) for n in range(10_000)]), None),
        ((key, good, [(Raw("name"), b"x")]), None),
        ((b"", None, [("empty", b"")]), None),
        ((b"\xff\xfe", None, []), None),
        ((key, good, padded), "snappy"),
        ((key, good, padded), "lz4"),
        ((key, good, padded), "zstd"),
    ]
    wanted = (
        *["invalid"] * 3,
        *["defect"] * 3,
        "invalid",
        *["defect"] * 2,
        None,
        *["defect"] * 2,
        *[None] * 3,
    )
    with writing(settings), connected(settings) as client:
        offsets = []
        for number, (record, compression) in enumerate(hostile):
            offsets.append(send(settings, record, compression))
            (behind,) = client.execute([AdvanceTime(at=T, command_id=f"behind {number}", msisdn=NUMBER)])
            assert behind.status == "accepted", number
    replies = ReplyRecords(settings.replies, schema_ids(settings), CODEC)
    found = list(committed(settings, settings.replies))
    read = [replies.read(record.value, record.headers) for record in found]
    answers = {reply.offset: record for reply, record in zip(read, found, strict=True)}
    codes = {reply.offset: reply.outcome.code for reply in read}
    assert [codes[offset] for offset in offsets] == list(wanted)
    dead = {record.headers[1][1]: record for record in committed(settings, settings.dead)}
    assert len(dead) == wanted.count("defect")
    (cut,) = (content for name, content in dead[b"0:%d" % offsets[3]].headers if name == CUT)
    assert cut == f"value {len(rubbish)} {sha256(rubbish).hexdigest()}".encode()
    assert rubbish.startswith(dead[b"0:%d" % offsets[3]].value)
    long_key = answers[offsets[6]]
    assert long_key.key == b"k" * LONGEST_ID
    assert dict(long_key.headers)[CUT].startswith(b"key 600000 ")


def test_an_answer_names_no_more_events_than_a_record_holds(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    pack: dict[str, Any] = {"terms": SP23, "printed_credit": 10**6, "valid_until": day("2030-12-31")}
    holder = {"channel": "web", "customer": "customer-1", "registration": "verified"}
    opening = [
        IssueStarterPack(at=T, command_id="issue", msisdn=NUMBER, **pack),
        Activate(at=T, command_id="activate", msisdn=NUMBER, **holder),
    ]
    held = [
        ReserveCredit(
            at=T, command_id=f"r{n}", msisdn=NUMBER, reservation=f"r{n}", amount=1, expires_at=T + 1
        )
        for n in range(MOST_OPEN)
    ]
    later = AdvanceTime(at=T + 900 * DAY, command_id="later", msisdn=NUMBER)
    with writing(settings), connected(settings) as client:
        client.execute([*opening, *held])
        before = len(list(committed(settings, settings.events)))
        (outcome,) = client.execute([later])
        brought_about = len(list(committed(settings, settings.events))) - before
    assert len(outcome.events) == MOST_NAMED < brought_about
    last = list(committed(settings, settings.replies))[-1]
    assert dict(last.headers)["ledger_events"] == b"%d" % brought_about
    again = replace(settings, mirrors=tmp_path / "again")
    with writing(again), connected(settings) as client:
        (repeated,) = client.execute([later])
    assert repeated == outcome.repeated()
    journals = [table(each.mirror(0), "journal", "entry") for each in (settings, again)]
    assert journals[0] == journals[1]


# --- codecs -----------------------------------------------------------------------------------------------------------


def test_what_was_compressed_is_read_and_what_is_too_large_is_not() -> None:
    content = sha256(b"content").digest() + bytes(100_000)
    written = {
        ArrivedBatch.CODEC_GZIP: gzip.compress(content[:9]) + gzip.compress(content[9:]),
        **{_NUMBERS[name]: encode(content) for name, encode in _ENCODERS.items()},
    }
    for number, compressed in written.items():
        assert decompressed(number, compressed) == content, number
    assert (
        decompressed(ArrivedBatch.CODEC_SNAPPY, pa.compress(content, codec="snappy", asbytes=True)) == content
    )
    large = bytes(LARGEST_BATCH + 1)
    for name, encode in _ENCODERS.items():
        with pytest.raises(TooLarge):
            decompressed(_NUMBERS[name], encode(large))
    with pytest.raises(TooLarge):
        decompressed(ArrivedBatch.CODEC_GZIP, gzip.compress(large, 1))


def test_subjects_have_a_partition_whatever_they_are_called() -> None:
    assert [partition_of(name, 4) for name in ("log@2", "terms/a@b@3")] == [2, 3]
    for name in ("log@x", "terms/x@y", "log@-1", "log@01", f"log@{'9' * 5000}", "log@٣", "terms/\n@x", ""):
        assert 0 <= partition_of(name, 4) < 4, name
    assert LONGEST_COMMAND < MOST
