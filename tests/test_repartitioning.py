"""Another number of partitions: every account is what it was, and whoever asks again is answered as before."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.application.outcomes import NOT_JOURNALED
from ledger.audit.findings import Report
from ledger.audit.pseudonymising import pseudonymised
from ledger.audit.repartitioning import repartition
from ledger.audit.replaying import replay
from ledger.audit.transfer_halves import TransferHalves
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.customer.events import AccountEnded, DebtCleared, OthersBlocked
from ledger.domain.customer.events_of_persons import PersonErased, ProcessingEnded
from ledger.domain.kinds import is_keyed
from ledger.domain.line.events import Unblocked
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.postpaid.commands import OpenContract
from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer, TopUp, TransferCredit
from ledger.domain.pseudonyms import Pseudonyms
from ledger.entrypoints.clock import tick
from ledger.errors import LogDamaged, TopicMismatch
from ledger.simulation import CONTRACTS_CAST, PERSONS_CAST
from ledger.store.codec import Codec
from ledger.store.copying import CopyRefused, Source
from ledger.store.partitioning import partition_of
from ledger.store.reading import SqliteReader
from tests.failing import failing
from tests.given import (
    BUNDLED,
    CONTRACTS,
    NUMBER,
    OTHER,
    POLICIES,
    SE23,
    Story,
    at,
    ledger_on,
    rupiah,
)
from tests.kafka.seen import embedded, in_chunks, in_file, population, table

BEGIN = at("2023-07-03T10:00:00+07:00")
NOW = BEGIN + 31 * DAY
TERMS = [*BUNDLED.values(), *CONTRACTS.values(), *POLICIES.values()]


def closed_now_and_then(commands: list[Command]) -> list[Command]:
    """The commands of a log, which is closed after every three hundred of them."""
    told: list[Command] = []
    for chunk in in_chunks(commands, 300):
        through = max(command.at for command in chunk) - 1
        name = f"close-{len(told)}"
        told += [
            *chunk,
            CloseThrough(at=through, command_id=name, actor="clock", msisdn="log@0", through=through),
        ]
    return told


def balances(files: list[Path]) -> dict[tuple[str, str], int]:
    codec, sums = Codec(), dict[tuple[str, str], int]()
    for file in files:
        for events in in_file(file).values():
            for _, _, state, _ in events:
                for posting in codec.record(state)["postings"]:
                    key = (posting["account"], posting["unit"])
                    sums[key] = sums.get(key, 0) + posting["amount"]
    return sums


def played(sources: list[Path], folder: Path, partitions: int) -> list[Path]:
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(Source(path, number))) for number, path in enumerate(sources)]
        repartition(opened, folder, partitions)
    return [folder / f"partition-{number}.db" for number in range(partitions)]


def falls_to(partition: int, partitions: int, subject: str) -> bool:
    return partition_of(subject, partitions) == partition


def verified(files: list[Path]) -> Report:
    transfers, whole = TransferHalves(), Report("all")
    for number, path in enumerate(files):
        here = partial(falls_to, number, len(files))
        whole.join(verify(path, partition=number, partitions=len(files), is_here=here, transfers=transfers))
    transfers.settle(whole)
    return whole


def accounts(files: list[Path]) -> dict[str, list[tuple[int, str, bytes, bytes]]]:
    found: dict[str, list[tuple[int, str, bytes, bytes]]] = {}
    for file in files:
        for name, events in in_file(file).items():
            assert name not in found or not is_keyed(name)
            if is_keyed(name):
                found[name] = events
    return found


def test_one_partition_becomes_three_and_three_become_two(tmp_path: Path) -> None:
    one = tmp_path / "one.db"
    commands = closed_now_and_then(population(40, 3))
    assert any(isinstance(command, TransferCredit) for command in commands)
    outcomes = embedded(one, commands)
    before = accounts([one])
    three, two, again = taken_apart(one, tmp_path)
    assert len([file for file in three if len(in_file(file)) > 1]) == 3
    answered = {
        (subject, command_id): (code, message, count)
        for subject, command_id, code, message, count in _answers([one])
        if subject.isdigit()
    }
    for files in (three, two, again):
        kept = {row[:2]: row[2:] for row in _answers(files)}
        assert kept.items() >= answered.items()
    with ledger_on(again[0]) as ledger:
        said = [outcome for chunk in in_chunks(commands, 500) for outcome in ledger.execute(chunk)]
    for command, outcome, then in zip(commands, said, outcomes, strict=True):
        if then.code in NOT_JOURNALED or then.status == "repeated":
            continue
        if command.subject.isdigit():
            assert (outcome.status, outcome.code, outcome.events) == ("repeated", then.code, then.events)
    assert accounts(again) == before


def taken_apart(one: Path, folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """A log in three partitions, these in two, and these in one: whatever there is of anybody is what it was."""
    three = played([one], folder / "three", 3)
    two = played(three, folder / "two", 2)
    again = played(two, folder / "one-again", 1)
    before = accounts([one])
    for files in (three, two, again):
        assert accounts(files) == before
        assert balances(files) == balances([one])
        assert verified(files).findings == []
        readers = [SqliteReader(path, number) for number, path in enumerate(files)]
        place = partial(partition_of, partitions=len(files))
        compared = replay(readers, TERMS, partition_of=place)
        assert (compared.first, compared.answered) == ([], {})
    return three, two, again


def _answers(files: list[Path]) -> list[tuple[str, str, str | None, str | None, int]]:
    return [
        (row[1], row[2], row[7], row[8], row[11]) for file in files for row in table(file, "journal", "entry")
    ]


def test_a_part_of_a_log_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    one = tmp_path / "one.db"
    embedded(one, population(10, 2))
    three = played([one], tmp_path / "three", 3)
    with pytest.raises(TopicMismatch), ledger_on(three[0]):
        pass
    with pytest.raises(LogDamaged, match="lies in two partitions"):
        played(three[:1] * 2, tmp_path / "twice", 2)
    with pytest.raises(CopyRefused, match="not empty"):
        played([one], tmp_path / "three", 3)


def test_a_billing_run_is_taken_apart(tmp_path: Path) -> None:
    """All its bills are of one entry of the journal; of each account's there is one afterwards."""
    one, opened = tmp_path / "one.db", at("2023-03-10T10:00:00+07:00")
    numbers = [str(6288100000000 + n) for n in range(8)]
    contract: dict[str, Any] = {
        "plan": "elite-100",
        "terms": SE23,
        "billing_day": 1,
        "registration": "verified",
    }
    commands: list[Command] = [
        OpenContract(at=opened, command_id="open", msisdn=number, customer=f"c-{n // 3}", **contract)
        for n, number in enumerate(numbers)
    ]
    with ledger_on(one, TERMS) as ledger:
        ledger.execute(commands)
        tick([ledger], at("2023-04-02T12:00:00+07:00"), asked=True)
    before = accounts([one])
    kinds = Counter(topic for events in before.values() for _, topic, _, _ in events)
    assert kinds["ledger.postpaid.BillIssued"] == len(numbers)
    assert [row[3] for row in table(one, "journal", "entry")][-2:] == ["AdvanceDue", "CloseThrough"]
    taken_apart(one, tmp_path)


