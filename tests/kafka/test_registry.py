"""A registry that fails for a moment, that does not know an id, and that only writers may write to."""

from __future__ import annotations

import json
import secrets
import ssl
import time
from dataclasses import replace
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import schemaless_writer

from ledger.errors import RegistryRefused, RegistryUnreachable, SchemaUnknown
from ledger.store.codec import Codec
from ledger.store.kafka import registry_api, topics
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.records import Outgoing, ReplyRecords
from ledger.store.kafka.registry_api import Registry, RegistryAccess
from ledger.store.kafka.schema_ids import REMEMBERED_SECONDS, SchemaIds, schema_ids
from ledger.store.kafka.schema_ids import access as access_of
from ledger.store.partitioning import partition_of
from ledger.store.schemas import RecordSchema, load
from ledger.wiring.mirrors import followed
from ledger.wiring.on_kafka import verified
from ledger.wiring.settings import Settings
from tests.certificates import self_signed
from tests.given import NUMBER, START, at
from tests.kafka.conftest import NewLog
from tests.kafka.faulty_registry import EMPTY, GARBAGE, GATEWAY, SLOW, FaultyRegistry, faulty
from tests.kafka.running import connected, started, writing
from tests.kafka.test_bad_records import answers, barrier, command, send
from tests.waiting import PATIENCE, until

FAULTS = (503, 500, 429, SLOW, GARBAGE, EMPTY, GATEWAY)


def anothers_schema(settings: KafkaSettings) -> int:
    """The id of a command's schema as another release has it, which no writer of ours has met."""
    schema = json.loads(load("commands")["ledger.command.AdvanceTime"].text)
    schema["doc"] = secrets.token_hex()
    access = RegistryAccess(settings.registry)
    return Registry(access).register(f"another-{secrets.token_hex(4)}", RecordSchema(json.dumps(schema)))


def of_another_release(settings: KafkaSettings, command_id: str) -> bytes:
    """A good command, as another release writes it."""
    codec, asked = Codec(), command(command_id=command_id)
    state = codec.command_state(asked, codec.command_content(asked), stated_at=True)
    return b"\0" + anothers_schema(settings).to_bytes(4, "big") + state[8:]


def await_question(gateway: FaultyRegistry, before: int) -> None:
    """Returns once it was asked for more ids than before."""
    until(lambda: gateway.asked_for_ids() > before, lambda: f"nobody asked while it said {gateway.fault!r}")


