"""Plays records that know the balances they led to, and finds where the ledger's differ."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ledger.application.ledger import Ledger
from ledger.application.outcomes import ACCEPTED, Outcome
from ledger.domain.terms import Terms
from ledger.entrypoints.forms import CommandReader
from ledger.store.reading import SqliteReader
from ledger.terms import load
from tests.given import ledger_on
from tests.real.overdraft import PARTS

TERMS = Path(__file__).resolve().parents[1] / "terms"

_BATCH = 1000
_encode = msgspec.json.Encoder().encode


class Step(NamedTuple):
    """Commands that a record asks for, and the credit (sen, by number) that must stand after them, `within` sen."""

    line: int
    commands: list[dict[str, Any]]
    balances: dict[str, int]
    within: int


class Difference(NamedTuple):
    """A recorded balance that the ledger's is further from than it may be; sen."""

    line: int
    msisdn: str
    recorded: int
    found: int


@dataclass
class Played:
    """What came of it. `refused` are the outcomes of refused commands by their record's line."""

    log: Path
    commands: Counter[str] = field(default_factory=Counter)
    refused: dict[int, Outcome] = field(default_factory=dict)
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)


def terms_of(*ids: str) -> list[Terms]:
    """Terms of `tests/terms`."""
    return [load(TERMS / f"{one}.toml") for one in ids]


def replay(steps: Iterable[Step], *, terms: Sequence[str], folder: Path) -> Played:
    """Plays the steps on a new log under terms of `tests/terms`, and compares every balance they know of.

    A balance is that of the log's own events, summed up to the position that the step's last command was answered with.
    """
    played = Played(folder / "log.db")
    marks: list[tuple[int, Step]] = []
    with ledger_on(played.log, terms_of(*terms)) as ledger:
        reading = iter(steps)
        while batch := list(islice(reading, _BATCH)):
            marks.extend(_play(ledger, batch, played))
    _compare(marks, played)
    return played


def _play(ledger: Ledger, steps: list[Step], played: Played) -> Iterator[tuple[int, Step]]:
    reader = CommandReader(played=True, now=None)
    read = [reader.from_json(_encode(command)) for step in steps for command in step.commands]
    played.commands.update(command.name for command in read)
    before = ledger.recorder.max_notification_id() or 0
    outcomes = iter(ledger.execute(read))
    for step in steps:
        for outcome in islice(outcomes, len(step.commands)):
            before = outcome.ordinal
            if outcome.status != ACCEPTED:
                played.refused[step.line] = outcome
        yield before, step


def _compare(marks: list[tuple[int, Step]], played: Played) -> None:
    credit: Counter[str] = Counter()
    with SqliteReader(played.log).snapshot() as log:
        events = log.events()
        position = 0
        for mark, step in marks:
            while position < mark:
                recorded = next(events)
                position = recorded.ordinal
                for posting in recorded.event.postings:
                    credit[posting["account"]] += posting["amount"]
            for msisdn, recorded_balance in step.balances.items():
                played.compared += 1
                played.numbers.add(msisdn)
                account = f"{msisdn}#1"
                found = credit[f"{account}/credit"] - sum(credit[f"{account}/{part}"] for part in PARTS)
                if abs(found - recorded_balance) > step.within:
                    played.differences.append(Difference(step.line, msisdn, recorded_balance, found))
        assert next(events, None) is None, "an event that no step has brought about"


def write_lines(path: Path, commands: Iterable[dict[str, Any]]) -> Path:
    """The commands as a compressed file of JSON Lines."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for command in commands:
            file.write(_encode(command) + b"\n")
    return path