def test_what_passes_between_persons_and_their_numbers_is_taken_apart(tmp_path: Path) -> None:
    """Debts block the others and are cleared, accounts end, persons are erased: noticed by the clock, or in passing."""
    one = tmp_path / "one.db"
    commands = population(0, 8, contracts=CONTRACTS_CAST, registered=PERSONS_CAST)
    with ledger_on(one, TERMS) as ledger:
        for number, chunk in enumerate(in_chunks(commands, 100)):
            ledger.execute(chunk)
            if number % 2:
                tick([ledger], max(command.at for command in chunk), asked=True)
    happened = {topic for events in in_file(one).values() for _, topic, _, _ in events}
    assert happened >= {
        event.TOPIC
        for event in (OthersBlocked, DebtCleared, Unblocked, AccountEnded, ProcessingEnded, PersonErased)
    }
    *_, (again,) = taken_apart(one, tmp_path)
    names, renamed = Pseudonyms(b"k" * 32), tmp_path / "renamed.db"
    with SqliteReader(again).snapshot() as log:
        assert pseudonymised(SqliteReader(again), renamed, names, TERMS) == log.head
    assert verify(renamed).findings == []


@pytest.mark.parametrize("fails", [ReceiveCreditTransfer, ReturnCreditTransfer])
def test_what_was_set_apart_is_taken_apart_once_it_was_sent_again(
    tmp_path: Path, fails: type[Command]
) -> None:
    with closing(Story(tmp_path)) as story:
        story.given_active(since=BEGIN).given_active(since=BEGIN, number=OTHER)
        story.given(TopUp, BEGIN, credit=rupiah(100_000))
        story.given(TopUp, NOW - DAY, msisdn=OTHER, credit=rupiah(10_000))
        nobody = "6281999999999"
        with failing(lambda asked: isinstance(asked, fails)):
            for number, name in ((OTHER, "gift"), (nobody, "lost")):
                story.when(TransferCredit, NOW, to_msisdn=number, amount=rupiah(20_000), command_id=name)
        (set_apart,) = [one for one in story.events() if isinstance(one, CommandSetApart)]
        with pytest.raises(CopyRefused, match="something is set apart"):
            played([story.path], tmp_path / "refused", 3)
        story.say(Codec().command(set_apart.command, set_apart.content, 0))
        assert story.outcome.status == "accepted"
    assert len({partition_of(number, 3) for number in (NUMBER, OTHER, nobody)}) > 1
    taken_apart(story.path, tmp_path)
