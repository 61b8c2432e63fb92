"""The audit replay: nothing under the same terms; under others exactly what those would have changed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import commands as c
from ledger.domain.calendar import DAY
from ledger.errors import TermsMissing
from ledger.replaying import replay
from ledger.store.reading import SqliteReader
from tests.given import BUNDLED, NUMBER, OTHER, SP23, START, TELKOMSEL, Story, at, rupiah, variant
from tests.often import often
from tests.projections.histories import QUICK, Step, a_log, closing, commands, play, steps

KNOWN = [*BUNDLED.values(), QUICK]


@often(25)
@given(steps(), st.integers(1, 30))
def test_the_same_commands_under_the_same_terms_give_the_same_events(history: list[Step], cut: int) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        happened = commands(history)
        closed = closing(happened[len(happened) // 2].at - 1, "close")
        play(log, [*happened[: len(happened) // 2], closed, *happened[len(happened) // 2 :]])
        before = log.read_bytes()
        assert replay([SqliteReader(log)], KNOWN).empty
        until = happened[min(cut, len(happened) - 1)].at
        assert replay([SqliteReader(log)], KNOWN, until=until).empty
        assert log.read_bytes() == before


def test_a_log_with_every_event_there_is_replays_without_a_difference(tmp_path: Path) -> None:
    found = replay([SqliteReader(a_log(tmp_path / "log.db"))], KNOWN)
    assert found.empty
    assert found.commands > 600


def test_other_terms_say_what_they_would_have_cost(story: Story) -> None:
    start = at(START)
    story.given_active(credit=rupiah(5000))
    story.given_active(credit=rupiah(7000), number=OTHER, terms=TELKOMSEL)
    end = start + 62 * DAY
    story.given(c.AdvanceTime, end)
    story.given(c.AdvanceTime, end, msisdn=OTHER)
    # As published the credit is lost at the restoring top-up only; here already when the waiting period starts.
    earlier = variant(SP23, SP23, forfeiture={"at": "waiting-start", "clause": "XP25-16"})
    found = replay([SqliteReader(story.path)], KNOWN, terms=[earlier])
    assert not found.empty
    assert [(d.account, d.credit) for d in found.differences] == [(f"{NUMBER}#1", -rupiah(5000))]
    assert found.totals == {
        ("accounts/credit", "PULSA"): (rupiah(5000), 0),
        ("operator/breakage", "PULSA"): (0, rupiah(5000)),
    }
    assert found.to_json()["accounts"][0]["credit_difference"] == "-5000"


def test_terms_that_hold_from_an_instant_on_leave_what_was_before(story: Story) -> None:
    start = at(START)
    story.given_active(credit=rupiah(50_000))
    story.given(c.RecordUsage, start + DAY, quantity=200)
    story.given(c.RecordUsage, start + 2 * DAY, quantity=200)
    dearer = variant(SP23, SP23, starter_pack={"days": 3, "clause": "SP23-05"})
    assert not replay([SqliteReader(story.path)], KNOWN, terms=[dearer]).empty
    assert replay([SqliteReader(story.path)], KNOWN, terms=[dearer], since=start + 1).empty


def test_terms_that_the_log_does_not_know_are_refused(story: Story) -> None:
    story.given_active()
    with pytest.raises(TermsMissing):
        replay([SqliteReader(story.path)], KNOWN, terms=[variant(SP23, "other")])
