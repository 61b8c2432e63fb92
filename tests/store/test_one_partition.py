"""One file of a log of several partitions: it says so itself, and only what lies within it is judged."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.application.ledger import Ledger
from ledger.application.library import environment
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, TopUp, TransferCredit
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogMismatch, TopicMismatch
from ledger.store.partition_file import PartitionFactory
from ledger.store.partitioning import partition_of
from ledger.store.reading import SqliteReader
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from tests.given import BUNDLED, NUMBER, SP23, START, at, create_log, day, rupiah

T = at(START)
HERE = partition_of(NUMBER, 2)
FAR = next(str(n) for n in range(6288100000000, 6288100001000) if partition_of(str(n), 2) != HERE)


def place(path: Path, partition: int) -> Ledger:
    create_log(path)
    factory = PartitionFactory(
        environment({"SQLITE_DBNAME": str(path)}),
        partition,
        2,
        lambda subject: partition_of(subject, 2) == partition,
    )
    return Ledger(TermsBook(BUNDLED.values()), factory)


def active(msisdn: str) -> list[Command]:
    said: dict[str, Any] = {"at": T, "msisdn": msisdn}
    return [
        IssueStarterPack(
            command_id="issue", terms=SP23, printed_credit=0, valid_until=day("2030-12-31"), **said
        ),
        Activate(command_id="on", channel="web", customer="c", registration="verified", **said),
        TopUp(command_id="more", credit=rupiah(100_000), price=0, channel="web", **said),
    ]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two partitions; credit has gone from each to the other, and one transfer is still under way."""
    files = [tmp_path / f"{partition}.db" for partition in (0, 1)]
    with ExitStack() as stack:
        places = [
            stack.enter_context(closing(place(path, partition))) for partition, path in enumerate(files)
        ]

        def execute(*commands: Command) -> list[Command]:
            ledger = places[partition_of(commands[0].subject, 2)]
            assert {outcome.status for outcome in ledger.execute(commands)} == {"accepted"}
            return ledger._work.batch.forwarded

        send = partial(TransferCredit, at=T + 31 * DAY, amount=rupiah(20_000))
        for msisdn in (NUMBER, FAR):
            execute(*active(msisdn))
        for msisdn, to in ((NUMBER, FAR), (FAR, NUMBER)):
            (follows,) = execute(send(command_id="far", msisdn=msisdn, to_msisdn=to))
            execute(follows)
        execute(send(command_id="under way", msisdn=NUMBER, to_msisdn=FAR))
    return files


def test_a_file_alone_is_clean_and_says_which_it_is(files: list[Path]) -> None:
    for partition, path in enumerate(files):
        report = verify(path)
        assert report.findings == []
        assert report.place == (partition, 2)
        assert report.in_transit == 0, "of what goes elsewhere nobody knows here whether it has arrived"
        told = report.to_json()
        assert (told["partition"], told["partitions"]) == (partition, 2)


@pytest.mark.parametrize("partition", [0, 1])
def test_a_file_alone_answers_no_question_as_though_it_were_the_log(
    files: list[Path], partition: int
) -> None:
    """Half of the numbers would be unknown, and half of the operator's money missing; verification says which it is."""
    with opened(Settings(log=files[partition], clock="played")) as log:
        for ask in (log.reader, log.journaled, lambda: log.questions(lambda: T)):
            with pytest.raises(LogMismatch, match=f"is partition {partition} of a log of"):
                ask()
        with pytest.raises(TopicMismatch if partition == 0 else LogMismatch):
            log.writer()
        report = log.verify(T)
    assert report.clean
    assert report.place == (partition, 2)


def test_a_file_alone_is_no_log_to_be_asked(files: list[Path]) -> None:
    """It is not damaged: whoever looks for the mirror that goes furthest would throw it away."""
    with (
        SqliteReader(files[1]).snapshot() as log,
        pytest.raises(LogMismatch, match="is partition 1 of a log of several"),
    ):
        _ = log.created


def test_what_is_wrong_within_it_is_found(files: list[Path]) -> None:
    """What is another partition's does not belong here."""
    with closing(sqlite3.connect(files[HERE])) as connection, connection:
        connection.execute("UPDATE journal SET subject=? WHERE subject=?", (FAR, NUMBER))
    assert any("belongs to another partition" in finding.what for finding in verify(files[HERE]).findings)
