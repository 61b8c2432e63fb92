"""Evidence of disputes is of whose the account was then: it goes with that person, unless something else names it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.application.ledger import Ledger
from ledger.audit.findings import Report
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_persons import ErasePerson, RegisterCustomer
from ledger.domain.line.commands import Terminate
from ledger.domain.line.dispute_commands import ELSEWHERE, KEPT, AttachEvidence, DecideDispute, OpenDispute
from ledger.domain.prepaid.commands import Activate, IssueStarterPack
from ledger.reconciliation.evidence_store import EvidenceStore
from ledger.reconciliation.receiving import Sender, commands_of
from ledger.reconciliation.statement_files import read_statements
from ledger.store.reading import SqliteReader
from ledger.terms import bundled
from ledger.wiring.composition import Opened, opened
from ledger.wiring.evidence import check_evidence, evidence_store
from ledger.wiring.evidence_over import delete_over, erase_evidence, evidence_left, files_over
from ledger.wiring.settings import Settings
from tests.given import Story, at, ledger_on

FIRST, THEN, LATER, MUCH_LATER = (f"2024-03-{day}T10:00:00+07:00" for day in ("01", "02", "03", "20"))
ONE, TWO = "CAB3DE4FG5HI6JK7LM2NO", "CZZ3DE4FG5HI6JK7LM2NO"
NUMBERS = {ONE: "6288100000001", TWO: "6288100000002"}
MAPPING = b'kind = "channel"\nnumber = "n-1"\nfields = ["reference", "account", "date", "amount"]\n'
LINE = b"t-1,6288100000009,2024-03-01,1.50\n"


class Files:
    """A log in which two persons have disputed, and the files of their evidence."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.settings = Settings(log=folder / "log.db", clock="played", evidence_days=7)
        self.store: EvidenceStore = evidence_store(self.settings, make_key=True)
        self._ledger, self._story, self._folder = ledger, Story(None), folder

    def say(self, kind: type[Command], when: str, **own: Any) -> None:
        (outcome,) = self._ledger.execute([self._story.command(kind, at(when), **own)])
        assert outcome.code is None, outcome

    def attach(self, person: str, content: bytes, lies_in: str | None = KEPT) -> Path:
        kept = self.store.keep_bytes(content)
        own = {"dispute": "C-1", "digest": kept.digest, "lies_in": lies_in}
        self.say(AttachEvidence, FIRST, msisdn=NUMBERS[person], **own)
        return kept.path

    def receive(self, content: bytes) -> None:
        file = self._folder / "file.csv"
        file.write_bytes(content)
        (read,) = read_statements(file, mapping=MAPPING)
        commands = commands_of(read, 0, self.store.keep(file), self.store.key, Sender(at(FIRST), "desk"))
        assert {one.code for one in self._ledger.execute(list(commands))} == {None}

    def end(self, person: str) -> None:
        number = NUMBERS[person]
        decided = {"dispute": "C-1", "decision": "rejected", "decided_by": "staff-1", "actor": "staff-1"}
        self.say(DecideDispute, THEN, msisdn=number, **decided)
        self.say(Terminate, THEN, msisdn=number)
        self.say(ErasePerson, THEN, customer=f"customer/{person}")

    def told(self, now: str) -> Report:
        report = Report("")
        check_evidence(self.settings, [SqliteReader(self.settings.log)], lambda _: 0, at(now), report)
        return report


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    with ledger_on(tmp_path / "log.db", bundled()) as ledger:
        found = Files(tmp_path, ledger)
        for person, number in NUMBERS.items():
            found.say(RegisterCustomer, FIRST, customer=f"customer/{person}", fields=["name"])
            found.say(IssueStarterPack, FIRST, msisdn=number)
            found.say(Activate, FIRST, msisdn=number, customer=person)
            about = {"dispute": "C-1", "about": "balance", "unit": "PULSA", "refers_to": None}
            found.say(OpenDispute, FIRST, msisdn=number, **about)
        yield found


@pytest.fixture
def log(files: Files) -> Iterator[Opened]:
    with opened(files.settings) as found:
        yield found


