"""Any prefix of any log can be folded, and gives the state that was; so do snapshots."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

import ledger.application.ledger
import ledger.application.memory
from ledger.domain.line.line import Line, fold
from tests.given import ledger_on
from tests.often import often
from tests.properties.running import DERIVED, LOG, events_of, log_of, one_by_one, rows
from tests.properties.strategies import NUMBERS, STRANGER, History, histories

FEW = often(12)


def shape(line: Any) -> dict[str, Any]:
    """The whole state of a line, to compare."""
    return {
        "account": msgspec.to_builtins(line.account),
        "number": msgspec.to_builtins(line.number),
        "due_at": line.due_at,
        "number_state": line.number_state,
        "recorded_at": line.recorded_at,
    }


@FEW
@given(histories())
def test_every_prefix_of_a_log_folds_to_the_state_that_was(history: History) -> None:
    with log_of(history) as (ledger_, _):
        then: dict[int, dict[str, dict[str, Any]]] = {}
        for command in history.commands:
            ledger_.execute([command])
            then[ledger_.recorder.max_notification_id() or 0] = {
                number: shape(ledger_._subjects.get(number).subject) for number in (*NUMBERS, STRANGER)
            }
        lines = {number: Line(number, ledger_.book) for number in (*NUMBERS, STRANGER)}
        for ordinal, event in enumerate(events_of(ledger_), 1):
            line = lines.get(event.account.partition("#")[0])
            if line is not None:
                line.take(event)
            if ordinal in then:
                assert {number: shape(line) for number, line in lines.items()} == then[ordinal]


@FEW
@given(histories())
def test_a_fold_does_not_depend_on_what_was_folded_before(history: History) -> None:
    with log_of(history) as (ledger_, _):
        ledger_.execute(history.commands)
        everything = events_of(ledger_)
        for number in NUMBERS:
            mine = [x for x in everything if x.account.partition("#")[0] == number]
            assert shape(fold(number, mine, ledger_.book)) == shape(ledger_._subjects.get(number).subject)


@FEW
@given(histories())
def test_a_line_loaded_from_snapshots_is_the_one_loaded_from_events(history: History) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.application.ledger, "SNAPSHOT_EVERY", 3)
        with log_of(history) as (ledger_, path):
            one_by_one(ledger_, history.commands)
            kept = rows(path, "stored_snapshots")["stored_snapshots"]
            assert len(kept) == len({row[0] for row in kept})
            ledger_.close()
            with ledger_on(path, history.terms) as reopened:
                everything = events_of(reopened)
                for number in NUMBERS:
                    mine = [x for x in everything if x.account.partition("#")[0] == number]
                    loaded = reopened._subjects.get(number).subject
                    assert shape(loaded) == shape(fold(number, mine, reopened.book))


@FEW
@given(histories())
def test_a_ledger_that_forgets_at_once_writes_the_same_log(history: History) -> None:
    with log_of(history) as (remembering, path):
        wanted = one_by_one(remembering, history.commands)
        written = rows(path, *LOG, *DERIVED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.application.memory, "CACHED_SUBJECTS", 0)
        patch.setattr(ledger.application.ledger, "SNAPSHOT_EVERY", 2)
        with log_of(history) as (forgetful, path):
            assert one_by_one(forgetful, history.commands) == wanted
            assert rows(path, *LOG, *DERIVED) == written
