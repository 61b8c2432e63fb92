"""Logs and the terms that they have published: read, verified, replayed and continued by releases of another model."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.replaying import replay
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.events import make
from ledger.domain.line.commands import RecordUsage
from ledger.domain.partition.events import TermsPublished
from ledger.domain.prepaid.commands import IssueStarterPack
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.rules import Days, Rule
from ledger.domain.terms import Terms
from ledger.domain.terms_keys import json_of
from ledger.domain.terms_models import MODELS, said_by
from ledger.errors import TermsChanged, TermsInvalid
from ledger.release import RELEASE
from ledger.store.codec import Codec
from ledger.store.reading import SqliteReader
from projections.engine.database import Database
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS
from tests.given import BUNDLED, NUMBER, OTHER, SP23, START, XP25, Story, at, open_log, rupiah
from tests.projections.projected import asked
from tests.rechained import rechain

NOW = at(START)


class Loyalty(Rule):
    """What a later release might let a document say."""

    days: Days = 0


class Wider(PrepaidTerms):
    """The model of a later release, with one more section."""

    loyalty: Loyalty = Loyalty()


def wider(**rules: object) -> list[Terms]:
    """The files of the later release: those of this one, with rules of its own in one of them."""
    values = [json_of(terms) for terms in BUNDLED.values()]
    return [said_by(Wider, one | (rules if one["id"] == SP23 else {})) for one in values]


@pytest.fixture
def log(story: Story) -> Path:
    """What this release has written: one number under each of two documents."""
    story.given_active(credit=rupiah(5000))
    story.given_active(number=OTHER, credit=rupiah(5000), terms=XP25)
    story.given(RecordUsage, NOW + DAY, quantity=200, command_id="use")
    story.close()
    return story.path


@pytest.fixture
def later(log: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log, and from here on the model of a later release."""
    monkeypatch.setitem(MODELS, "prepaid", Wider)
    return log


def answers(log: Path) -> list[dict[str, Any]]:
    """What is answered of both numbers."""
    with asked(log, now=NOW + 2 * DAY) as queries:
        return [found.to_json() for found in queries.enquiries()]


class TestALogOfAnEarlierRelease:
    def test_is_whole_and_decided_again_as_it_was(self, later: Path) -> None:
        assert wider()[0].content != BUNDLED[SP23].content
        assert verify(later).clean
        found = replay([SqliteReader(later)], wider())
        assert found.empty
        assert found.commands == 5

    def test_answers_with_the_digest_that_it_has_published(self, later: Path) -> None:
        assert {found["terms_digest"] for found in answers(later)} == {
            BUNDLED[SP23].digest,
            BUNDLED[XP25].digest,
        }

    def test_is_continued_and_publishes_nothing_again(self, later: Path, story: Story) -> None:
        story.terms = wider()
        story.reopen().given_active(number="6288100000009", since=NOW + 2 * DAY)
        published = [one.terms_id for one in story.events() if isinstance(one, TermsPublished)]
        assert published == [SP23, XP25]
        story.close()
        assert verify(later).clean
        assert replay([SqliteReader(later)], wider()).empty

    def test_is_not_continued_by_a_file_that_says_otherwise(self, later: Path) -> None:
        with pytest.raises(
            TermsChanged, match=f"{SP23} are published in this log with other values: loyalty$"
        ):
            open_log(later, wider(loyalty={"days": 3}))


def from_a_later_release(log: Path) -> None:
    """Makes one of the two documents what a later release would have published."""
    codec = Codec()
    with closing(sqlite3.connect(log)) as connection, connection:
        where = "WHERE originator_id=?"
        ((topic, state),) = connection.execute(
            f"SELECT topic, state FROM stored_events {where}", (f"terms/{XP25}@0",)
        ).fetchall()
        said = codec.event(topic, state)
        assert isinstance(said, TermsPublished)
        content = json.dumps(json.loads(said.content) | {"loyalty": {"days": 3}})
        digest = hashlib.sha256(content.encode()).hexdigest()
        again = codec.event_state(make(type(said), {**said.__dict__, "content": content, "digest": digest}))
        connection.execute(f"UPDATE stored_events SET state=? {where}", (again, f"terms/{XP25}@0"))
    rechain(log)


class TestALogOfALaterRelease:
    NOT_UNDERSTOOD = (
        f"{XP25}, as published, are not understood by release {RELEASE}: loyalty: the ledger knows no"
    )

    @pytest.fixture(autouse=True)
    def newer(self, log: Path) -> None:
        from_a_later_release(log)

    def test_answers_whatever_does_not_depend_on_what_is_not_understood(self, log: Path) -> None:
        with asked(log, now=NOW + 2 * DAY) as queries:
            assert queries.enquiry(NUMBER).to_json()["credit"] == "3727.40"
            with pytest.raises(TermsInvalid, match=self.NOT_UNDERSTOOD):
                queries.enquiry(OTHER)

    def test_is_not_written_to(self, log: Path) -> None:
        with pytest.raises(TermsInvalid, match=self.NOT_UNDERSTOOD):
            open_log(log)
        with pytest.raises(TermsInvalid, match=self.NOT_UNDERSTOOD):
            open_log(log, [])

    def test_has_a_finding_at_the_document(self, log: Path) -> None:
        report = verify(log)
        assert report.findings[0].account == f"terms/{XP25}@0"
        assert "the terms cannot be read: " in report.findings[0].what

    def test_is_projected_as_far_as_it_is_understood(self, log: Path, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path / 'projections.db'}")
        with closing(database), pytest.raises(TermsInvalid, match=self.NOT_UNDERSTOOD):
            Runner(database, [SqliteReader(log)], PROJECTIONS).catch_up()


def test_terms_whose_first_use_is_undone_are_published_at_the_next(story: Story) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Codec, "command_state", _fails)
        story.when(IssueStarterPack, NOW, terms=SP23)
    assert story.outcome.code == "defect"
    assert story.events() == []
    assert story.book.published == set()
    story.given(IssueStarterPack, NOW, terms=SP23)
    (published,) = [one for one in story.events() if isinstance(one, TermsPublished)]
    assert (published.content, published.digest) == (BUNDLED[SP23].content, BUNDLED[SP23].digest)


def _fails(*_: object, **__: object) -> bytes:
    raise ZeroDivisionError("the journal divides by nothing")
