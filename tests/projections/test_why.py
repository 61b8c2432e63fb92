"""Why a balance is what it is: its changes with cause, clause, words and refusals, in the figures of every question."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import terms
from ledger.domain.ids import is_operators
from ledger.domain.line.commands import RecordUsage
from ledger.domain.money import parse_amount
from ledger.domain.prepaid.commands import TopUp
from ledger.domain.terms_keys import json_of
from ledger.errors import QueryRefused, TermsInvalid
from ledger.store.reading import SqliteReader
from ledger.terms import bundled
from projections.asking.log_answers import HistoryEvent
from projections.asking.questions import Questions
from projections.asking.why import ChangeCause, WantedChanges
from projections.engine.unanswered import KnownBeyondNow, UnknownThen
from projections.money.export import export
from projections.money.selecting import WantedMovements, selection
from tests.given import NUMBER, Story, at, rupiah
from tests.often import often
from tests.projections.histories import BEGIN, NUMBERS, Step, commands, play, recorded, steps
from tests.projections.projected import NOW, asked, log_itself
from tests.projections.test_export import rows_of

CREDIT = f"{NUMBER}#1/credit"
THEN = date(2024, 1, 20)


@pytest.fixture(scope="module")
def lapsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Credit that was forfeited by the top-up that ended waiting, two days after one that was too small."""
    story = Story(tmp_path_factory.mktemp("why"))
    story.given_active(credit=rupiah(5000))
    story.given(TopUp, at("2023-07-03T11:00:00+07:00"), credit=rupiah(10_000))
    story.given(RecordUsage, at("2023-07-04T11:00:00+07:00"), service="voice", quantity=60)
    story.when(TopUp, at("2024-01-18T12:00:00+07:00"), credit=rupiah(1000), command_id="too small")
    story.refused("below-minimum", *story_due(story))
    story.given(TopUp, at("2024-01-20T12:00:00+07:00"), credit=rupiah(25_000), command_id="back")
    story.close()
    return story.path


def story_due(story: Story) -> tuple[()]:
    """What fell due is not what this is about."""
    story.new.clear()
    return ()


def test_a_forfeiture_is_told_with_its_clause_its_cause_and_what_was_refused_before(lapsed: Path) -> None:
    ask = Questions(lambda: None, lambda: NOW, log=lambda: log_itself([lapsed]), words=terms.words().get)  # type: ignore[arg-type,return-value]
    found = ask.why(NUMBER, as_of=date(2024, 1, 20))
    assert (found.account, found.state, found.amount) == (CREDIT, "active", rupiah(25_000))
    topped_up, forfeited, *_ = found.told
    assert (topped_up.type.rpartition(".")[2], topped_up.amount) == ("CreditToppedUp", rupiah(25_000))
    assert forfeited.type == "ledger.prepaid.CreditForfeited"
    assert (forfeited.amount, forfeited.after) == (-found.told[2].after, 0)
    assert forfeited.effective_at == at("2024-01-20T12:00:00+07:00")
    assert (forfeited.clause, forfeited.words) == (
        "SP23-20",
        "Credit left is forfeited at the top-up that ends the waiting period",
    )
    assert forfeited.cause == ChangeCause("command", "back", "TopUp", "system", None)
    (refused,) = forfeited.refused
    assert (refused.command_id, refused.command, refused.code) == ("too small", "TopUp", "below-minimum")
    assert refused.at == at("2024-01-18T12:00:00+07:00")
    assert not topped_up.refused
    assert [change.after for change in found.told][-1] == rupiah(5000)
    assert found.changes == len(found.told) == 5


def test_a_change_is_found_by_its_amount_by_its_day_and_by_an_instant(lapsed: Path) -> None:
    with asked(lapsed) as ask:
        every = ask.why(NUMBER, as_of=THEN).told
        forfeited = next(one for one in every if one.type.endswith("CreditForfeited"))
        for amount in (forfeited.amount, -forfeited.amount):
            assert ask.why(NUMBER, WantedChanges(amount=amount), as_of=THEN).told == (forfeited,)
        day = ask.why(NUMBER, WantedChanges(at=date(2024, 1, 20)), as_of=THEN).told
        assert day == every[:2]
        assert ask.why(NUMBER, WantedChanges(at=forfeited.effective_at - 1), as_of=THEN).told == every[2:3]
        largest = ask.why(NUMBER, WantedChanges(most=2, largest=True), as_of=THEN).told
        assert [change.amount for change in largest] == [rupiah(25_000), forfeited.amount]
        for nothing in (WantedChanges(amount=1), WantedChanges(at=date(2020, 1, 1)), WantedChanges(at=0)):
            with pytest.raises(QueryRefused, match="no such change among 5"):
                ask.why(NUMBER, nothing, as_of=THEN)


