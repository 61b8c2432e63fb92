"""Numbers, logs and commands that the benchmarks share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.application.ledger import Ledger
from ledger.domain.calendar import day_number, format_instant, parse_day, parse_instant
from ledger.domain.commands import Command
from ledger.domain.line.commands import RecordUsage
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, TopUp
from ledger.wiring import composition
from ledger.wiring.settings import Settings

BEGIN = parse_instant("2023-07-03T08:00:00+07:00")
TERMS = "smartfren-prepaid-2023"
BATCH = 1000
SUBSCRIBERS = 1000
"""How many use their credit; fewer where it only matters that a benchmark runs."""


def number(index: int) -> str:
    """The number of a subscriber."""
    return f"62881{index:08d}"


@contextmanager
def new_ledger(folder: Path, name: str) -> Iterator[Ledger]:
    """A ledger over a new played log."""
    with composition.opened(Settings(log=folder / f"{name}.db", clock="played")) as log:
        yield log.writer()


def opening(subscribers: range) -> list[Command]:
    """Starter packs, activations, and a top-up large enough for any benchmark."""
    last_day = day_number(parse_day("2024-12-31"))
    made: list[Command] = []
    for index in subscribers:
        msisdn = number(index)
        made += [
            IssueStarterPack(
                at=BEGIN,
                command_id="pack",
                msisdn=msisdn,
                terms=TERMS,
                printed_credit=0,
                valid_until=last_day,
            ),
            Activate(
                at=BEGIN,
                command_id="activate",
                msisdn=msisdn,
                channel="sms-4444",
                customer=f"customer-{index}",
                registration="verified",
            ),
            TopUp(at=BEGIN, command_id="top-up", msisdn=msisdn, credit=10**13, price=10**13, channel="app"),
        ]
    return made


def usage(index: int, subscribers: int, quantity: int | None = None) -> RecordUsage:
    """The index-th use of a population: calls, in an order that visits the subscribers all over."""
    at = BEGIN + 1_000_000 + index * 1000
    return RecordUsage(
        at=at,
        command_id=f"use-{index}",
        msisdn=number(index * 7919 % subscribers),
        service="voice",
        direction="outgoing",
        destination="off-net",
        zone="zone1",
        used_at=at,
        quantity=quantity or 30 + index % 400,
    )


def open_accounts(ledger: Ledger, subscribers: int) -> None:
    """Opens so many accounts."""
    for first in range(0, subscribers, BATCH):
        execute(ledger, opening(range(first, min(first + BATCH, subscribers))))


def execute(ledger: Ledger, commands: Sequence[Command], batch: int = BATCH) -> None:
    """Executes commands in batches; every one has to be accepted."""
    for first in range(0, len(commands), batch):
        for outcome in ledger.execute(commands[first : first + batch]):
            if outcome.status != "accepted":
                raise AssertionError(outcome)


def json_line(command: Command) -> str:
    """A use or an opening command as a line of a file."""
    record: dict[str, Any] = {"command": command.name}
    for name in command.__struct_fields__:
        value = getattr(command, name)
        if name in {"at", "used_at"}:
            value = format_instant(value)
        elif name in {"credit", "price", "printed_credit"}:
            value = str(value // 100)
        elif name == "valid_until":
            value = "2024-12-31"
        record[name] = value
    return json.dumps(record)
