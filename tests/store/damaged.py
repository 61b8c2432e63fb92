"""A log to be damaged, and all that is asked of it: questions, a writer, projections."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ledger.domain.line.commands import AdvanceTime
from ledger.domain.prepaid.commands import ChargeCredit
from ledger.errors import LedgerError
from ledger.store.reading import SqliteReader
from projections.asking.questions import Questions
from projections.engine.database import Database
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS
from tests.given import NUMBER, OTHER, THIRD, at, ledger_on, rupiah
from tests.projections.projected import asked as questions
from tests.projections.projected import of_database

BEGIN = at("2023-07-03T12:00:00+07:00")

NOW = at("2024-01-01T12:00:00+07:00")

DAY = 86_400_000_000

LOG = "log@0"


def change(log: Path, statement: str, *parameters: object) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        assert connection.execute(statement, parameters).rowcount == 1


Ask = Callable[[Path], Any]


def asked(question: Callable[[Questions], Any]) -> Ask:
    def ask(log: Path) -> Any:
        with questions(log, now=NOW) as asked:
            return question(asked)

    return ask


def listed(found: Iterator[Any]) -> list[Any]:
    return list(found)


QUESTIONS: dict[str, Ask] = {
    **{f"enquiry of {n}": asked(lambda q, n=n: q.enquiry(n)) for n in (NUMBER, OTHER, THIRD)},  # type: ignore[misc]
    "history": asked(lambda q: listed(q.history(NUMBER, refused=True))),
    "history with refusals": asked(lambda q: listed(q.history(THIRD, refused=True))),
    "all of them": asked(
        lambda q: (
            q.trial_balance(each=True),
            q.trial_balance(as_of=BEGIN + DAY, known_at=BEGIN + DAY),
            q.states(),
            q.transit(),
        )
    ),
    "outcome": asked(lambda q: q.outcome(NUMBER, "7")),
    "head": asked(lambda q: q.head()),
    "log": asked(lambda q: listed(q.log())),
}


def written(log: Path) -> list[Any]:
    """What a writer answers that finds the log so: new commands, and one that it has answered already."""
    with ledger_on(log) as ledger:
        return [
            (outcome.code, outcome.events, outcome.position)
            for outcome in ledger.execute(
                [
                    ChargeCredit(
                        at=BEGIN + 7 * DAY,
                        command_id="new",
                        msisdn=number,
                        amount=rupiah(100),
                        item="package",
                    )
                    for number in (NUMBER, OTHER, THIRD)
                ]
                + [AdvanceTime(at=BEGIN + 8 * DAY, command_id="time", msisdn=NUMBER, actor="clock")]
            )
        ]


def projected(log: Path) -> list[Any]:
    """What the projections of it answer, taken in one by one and by columns."""
    told = []
    for in_bulk in (1, 5000):
        with closing(Database(f"sqlite:///{log}-{in_bulk}.views")) as database:
            Runner(database, [SqliteReader(log)], PROJECTIONS, in_bulk=in_bulk).catch_up()
            ask = of_database(database)
            told.append((ask.trial_balance(each=True), ask.states(), ask.enquiry(NUMBER)))
    return told


EVERYTHING: dict[str, Ask] = {**QUESTIONS, "writing": written, "projecting": projected}


def answer(ask: Ask, log: Path) -> Any:
    """What is answered, or the error."""
    try:
        return ask(log)
    except LedgerError as error:
        return error