@pytest.mark.clause("PM-06")
def test_evidence_goes_with_its_person_unless_something_else_names_it(files: Files, log: Opened) -> None:
    own, shared, stated = (files.attach(ONE, text) for text in (b"a receipt", b"of both", LINE))
    assert files.attach(TWO, b"of both") == shared
    files.receive(LINE)
    assert erase_evidence(log, [ONE]) == 0  # it is asked for whom the log says to be erased
    files.end(ONE)
    digest = f"customer/{ONE}, {own.name}"
    assert list(evidence_left(log, [ONE, TWO])) == [digest]
    assert (erase_evidence(log, [ONE]), erase_evidence(log, [ONE])) == (1, 0)
    assert [path.exists() for path in (own, shared, stated)] == [False, True, True]
    report = files.told(LATER)
    assert (report.clean, [one.account for one in report.gone]) == (True, [f"{NUMBERS[ONE]}#1"])
    assert "somebody who is erased" in report.gone[0].what
    files.end(TWO)
    assert (list(evidence_left(log, [ONE])), erase_evidence(log, [TWO])) == (
        [f"customer/{ONE}, {shared.name}"],
        1,
    )
    assert delete_over(log, at("2024-03-09T00:00:00+07:00") - 1) == 0
    assert delete_over(log, at("2024-03-09T00:00:00+07:00")) == 1  # with the statement's seven days
    report = files.told(MUCH_LATER)
    assert (report.clean, report.gone_in_all) == (True, 5)  # each of the five that names one of the three


def test_a_file_that_is_linked_to_is_left_and_named(files: Files, log: Opened, tmp_path: Path) -> None:
    linked, stated = files.attach(ONE, b"on a volume"), files.store.folder
    files.receive(LINE)
    (over,) = (path for path in stated.iterdir() if path.read_bytes() == LINE)
    for path in (linked, over):
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    files.end(ONE)
    assert (erase_evidence(log, [ONE]), delete_over(log, at(MUCH_LATER))) == (
        0,
        0,
    )  # what it names would lie on
    assert (linked.exists(), list(evidence_left(log, [ONE]))) == (True, [f"customer/{ONE}, {linked.name}"])
    assert list(files_over(log, at(MUCH_LATER))) == [over.name]
    assert files.told(MUCH_LATER).clean
    (tmp_path / over.name).rename(over)
    assert delete_over(log, at(MUCH_LATER)) == 1


def test_evidence_that_was_kept_is_missed_and_what_lies_elsewhere_is_not(files: Files) -> None:
    for text, lies_in in ((b"kept", KEPT), (b"elsewhere", ELSEWHERE), (b"not said", None)):
        files.attach(ONE, text, lies_in).unlink()
    report = files.told(LATER)
    assert ([one.version for one in report.findings], report.gone) == ([4], [])
    files.attach(TWO, b"changed", None).write_bytes(b"changes")
    pipe = files.attach(TWO, b"a pipe by now", None)
    pipe.unlink()
    os.mkfifo(pipe)  # which nobody writes into, and nobody waits for
    assert files.told(LATER).found == 3


def test_what_was_attached_after_the_number_passed_on_is_the_next_holders(files: Files, log: Opened) -> None:
    from ledger.domain.line.commands import DecideRightsTransfer, RequestRightsTransfer

    first = files.attach(ONE, b"of the first")
    number = NUMBERS[ONE]
    files.say(RequestRightsTransfer, THEN, msisdn=number, request="r-1", to_customer="CNEXT3DE4FG5HI6JK7LMN")
    files.say(DecideRightsTransfer, THEN, msisdn=number, request="r-1")
    kept = files.store.keep_bytes(b"of the next")
    files.say(AttachEvidence, THEN, msisdn=number, dispute="C-1", digest=kept.digest, lies_in=KEPT)
    decided = {"dispute": "C-1", "decision": "rejected", "decided_by": "staff-1", "actor": "staff-1"}
    files.say(DecideDispute, THEN, msisdn=number, **decided)
    files.say(ErasePerson, THEN, customer=f"customer/{ONE}")
    assert erase_evidence(log, [ONE]) == 1
    assert (first.exists(), kept.path.exists()) == (False, True)
