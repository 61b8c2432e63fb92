"""Batches of any size, and any command sent twice: the same log, byte for byte."""

from __future__ import annotations

import sqlite3
from contextlib import closing, nullcontext
from functools import partial

import msgspec
import pytest
from eventsourcing.persistence import PersistenceError
from hypothesis import given
from hypothesis import strategies as st

import ledger.application.ledger
from ledger.application.ledger import Ledger
from ledger.application.outcomes import NOT_JOURNALED, Outcome
from ledger.audit.verification import verify
from ledger.domain.commands import Command
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.refusals import IdempotencyConflict, Invalid
from tests.given import ledger_on
from tests.often import often
from tests.properties.running import DERIVED, LOG, log_of, one_by_one, rows
from tests.properties.strategies import History, histories

FEW = often(12)


@st.composite
def batched(draw: st.DrawFn) -> tuple[History, list[list[Command]]]:
    """A history, with the closing of its partition in between, and a way to cut it into batches."""
    history = draw(histories())
    commands = list[Command]()
    for count, command in enumerate(history.commands):
        commands.append(command)
        if draw(st.integers(0, 9)) == 0:
            through = command.at + draw(st.sampled_from([0, 1, -5_000_000, 86_400_000_000]))
            commands.append(
                CloseThrough(
                    at=command.at, command_id=f"close-{count}", actor="clock", msisdn="log@0", through=through
                )
            )
    cuts = draw(st.lists(st.integers(0, len(commands)), max_size=6).map(sorted))
    batches = [commands[a:b] for a, b in zip([0, *cuts], [*cuts, len(commands)], strict=True)]
    return History(history.terms, commands), batches


@FEW
@given(batched())
def test_batches_of_any_size_give_the_same_log_as_one_by_one(
    case: tuple[History, list[list[Command]]],
) -> None:
    history, batches = case
    with log_of(history) as (ledger_, path):
        wanted = one_by_one(ledger_, history.commands)
        written = rows(path, *LOG, *DERIVED)
    with log_of(history) as (ledger_, path):
        outcomes = [outcome for batch in batches for outcome in ledger_.execute(batch)]
        assert outcomes == wanted
        assert rows(path, *LOG, *DERIVED) == written


@FEW
@given(batched())
def test_what_any_history_leaves_behind_verifies(case: tuple[History, list[list[Command]]]) -> None:
    history, batches = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.application.ledger, "SNAPSHOT_EVERY", 4)
        with log_of(history) as (ledger_, path):
            for batch in batches:
                ledger_.execute(batch)
            assert [str(finding) for finding in verify(path).findings] == []


@FEW
@given(histories(), st.booleans(), st.booleans())
def test_any_command_sent_twice_changes_nothing(history: History, reopened: bool, in_one_batch: bool) -> None:
    with log_of(history) as (ledger_, path):
        first = one_by_one(ledger_, history.commands)
        written = rows(path, *LOG, *DERIVED, "seals")
        if reopened:
            ledger_.close()
        with ledger_on(path, history.terms) if reopened else nullcontext(ledger_) as again:
            send = again.execute if in_one_batch else partial(one_by_one, again)
            second = send(history.commands)
        assert rows(path, *LOG, *DERIVED, "seals") == written
        journaled = {
            (command.subject, command.command_id): (_said(command), outcome)
            for command, outcome in zip(history.commands, first, strict=True)
            if outcome.status != "repeated" and outcome.code not in NOT_JOURNALED
        }
        for command, before, after in zip(history.commands, first, second, strict=True):
            said, outcome = journaled.get((command.subject, command.command_id), (None, before))
            if before.code == Invalid.code or said is None:
                assert (after.status, after.code) == ("refused", before.code)
            elif said == _said(command):
                assert after == outcome.repeated()
            else:  # its id was free when it came first, and was given to another since
                assert (after.status, after.code) == ("refused", IdempotencyConflict.code)


def _said(command: Command) -> Command:
    """What a command says: all but when."""
    return msgspec.structs.replace(command, at=0)


@FEW
@given(histories(), st.data())
def test_each_command_sent_twice_at_once_gives_the_log_of_each_sent_once(
    history: History, data: st.DataObject
) -> None:
    with log_of(history) as (ledger_, path):
        one_by_one(ledger_, history.commands)
        written = rows(path, *LOG, *DERIVED)
    times = data.draw(
        st.lists(st.integers(1, 3), min_size=len(history.commands), max_size=len(history.commands))
    )
    stuttered = [x for x, n in zip(history.commands, times, strict=True) for _ in range(n)]
    with log_of(history) as (ledger_, path):
        ledger_.execute(stuttered)
        assert rows(path, *LOG, *DERIVED) == written


@FEW
@given(batched(), st.sampled_from([*LOG, *DERIVED, "seals"]))
def test_every_batch_whose_write_failed_can_be_sent_again(
    case: tuple[History, list[list[Command]]], table: str
) -> None:
    history, batches = case
    tables = (*LOG, *DERIVED, "seals")
    with log_of(history) as (ledger_, path):
        wanted = [outcome for batch in batches for outcome in ledger_.execute(batch)]
        written = rows(path, *tables)
    with log_of(history) as (ledger_, path), closing(sqlite3.connect(path, isolation_level=None)) as hand:
        outcomes = []
        for batch in batches:
            before = rows(path, *tables)
            hand.execute(
                f"CREATE TRIGGER refuses BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
            done = _unless_refused(ledger_, batch)
            hand.execute("DROP TRIGGER refuses")
            if done is None:
                assert rows(path, *tables) == before
                done = ledger_.execute(batch)
            outcomes += done
        assert outcomes == wanted
        assert rows(path, *tables) == written


def _unless_refused(ledger_: Ledger, batch: list[Command]) -> list[Outcome] | None:
    try:
        return ledger_.execute(batch)
    except PersistenceError as error:
        if "refused" not in str(error):
            raise
        return None
