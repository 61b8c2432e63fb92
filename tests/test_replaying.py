"""The audit replay: nothing under the same terms; under others exactly what those would have changed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing as closed
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import fastavro
import msgspec
import pytest
from eventsourcing.sqlite import SQLiteCursor
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.effects import Effect, effects_of
from ledger.audit.replaying import replay
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.events import make
from ledger.domain.line.commands import AdvanceTime, RecordUsage
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import ClosedThrough
from ledger.domain.prepaid.commands import IssueStarterPack, ReverseTopUp, TopUp
from ledger.domain.terms import Terms
from ledger.domain.terms_models import said_by, under
from ledger.errors import LogDamaged, QueryRefused, TermsMissing
from ledger.store.codec import Codec
from ledger.store.kept_schemas import keep
from ledger.store.reading import SqliteReader
from ledger.store.schemas import RecordSchema
from projections.engine.unanswered import BeforeTheLog
from tests.domain.flat import FlatTerms
from tests.given import BUNDLED, NUMBER, OTHER, SP23, START, TELKOMSEL, XP25, Story, at, rupiah, variant
from tests.often import often
from tests.projections.histories import QUICK, Step, a_log, closing, commands, play, steps
from tests.rechained import rechain

KNOWN = [*BUNDLED.values(), QUICK]


@often(10)
@given(steps(), st.integers(1, 30))
def test_the_same_commands_under_the_same_terms_give_the_same_events(history: list[Step], cut: int) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        happened = commands(history)
        close = closing(happened[len(happened) // 2].at - 1, "close")
        play(log, [*happened[: len(happened) // 2], close, *happened[len(happened) // 2 :]])
        before = log.read_bytes()
        assert replay([SqliteReader(log)], KNOWN).empty
        until = max(happened[min(cut, len(happened) - 1)].at, happened[0].at + 1)
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
    story.given(AdvanceTime, end)
    story.given(AdvanceTime, end, msisdn=OTHER)
    # As published the credit is lost at the restoring top-up only; here already when the waiting period starts.
    earlier = variant(SP23, SP23, forfeiture={"at": "waiting-start", "clause": "XP25-16"})
    found = replay([SqliteReader(story.path)], KNOWN, terms=[earlier])
    assert not found.empty
    assert [(d.account, d.credit) for d in found.differences] == [(f"{NUMBER}#1", -rupiah(5000))]
    assert found.totals == {
        ("accounts/credit", "PULSA"): (rupiah(5000), 0),
        ("operator/breakage", "PULSA"): (0, rupiah(5000)),
    }
    assert found.others == [NUMBER]
    told = found.to_json()
    assert told["accounts"][0]["credit_difference"] == "-5000"
    assert (told["numbers"], told["numbers_with_other_events"]) == (1, [NUMBER])


def test_other_terms_name_the_numbers_where_no_account_ends_otherwise(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    other = variant(SP23, SP23, starter_pack={"days": 30, "clause": "SP23-05"})
    found = replay([SqliteReader(story.path)], KNOWN, terms=[other])
    assert not found.differences
    assert not found.totals
    assert found.others == [NUMBER]
    assert [place.account for place in found.first] == [f"{NUMBER}#1"]


def test_other_terms_that_change_nothing_make_no_difference_by_being_published(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    other = variant(SP23, SP23, quarantine={"days": 45})
    found = replay([SqliteReader(story.path)], KNOWN, terms=[other])
    assert found.empty
    assert not found.first


def test_terms_that_hold_from_an_instant_on_leave_what_was_before(story: Story) -> None:
    start = at(START)
    story.given_active(credit=rupiah(50_000))
    story.given(RecordUsage, start + DAY, quantity=200)
    story.given(RecordUsage, start + 2 * DAY, quantity=200)
    dearer = variant(SP23, SP23, starter_pack={"days": 3, "clause": "SP23-05"})
    assert not replay([SqliteReader(story.path)], KNOWN, terms=[dearer]).empty
    assert replay([SqliteReader(story.path)], KNOWN, terms=[dearer], since=start + 1).empty


def test_terms_of_another_id_stand_in_the_place_of_those_that_hold(story: Story) -> None:
    start = at(START)
    story.given_active(credit=rupiah(5000))
    story.given(AdvanceTime, start + 62 * DAY)
    other = variant(SP23, "mine", forfeiture={"at": "waiting-start", "clause": "XP25-16"})
    found = replay([SqliteReader(story.path)], KNOWN, terms=[under(SP23, other)])
    assert found.totals[("operator/breakage", "PULSA")] == (0, rupiah(5000))
    assert replay([SqliteReader(story.path)], KNOWN, terms=[under(SP23, variant(SP23, "mine"))]).empty


def test_terms_of_another_product_stand_in_nobodys_place(story: Story) -> None:
    story.given_active()
    values = {
        key: value for key, value in json.loads(BUNDLED[SP23].content).items() if key in FlatTerms.FIELDS
    }
    other = said_by(FlatTerms, values | {"product": "flat", "zone": "Asia/Jakarta", "clauses": {}})
    with pytest.raises(QueryRefused, match="its accounts are prepaid, and the other terms are of flat"):
        replay([SqliteReader(story.path)], KNOWN, terms=[other])


def test_who_would_gain_and_lose_is_summed_by_customer(story: Story) -> None:
    """Twelve numbers of one to twelve thousand lose it under the other terms, and a thirteenth keeps it."""
    start = at(START)
    for n in range(1, 13):
        story.given_active(
            credit=rupiah(1000 * n), number=f"62881000000{n:02}", customer=f"customer-{n % 11}"
        )
    story.given_active(credit=rupiah(500), number="6288100000013", customer="other", terms=XP25)
    end = start + 62 * DAY
    for n in range(1, 14):
        story.given(AdvanceTime, end, msisdn=f"62881000000{n:02}")
    earlier = variant(SP23, SP23, forfeiture={"at": "waiting-start", "clause": "XP25-16"})
    later = variant(XP25, XP25, forfeiture={"at": "restoring-top-up", "clause": "SP23-20"})
    found = replay([SqliteReader(story.path)], KNOWN, terms=[earlier, later])
    effects = effects_of(found.differences)
    assert effects.gain.to_json() == {
        "customers": 1,
        "was": "0",
        "would_be": "500",
        "difference": "500",
        "most": [Effect("other", ["6288100000013#1"], 0, rupiah(500)).to_json()],
    }
    assert (effects.lose.customers, effects.lose.was, effects.lose.would_be) == (11, rupiah(78_000), 0)
    named = [(one.customer, one.difference) for one in effects.lose.most]
    assert named[:3] == [
        ("customer-1", -rupiah(13_000)),
        ("customer-0", -rupiah(11_000)),
        ("customer-10", -rupiah(10_000)),
    ]
    assert len(named) == 10
    assert effects.lose.most[0].accounts == ["6288100000001#1", "6288100000012#1"]


def test_terms_that_the_log_does_not_know_are_refused(story: Story) -> None:
    story.given_active()
    with pytest.raises(TermsMissing):
        replay([SqliteReader(story.path)], KNOWN, terms=[variant(SP23, "other")])


def test_no_command_to_decide_is_refused(story: Story) -> None:
    start = at(START)
    other = [variant(SP23, SP23)]
    with pytest.raises(BeforeTheLog, match="nothing has been recorded"):
        replay([SqliteReader(story.path)], KNOWN)
    story.given_active()
    for until in (start, start - DAY):
        with pytest.raises(BeforeTheLog, match="no command was taken before"):
            replay([SqliteReader(story.path)], KNOWN, until=until)
    assert replay([SqliteReader(story.path)], KNOWN, until=start + 1).empty
    windows: list[tuple[int, int | None]] = [
        (start + 2, start + 1),
        (start + 1, start + 2),
        (start + 1, None),
    ]
    for since, end in windows:
        with pytest.raises(QueryRefused, match="no command was taken from"):
            replay([SqliteReader(story.path)], KNOWN, terms=other, since=since, until=end)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with every event there is, by hands that are about to change it."""
    return a_log(tmp_path / "log.db")


