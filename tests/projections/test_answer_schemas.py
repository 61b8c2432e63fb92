"""Every answer is as its JSON Schema in `schemas/answers/` says, and no schema says what nothing answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.statement.stated import statement_of
from ledger.errors import QueryRefused
from ledger.reconciliation.items_told import item_told
from ledger.reconciliation.matchables import Rules
from ledger.reconciliation.reconciling import reconcile
from ledger.reconciliation.runs_compared import compared
from ledger.store.reading import SqliteReader
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from projections.asking.questions import Questions
from tests.answer_schemas import ANSWERS, FOLDER, NAMES, schema, text, validator
from tests.projections import contract_histories as contracts
from tests.projections import histories, persons_history, statement_histories
from tests.projections.dispute_history import log_of_disputes

NOW = histories.BEGIN + 4000 * DAY
_CONTRACTS: list[contracts.Step] = [
    *((0, n, "open", n, 1) for n in range(2)),
    (1, 0, "use", 0, 0),
    *((1, 0, what, 1, 0) for what in ("deposit", "receive", "receive")),
    (20 * DAY, 0, "settle", 0, 0),
    (20 * DAY, 0, "cash", 2, 0),
    *((DAY, 0, what, 0, 0) for what in ("credit note", "debit note", "write off", "apply", "reverse")),
    (DAY, 1, "suspend", 0, 0),
    (33 * DAY, 1, "pay all", 0, 0),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What every question answers about two logs, by its name: one of everything, and one of contracts."""
    folder = tmp_path_factory.mktemp("answers")
    everything, of_contracts = histories.a_log(folder / "log.db"), folder / "contracts.db"
    contracts.play(of_contracts, [*contracts.commands(_CONTRACTS), *statement_histories.commands(NOW - DAY)])
    found: dict[str, list[Any]] = {name: [] for name in ANSWERS}
    (folder / "disputed").mkdir()
    disputed = log_of_disputes(folder / "disputed")
    with opened(Settings(log=disputed)) as held:
        ask = held.questions(lambda: NOW)
        found["disputes"] = ask.disputes().to_rows()
        found["sums-of-disputes"] = ask.sums_of_disputes().to_rows()
        found["dispute"] = [ask.dispute("C-1").to_json()]
    found["items"], found["items-compared"] = items_of_statements(of_contracts)
    (folder / "persons").mkdir()
    with opened(Settings(log=persons_history.log_of_persons(folder / "persons"))) as held:
        ask = held.questions(lambda: NOW)
        for name, listed in (
            ("preferences", ask.preferences(as_of=persons_history.BEGIN + HOUR)),
            ("requests", ask.requests()),
            ("disclosures", ask.disclosures()),
            ("erasures", ask.erasures()),
            ("holds", ask.holds()),
            ("breaches", ask.breaches()),
        ):
            found[name] = listed.to_rows()
    for log, numbers in ((everything, histories.NUMBERS), (of_contracts, contracts.NUMBERS)):
        with opened(Settings(log=log)) as held:
            for name, answer in asked(held.questions(lambda: NOW), numbers):
                found[name].append(answer)
    return found


def items_of_statements(log: Path) -> tuple[list[Any], list[Any]]:
    """What became of a statement, and what changed of it since before a person decided about it."""
    statement = statement_of("bank", None, "2", None, 19_000, 19_030)
    with SqliteReader(log).snapshot() as found:
        before, after = (
            reconcile([found], lambda _: 0, statement, Rules(), known_at) for known_at in (NOW - DAY, NOW)
        )
    told = [item_told(item).to_json() for run in (before, after) for item in run.items]
    return told, [one.to_json() for one in compared(before, after)]


def asked(ask: Questions, numbers: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Every question's answers as the language has them."""
    of_all: dict[str, Any] = {
        "blocks": ask.blocks(),
        "upcoming": ask.due(NOW, as_of=histories.BEGIN + 20 * DAY, known_at=histories.BEGIN + 20 * DAY),
        "trial-balance-by-day": ask.days(),
        "contracts": ask.contracts(),
        "statements": ask.statements(),
        "customers": ask.customers(),
        "receivables": ask.receivables(),
        "receivables-of-each": ask.receivables_of_each(),
        "suspense": ask.suspense(),
    }
    for name, listed in of_all.items():
        yield from ((name, row) for row in listed.to_rows())
    yield from (("in-transit", one.to_json()) for one in ask.transit())
    yield from (("balance", one.to_json()) for one in ask.balance("operator/cash"))
    for name, answer in (
        ("head", ask.head()),
        ("states", ask.states()),
        ("trial-balance", ask.trial_balance(each=True)),
    ):
        yield name, answer.to_json()
    yield from (("movements", row) for row in ask.movements("operator/cash").to_rows())
    yield from (("journal", one.to_json()) for one in ask.journal())
    lines = list(ask.log())
    yield from (("events", line.to_json()) for line in lines)
    for number in numbers:
        yield "enquiry", ask.enquiry(number).to_json()
        for name, of_number in (("usage", ask.usage), ("timeline", ask.timeline), ("number", ask.number)):
            yield from ((name, row) for row in of_number(number).to_rows())
        for name, of_contract in (
            ("bills", ask.bills),
            ("payments", ask.payments),
            ("deposits", ask.deposits),
        ):
            try:
                rows = of_contract(number).to_rows()
            except QueryRefused:  # it has no contract
                continue
            yield from ((name, row) for row in rows)
            if name == "bills" and rows:
                yield "closing", ask.closing(number, as_of=contracts.BEGIN + DAY).to_json()
                yield "contract", ask.contract(number).to_json()
                yield from (("bill", ask.bill(row["bill"]).to_json()) for row in rows)
                for row in rows:
                    yield from (("bill-items", item) for item in ask.bill_items(row["bill"]).to_rows())
        yield "why", ask.why(number).to_json()
        yield from (("history", line.to_json()) for line in ask.history(number, refused=True))
        yield "outcome", ask.outcome(number, command_of(lines, number)).to_json()


def command_of(lines: list[Any], number: str) -> str:
    """A command of a number's."""
    return next(
        str(one.event.command_id)
        for one in lines
        if one.event.account.startswith(number) and one.event.command_digest is not None
    )


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_every_answer_is_as_its_schema_says(answers: dict[str, list[Any]], name: str) -> None:
    assert answers[name], "nothing is answered"
    for answer in answers[name]:
        validator(name).validate(answer)
    for field in answers[name][0]:
        with pytest.raises(ValidationError):
            validator(name).validate({key: value for key, value in answers[name][0].items() if key != field})


def test_the_files_say_what_the_classes_say() -> None:
    """Written anew by `python -m tests.answer_schemas`."""
    assert {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.json")} == {
        name: text(name) for name in NAMES
    }


def test_every_schema_is_one() -> None:
    for path in sorted(Path(FOLDER).glob("*.json")):
        Draft202012Validator.check_schema(schema(path.stem))
