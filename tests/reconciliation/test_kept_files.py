"""Files that statements came in: each changed bit of one is found, and it is named whose it is."""

from __future__ import annotations

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

    def found(self) -> list[tuple[str | None, str]]:
        """What is found of the files: of which statement, and what is wrong."""
        report = Report(str(self.settings.log))
        check_evidence(self.settings, [SqliteReader(self.settings.log)], report)
        return [(one.account, one.what) for one in report.findings]


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
