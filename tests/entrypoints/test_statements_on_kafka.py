"""A statement on Kafka: taken in, reconciled, its dispute opened in another partition and decided, as in a file."""

from __future__ import annotations

import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.transparency.checkpoint import verified
from ledger.audit.transparency.note import verifier_of
from ledger.domain.calendar import day_number, parse_day
from ledger.domain.statement.stated import statement_of
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.partitioning import partition_of
from tests.audit.test_evidence import parts_of
from tests.entrypoints.kafka import on_kafka
from tests.entrypoints.pulsa import NUMBER, OTHER, Pulsa, Running
from tests.entrypoints.test_statement_verbs import CLOSED, LATER, OPENING
from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.kafka.running import WriterProcess
from tests.kafka.seen import committed
from tests.often import TIMES
from tests.servers import kafka_servers, run_directory  # noqa: F401

pytestmark = pytest.mark.kafka
NOBODY = "6288199999999"
ABROAD = "6288111122222"
SOLD = "2023-07-30"
END = "2023-08-08T00:00:00+07:00"


def elsewhere(partitions: int) -> str:
    """A statement's number by which it lies in another partition than the one it differs about, where there is one."""
    day = day_number(parse_day(SOLD))
    for number in (f"week-{n}" for n in count(1)):
        place = partition_of(statement_of("channel", None, number, None, day, day), partitions)
        if partitions == 1 or place != partition_of(NUMBER, partitions):
            return number
    raise AssertionError


def _abroad(told: Callable[..., list[dict[str, Any]]], *logs: Pulsa) -> None:
    """A partner states more of a use than the system has recorded of it itself, and does not prevail."""
    for each in logs:
        _disputed_abroad(each)
    (shown,) = told("dispute", "show", "C-9", "--now", END)
    sides = [shown[name] for name in ("about", "state", "claimed", "system", "unit")]
    assert sides == ["roaming", "overridden", "61", "60", "QUANTITY"]


def _disputed_abroad(pulsa: Pulsa) -> None:
    at = ("--now", END)
    use = ("--service", "voice", "--direction", "outgoing", "--used-at", END)
    pulsa.done("contract", "open", ABROAD, *OPENING, "--registration", "verified", *at)
    own = ("--destination", "off-net", "--zone", "zone1", "--quantity", "60", "--command-id", "use-1")
    pulsa.done("usage", "record", ABROAD, *use, *own, *at)
    stated = ("--answered", "--country", "SG", "--partner", "SGPST", "--record", "r-1", "--command-id", "r-1")
    amount = ("--partner-amount", "1.25", "--partner-currency", "USD", "--quantity", "61")
    pulsa.done("usage", "roam", ABROAD, *use, *stated, *amount, "--matches", "use-1", *at)
    claimed = ("--about", "roaming", "--refers-to", "r-1", "--claimed", "61", "--unit", "QUANTITY")
    by = ("--reason", "tap", "--opened-by", "staff-2")
    pulsa.done("dispute", "open", ABROAD, "--dispute", "C-9", *claimed, *by, *at)
    how = ("--decision", "overridden", "--reason", "record", "--decided-by", "staff-3", "--actor", "staff-3")
    pulsa.done("dispute", "decide", ABROAD, "--dispute", "C-9", *how, *at)


def _signed_whoever_dies(over: Pulsa, settings: KafkaSettings, chance: random.Random) -> str:
    """Checkpoints go on after any end of who makes them, and once mirrors were made again; returns the key.

    No tree is ever signed twice at one size.
    """
    file = over.folder / "signing.key"
    key = over.done("audit", "new-key", str(file), "--name", "ledger.example").strip()
    checkpoint = ("audit", "checkpoint", "--key", str(file))

    def sell(number: int) -> None:
        sold = ("--credit", "10000", "--price", "11000", "--channel", "app", "--command-id", f"k-{number}")
        over.done("credit", "top-up", OTHER, *sold, "--now", f"2023-08-{10 + number}T00:00:00+07:00")

    for number in (1, 3, 5):
        sell(number)
        with Running(*checkpoint, "--every", "0.1", **over.environment) as running:
            assert "lea" in running.line(), "it has signed what came since the one before"
            sell(number + 1)
            threading.Event().wait(chance.uniform(0, 0.5))
            running.kill()
    shutil.rmtree(over.folder / "asking")
    over.done(*checkpoint)
    signed: dict[tuple[str, int], bytes] = {}
    last: dict[str, int] = {}
    for record in committed(settings, settings.checkpoints):
        found = verified(record.value, [verifier_of(key)])
        assert signed.setdefault((found.origin, found.size), found.root) == found.root
        assert found.size > last.get(found.origin, 0)
        last[found.origin] = found.size
    heads = [one["position"].partition(":") for one in over.json("log", "events")]
    ends = {partition: int(ordinal) for partition, _, ordinal in heads}
    assert {f"ledger.example/events-{partition}": ordinal for partition, ordinal in ends.items()} == {
        origin: size for origin, size in last.items() if "/events-" in origin
    }
    kept = sorted(map(str, over.folder.glob("*.checkpoints/1/events-*/checkpoint")))
    assert len(kept) == settings.partitions
    assert "as it was signed" in over.done("audit", "verify", *kept, "--trust", key)
    return key


