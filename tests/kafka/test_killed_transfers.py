"""Two writers share partitions and die at random moments, while credit goes from one partition to another."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ledger.application.outcomes import UNKNOWN, Outcome
from ledger.domain.commands import Command
from ledger.domain.prepaid.commands import Activate, TransferCredit
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.records import ReplyRecords
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from ledger.wiring.on_kafka import verified
from ledger.wiring.settings import Settings
from tests.kafka.asking import Asking, arrive
from tests.kafka.conftest import NewLog
from tests.kafka.running import WriterProcess, connected
from tests.kafka.seen import (
    Accounts,
    committed,
    in_chunks,
    in_file,
    of_accounts,
    population,
    seen,
    up_to_transfers,
)
from tests.often import KILLS

PARTITIONS = 4
AT_ONCE = 200
"""Commands that are asked at once, where nothing waits for transfers."""
RUPIAH = 100
NOBODY = "6281999999999"


class Two:
    """Two writers of one group, each with mirrors of its own."""

    def __init__(self, settings: KafkaSettings, open_processes: ExitStack) -> None:
        self.settings = {name: replace(settings, mirrors=settings.mirrors / name) for name in ("one", "two")}
        self._open = open_processes
        self._running = {name: self._started(name) for name in self.settings}
        self._running["one"].await_serving()

    def _started(self, name: str) -> WriterProcess:
        process = WriterProcess(self.settings[name], instance=name, batch=20, session_timeout=12.0)
        return self._open.enter_context(process)

    def kill(self, *names: str) -> None:
        for name in names:
            self._running[name].kill()

    def start(self, *names: str) -> None:
        self._running |= {name: self._started(name) for name in names}
        for name in names:
            self._running[name].await_serving()

    def stop(self) -> None:
        """Both were at work to the end."""
        assert [process.stop()[0] for process in self._running.values()] == [0, 0]


def die_and_come_back(two: Two, asking: Asking, kills: int, chance: random.Random) -> None:
    """So often, spread over all that is asked: one is killed, or both, or one until the other took over."""
    for turn, moment in enumerate(sorted(chance.sample(range(len(asking.commands)), kills))):
        asking.await_answers(moment)
        threading.Event().wait(chance.uniform(0, 0.1))
        names = ["one", "two"]
        chance.shuffle(names)
        dying = names if turn % 4 == 1 else names[:1]
        two.kill(*dying)
        if turn % 8 == 6:
            # More than is asked at once is answered only by whoever serves every partition.
            asking.await_answers(min(len(asking.outcomes) + 2 * AT_ONCE, len(asking.commands)))
        two.start(*dying)


def test_the_same_as_uninterrupted_with_a_barrier_after_transfers(
    new_log: NewLog, tmp_path: Path, chance: random.Random
) -> None:
    settings = new_log(partitions=PARTITIONS)
    commands = population(40, 2)
    with ExitStack() as open_processes:
        two = Two(settings, open_processes)
        asking = Asking(
            settings,
            commands,
            tmp_path,
            pieces=up_to_transfers(commands),
            then=lambda client: arrive(client, commands[0].at),
        )
        die_and_come_back(two, asking, (KILLS + 1) // 2, chance)
        expected, file = asking.uninterrupted()
        two.stop()
    assert [of_no_place(outcome) for outcome in asking.outcomes] == [of_no_place(o) for o in expected]
    assert of_accounts(seen(settings).accounts) == of_accounts(in_file(file))
    check_log(settings, two)


def of_no_place(outcome: Outcome) -> Outcome:
    return outcome._replace(partition=0, ordinal=0)


def test_every_transfer_ends_once_whoever_dies_meanwhile(
    new_log: NewLog, tmp_path: Path, chance: random.Random
) -> None:
    settings = new_log(partitions=PARTITIONS)
    commands = list(with_transfers(population(40, 2), chance))
    with ExitStack() as open_processes:
        two = Two(settings, open_processes)
        asking = Asking(settings, commands, tmp_path, pieces=in_chunks(commands, AT_ONCE))
        die_and_come_back(two, asking, KILLS, chance)
        expected, file = asking.uninterrupted()
        with connected(settings) as client:
            arrive(client, commands[0].at)
        two.stop()
    assert UNKNOWN not in {outcome.status for outcome in asking.outcomes}
    assert len(asking.outcomes) == len(expected)
    everything = check_log(settings, two)
    # Only where credit arrives depends on which partition is ahead: whoever has no part in it has had the same events.
    parties = {
        name for one in commands if isinstance(one, TransferCredit) for name in (one.msisdn, one.to_msisdn)
    }
    assert without(parties, everything) == without(parties, in_file(file))


def with_transfers(commands: Sequence[Command], chance: random.Random) -> Iterator[Command]:
    """Every so often two numbers send each other credit at the same instant, or one sends it to nobody."""
    numbers = sorted({command.msisdn for command in commands if isinstance(command, Activate)})[:40:2]
    for index, command in enumerate(commands):
        yield command
        if index % 8 == 0:
            sender, receiver = chance.sample([*numbers, NOBODY], 2)
            for number, (from_, to) in enumerate([(sender, receiver), (receiver, sender)]):
                yield TransferCredit(
                    at=command.at,
                    command_id=f"more-{index}-{number}",
                    msisdn=from_,
                    to_msisdn=to,
                    amount=1000 * RUPIAH,
                )


def without(numbers: set[str], accounts: Accounts) -> Accounts:
    return {
        name: events for name, events in of_accounts(accounts).items() if name.split("#")[0] not in numbers
    }


def check_log(settings: KafkaSettings, two: Two) -> Accounts:
    """What holds whatever the order between partitions was."""
    everything = seen(settings)
    assert not [name for name, _ in everything.balances if name.endswith("/in-transit")]
    check_transfers(everything.accounts)
    check_answers(settings)
    for one in two.settings.values():
        for partition in range(PARTITIONS):
            for name, events in in_file(one.mirror(partition)).items():
                assert everything.accounts[name][: len(events)] == events
    log = Settings(kafka=settings.bootstrap, registry=settings.registry, kafka_prefix=settings.prefix)
    report = verified(log)
    assert report.clean, report.findings
    assert report.events == everything.events
    assert report.in_transit == 0
    return everything.accounts


def check_transfers(accounts: Accounts) -> None:
    """Each that was sent has been received or has come back, once; and there were some of both from afar."""
    codec = Codec()
    found: dict[str, dict[str, list[str]]] = {"Sent": {}, "Received": {}, "Returned": {}}
    far: Counter[str] = Counter()
    for account, events in accounts.items():
        for _, topic, state, _ in events:
            end = topic.removeprefix("ledger.prepaid.CreditTransfer")
            if end in found:
                record = codec.record(state)
                found[end].setdefault(record["transfer"], []).append(account)
                other = record["from_account" if end == "Received" else "to_msisdn"]
                far[end] += place(account) != place(other)
    ended = [*found["Received"].values(), *found["Returned"].values()]
    assert {len(accounts) for accounts in [*found["Sent"].values(), *ended]} == {1}
    assert found["Sent"].keys() == found["Received"].keys() ^ found["Returned"].keys()
    assert all(found["Sent"][transfer] == back for transfer, back in found["Returned"].items())
    assert min(far["Received"], far["Returned"]) > 0


def place(account: str) -> int:
    return partition_of(account.partition("#")[0], PARTITIONS)


def check_answers(settings: KafkaSettings) -> None:
    """Every command, those that the writers sent to each other too, has one answer, in its topic's order."""
    replies = ReplyRecords(settings.replies, schema_ids(settings), Codec())
    answered: dict[str, list[tuple[int, int]]] = {source: [] for source in settings.sources}
    for record in committed(settings, settings.replies):
        reply = replies.read(record.value, record.headers)
        answered[reply.source].append((record.partition, reply.offset))
    for source, topic in settings.sources.items():
        asked = [(record.partition, record.offset) for record in committed(settings, topic)]
        assert answered[source] == asked
        assert asked
