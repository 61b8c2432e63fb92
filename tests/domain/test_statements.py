"""A statement comes in line by line, is reconciled, decided about by persons, and signed off; it never moves money."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.application.outcomes import ACCEPTED, REPEATED, Outcome
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.statement.commands import (
    AcceptMatch,
    AddStatementLines,
    BeginStatement,
    DisputeItem,
    EndStatement,
    RecordRun,
    ResolveItem,
    SignOff,
    StatementCommand,
    UndoMatch,
)
from ledger.domain.statement.events import DisputeRaised, DisputeRefused, Reconciled
from ledger.domain.statement.stated import StatementLine, dispute_of, is_item, statement_of
from tests.deciding import Deciding
from tests.given import at

NOW = at("2023-08-05T10:00:00+07:00")
ID = statement_of("bank", None, "7", None, None, None)


class Desk:
    """Commands about one statement, and what became of them."""

    def __init__(self) -> None:
        self.deciding = Deciding([])
        self.count = 0

    def ask(self, kind: type[StatementCommand], /, **own: Any) -> Outcome:
        self.count += 1
        common = {"at": NOW, "command_id": f"c{self.count}", "statement": own.pop("statement", ID)}
        command: Command = kind(**common, **own)
        return self.deciding.execute(command)

    def code(self, kind: type[StatementCommand], /, **own: Any) -> str | None:
        return self.ask(kind, **own).code

    def begun(self, **own: Any) -> Outcome:
        said: dict[str, Any] = {"kind": "bank", "format": "mt940", "reader": "r", "reader_version": "1"}
        said |= {"unit": "IDR", "file": "f" * 64, "size": 10, "place": 0, "content": "c", "number": "7"}
        return self.ask(BeginStatement, **(said | own))

    def ended(self, *amounts: int) -> Desk:
        assert self.begun().code is None
        lines = [line(number, amount) for number, amount in enumerate(amounts, 1)]
        assert self.code(AddStatementLines, lines=lines, findings=[]) is None
        assert self.code(EndStatement, count=len(lines), total=sum(amounts), findings=0) is None
        return self

    def run(self, *, open_: int, result: str = "r1", known_at: int = NOW) -> Outcome:
        return self.ask(RecordRun, known_at=known_at, rules="d", result=result, sums=[], open=open_)


def line(number: int, amount: int = 100) -> StatementLine:
    return {
        "line": number,
        "account": None,
        "reference": None,
        "kind": None,
        "group": None,
        "amount": amount,
        "unit": "IDR",
        "on": 19_000,
        "at": None,
        "balance": None,
        "quantity": None,
        "raw": "0" * 64,
    }


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_only_one_that_began_is_added_to_and_only_under_its_own_id(desk: Desk) -> None:
    assert desk.code(AddStatementLines, lines=[], findings=[]) == "unknown-statement"
    assert desk.begun(statement=statement_of("other")).code == "statement-conflict"
    assert desk.begun().code is None


def test_the_same_content_again_is_a_repeat_and_other_content_a_conflict(desk: Desk) -> None:
    assert desk.begun().status == ACCEPTED
    assert desk.begun(file="e" * 64).status == REPEATED
    assert desk.begun(content="other").code == "statement-conflict"


def test_lines_ascend_and_the_end_says_what_is_there(desk: Desk) -> None:
    desk.begun()
    assert desk.code(AddStatementLines, lines=[line(1), line(3)], findings=[]) is None
    assert desk.code(AddStatementLines, lines=[line(3)], findings=[]) == "statement-conflict"
    found = {"line": 4, "code": "amount", "expected": None, "found": None}
    assert desk.code(AddStatementLines, lines=[line(5)], findings=[found]) is None
    for count, total, findings in ((2, 300, 1), (3, 299, 1), (3, 300, 0)):
        wrong = desk.code(EndStatement, count=count, total=total, findings=findings)
        assert wrong == "statement-conflict"
    assert desk.code(ResolveItem, item="L1", reason="why") == "statement-open"
    assert desk.code(EndStatement, count=3, total=300, findings=1) is None
    assert desk.code(AddStatementLines, lines=[line(6)], findings=[]) == "statement-conflict"
    assert desk.ask(EndStatement, count=3, total=300, findings=1).status == REPEATED


def test_matches_and_reasons_are_a_persons_and_can_be_taken_back(desk: Desk) -> None:
    desk.ended(100, 200)
    together = ["L1", "E6288112345678#1/7"]
    assert desk.code(AcceptMatch, match="m", items=["L1"], reason="r") == "not-eligible"
    assert desk.code(AcceptMatch, match="m", items=["L1", "a name"], reason="r") == "not-eligible"
    assert desk.code(AcceptMatch, match="m", items=["L1", "L1"], reason="r") == "not-eligible"
    assert desk.code(AcceptMatch, match="m", items=["L2", "L3"], reason="r") == "unknown-record"
    assert desk.code(AcceptMatch, match="m", items=["L0", together[1]], reason="r") == "unknown-record"
    assert desk.code(AcceptMatch, match="m", items=together, reason="r") is None
    assert desk.code(AcceptMatch, match="m", items=["L2", "E6288112345678#1/8"], reason="r") == "not-eligible"
    assert desk.code(AcceptMatch, match="n", items=["L2", together[1]], reason="r") == "not-eligible"
    assert desk.code(UndoMatch, match="n", reason="r") == "not-eligible"
    assert desk.code(UndoMatch, match="m", reason="r") is None
    assert desk.code(AcceptMatch, match="n", items=["L2", together[1]], reason="r") is None
    assert desk.code(ResolveItem, item="L1", reason="bank-charge") is None
    assert desk.ask(ResolveItem, item="L1", reason="bank-charge").status == REPEATED


def test_it_is_signed_off_by_a_run_that_leaves_nothing_open_and_a_later_one_opens_it_again(
    desk: Desk,
) -> None:
    desk.ended(100)
    assert desk.run(open_=1, known_at=NOW + DAY).code == "not-final"
    assert desk.run(open_=1).code is None
    assert desk.code(SignOff, result="r1") == "not-eligible"
    assert desk.code(ResolveItem, item="L1", reason="bank-charge") is None
    assert desk.run(open_=0, result="r2").code is None
    assert desk.code(SignOff, result="r1") == "not-eligible"
    assert desk.code(ResolveItem, item="L0", reason="later") is None
    assert desk.code(SignOff, result="r2") == "not-eligible"
    assert desk.run(open_=0, result="r3").code is None
    assert desk.code(SignOff, result="r3") is None
    assert desk.ask(SignOff, result="r3").status == REPEATED
    assert desk.run(open_=2, result="r4").code is None
    last = desk.deciding.events(0)[-1]
    assert isinstance(last, Reconciled)
    assert last.reopened
    assert desk.code(SignOff, result="r4") == "not-eligible"


def test_a_dispute_goes_to_its_account_once_and_a_refusal_comes_back(desk: Desk) -> None:
    desk.ended(100)
    said: dict[str, Any] = {"about": "top-up", "claimed": 100, "unit": "IDR", "reason": "missing-in-system"}
    assert desk.code(DisputeItem, item="L1", account="nobody", **said) == "not-eligible"
    assert desk.ask(DisputeItem, item="L1", account="6288112345678#1", **said).status == ACCEPTED
    raised, refused = desk.deciding.events(0)[-2:]
    assert isinstance(raised, DisputeRaised)
    assert isinstance(refused, DisputeRefused)
    hex_ = ID.removeprefix("statement/")
    assert (raised.dispute, raised.line, raised.of) == (f"D-{hex_}-1", 1, "6288112345678#1")
    assert (refused.dispute, refused.refusal, refused.actor) == (f"D-{hex_}-1", "unknown-account", "policy")
    assert raised.raw == line(1)["raw"]
    before = desk.deciding.head()
    assert desk.ask(DisputeItem, item="L1", account="6288112345678#1", **said).status == REPEATED
    assert desk.deciding.head() == before
    assert dispute_of(ID, "E6288112345678#1/7") == f"D-{hex_}-E7"


def test_what_is_resolved_is_a_line_of_it_or_a_finding_or_the_whole(desk: Desk) -> None:
    desk.begun()
    found = {"line": 7, "code": "amount", "expected": None, "found": None}
    assert desk.code(AddStatementLines, lines=[line(1), line(9)], findings=[]) is None
    assert desk.code(AddStatementLines, lines=[], findings=[found]) is None
    assert desk.code(EndStatement, count=2, total=200, findings=1) is None
    for item, code in {
        "L0": None,
        "L1": None,
        "L7": None,
        "L9": None,
        "E6288112345678#1/7": None,
        "L2": "unknown-record",
        "L99": "unknown-record",
    }.items():
        assert desk.code(ResolveItem, item=item, reason="why") == code, item
    assert desk.code(AcceptMatch, match="m", items=["L1", "L7"], reason="r") == "unknown-record"


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"item": "L9000"}, "unknown-record"),
        ({"unit": "PULSA"}, "wrong-unit"),
        ({"claimed": 901}, "not-eligible"),
        ({"about": "balance"}, "not-eligible"),
        ({"item": "L500", "claimed": 500}, None),
        ({"item": "L501", "claimed": 501}, None),
        ({"item": "L1200", "claimed": 1200}, None),
        ({"item": "L0"}, None),
        ({"item": "E6288112345678#1/7"}, None),
    ],
)
def test_a_dispute_claims_what_its_line_says(desk: Desk, own: dict[str, Any], code: str | None) -> None:
    """Lines come in pieces: whichever of them holds the line is found."""
    desk.begun()
    for first in (1, 501, 1001):
        some = [line(number, -number) for number in range(first, min(first + 500, 1201))]
        assert desk.code(AddStatementLines, lines=some, findings=[]) is None
    found = {"line": 3, "code": "amount", "expected": None, "found": None}
    assert desk.code(AddStatementLines, lines=[], findings=[found]) is None
    assert desk.code(EndStatement, count=1200, total=-sum(range(1201)), findings=1) is None
    said = {"item": "L900", "account": "6288112345678#1", "about": "charge", "claimed": 900, "unit": "IDR"}
    assert desk.code(DisputeItem, reason="missing-in-system", **(said | own)) == code


def test_nothing_of_it_moves_money(desk: Desk) -> None:
    desk.ended(100, -200).run(open_=2)
    assert {len(event.postings) for event in desk.deciding.events(0)} == {0}


@pytest.mark.parametrize(
    "item", ["L0", "L1", "L12", "E6288112345678#1/7", "E6288112345678/1", "E6288112345678#2/3.1"]
)
def test_items_are_lines_and_records(item: str) -> None:
    assert is_item(item)
    assert not any(is_item(wrong) for wrong in (item[1:], f"{item} ", f"x{item}", "L01", "E/1", ""))
