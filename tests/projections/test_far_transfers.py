"""Credit that goes from one partition to another at one and the same instant: it is in transit, and then it is not."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from ledger.application.ledger import Ledger
from ledger.application.library import environment
from ledger.audit.transfer_halves import TransferHalves
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import Terminate
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, TopUp, TransferCredit
from ledger.domain.terms_book import TermsBook
from ledger.store.partition_file import PartitionFactory
from ledger.wiring.metrics import MirrorMetrics
from tests.given import BUNDLED, NUMBER, OTHER, SP23, START, at, create_log, day, rupiah
from tests.projections.projected import asked

T = at(START)
NOW = T + 31 * DAY


def place(path: Path, partition: int, far: str) -> Ledger:
    """The ledger of one partition of two, each a file; `far` are the numbers of the second."""
    create_log(path)
    env = environment({"SQLITE_DBNAME": str(path)})
    factory = PartitionFactory(env, partition, 2, lambda subject: place_of(subject, far) == partition)
    return Ledger(TermsBook(BUNDLED.values()), factory)


def place_of(subject: str, far: str) -> int:
    """The partition that it names, or the second for what is far."""
    _, at_sign, stated = subject.rpartition("@")
    return int(stated) if at_sign else int(subject.partition("#")[0] == far)


def active(msisdn: str) -> list[Command]:
    said: dict[str, Any] = {"at": T, "msisdn": msisdn}
    return [
        IssueStarterPack(
            command_id="issue", terms=SP23, printed_credit=0, valid_until=day("2030-12-31"), **said
        ),
        Activate(command_id="on", channel="web", customer="c", registration="verified", **said),
        TopUp(command_id="more", credit=rupiah(100_000), price=0, channel="web", **said),
    ]


@pytest.mark.parametrize("far", [NUMBER, OTHER])
@pytest.mark.parametrize("comes_back", [False, True])
def test_it_ends_whichever_partition_is_read_first(tmp_path: Path, far: str, comes_back: bool) -> None:
    files = [tmp_path / f"{partition}.db" for partition in (0, 1)]
    with ExitStack() as stack:
        places = [
            stack.enter_context(closing(place(path, partition, far))) for partition, path in enumerate(files)
        ]

        def execute(*commands: Command) -> list[Command]:
            ledger = places[commands[0].subject == far]
            assert {outcome.status for outcome in ledger.execute(commands)} <= {"accepted", "refused"}
            return ledger._work.batch.forwarded

        def transit() -> list[int]:
            with asked(*files, now=NOW, of=lambda subject: int(subject == far)) as ask:
                return [one.amount for one in ask.transit()]

        def measured() -> list[float]:
            assert metrics.advance()
            families = {family.name: family for family in metrics.collect()}
            return [sample.value for sample in families["ledger_transit_transfers"].samples]

        metrics = MirrorMetrics(lambda: dict(enumerate(files)), lambda: NOW)
        execute(*active(NUMBER))
        execute(*active(OTHER))
        if comes_back:
            execute(Terminate(at=T, command_id="end", msisdn=OTHER, ground="b"))
        gift = TransferCredit(
            at=NOW, command_id="gift", msisdn=NUMBER, to_msisdn=OTHER, amount=rupiah(20_000)
        )
        (following,) = execute(gift)
        assert transit() == [rupiah(20_000)]
        assert measured() == [1, 0, 0, 0]
        for back in execute(following):
            execute(back)
        assert transit() == []
        assert measured() == [0, 0, 0, 0]
        fresh = MirrorMetrics(lambda: dict(enumerate(files)), lambda: NOW)
        assert fresh.advance()
        families = {family.name: family for family in fresh.collect()}
        assert [sample.value for sample in families["ledger_transit_transfers"].samples] == [0, 0, 0, 0]
        transfers = TransferHalves()
        reports = [
            verify(
                path,
                partition=number,
                partitions=2,
                is_here=place.recorder.is_here,
                transfers=transfers,
            )
            for number, (path, place) in enumerate(zip(files, places, strict=True))
        ]
        transfers.settle(reports[0])
        assert [found for report in reports for found in report.findings] == []
        assert reports[0].in_transit == 0
