"""Files that statements came in: each changed bit of one is found, and it is named whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.audit.findings import Report
from ledger.errors import EvidenceLost
from ledger.reconciliation.evidence_store import Kept
from ledger.reconciliation.receiving import Sender, commands_of
from ledger.reconciliation.statement_files import read_statements
from ledger.store.reading import SqliteReader
from ledger.wiring.evidence import check_evidence, evidence_store
from ledger.wiring.settings import Settings
from tests.given import START, at, ledger_on
from tests.often import often

LINES = [f"t-{place},62881000{place:05},2023-07-{place % 28 + 1:02},{place}.50" for place in range(400)]
MAPPING = b'kind = "channel"\nnumber = "n-%d"\nfields = ["reference", "account", "date", "amount"]\n'


class Taken(NamedTuple):
    """A log that has taken statements in, and where their files are kept."""

    settings: Settings
    kept: list[tuple[str, Kept]]

    def reported(self, now: int = at(START), **stated: int) -> Report:
        """What is found of the files at an instant, with such settings."""
        report = Report(str(self.settings.log))
        settings = self.settings.changed(**stated)
        check_evidence(settings, [SqliteReader(self.settings.log)], lambda _: 0, now, report)
        return report

    def found(self) -> list[tuple[str | None, str]]:
        """What is found of the files: of which statement, and what is wrong."""
        return [(one.account, one.what) for one in self.reported().findings]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    folder = tmp_path_factory.mktemp("kept")
    settings = Settings(log=folder / "log.db", clock="played")
    store = evidence_store(settings, make_key=True)
    taken: list[tuple[str, Kept]] = []
    with ledger_on(settings.log) as ledger:
        for number in (1, 2):
            file = folder / "file.csv"
            file.write_text("\n".join(LINES[number:]) + "\n")
            (read,) = read_statements(file, mapping=MAPPING % number)
            kept = store.keep(file)
            sent = list(commands_of(read, 0, kept, store.key, Sender(at(START), "desk")))
            assert {outcome.code for outcome in ledger.execute(sent)} == {None}
            taken.append((sent[0].subject, kept))
    return Taken(settings, taken)


@often(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_changed_bit_of_a_kept_file_is_found_and_named(taken: Taken, data: st.DataObject) -> None:
    assert taken.found() == []
    statement, kept = data.draw(st.sampled_from(taken.kept))
    was = kept.path.read_bytes()
    content = bytearray(was)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    kept.path.write_bytes(content)
    try:
        [(found, wrong)] = taken.found()
        with pytest.raises(EvidenceLost):
            evidence_store(taken.settings).verified(kept.digest)
    finally:
        kept.path.write_bytes(was)
    assert (found, "not the file that was kept" in wrong) == (statement, True)


@pytest.mark.parametrize("what", ["cut", "longer", "empty", "gone", "another's", "a folder"])
def test_a_file_that_is_not_there_as_it_was_is_found(taken: Taken, what: str) -> None:
    (statement, kept), (_, other) = taken.kept
    was = kept.path.read_bytes()
    kept.path.unlink()
    changed = {"cut": was[:-1], "longer": was + b"\n", "empty": b"", "another's": other.path.read_bytes()}
    if what in changed:
        kept.path.write_bytes(changed[what])
    elif what == "a folder":
        kept.path.mkdir()
    try:
        [(found, _)] = taken.found()
    finally:
        if kept.path.is_dir():
            kept.path.rmdir()
        kept.path.write_bytes(was)
    assert found == statement


@pytest.mark.parametrize(("early", "gone"), [(1, False), (0, True)])
def test_a_file_is_over_once_its_days_are_and_not_a_microsecond_before(
    taken: Taken, early: int, gone: bool
) -> None:
    """A day is one of the terms' zone, after that on which the log received it."""
    (statement, kept), _ = taken.kept
    over = at("2023-07-11T00:00:00+07:00") - early
    assert START == "2023-07-03T10:00:00+07:00"
    was = kept.path.read_bytes()
    assert taken.reported(over, evidence_days=7).clean  # it lies there still: `pulsa vault check` says so
    kept.path.unlink()
    try:
        report = taken.reported(over, evidence_days=7)
        always = taken.reported(over)
    finally:
        kept.path.write_bytes(was)
    assert (report.clean, [one.account for one in report.gone]) == (gone, [statement] if gone else [])
    assert gone == ("kept for its time" in str(report.to_json()["gone"]))
    assert (always.clean, always.gone) == (False, [])  # ten years are not over


def test_a_file_of_two_statements_is_over_with_the_later_one(tmp_path: Path) -> None:
    settings = Settings(log=tmp_path / "log.db", clock="played", evidence_days=1)
    store = evidence_store(settings, make_key=True)
    file = tmp_path / "file.csv"
    file.write_text("\n".join(LINES[:2]) + "\n")
    kept, days = store.keep(file), ("2023-07-03", "2023-07-05")
    with ledger_on(settings.log) as ledger:
        for number, day in enumerate(days):
            (read,) = read_statements(file, mapping=MAPPING % number)
            sender = Sender(at(f"{day}T10:00:00+07:00"), "desk")
            outcomes = ledger.execute(list(commands_of(read, 0, kept, store.key, sender)))
            assert {outcome.code for outcome in outcomes} == {None}
    kept.path.unlink()
    taken = Taken(settings, [])
    assert taken.reported(at("2023-07-07T00:00:00+07:00") - 1).found == 2
    over = taken.reported(at("2023-07-07T00:00:00+07:00"))
    assert (over.clean, over.gone_in_all) == (True, 2)
