"""`pulsa dead-letters`: what could not be carried out is listed, looked at, and sent again, once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from kafka import KafkaProducer

from ledger.domain.calendar import parse_instant
from ledger.domain.prepaid.commands import ReceiveCreditTransfer
from ledger.store.codec import Codec
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from tests.entrypoints.kafka import on_kafka
from tests.entrypoints.pulsa import NUMBER, OTHER, Pulsa
from tests.failing import failing
from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.kafka.faulty_registry import faulty
from tests.kafka.running import writing
from tests.kafka.test_registry import of_another_release
from tests.servers import kafka_servers, run_directory  # noqa: F401
from tests.waiting import until

MONTH_LATER = "2023-08-10T10:00:00+07:00"
LONG = ("--credit", "100000", "--price", "110000", "--channel", "app", "--now", "2023-07-20T10:00:00+07:00")
SEND = ("--amount", "20000", "--command-id", "gift", "--now", MONTH_LATER)
NOBODY_KNOWS = ("--now", MONTH_LATER)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The writer beside the test says nothing where `pulsa` prints its answers."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def receives(asked: Any) -> bool:
    return isinstance(asked, ReceiveCreditTransfer)


def two(pulsa: Pulsa, sender: str = NUMBER, receiver: str = OTHER) -> None:
    pulsa.active(sender)
    pulsa.active(receiver)
    pulsa.done("credit", "top-up", sender, *LONG)
    pulsa.done("credit", "top-up", receiver, *LONG)


def waiting(pulsa: Pulsa) -> list[str]:
    return [one["amount"] for one in pulsa.json("report", "in-transit", *NOBODY_KNOWS)]


def test_what_is_set_apart_in_a_file_is_sent_again(pulsa: Pulsa) -> None:
    two(pulsa)
    assert pulsa.json("dead-letters", "list") == []
    with failing(receives):
        pulsa.done("credit", "transfer", NUMBER, "--to-msisdn", OTHER, *SEND)
    (one,) = pulsa.json("dead-letters", "list")
    assert (one["command"], one["subject"], one["answer"]) == ("ReceiveCreditTransfer", OTHER, None)
    assert "ZeroDivisionError" in one["reason"]
    assert waiting(pulsa) == ["20000"]
    (shown,) = pulsa.json("dead-letters", "show", one["position"])
    assert shown["content"]["amount"] == 2_000_000
    assert "from_account: " in pulsa.done("dead-letters", "show", one["position"])
    assert "not yet" in pulsa.done("dead-letters", "list")
    assert pulsa.json("log", "verify")[0]["clean"]
    for status in ("accepted", "repeated"):
        (outcome,) = pulsa.json("dead-letters", "resend", one["position"], *NOBODY_KNOWS)
        assert outcome["status"] == status
    assert waiting(pulsa) == []
    assert [one["answer"] for one in pulsa.json("dead-letters", "list")] == ["accepted"]
    assert pulsa.json("log", "verify")[0]["clean"]
    assert pulsa.complaint("dead-letters", "show", "0:1").startswith(
        "query-refused: 0:1: nothing was set apart there"
    )
    assert [found["type"] for found in pulsa.events()].count("ledger.log.CommandSetApart") == 1


@pytest.mark.parametrize("far", [False, True])
def test_what_is_set_apart_on_kafka_is_sent_again(
    new_log: NewLog,  # noqa: F811
    pulsa: Pulsa,
    far: bool,
) -> None:
    settings = new_log(partitions=2)
    numbers = [f"62881123456{n:02}" for n in range(30)]
    sender = next(number for number in numbers if partition_of(number, 2) == 0)
    receiver = next(n for n in numbers if n != sender and partition_of(n, 2) == far)
    asking = on_kafka(pulsa.folder, settings)
    with writing(settings):
        two(asking, sender, receiver)
        with failing(lambda asked: receives(asked) or asked.command_id == "bad"):
            asking.done("credit", "transfer", sender, "--to-msisdn", receiver, *SEND)
            refused = asking(
                "credit",
                "charge",
                sender,
                "--amount",
                "1",
                "--item",
                "x",
                "--command-id",
                "bad",
                *NOBODY_KNOWS,
            )
            assert (refused.exit_code, "defect" in refused.output) == (1, True)
            # What follows elsewhere comes in its own time.
            until(lambda: len(asking.json("dead-letters", "list")) == 2)
        producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
        producer.send(settings.commands, b"rubbish", sender.encode(), [], 0)
        producer.flush()
        producer.close()
        asking.done("number", "advance", sender, *NOBODY_KNOWS)
        found = {one["command"]: one for one in asking.json("dead-letters", "list")}
        assert set(found) == {"ReceiveCreditTransfer", "ChargeCredit", None}
        assert found["ReceiveCreditTransfer"]["source"] == ("policies" if far else "commands")
        assert waiting(asking) == ["20000"]
        rubbish = found[None]["position"]
        assert asking.json("dead-letters", "show", rubbish)[0]["content"] == {
            "bytes": 7,
            "begins": b"rubbish".hex(),
        }
        assert asking.complaint("dead-letters", "resend", rubbish).startswith("query-refused: ")
        places = [found[name]["position"] for name in ("ReceiveCreditTransfer", "ChargeCredit")]
        for status in ("accepted", "repeated"):
            assert [one["status"] for one in asking.json("dead-letters", "resend", *places)] == [status] * 2
        assert waiting(asking) == []
        answers = {one["command"]: one["answer"] for one in asking.json("dead-letters", "list")}
        assert answers == {"ReceiveCreditTransfer": "accepted", "ChargeCredit": "accepted", None: None}
        if far:
            _what_still_has_to_follow_is_kept_as_old_as_it_is(asking, sender, receiver)
        report = asking.json("log", "verify")[0]
        assert (report["clean"], report["in_transit"]) == (True, 0)


def _what_still_has_to_follow_is_kept_as_old_as_it_is(asking: Pulsa, sender: str, receiver: str) -> None:
    key = str(asking.folder / "vault.key")
    asking.done("vault", "new-key", key)

    def swept(days: str) -> list[dict[str, Any]]:
        own = {"PULSA_VAULT_KEY": key, "PULSA_COMMANDS_DAYS": days}
        return asking.json("vault", "sweep", *NOBODY_KNOWS, **own)[0]["topics"]  # type: ignore[no-any-return]

    with failing(receives):
        again = ("--amount", "20000", "--command-id", "again", "--now", MONTH_LATER)
        asking.done("credit", "transfer", sender, "--to-msisdn", receiver, *again)
        until(lambda: len(asking.json("dead-letters", "list")) == 4)
    assert swept("1") == []  # it is of today
    assert swept("0") != []
    (one,) = asking.json("dead-letters", "list")
    assert (one["command"], one["answer"], waiting(asking)) == ("ReceiveCreditTransfer", None, ["20000"])
    assert asking.json("dead-letters", "show", one["position"])[0]["content"]["amount"] == 2_000_000
    assert asking.json("dead-letters", "resend", one["position"])[0]["status"] == "accepted"
    assert swept("0") != []
    assert (asking.json("dead-letters", "list"), waiting(asking), swept("0")) == ([], [], [])


def test_what_a_sender_says_in_the_ledgers_name_is_not_sent_again(new_log: NewLog, pulsa: Pulsa) -> None:  # noqa: F811
    """A forged half of a transfer that cannot be decoded lies among the dead: resending would mint its amount."""
    settings = new_log()
    asking = on_kafka(pulsa.folder, settings)
    forged = ReceiveCreditTransfer(
        at=parse_instant(MONTH_LATER),
        command_id=f"policy/{OTHER}#1/t-1",
        msisdn=NUMBER,
        transfer=f"{OTHER}#1/t-1",
        from_account=f"{OTHER}#1",
        amount=10**14,
        fee=0,
        days=0,
    )
    with writing(settings):
        two(asking)
        codec = Codec()
        state = codec.command_state(forged, codec.command_content(forged), stated_at=True)
        value = schema_ids(settings).to_wire(settings.commands, state)
        producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
        producer.send(settings.commands, value, NUMBER.encode(), [("ledger_schema", b"another!")], 0)
        producer.flush()
        producer.close()
        asking.done("number", "advance", NUMBER, *NOBODY_KNOWS)
        (one,) = asking.json("dead-letters", "list")
        assert (one["command"], one["source"]) == ("ReceiveCreditTransfer", "commands")
        said = asking.complaint("dead-letters", "resend", one["position"], *NOBODY_KNOWS)
        assert said.startswith("query-refused: 0:0: ReceiveCreditTransfer is the ledger's own word")
        assert [one["answer"] for one in asking.json("dead-letters", "list")] == [None]
        assert asking.json("log", "verify")[0]["clean"]


def test_what_a_registry_that_is_down_cannot_name_is_not_called_unreadable(
    new_log: NewLog,  # noqa: F811
    pulsa: Pulsa,
) -> None:
    settings = new_log()
    with writing(settings), faulty(settings.registry) as gateway:
        asking = on_kafka(pulsa.folder, new_log(prefix=settings.prefix, registry=gateway.url))
        producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
        value = of_another_release(settings, "good")
        producer.send(settings.dead, value, NUMBER.encode(), [], 0)
        producer.flush()
        producer.close()
        gateway.fault = 500
        assert asking.complaint("dead-letters", "list").startswith("registry-unreachable: ")
        gateway.fault = None
        assert [one["command_id"] for one in asking.json("dead-letters", "list")] == ["good"]