def _bundled(over: Pulsa, dispute: str, key: str) -> None:
    target = over.folder / "evidence.zip"
    over.done("dispute", "bundle", dispute, str(target), "--trust", key)
    assert "statement.jsonl" in parts_of(target.read_bytes())
    assert "signed by" in over.done("audit", "verify-bundle", str(target), "--trust", key)


class Served:
    """A writer, which dies when it is told to, and comes back."""

    def __init__(self, settings: KafkaSettings, stack: ExitStack) -> None:
        self._settings, self._stack = settings, stack
        self._process = self._started()

    def _started(self) -> WriterProcess:
        process = WriterProcess(self._settings, instance="one", session_timeout=6.0)
        return self._stack.enter_context(process).await_serving(self._settings.partitions or 0)

    def dies(self) -> None:
        self._process.kill()
        self._process = self._started()

    def stops(self) -> None:
        assert self._process.stop()[0] == 0


@pytest.mark.parametrize("partitions", [3, 1] if TIMES > 1 else [3])
def test_it_is_received_reconciled_and_its_dispute_decided_whoever_dies(
    new_log: NewLog,  # noqa: F811
    pulsa: Pulsa,
    tmp_path: Path,
    chance: random.Random,
    partitions: int,
) -> None:
    settings = new_log(partitions=partitions)
    over = on_kafka(pulsa.folder, settings, PULSA_EVIDENCE=str(tmp_path / "evidence"))
    number = elsewhere(partitions)
    mapping = f'kind = "channel"\nnumber = "{number}"\nfields = ["reference", "account", "date", "amount"]\n'
    rows = [f"t-1,{NUMBER},{SOLD},12000", f"t-1,{OTHER},{SOLD},11000", f"t-9,{NOBODY},{SOLD},5000"]
    file = (pulsa.file("week.csv", *rows), "--mapping", pulsa.file("week.toml", mapping), "--now", CLOSED)
    with ExitStack() as stack:
        served = Served(settings, stack)

        def told(*asked: str) -> list[dict[str, Any]]:
            """The same answer of both logs, but for positions."""
            answers = [each.json(*asked) for each in (over, pulsa)]
            for answer in answers:
                for row in answer:
                    row.pop("position", None)
            assert answers[0] == answers[1], asked
            return answers[0]

        for each in (over, pulsa):
            for msisdn in (NUMBER, OTHER):
                each.active(msisdn)
                sold = ("--credit", "10000", "--price", "11000", "--channel", "app", "--command-id", "t-1")
                each.done("credit", "top-up", msisdn, *sold, "--now", f"{SOLD}T10:00:00+07:00")
            each.json("log", "advance", "--now", CLOSED)
        (received,) = told("statement", "receive", *file)
        statement = received["statement"]
        for each in (over, pulsa):
            each.json("log", "advance", "--now", LATER)
        items = told("reconcile", statement, "--now", LATER)
        outcomes = {(one["item"], one["outcome"]) for one in items}
        assert outcomes == {("L1", "amount-differs"), ("L2", "equal"), ("L3", "timing")}
        dispute = f"D-{statement.removeprefix('statement/')}-1"
        for each in (over, pulsa):
            said = each.done("reconcile", statement, "--record", "--open", "--now", LATER)
            assert f"{dispute} on {NUMBER}#1: accepted" in said
            if each is over:
                served.dies()
        again = over.done("reconcile", statement, "--open", "--now", LATER)
        assert f"{dispute} on {NUMBER}#1: repeated" in again
        how = (
            "--decision",
            "overridden",
            "--reason",
            "record",
            "--decided-by",
            "staff-3",
            "--actor",
            "staff-3",
            "--command-id",
            "end",
        )
        for each in (over, pulsa):
            each.json("log", "advance", "--now", END)
            assert each.json("dispute", "show", dispute, "--now", END)[0]["state"] == "open"
            each.done("dispute", "decide", NUMBER, "--dispute", dispute, *how, "--now", END)
        served.dies()
        again = over(
            "dispute", "decide", NUMBER, "--dispute", dispute, *how[:-1], "again", "--json", "--now", END
        ).stdout
        assert '"code":"already-decided"' in again.replace(" ", "")
        (shown,) = told("dispute", "show", dispute, "--now", END)
        assert (shown["state"], shown["claimed"], shown["system"]) == ("overridden", "12000", "11000")
        _abroad(told, over, pulsa)
        assert [one["state"] for one in told("statement", "list", "--now", END)] == ["reconciled"]
        over.json("log", "advance", "--now", "2023-08-10T00:00:00+07:00")
        _bundled(over, dispute, _signed_whoever_dies(over, settings, chance))
        assert over.json("log", "verify")[0]["clean"]
        types = Counter(one["type"] for one in over.json("log", "events"))
        assert (types["ledger.statement.DisputeRaised"], types["ledger.dispute.DisputeOpened"]) == (1, 2)
        served.stops()
