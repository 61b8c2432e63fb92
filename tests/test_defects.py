"""A command that makes the code fail is undone alone; what had to follow and could not is set apart, not forgotten."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.replaying import replay
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.prepaid.commands import (
    Activate,
    ChargeCredit,
    IssueStarterPack,
    ReceiveCreditTransfer,
    ReturnCreditTransfer,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import CreditTransferSent
from ledger.store.codec import Codec
from ledger.store.reading import SqliteReader
from tests.failing import failing
from tests.given import BUNDLED, NUMBER, OTHER, START, Story, at, event, ledger_on, rupiah
from tests.kafka.seen import in_chunks, population
from tests.projections.projected import asked

NOW = at(START) + 31 * DAY
"""A month after activation, when credit may be sent."""
TABLES = ("stored_events", "journal", "seals", "numbers", "claims", "stored_snapshots")


def rows(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in TABLES}


@pytest.mark.parametrize("size", [7, 400])
def test_the_rest_of_the_batch_is_as_it_would_be_without_it(
    size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands = population(20, 2)
    refused_first = {command.command_id for command in commands[5::11]}
    refused_late = {command.command_id for command in commands[3::7]}
    bad = {
        (one.subject, one.command_id)
        for one in commands
        if one.command_id in refused_first | refused_late and not isinstance(one, IssueStarterPack | Activate)
    }

    def fails(asked: Command) -> bool:
        return (asked.subject, asked.command_id) in bad

    with (
        ledger_on(tmp_path / "with.db") as ledger,
        failing(fails, after=lambda asked: asked.command_id in refused_late),
    ):
        chunks = list(in_chunks(commands, size))
        found = [outcome for chunk in chunks for outcome in ledger.execute(chunk)]
    outcomes = iter(found)
    good = [[one for one in chunk if next(outcomes).code != "defect"] for chunk in chunks]
    with ledger_on(tmp_path / "without.db") as ledger:
        expected = [outcome for chunk in good for outcome in ledger.execute(chunk)]
    assert [one for one in found if one.code != "defect"] == expected
    assert len(found) - len(expected) > 30
    assert rows(tmp_path / "with.db") == rows(tmp_path / "without.db")


@pytest.mark.parametrize("numbers", [1, 40])
def test_what_a_defect_costs_does_not_grow_with_the_batch(
    numbers: int, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"62881000{n:04}" for n in range(numbers)]
    for name in names:
        story.given_active(number=name, credit=rupiah(5000))
    taken: list[str] = []

    asked: list[Command] = []
    for n in range(40):
        msisdn = names[n % numbers]
        asked.append(story.command(ChargeCredit, NOW - DAY, msisdn=msisdn, amount=1, command_id=f"good-{n}"))
        asked.append(story.command(ChargeCredit, NOW - DAY, msisdn=msisdn, amount=1, command_id=f"bad-{n}"))

    def applied(line: Any, happened: Event) -> None:
        taken.append(happened.command_id)
        original(line, happened)

    from ledger.domain.line.line import Line

    original = Line.take
    with failing(lambda one: one.command_id.startswith("bad")) as decided:
        monkeypatch.setattr(Line, "take", applied)
        outcomes = story.ledger.execute(asked)
    assert [outcome.code for outcome in outcomes] == [None, "defect"] * 40
    assert decided.total() == 80
    # Each event once when it happens, and once more at most when its line is made again behind it.
    assert len(taken) <= 2 * 40


def sent(story: Story) -> Story:
    """Two numbers, of which the first may send credit to the other."""
    story.given_active(credit=rupiah(0)).given_active(number=OTHER)
    story.given(TopUp, at(START), credit=rupiah(100_000))
    return story.given(TopUp, NOW - DAY, msisdn=OTHER, credit=rupiah(10_000))


def resent(story: Story) -> Command:
    """What is set apart, as it stands in the log."""
    (found,) = [one for one in story.events() if isinstance(one, CommandSetApart)]
    return Codec().command(found.command, found.content, 0)


def is_clean(story: Story) -> bool:
    """Nothing is wrong with the log, and deciding it again gives the same."""
    report = verify(story.path)
    assert report.clean, report.findings
    return replay([SqliteReader(story.path)], [*BUNDLED.values()]).empty


def under_way(story: Story) -> list[int]:
    with asked(story.path, now=NOW + DAY) as ask:
        return [one.amount for one in ask.transit()]


@pytest.mark.parametrize("late", [False, True])
def test_what_cannot_follow_is_set_apart_and_can_be_sent_again(
    late: bool, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(story)

    def receives(asked: Command) -> bool:
        return isinstance(asked, ReceiveCreditTransfer)

    with failing(receives, after=lambda _: late):
        story.when(TransferCredit, NOW, amount=rupiah(20_000), command_id="gift")
    story.then(event(CreditTransferSent), event(CommandSetApart, apart_id=f"policy/{NUMBER}#1/gift"))
    assert under_way(story) == [rupiah(20_000)]
    assert is_clean(story)
    # Whoever comes next finds both numbers as they are.
    story.given(ChargeCredit, NOW, msisdn=OTHER, amount=rupiah(10_000))
    story.given(ChargeCredit, NOW, amount=100)
    again = resent(story.reopen())
    assert [outcome.status for outcome in story.ledger.execute([again, again])] == ["accepted", "repeated"]
    assert under_way(story) == []
    assert is_clean(story)


def test_what_cannot_come_back_is_set_apart_too(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(story)
    with failing(lambda asked: isinstance(asked, ReturnCreditTransfer)):
        story.when(TransferCredit, NOW, amount=rupiah(20_000), to_msisdn="6281999999999", command_id="lost")
    story.then(event(CreditTransferSent), event(CommandSetApart, apart_id=f"policy/return/{NUMBER}#1/lost"))
    assert under_way(story) == [rupiah(20_000)]
    assert is_clean(story)
    again = resent(story.reopen())
    (outcome,) = story.ledger.execute([again])
    assert [reference.type for reference in outcome.events] == ["ledger.prepaid.CreditTransferReturned"]
    assert under_way(story) == []
    assert is_clean(story)


def test_a_policys_command_that_fails_here_is_answered_and_taken_when_it_comes_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(story)
    arriving = ReceiveCreditTransfer(
        at=NOW,
        command_id="policy/6281000000001#1/t",
        msisdn=OTHER,
        transfer="6281000000001#1/t",
        from_account="6281000000001#1",
        amount=100,
        fee=0,
        days=0,
    )
    before = rows(story.path)
    with failing(lambda _: True):
        (outcome,) = story.ledger.execute([arriving])
    assert outcome.code == "defect"
    assert rows(story.path) == before
    (outcome,) = story.ledger.execute([arriving])
    assert outcome.status == "accepted"
