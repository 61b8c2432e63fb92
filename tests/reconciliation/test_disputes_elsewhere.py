"""A dispute whose statement lies in another partition than its account gets there, or its refusal comes back."""

from __future__ import annotations

from collections.abc import Iterator
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
from ledger.domain.events import Event
from ledger.domain.ids import is_of_line, partition_named
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, TopUp
from ledger.domain.statement.commands import DisputeItem
from ledger.domain.terms_book import TermsBook
from ledger.store.partition_file import PartitionFactory
from tests.given import BUNDLED, NUMBER, OTHER, SP23, at, create_log, day, notifications
from tests.projections import statement_histories

NOW = at("2023-07-03T10:00:00+07:00")
LATER = NOW + DAY


def place_of(id_: str) -> int:
    """Numbers lie in the first partition, statements in the second."""
    named = partition_named(id_)
    return named if named is not None else 0 if is_of_line(id_) else 1


def is_at(number: int, id_: str) -> bool:
    return place_of(id_) == number


@pytest.fixture
def places(tmp_path: Path) -> Iterator[list[tuple[Ledger, Path]]]:
    with ExitStack() as stack:
        opened = []
        for number in (0, 1):
            path = tmp_path / f"{number}.db"
            create_log(path)
            factory = PartitionFactory(
                environment({"SQLITE_DBNAME": str(path)}), number, 2, partial(is_at, number)
            )
            ledger = Ledger(TermsBook(BUNDLED.values()), factory)
            opened.append((stack.enter_context(closing(ledger)), path))
        yield opened


def sent(places: list[tuple[Ledger, Path]], commands: list[Command], *, twice: bool = False) -> None:
    """Sends commands to their partitions, and what follows from them to its own; each again, where asked."""
    waiting = list(commands)
    while waiting:
        command = waiting.pop(0)
        ledger, _ = places[place_of(command.subject)]
        ledger.execute([command])
        waiting += ledger._work.batch.forwarded
        if twice:
            (again,) = ledger.execute([command])
            assert again.status == "repeated"
            assert not ledger._work.batch.forwarded


def events_of(ledger: Ledger, *names: str) -> list[Event]:
    stored: list[Any] = [ledger.mapper.to_domain_event(one) for one in notifications(ledger)]
    return [one for one in stored if one.name in names]


@pytest.mark.parametrize("twice", [False, True])
def test_it_is_opened_there_or_its_refusal_comes_back(places: list[tuple[Ledger, Path]], twice: bool) -> None:
    issued: dict[str, Any] = {"terms": SP23, "printed_credit": 0, "valid_until": day("2030-12-31")}
    verified: dict[str, Any] = {"channel": "sms", "customer": "c", "registration": "verified"}
    sold: dict[str, Any] = {"credit": 1_000_000, "price": 1_100_000, "channel": "app"}
    sent(
        places,
        [
            IssueStarterPack(at=NOW, command_id="i", msisdn=NUMBER, **issued),
            Activate(at=NOW, command_id="a", msisdn=NUMBER, **verified),
            TopUp(at=NOW, command_id="t", msisdn=NUMBER, **sold),
            *statement_histories.commands(LATER),
        ],
    )
    statement = statement_histories.commands(LATER)[0].subject
    why: dict[str, Any] = {
        "about": "top-up",
        "unit": "IDR",
        "reason": "amount-differs",
    }
    asked: dict[str, Any] = {"at": LATER + DAY, "statement": statement, "refers_to": "t"}
    good = DisputeItem(command_id="d1", item="L1", claimed=70_000, account=f"{NUMBER}#1", **asked, **why)
    bad = DisputeItem(command_id="d2", item="L2", claimed=20_000, account=f"{OTHER}#1", **asked, **why)
    sent(places, [good, bad], twice=twice)
    (of_numbers, _), (of_statements, _) = places
    (opened,) = events_of(of_numbers, "DisputeOpened")
    found: Any = opened
    said = (found.account, found.claimed, found.system, found.statement, found.raw)
    assert said == (f"{NUMBER}#1", 70_000, 1_100_000, statement, "0" * 64)
    raised = events_of(of_statements, "DisputeRaised")
    (refused,) = events_of(of_statements, "DisputeRefused")
    assert len(raised) == 2
    assert refused.account == statement
    assert getattr(refused, "refusal", None) == "unknown-account"
    for number, (_, path) in enumerate(places):
        report = verify(path, partition=number, partitions=2, is_here=partial(is_at, number))
        assert report.clean, report.findings
