"""Whoever makes every digest again over what was never so is found by what it says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.application.journal import JournalEntry, journal_digest
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.events import Event
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.prepaid.commands import TopUp, TransferCredit
from tests.given import NUMBER, OTHER, START, Story, at, rupiah
from tests.projections.histories import closing, opened
from tests.store.test_verification import codes

Change = Callable[[list[Event], list[JournalEntry]], None]


def rewritten(original: Path, path: Path, change: Change) -> str:
    """What is found in a log with every digest right, of which something was written wrongly at the end."""
    shutil.copy(original, path)
    ledger = opened(path)
    try:
        recorder: Any = ledger.recorder
        insert = recorder.insert_events

        def wrongly(stored: Any, *, journal: Any = (), **derived: Any) -> Any:
            decoded: list[Any] = [ledger.mapper.to_domain_event(one) for one in stored]
            entries = list(journal)
            change(decoded, entries)
            chained = []
            chain = recorder.head_of(NUMBER).chain
            for entry in entries:
                chain = journal_digest(chain, entry)
                chained.append(entry._replace(chain=chain))
            derived["heads"] = [head._replace(chain=chain) for head in derived["heads"]]
            return insert([ledger.mapper.to_stored_event(one) for one in decoded], journal=chained, **derived)

        recorder.insert_events = wrongly
        ledger.execute([_LAST])
    finally:
        ledger.close()
    return codes(verify(path))


_LAST = TopUp(
    at=at(START) + DAY,
    command_id="last",
    msisdn=NUMBER,
    credit=rupiah(5000),
    price=rupiah(5000),
    channel="web",
)


def _header(**fields: Any) -> Change:
    def change(events: list[Event], _: list[JournalEntry]) -> None:
        for event in events:
            event.__dict__.update(fields)

    return change


def _entry(**fields: Any) -> Change:
    def change(_: list[Event], entries: list[JournalEntry]) -> None:
        entries[0] = entries[0]._replace(**fields)

    return change


def _unbalanced(events: list[Event], _: list[JournalEntry]) -> None:
    events[0].postings[0]["amount"] += 1


def _overdrawn(events: list[Event], _: list[JournalEntry]) -> None:
    for posting in events[0].postings:
        posting["amount"] *= -100


def _no_event(events: list[Event], _: list[JournalEntry]) -> None:
    events.clear()


def _no_entry(_: list[Event], entries: list[JournalEntry]) -> None:
    entries.clear()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_unbalanced, "its postings leave 1 sen of PULSA"),
        (_overdrawn, "it takes credit below zero"),
        (_no_event, "they are 0 from 0 on"),
        (_no_entry, "no command of the journal explains it"),
        (_header(effective_at=at(START) + 2 * DAY), "it is effective after it was recorded"),
        (_header(recorded_at=at(START)), "it was recorded at another instant than the command"),
        (_header(command_digest=bytes(32)), "its command's digest is not that of the journal"),
        (_header(command_id="other"), "the journal has no command other of 6288112345678 here"),
        (_header(command_id="policy/x"), "its cause is not there"),
        (_header(command_id="due/x"), "it fell due, and should name due/6288112345678#1/CreditToppedUp"),
        (_header(command_id="due/x"), "nothing fell due at"),
        (_header(terms="unheard-of"), "it does not fit the events before it"),
        (_header(recorded_at=at(START) - 1), "the number has an event before it that was recorded later"),
        (_header(recorded_at=at(START) + 300 * DAY), "was not recorded before it"),
        (_entry(first_event=1), "it names 1 events from position 1 on as its own; they are 1 from 5 on"),
        (_entry(event_count=2), "it names 2 events from position 5 on as its own; they are 1 from 5 on"),
        (_entry(command_digest=bytes(32)), "the command's digest is not that of its content"),
        (_entry(command=b"\0" * 20), "the log does not hold its command's schema"),
        (
            _entry(code="grace", message="In grace."),
            "it was refused with grace, and yet has events of its own",
        ),
        (_entry(code="grace"), "it has a refusal's code without a message"),
        (_entry(code="None", message="None"), "no refusal has the code None"),
        (_entry(name="ChargeCredit"), "its command cannot be read"),
        (_entry(command_id="other"), "its command is last of 6288112345678"),
    ],
)
def test_what_was_written_wrongly_is_found(story: Story, change: Change, found: str, tmp_path: Path) -> None:
    story.given_active()
    story.close()
    assert found in rewritten(story.path, tmp_path / "wrong.db", change)


def test_what_is_recorded_in_closed_time_is_found(story: Story, tmp_path: Path) -> None:
    story.given_active()
    story.given(AdvanceTime, at(START) + 1)
    story.ledger.execute([closing(at(START) + 2, "close")])
    story.close()
    found = rewritten(story.path, tmp_path / "wrong.db", _header(recorded_at=at(START) + 2))
    assert "it was recorded at or before 2023-07-03T03:00:00.000002Z, which was closed" in found


def test_a_transfer_that_went_nowhere_is_found(story: Story, tmp_path: Path) -> None:
    from tests.projections.histories import QUICK

    folder = tmp_path / "quick"
    folder.mkdir()
    quick = Story(folder, QUICK)
    quick.given_active(terms="quick", credit=rupiah(50_000))
    quick.given_active(terms="quick", number=OTHER)
    recorder: Any = quick.ledger.recorder
    insert = recorder.insert_events
    recorder.insert_events = lambda stored, **more: insert(stored[:-1], **more)
    quick.ledger.execute(
        [quick.command(TransferCredit, at(START) + 1, amount=rupiah(1000), command_id="gift")]
    )
    quick.close()
    assert f"what had to follow is not there: policy/{NUMBER}#1/gift" in codes(verify(quick.path))
