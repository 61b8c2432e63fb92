"""What a care desk asks of the projections agrees with the log's own answers, for every pair of instants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given

from ledger.domain.calendar import DAY
from ledger.errors import QueryRefused
from projections.asking.questions import Questions
from tests.often import often
from tests.projections.histories import BEGIN, NUMBERS, Step, a_log, commands, play, recorded, steps
from tests.projections.oracle import Oracle
from tests.projections.projected import NOW, database, folded, of_database, projected
from tests.projections.test_answers_folded import pairs

Moment = dict[str, int]


def check(log: Path, url: Path | str, moments: list[tuple[int, int]]) -> None:
    own = sorted({at for _, x in recorded(log) for at in (x.effective_at, x.recorded_at)})
    near = [(own[t % len(own)] + t % 3 - 1, own[k % len(own)] + k % 3 - 1) for t, k in moments]
    with database(url) as opened:
        stored, reference = projected(opened, log), folded(log)
        for as_of, known_at in [*moments, *near]:
            then = {"as_of": as_of, "known_at": known_at}
            accounts = {
                found.account: found
                for number in NUMBERS
                for generation in range(1, 6)
                if (found := _or_none(reference.enquiry, f"{number}#{generation}", **then)) is not None
            }
            _uses(stored, accounts, then)
            _states(stored, reference, accounts, then)
            _blocks(stored, accounts, then)
            _movements(stored, reference, accounts, then)
            if BEGIN <= known_at <= as_of:
                _due(stored, reference, then)


def _or_none(question: Callable[..., Any], *about: Any, **then: int) -> Any:
    try:
        return question(*about, **then)
    except QueryRefused:
        return None


def _uses(stored: Questions, accounts: dict[str, Any], then: Moment) -> None:
    for number in NUMBERS:
        found = _or_none(stored.usage, number, **then)
        own = {id_: one for id_, one in accounts.items() if id_.startswith(number + "#")}
        assert (found is None) == (not own)
        if found is None:
            continue
        granted: Counter[tuple[str, str]] = Counter()
        charged: Counter[str] = Counter()
        for day in found.rows:
            granted[day.account, day.service] += day.granted
            charged[day.account] += day.charged
        for id_, one in own.items():
            assert charged[id_] == one.usage.charged
            amounts = (one.usage.voice_seconds, one.usage.sms, one.usage.data_bytes)
            assert tuple(granted[id_, service] for service in ("voice", "sms", "data")) == amounts
            assert (found.position, found.final) == (one.position, one.final)


def _states(stored: Questions, reference: Oracle, accounts: dict[str, Any], then: Moment) -> None:
    for id_, one in accounts.items():
        spans = stored.timeline(id_, **then)
        assert (spans.rows[-1].state, spans.rows[-1].until) == (one.state, None)
        assert [span.until for span in spans.rows[:-1]] == [span.since for span in spans.rows[1:]]
        assert (spans.position, spans.final) == (one.position, one.final)
    lives = [_or_none(stored.number, number, **then) for number in NUMBERS]
    counted = Counter(life.rows[-1].state for life in lives if life is not None)
    states = _or_none(reference.states, **then)
    assert counted == Counter({} if states is None else states.numbers)
    for life in lives:
        if life is not None:
            assert [one.until for one in life.rows[:-1]] == [one.since for one in life.rows[1:]]


def _blocks(stored: Questions, accounts: dict[str, Any], then: Moment) -> None:
    found = _or_none(stored.blocks, **then)
    standing = {
        (id_, b.block, b.scope, b.ground, b.since) for id_, one in accounts.items() for b in one.blocks
    }
    rows = [] if found is None else found.rows
    assert {(b.account, b.block, b.scope, b.ground, b.since) for b in rows} == standing
    for ground in {b.ground for b in rows}:
        assert stored.blocks(ground, **then).rows == [b for b in rows if b.ground == ground]


def _movements(stored: Questions, reference: Oracle, accounts: dict[str, Any], then: Moment) -> None:
    customers = [f"{id_}/{part}" for id_ in accounts for part in ("credit", "reserved", "in-transit")]
    for name in (*customers, "operator/breakage", "operator/credit-sales"):
        balances = _or_none(reference.balance, name, **then)
        found = _or_none(stored.movements, name, **then)
        assert (found is None) == (balances is None)
        if found is not None and balances is not None:
            assert sum(one.amount for one in found.rows) == balances[0].amount
            assert balances[0].amount == (found.rows[-1].held if found.rows else 0)
            assert found.final == balances[0].final


def _due(stored: Questions, reference: Oracle, then: Moment) -> None:
    """Right before an instant that is due the state is the one before, and at it the one after."""
    until = then["as_of"] + 100 * DAY
    coming = stored.due(until, **then).rows
    assert [one.due_at for one in coming] == sorted(one.due_at for one in coming)
    named = {one.subject.partition("#")[0]: one for one in coming}
    assert len(named) == len(coming)
    for number in NUMBERS:
        change = named.get(number)
        last = until if change is None else change.due_at - 1

        def asked(at: int, number: str = number) -> Any:
            return _or_none(reference.enquiry, number, as_of=at, known_at=then["known_at"])

        now, before = asked(then["as_of"]), asked(last)
        assert (now is None) == (before is None)
        if now is not None:
            assert (now.state, now.credit, now.reserved) == (before.state, before.credit, before.reserved)
        if change is None:
            continue
        assert then["as_of"] < change.due_at <= until
        assert change.credit == now.credit
        if "#" in change.subject:
            after = asked(change.due_at)
            assert (change.subject, change.before, change.after) == (now.account, now.state, after.state)
        else:
            life = stored.number(number, as_of=change.due_at, known_at=then["known_at"]).rows
            assert [one.state for one in life[-2:]] == [change.before, change.after]


@often(10, soaked=225)
@given(steps(), pairs)
def test_answers_agree_with_the_log(history: list[Step], moments: list[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        play(log, commands(history))
        check(log, Path(folder) / "views.db", moments)


def test_answers_from_postgresql_agree_with_the_log(tmp_path: Path, postgres_url: str) -> None:
    log = a_log(tmp_path / "log.db")
    moments = [(BEGIN + t * DAY, BEGIN + k * DAY) for t in (0, 9, 45, 300, 2000) for k in (0, 40, 2000)]
    check(log, postgres_url, moments)


def test_what_cannot_be_answered_is_refused(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db") as opened:
        ask = projected(opened, log)
        for question in (ask.usage, ask.number, ask.timeline):
            for subject in ("nonsense", "6288199999999", f"{NUMBERS[0]}#7"):
                assert _code(question, subject) == "unknown-account"
            assert _code(question, NUMBERS[0], known_at=BEGIN - 1) == "unknown-account"
            assert _code(question, NUMBERS[0], known_at=NOW + 1) == "in-the-future"
        for name in ("nonsense", "operator/nothing", f"{NUMBERS[0]}#7/credit"):
            assert _code(ask.movements, name) == "unknown-account"
        for known_at, code in ((BEGIN - DAY, "before-the-log"), (NOW + 1, "in-the-future")):
            assert _code(ask.blocks, known_at=known_at) == code
            assert _code(ask.days, known_at=known_at) == code
            assert _code(ask.due, NOW, known_at=known_at) == code
            assert _code(ask.movements, "operator/cash", known_at=known_at) == code


def test_a_database_that_is_not_there_is_not_made_by_a_question(tmp_path: Path) -> None:
    with database(tmp_path / "views.db") as opened:
        assert _code(of_database(opened).states) == "projection-behind"
    assert list(tmp_path.iterdir()) == []


def _code(question: Callable[..., Any], *about: Any, **then: int) -> str:
    with pytest.raises(QueryRefused) as refused:
        question(*about, **then)
    return refused.value.code