def test_what_falls_due_unrecorded_is_caused_by_time(lapsed: Path) -> None:
    with asked(lapsed) as ask:
        found = ask.why(NUMBER, as_of=NOW - 1, known_at=at("2024-02-01T00:00:00+07:00"))
        (end, *_) = found.told
        assert (found.amount, found.state, end.clause) == (0, "deactivated", "SP23-21")
        assert end.cause == ChangeCause("time", None, None, None, None)
        assert (end.position, end.recorded_at, end.digest) == (None, None, None)


@pytest.mark.parametrize(
    "name",
    ["operator/breakage", f"{NUMBER}#1/in-transit", f"{NUMBER}#2/credit", "6281", "628111", "6281110000"],
)
def test_what_cannot_be_told_is_refused(lapsed: Path, name: str) -> None:
    with asked(lapsed) as ask, pytest.raises(UnknownThen):
        ask.why(name)
    with asked(lapsed) as ask, pytest.raises(KnownBeyondNow):
        ask.why(NUMBER, known_at=NOW + 1)


@often(15)
@given(steps(), st.tuples(st.integers(0, 400), st.integers(0, 400)))
def test_why_history_balance_movements_and_export_tell_the_same_figures(
    history: list[Step], moment: tuple[int, int]
) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        play(log, commands(history))
        own = sorted({x for _, event in recorded(log) for x in (event.effective_at, event.recorded_at)})
        as_of, known_at = max(BEGIN, own[moment[0] % len(own)]), max(BEGIN, own[moment[1] % len(own)])
        then: Any = {"as_of": as_of, "known_at": known_at}
        out = io.BytesIO()
        with SqliteReader(log).snapshot() as snapshot:
            export("csv", [snapshot], selection([snapshot], WantedMovements(**then), NOW), out)
        exported = rows_of(out.getvalue())
        with asked(log) as ask:
            trial = {
                name: amount
                for name, unit, amount in ask.trial_balance(each=True, **then).rows
                if not is_operators(name) and unit == "PULSA"
            }
            for name in (f"{number}#1/{part}" for number in NUMBERS for part in ("credit", "reserved")):
                try:
                    (balance,) = ask.balance(name, **then)
                except UnknownThen:
                    continue
                found = ask.why(name, WantedChanges(most=1000), **then)
                moved = ask.movements(name, **then).rows
                changes = found.told[::-1]
                assert found.amount == balance.amount == trial.get(name, 0)
                assert (found.position, found.final) == (balance.position, balance.final)
                by_change = summed((c.position, c.effective_at, c.amount) for c in changes)
                assert by_change == summed((r.event_position, r.effective_at, r.amount) for r in moved)
                assert sum(c.amount for c in changes) == sum(row.amount for row in moved) == found.amount
                rows = [row for row in exported if row["account"] == name]
                unrecorded = sum(c.amount for c in changes if c.position is None)
                assert sum(parse_amount(row["amount"]) for row in rows) == found.amount - unrecorded
                history_ = [
                    line
                    for line in ask.history(name.partition("/")[0], **then)
                    if isinstance(line, HistoryEvent)
                ]
                if name.endswith("/credit") and ask.enquiry(name[:-9], **then).account == name[:-7]:
                    assert history_[-1].credit - history_[-1].reserved == found.amount
                digests = {line.line.position: line.line.digest for line in history_}
                for change in changes:
                    assert change.digest is None or bytes.fromhex(change.digest) == digests[change.position]


def summed(moved: Iterable[tuple[str | None, int, int]]) -> dict[tuple[str | None, int], int]:
    """By event and instant: one event may move twice, and several that nobody noticed fall due at one instant."""
    sums: Counter[tuple[str | None, int]] = Counter()
    for position, effective_at, amount in moved:
        sums[position, effective_at] += amount
    return {key: amount for key, amount in sums.items() if amount}


# --- the words of clauses -------------------------------------------------------------------------------------------


def cited(values: object) -> set[str]:
    """Every clause that terms cite."""
    if isinstance(values, dict):
        own = {v for k, v in values.items() if isinstance(v, str) and k.endswith("clause")}
        named = values.get("clauses")
        own |= {v for v in named.values() if v} if isinstance(named, dict) else set()
        return own.union(*map(cited, values.values()))
    return set().union(*map(cited, values)) if isinstance(values, list) else set()


def test_every_clause_that_terms_cite_has_words() -> None:
    ids = set().union(*(cited(json_of(one)) for one in bundled()))
    assert len(ids) > 30
    assert {clause for clause in ids if not terms.words().get(clause)} == set()


def test_terms_of_ones_own_bring_the_words_of_their_clauses(tmp_path: Path) -> None:
    (tmp_path / "clauses.toml").write_text('[[clauses]]\nid = "OWN-1"\ntitle = "Credit lasts"\n')
    assert terms.words(tmp_path)["OWN-1"] == "Credit lasts"
    assert terms.words(tmp_path)["SP23-20"] == terms.words()["SP23-20"]
    (tmp_path / "clauses.toml").write_text('[[clauses]]\nid = "OWN-1"\n')
    with pytest.raises(TermsInvalid, match="an id and a title"):
        terms.words(tmp_path)