def change(log: Path, statement: str, *parameters: object) -> None:
    with closed(sqlite3.connect(log)) as connection, connection:
        assert connection.execute(statement, parameters).rowcount > 0


def rows(log: Path, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with closed(sqlite3.connect(log)) as connection:
        return connection.execute(statement, parameters).fetchall()


def by_another(log: Path, ordinal: int) -> None:
    """Makes an event one by another actor, and names everything again."""
    ((topic, state),) = rows(log, "SELECT topic, state FROM stored_events WHERE ordinal=?", ordinal)
    event = Codec().event(topic, state)
    other = Codec().event_state(make(type(event), {**event.__dict__, "actor": "somebody else"}))
    change(log, "UPDATE stored_events SET state=? WHERE ordinal=?", other, ordinal)
    rechain(log)


def test_a_log_that_began_under_an_earlier_schema_is_the_same_to_the_last_field(story: Story) -> None:
    story.given_active()
    story.given(CloseThrough, at(START), msisdn="log@0", through=at(START) - 1)
    story.close()
    released = Path(__file__).parents[1] / "schemas/released/1/events/ledger.log.LogCreated.avsc"
    former = RecordSchema(json.dumps(json.loads(released.read_text("utf-8"))))
    ((state,),) = rows(story.path, "SELECT state FROM stored_events WHERE ordinal=1")
    said = Codec().record(state) | {"partitions": None, "release": None}
    body = BytesIO()
    fastavro.schemaless_writer(body, former.parsed, said)
    assert former.fingerprint != state[:8]
    with closed(sqlite3.connect(story.path)) as connection, connection:
        keep(cast("SQLiteCursor", connection.cursor()), [former])
    change(
        story.path, "UPDATE stored_events SET state=? WHERE ordinal=1", former.fingerprint + body.getvalue()
    )
    rechain(story.path)
    assert verify(story.path).clean
    assert replay([SqliteReader(story.path)], KNOWN).empty
    change(story.path, "UPDATE stored_events SET digest=zeroblob(32) WHERE ordinal=2")
    with pytest.raises(LogDamaged, match="0:2 is not what its digest names"):
        replay([SqliteReader(story.path)], KNOWN)


def test_a_log_of_before_the_rule_that_another_approves_is_whole_and_says_what_it_forbids_now(
    story: Story,
) -> None:
    start = at(START)
    story.given_active()
    story.given(TopUp, start, credit=rupiah(20_000), command_id="t1")
    story.given(ReverseTopUp, start, command_id="r1", reverses="t1", actor="staff-1")
    story.close()
    approved_by_its_actor(story.path)
    assert verify(story.path).clean
    story.reopen()
    assert story.credit() == 0
    assert story.events()[-1].__dict__["approved_by"] == "staff-1"
    story.when(ReverseTopUp, start, command_id="r1", reverses="t1", actor="staff-1", approved_by="staff-1")
    assert (story.outcome.status, story.outcome.code) == ("repeated", None)
    found = replay([SqliteReader(story.path)], KNOWN)
    assert found.refused == {"approval-required": (0, 1)}
    ((pair, answered),) = found.answered.items()
    assert pair == ("accepted", "approval-required")
    assert (answered.subject, answered.command_id, answered.commands) == (NUMBER, "r1", 1)


def approved_by_its_actor(log: Path) -> None:
    """Makes the last command and its event those of an earlier release, by which `staff-1` approved of itself."""
    codec = Codec()
    ((ordinal, topic, state),) = rows(
        log, "SELECT ordinal, topic, state FROM stored_events ORDER BY ordinal DESC LIMIT 1"
    )
    ((entry, name, when, said),) = rows(
        log, "SELECT entry, name, at, command FROM journal ORDER BY entry DESC LIMIT 1"
    )
    command = msgspec.structs.replace(codec.command(name, said, when), approved_by="staff-1")
    content = codec.command_content(command)
    digest = codec.command_digest(command, content)
    event = codec.event(topic, state)
    own = {**event.__dict__, "approved_by": "staff-1", "command_digest": digest}
    again = codec.event_state(make(type(event), own))
    change(log, "UPDATE stored_events SET state=? WHERE ordinal=?", again, ordinal)
    as_it_came = codec.command_state(command, content, stated_at=True)
    change(log, "UPDATE journal SET command=?, command_digest=? WHERE entry=?", as_it_came, digest, entry)
    rechain(log)


@pytest.mark.parametrize("terms", [[], [variant(SP23, SP23, starter_pack={"days": 3, "clause": "SP23-05"})]])
@pytest.mark.parametrize(
    ("statement", "place"),
    [
        (
            "UPDATE stored_events SET state=substr(state, 1, length(state)-1)||x'7f' WHERE ordinal=77",
            "0:77 is",
        ),
        ("UPDATE stored_events SET state='text' WHERE ordinal=77", "0:77 is"),
        ("UPDATE stored_events SET state=x'00' WHERE ordinal=300", "0:300 is not what its digest names"),
        ("UPDATE stored_events SET digest=zeroblob(32) WHERE ordinal=300", "0:300 is not what"),
        ("UPDATE stored_events SET topic='ledger.account.ToppedUp' WHERE ordinal=300", "0:300 is not what"),
        ("DELETE FROM stored_events WHERE ordinal=300", "0:300 is missing"),
        ("DELETE FROM stored_events WHERE ordinal=1", "0:1 is missing"),
        ("DELETE FROM stored_events WHERE ordinal=2", "0:2 is missing"),
        ("UPDATE stored_events SET state=x'00' WHERE ordinal=2", "0:2 is not what its digest names"),
        ("UPDATE journal SET ordinal='x' WHERE entry=300", "the journal entry 0:300 is not what"),
        ("DELETE FROM seals", "its end is not the one that was sealed"),
        (
            "DELETE FROM stored_events WHERE ordinal=(SELECT max(ordinal) FROM stored_events)",
            "its end is not the one that was sealed",
        ),
        ("DELETE FROM journal WHERE entry=300", "the journal entry 0:300 is missing"),
        ("DELETE FROM journal WHERE entry=(SELECT max(entry) FROM journal)", "and was sealed at 0:"),
        ("UPDATE journal SET code='blocked' WHERE entry=300", "the journal entry 0:300 is not what"),
        ("UPDATE journal SET command=x'00' WHERE entry=300", "the journal entry 0:300 is not what"),
        ("UPDATE journal SET name='Nonsense' WHERE entry=300", "the journal entry 0:300 is not what"),
    ],
)
def test_a_log_that_is_not_as_it_was_written_is_damaged_at_the_place(
    log: Path, statement: str, place: str, terms: list[Terms]
) -> None:
    change(log, statement)
    with pytest.raises(LogDamaged, match=place):
        replay([SqliteReader(log)], KNOWN, terms=terms)


def test_an_event_that_the_commands_do_not_bring_about_is_a_difference(log: Path) -> None:
    ((account, version),) = rows(
        log, "SELECT originator_id, originator_version FROM stored_events WHERE ordinal=300"
    )
    by_another(log, 300)
    found = replay([SqliteReader(log)], KNOWN)
    assert not found.empty
    assert [place.to_json() for place in found.first] == [
        {"position": "0:300", "account": account, "version": version}
    ]
    assert found.others == [account.partition("#")[0]]


def test_an_event_of_no_number_is_compared_too(log: Path) -> None:
    ((ordinal,),) = rows(log, "SELECT ordinal FROM stored_events WHERE topic=?", ClosedThrough.TOPIC)
    by_another(log, ordinal)
    found = replay([SqliteReader(log)], KNOWN)
    assert not found.empty
    assert not found.others
    assert [place.position for place in found.first] == [f"0:{ordinal}"]


def test_refusals_are_compared_command_by_command(log: Path) -> None:
    (one, code), *others = rows(log, "SELECT entry, code FROM journal WHERE code IS NOT NULL ORDER BY entry")
    another, its_code = next((entry, found) for entry, found in others if found != code)
    change(log, "UPDATE journal SET code=? WHERE entry=?", its_code, one)
    change(log, "UPDATE journal SET code=? WHERE entry=?", code, another)
    rechain(log)
    found = replay([SqliteReader(log)], KNOWN)
    assert not found.empty
    assert not found.refused
    assert not found.first
    assert {pair: (what.entry, what.commands) for pair, what in found.answered.items()} == {
        (its_code, code): (f"0:{one}", 1),
        (code, its_code): (f"0:{another}", 1),
    }


def test_a_command_that_would_be_refused_otherwise_is_counted(log: Path) -> None:
    ((entry, code),) = rows(log, "SELECT entry, code FROM journal WHERE code IS NOT NULL LIMIT 1")
    change(log, "UPDATE journal SET code=NULL, message=NULL WHERE entry=?", entry)
    rechain(log)
    found = replay([SqliteReader(log)], KNOWN)
    assert list(found.answered) == [("accepted", code)]
    ((was, would_be),) = found.refused.values()
    assert would_be == was + 1


def test_terms_that_nobody_knows_any_more_refuse_what_was_decided_under_them(story: Story) -> None:
    story.given_active()
    story.when(IssueStarterPack, at(START), msisdn=NUMBER, terms=TELKOMSEL, printed_credit=0)
    assert story.outcome.code is not None
    found = replay([SqliteReader(story.path)], [terms for terms in KNOWN if terms.id != TELKOMSEL])
    assert list(found.answered) == [(story.outcome.code, "invalid")]
    assert not found.others