def test_a_good_command_waits_until_the_registry_is_well_again(
    new_log: NewLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = new_log(partitions=2)
    own = partition_of(NUMBER, 2)
    other = next(str(n) for n in range(6299_0000, 6299_0100) if partition_of(str(n), 2) != own)
    with faulty(settings.registry) as gateway:
        behind = new_log(prefix=settings.prefix, partitions=2, registry=gateway.url)
        with writing(behind), connected(settings) as client:
            for fault in FAULTS:
                value = of_another_release(settings, f"good during {fault}")
                gateway.fault = fault
                monkeypatch.setattr(registry_api, "_TIMEOUT", 0.5 if fault == SLOW else 60)
                before = gateway.asked_for_ids()
                send(settings, (NUMBER.encode(), value, own))
                await_question(gateway, before)
                # Meanwhile whoever knows his schemas goes on, in another partition.
                (outcome,) = client.execute([command(command_id=f"beside {fault}", msisdn=other)])
                assert outcome.status == "accepted"
                gateway.fault = None
                monkeypatch.setattr(registry_api, "_TIMEOUT", 60)
            barrier(settings)
    answered = dict(answers(settings))
    assert {name: answered[name] for name in (f"good during {fault}" for fault in FAULTS)} == {
        f"good during {fault}": None for fault in FAULTS
    }


def test_unknown_ids_are_asked_for_once_in_a_while(new_log: NewLog, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    with faulty(new_log().registry) as gateway:
        ids = SchemaIds(Registry(RegistryAccess(gateway.url)), lambda: now[0])

        def asks(numbers: list[int]) -> int:
            before = gateway.asked_for_ids()
            for id_ in numbers:
                with pytest.raises(SchemaUnknown):
                    ids.from_wire(b"\0" + id_.to_bytes(4, "big"))
            return gateway.asked_for_ids() - before

        three = [2**31 - 1, 2**31 - 2, 2**31 - 3]
        assert asks(three * 200) == 3
        now[0] += REMEMBERED_SECONDS
        assert asks(three * 200) == 3
        assert asks([2**31, 2**32 - 1] * 3) == 0  # no ids at all
        monkeypatch.setattr("ledger.store.kafka.schema_ids.REMEMBERED", 2)
        assert asks([2**31 - 4, 2**31 - 5, *three]) == 5
        assert len(ids._unknown) <= 3 + 2
        # While it cannot say, nothing is unknown.
        gateway.fault = 503
        with pytest.raises(RegistryUnreachable):
            ids.from_wire(b"\0" + (2**31 - 6).to_bytes(4, "big"))


def test_records_of_unknown_ids_are_answered_and_the_partition_goes_on(new_log: NewLog) -> None:
    settings = new_log()
    with faulty(settings.registry) as gateway:
        with writing(new_log(prefix=settings.prefix, registry=gateway.url)):
            three = [b"\0\x7f\xff\xff" + bytes([n]) for n in (1, 2, 3)] * 200
            send(settings, *((NUMBER.encode(), value, 0) for value in three))
            barrier(settings)
        assert 3 <= gateway.asked_for_ids() < 60
    assert answers(settings) == [("", "defect")] * 600 + [("last", None)]


def test_a_question_and_a_sender_register_nothing(new_log: NewLog) -> None:
    settings = new_log()
    topics.ensure(settings)
    with faulty(settings.registry) as gateway:
        behind = replace(settings, registry=gateway.url)
        asking = Settings(
            kafka=behind.bootstrap,
            registry=behind.registry,
            kafka_prefix=behind.prefix,
            mirrors=behind.mirrors,
        )
        with followed(asking) as mirrors:
            mirrors.catch_up()
        with connected(behind) as client:
            with pytest.raises(SchemaUnknown, match="start a writer of this release first"):
                client.execute([command(command_id="too early")])
            assert not [asked for asked in gateway.asked if asked[0] == "PUT" or "/versions" in asked[1]]
            with writing(behind):
                (outcome,) = client.execute([command(at=at(START), command_id="1", msisdn=NUMBER)])
                assert outcome.status == "accepted"


def test_what_an_earlier_release_answered_is_read(
    new_log: NewLog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By clients, and by writers and readers that have no mirror yet."""
    settings = new_log(registers=True)
    file = files("schemas") / "released" / "1" / "replies" / "ledger.reply.Outcome.avsc"
    earlier, asked = RecordSchema(file.read_text("utf-8")), command(command_id="1")
    access = RegistryAccess(settings.registry)
    id_ = Registry(access).register(f"{settings.replies}-{earlier.name}", earlier)
    outgoing = ReplyRecords.outgoing

    def as_earlier(self: ReplyRecords, *what: Any, **how: Any) -> Outgoing:
        made, body = outgoing(self, *what, **how), BytesIO()
        fields = Codec().record(schema_ids(settings).from_wire(made.value)[1])
        schemaless_writer(body, earlier.parsed, fields)
        return Outgoing(made.key, b"\0" + id_.to_bytes(4, "big") + body.getvalue(), [])

    with (
        monkeypatch.context() as patched,
        writing(settings),
        connected(settings) as it,
    ):
        patched.setattr(ReplyRecords, "outgoing", as_earlier)
        assert [outcome.status for outcome in it.execute([asked])] == ["accepted"]
    fresh = replace(settings, mirrors=tmp_path / "fresh")
    with writing(fresh), connected(settings) as it:
        assert [outcome.status for outcome in it.execute([asked])] == ["repeated"]
    asking = Settings(kafka=settings.bootstrap, registry=settings.registry, kafka_prefix=settings.prefix)
    assert (verified(asking).clean, verified(asking).entries) == (True, 1)


@pytest.mark.parametrize("fault", [503, 429, GARBAGE, EMPTY, GATEWAY])
def test_a_registry_that_cannot_answer_is_not_one_that_refuses(new_log: NewLog, fault: int | str) -> None:
    settings = new_log()
    with faulty(settings.registry) as gateway:
        gateway.fault = fault
        behind = replace(settings, registry=gateway.url)
        with pytest.raises(RegistryUnreachable), started(behind) as (_, ended, _failed):
            assert ended.acquire(timeout=PATIENCE)


def test_an_answer_that_can_be_none_of_a_registrys_is_passing() -> None:
    schema = load("commands")["ledger.command.TopUp"]
    with faulty("http://127.0.0.1:1") as gateway:
        registry = Registry(RegistryAccess(gateway.url))
        for said in (b"[" * 100_000, b'{"id": -1}', b'{"id": true}', b'{"id": 2147483648}', b"[]", b"\xff"):
            gateway.fault = said
            with pytest.raises(RegistryUnreachable):
                registry.look_up("subject", schema)


def test_whom_the_machine_trusts_is_read_where_something_is_secured(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes longer than most answers, and every process and every log would read it anew."""
    default, read = ssl.create_default_context, []

    def reading(**said: Any) -> ssl.SSLContext:
        read.append(said)
        return default(**said)

    monkeypatch.setattr(ssl, "create_default_context", reading)
    Registry(RegistryAccess("http://registry.example"))
    assert read == []
    Registry(RegistryAccess("https://registry.example"))
    assert read == [{"cafile": None}]


def test_a_registry_that_asks_who_it_is(new_log: NewLog, tmp_path: Path) -> None:
    server, client = self_signed(tmp_path), self_signed(tmp_path / "client")
    asks = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asks.load_cert_chain(*server)
    asks.verify_mode = ssl.CERT_REQUIRED
    asks.load_verify_locations(client[0])
    settings = new_log()
    with faulty(settings.registry, asks) as gateway:
        gateway.login = "me:s3cret:with%colon"
        known = {"user": "me", "password": "s3cret:with%colon", "ca": str(server[0])}
        known |= {"certificate": str(client[0]), "key": str(client[1])}

        def ask(url: str = gateway.url, **other: str) -> int:
            access = RegistryAccess(url, **(known | other))
            schema = load("commands")["ledger.command.AdvanceTime"]
            return Registry(access).register(f"{settings.prefix}asks", schema)

        assert ask() == ask()
        assert ask(gateway.url.replace("//", "//me:s3cret%3Awith%25colon@"), user="", password="") == ask()
        with pytest.raises(RegistryRefused, match="401") as refused:
            ask(password="wrong")
        assert "s3cret" not in str(refused.value)
        with pytest.raises(RegistryUnreachable, match=r"certificate|CERTIFICATE"):
            ask(ca=str(client[0]))
        with pytest.raises(RegistryUnreachable):
            Registry(RegistryAccess(gateway.url, "me", "s3cret:with%colon", str(server[0]))).schema(1)
        behind = replace(settings, registry=gateway.url, registry_client=known)
        assert "s3cret" not in repr(behind) + repr(RegistryAccess(gateway.url, **known))
        ids = SchemaIds(Registry(access_of(behind)), time.monotonic)
        ids.register([(behind.replies, "replies")])
        ids.must_be_known()
