"""The answers that come from folding the log: right for every pair of instants, and never changed once final."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY, SECOND, format_instant
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.line.commands import AdvanceTime, Block, RecordUsage, Terminate
from ledger.domain.line.line import Line
from ledger.domain.money import format_amount
from ledger.domain.prepaid.account import prepaid
from ledger.domain.prepaid.commands import (
    ChargeCredit,
    IssueStarterPack,
    ReserveCredit,
    TopUp,
    TransferCredit,
)
from ledger.domain.subject import Cause
from ledger.domain.terms_book import TermsBook
from ledger.errors import QueryRefused
from ledger.store.reading import SqliteReader
from projections.asking.answers import HistoryEvent, HistoryRefusal
from projections.asking.direct import DirectQueries
from projections.asking.queries import Queries
from tests.given import BUNDLED, NUMBER, OTHER, SP23, Story, at, rupiah
from tests.often import often
from tests.projections.histories import BEGIN, NUMBERS, QUICK, Step, closing, commands, play, recorded, steps

LATER = at("2045-01-01T00:00:00Z")
BOOK = TermsBook([*BUNDLED.values(), QUICK])
OPERATOR = (
    "operator/cash",
    "operator/credit-sales",
    "operator/credit-issued",
    "operator/usage",
    "operator/charges",
    "operator/fees",
    "operator/breakage",
    "operator/adjustments",
)

instants = st.one_of(
    st.integers(0, 40 * DAY),
    st.integers(0, 400 * DAY),
    st.integers(0, 30),
    st.sampled_from([0, 1, DAY, 3 * DAY]),
).map(lambda after: BEGIN + after)


def queries(path: Path, now: int = LATER) -> Queries:
    return DirectQueries(SqliteReader(path), lambda: now)


@contextmanager
def a_path() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder) / "log.db"


# --- the naive reference --------------------------------------------------------------------------------------------


class Reference:
    """All events in a list; filtered, folded and summed anew for every question."""

    def __init__(self, path: Path) -> None:
        self.events = recorded(path)

    def seen(self, as_of: int, known_at: int) -> list[tuple[int, Event]]:
        return [(o, x) for o, x in self.events if x.effective_at <= as_of and x.recorded_at <= known_at]

    def line(self, number: str, as_of: int, known_at: int) -> tuple[Line, list[Event], int]:
        line, last, all_ = Line(number, BOOK), 0, []
        for ordinal, event in self.seen(as_of, known_at):
            if event.account == number or event.account.startswith(f"{number}#"):
                line.take(event)
                last = ordinal
                all_.append(event)
        line.cause = Cause(as_of, "", None, "clock")
        line.advance(as_of)
        return line, all_ + line.collect(), last

    def balances(self, as_of: int, known_at: int) -> dict[tuple[str, str], int]:
        sums: dict[tuple[str, str], int] = {}
        for number in NUMBERS:
            for event in self.line(number, as_of, known_at)[1]:
                for posting in event.postings:
                    key = (posting["account"], posting["unit"])
                    sums[key] = sums.get(key, 0) + posting["amount"]
        return sums


def asked(question: Any, *about: Any, **then: Any) -> Any:
    """An answer as JSON, or the code of its refusal."""
    try:
        answer = question(*about, **then)
        if isinstance(answer, Iterator):
            answer = list(answer)
    except QueryRefused as refusal:
        return refusal.code
    return [one.to_json() for one in answer] if isinstance(answer, list) else answer.to_json()


@often(40)
@given(steps(), st.lists(st.tuples(instants, instants), min_size=3, max_size=6))
def test_answers_equal_those_of_a_naive_reference(history: list[Step], pairs: list[tuple[int, int]]) -> None:
    with a_path() as path:
        play(path, commands(history))
        reference, ask = Reference(path), queries(path)
        for as_of, known_at in pairs:
            then: Any = {"as_of": as_of, "known_at": known_at}
            sums = reference.balances(as_of, known_at)
            for number in NUMBERS:
                line, _, last = reference.line(number, as_of, known_at)
                if line.account is None:
                    assert asked(ask.enquiry, number, **then) == "unknown-account"
                    continue
                account = prepaid(line.account)
                answer = ask.enquiry(number, **then)
                assert answer.account == account.id
                assert answer.state == account.state
                assert answer.credit == account.credit
                assert answer.available == account.available == sums.get((f"{account.id}/credit", "PULSA"), 0)
                assert answer.reserved == account.reserved == sums.get((f"{account.id}/reserved", "PULSA"), 0)
                assert answer.active_until == account.active_until
                assert answer.usage.charged == account.usage.charged
                assert answer.position == f"0:{last}"
                for part in ("credit", "reserved", "in-transit"):
                    name = f"{account.id}/{part}"
                    (balance,) = ask.balance(name, **then)
                    assert balance.amount == sums.get((name, "PULSA"), 0), name
                *_, final = ask.history(number, **then)
                assert isinstance(final, HistoryEvent)
                assert (final.credit, final.reserved) == (account.credit, account.reserved)
            begin = min(x.recorded_at for _, x in reference.events)
            if min(as_of, known_at) < begin:
                assert asked(lambda **at: list(ask.enquiries(**at)), **then) == "before-the-log"
                assert asked(ask.trial_balance, **then) == "before-the-log"
                continue
            trial = ask.trial_balance(each=True, **then)
            assert {(name, unit): amount for name, unit, amount in trial.rows if amount} == {
                key: amount for key, amount in sums.items() if amount
            }
            assert not any(trial.totals.values())
            assert not any(ask.trial_balance(**then).totals.values())
            for name in OPERATOR:
                for balance in ask.balance(name, **then):
                    assert balance.amount == sums.get((name, balance.unit), 0)
            known = [r for r in (reference.line(n, as_of, known_at)[0] for n in NUMBERS) if r.account]
            assert sum(ask.states(**then).accounts.values()) == sum(1 + len(line.former) for line in known)


@often(30)
@given(steps(), st.integers(1, 25), instants)
def test_a_forecast_is_what_the_ledger_records_when_the_time_has_come(
    history: list[Step], cut: int, as_of: int
) -> None:
    happened = commands(history)[:cut]
    known_at = happened[-1].at
    as_of = max(as_of, known_at)
    with a_path() as path:
        play(path, happened)
        forecast = [asked(queries(path).enquiry, n, as_of=as_of, known_at=known_at) for n in NUMBERS]
        breakage = asked(queries(path).balance, "operator/breakage", as_of=as_of, known_at=known_at)
        play(path, [AdvanceTime(at=as_of, command_id="then", msisdn=n) for n in NUMBERS])
        after = [asked(queries(path).enquiry, n, as_of=as_of, known_at=as_of) for n in NUMBERS]
        assert [_timeless(answer) for answer in after] == [_timeless(answer) for answer in forecast]
        (now,) = queries(path).balance("operator/breakage", as_of=as_of, known_at=as_of)
        if breakage != "before-the-log":
            assert format_amount(now.amount) == breakage[0]["amount"]


def _timeless(answer: Any) -> Any:
    if isinstance(answer, str):
        return answer
    return {name: value for name, value in answer.items() if name not in {"known_at", "position", "final"}}


@often(30)
@given(
    steps(),
    st.lists(st.integers(0, 9), min_size=40, max_size=40),
    st.lists(st.tuples(instants, instants), min_size=3),
)
def test_no_answer_depends_on_who_looked_when(
    history: list[Step], looks: list[int], pairs: list[tuple[int, int]]
) -> None:
    plain = commands(history)
    ticked: list[Command] = []
    for count, (command, look) in enumerate(zip(plain, looks, strict=False)):
        ticked.append(command)
        following = plain[count + 1].at if count + 1 < len(plain) else command.at + DAY
        if look < 3:
            between = command.at + (following - command.at) * look // 3
            ticked += [
                AdvanceTime(at=between, command_id=f"look {count} {n}", msisdn=n) for n in NUMBERS[: look + 1]
            ]
        if look == 9 and following - command.at > 2:
            ticked.append(closing(following - 2, f"close {count}"))
    with a_path() as path, a_path() as other:
        play(path, plain)
        play(other, ticked)
        for as_of, known_at in pairs:
            for number in NUMBERS:
                answers = [
                    asked(q.enquiry, number, as_of=as_of, known_at=known_at)
                    for q in (queries(path), queries(other))
                ]
                assert _timeless(answers[0]) == _timeless(answers[1])


@often(30)
@given(steps(), steps(20), st.integers(1, 100 * DAY), st.data())
def test_a_final_answer_never_changes_whatever_is_recorded_afterwards(
    history: list[Step], more: list[Step], after: int, data: st.DataObject
) -> None:
    happened = commands(history)
    through = happened[-1].at + after
    with a_path() as path:
        play(path, [*happened, closing(through, "close")])
        ask = queries(path)
        pairs = data.draw(
            st.lists(
                st.tuples(
                    st.integers(BEGIN - 1, through + 40 * DAY),
                    st.integers(BEGIN - 1, through) | st.just(through),
                ),
                min_size=3,
                max_size=5,
            )
        )
        before = [_everything(ask, as_of, known_at) for as_of, known_at in pairs]
        assert '"final": false' not in json.dumps(before)
        # Within the clock tolerance a command that comes too late is lifted past what is closed.
        behind = data.draw(st.sampled_from([0, 1, SECOND, 4 * SECOND]))
        play(path, commands(more, since=through - behind, first=1000))
        play(path, [AdvanceTime(at=LATER, command_id="late", msisdn=n) for n in NUMBERS])
        assert [_everything(ask, as_of, known_at) for as_of, known_at in pairs] == before


def _everything(ask: Queries, as_of: int, known_at: int) -> Any:
    then: Any = {"as_of": as_of, "known_at": known_at}
    answers: list[Any] = []
    for number in NUMBERS:
        for subject in (number, f"{number}#1", f"{number}#2"):
            answers.append(asked(ask.enquiry, subject, **then))
            answers.append(asked(ask.history, subject, refused=True, **then))
            answers += [
                asked(ask.balance, f"{subject}/{part}", **then)
                for part in ("credit", "reserved", "in-transit")
            ]
    answers += [asked(ask.balance, name, **then) for name in OPERATOR]
    answers.append(asked(ask.states, **then))
    answers.append(asked(ask.transit, **then))
    answers.append(asked(ask.trial_balance, each=True, **then))
    answers.append(asked(ask.enquiries, **then))
    return answers


# --- one answer at a time -------------------------------------------------------------------------------------------


def test_an_enquiry_answers_in_the_language(story: Story) -> None:
    start = at("2023-07-03T10:00:00+07:00")
    story.given_active(credit=rupiah(5000))
    story.given(TopUp, start + SECOND, credit=rupiah(10_000))
    story.given(RecordUsage, start + 2 * SECOND, quantity=200)
    story.given(ReserveCredit, start + 3 * SECOND, amount=rupiah(1000), expires_at=start + DAY)
    story.given(Block, start + 4 * SECOND, scope="voice")
    answer = queries(story.path).enquiry(NUMBER, as_of=start + 5 * SECOND)
    assert answer.to_json() == {
        "msisdn": NUMBER,
        "account": f"{NUMBER}#1",
        "terms": SP23,
        "terms_digest": BUNDLED[SP23].digest,
        "state": "active",
        "credit": "13727.40",
        "reserved": "1000",
        "available": "12727.40",
        "active_until": "2023-08-02T17:00:00Z",
        "grace_until": None,
        "waiting_until": None,
        "blocks": [{"block": "b1", "scope": "voice", "ground": "b", "since": "2023-07-03T03:00:04Z"}],
        "usage": {"voice_seconds": 200, "sms": 0, "data_bytes": 0, "charged": "1272.60"},
        "as_of": "2023-07-03T03:00:05Z",
        "known_at": "2045-01-01T00:00:00Z",
        "final": False,
        "position": "0:8",
    }


def test_periods_that_have_not_begun_have_no_end(story: Story) -> None:
    story.given_active()
    ask = queries(story.path)
    ends = [
        (answer.state, answer.grace_until is not None, answer.waiting_until is not None)
        for answer in (
            ask.enquiry(NUMBER, as_of=at(f"{day}T12:00:00Z"))
            for day in ("2023-07-10", "2023-08-10", "2023-09-10")
        )
    ]
    assert ends == [("active", False, False), ("grace", True, False), ("waiting", True, True)]


def test_the_current_account_is_the_one_that_was_current_then(story: Story) -> None:
    story.given_active()
    ended = at("2023-07-20T00:00:00Z")
    story.given(Terminate, ended)
    again = at("2025-01-01T00:00:00Z")
    story.given(IssueStarterPack, again)
    ask = queries(story.path)
    assert ask.enquiry(NUMBER).account == f"{NUMBER}#2"
    assert ask.enquiry(NUMBER, as_of=again - 1).account == f"{NUMBER}#1"
    assert ask.enquiry(NUMBER, known_at=again - 1).account == f"{NUMBER}#1"
    assert ask.enquiry(f"{NUMBER}#1").state == "terminated"
    assert asked(ask.enquiry, f"{NUMBER}#2", as_of=again - 1) == "unknown-account"
    assert [answer.account for answer in ask.enquiries()] == [f"{NUMBER}#2"]
    assert ask.states().to_json()["accounts"] == {"terminated": 1, "expired": 1}


def test_what_is_unknown_is_refused_and_never_zero(story: Story) -> None:
    ask = queries(story.path)
    assert asked(ask.head) == "before-the-log"
    assert asked(ask.trial_balance) == "before-the-log"
    assert asked(ask.balance, "operator/breakage") == "before-the-log"
    story.given_active()
    start = at("2023-07-03T10:00:00+07:00")
    for subject in (OTHER, f"{NUMBER}#2", "nonsense", "", "log@0"):
        assert asked(ask.enquiry, subject) == "unknown-account", subject
        assert asked(ask.history, subject) == "unknown-account", subject
    for account in (
        f"{NUMBER}#2/credit",
        f"{NUMBER}#1/nothing",
        "operator/nothing",
        f"{OTHER}#1/credit",
        NUMBER,
    ):
        assert asked(ask.balance, account) == "unknown-account", account
    assert asked(ask.enquiry, NUMBER, as_of=start - 1) == "unknown-account"
    assert asked(ask.enquiry, NUMBER, known_at=start - 1) == "unknown-account"
    for when in ({"known_at": start - 1}, {"as_of": start - 1}):
        assert asked(ask.states, **when) == "before-the-log"
        assert asked(ask.trial_balance, **when) == "before-the-log"
        assert asked(ask.balance, "operator/breakage", **when) == "before-the-log"
        assert asked(lambda **at: list(ask.enquiries(**at)), **when) == "before-the-log"
    assert asked(ask.outcome, NUMBER, "never said") == "unknown-command"
    assert asked(ask.log, types=["Nothing"]) == "query-refused"
    assert [balance.to_json()["amount"] for balance in ask.balance("operator/breakage")] == ["0"]


def test_what_will_be_known_cannot_be_asked_but_a_forecast_can(story: Story) -> None:
    story.given_active()
    now = at("2023-07-04T00:00:00Z")
    ask = queries(story.path, now)
    assert asked(ask.enquiry, NUMBER, known_at=now + 1) == "in-the-future"
    assert ask.enquiry(NUMBER, as_of=at("2024-06-01T00:00:00Z")).state == "deactivated"
    assert ask.enquiry(NUMBER).to_json()["known_at"] == format_instant(now)


def test_an_answer_is_final_once_the_log_is_closed_through_what_was_known(story: Story) -> None:
    story.given_active()
    through = at("2023-07-10T00:00:00Z")
    story.ledger.execute([closing(through, "close")])
    ask = queries(story.path)
    assert ask.enquiry(NUMBER, known_at=through).final
    assert not ask.enquiry(NUMBER, known_at=through + 1).final
    assert ask.head().closed_through == through


def test_a_history_shows_the_balance_after_each_event_and_the_refusals_between(story: Story) -> None:
    start = at("2023-07-03T10:00:00+07:00")
    story.given_active(credit=rupiah(5000))
    story.when(ChargeCredit, start + 1, amount=rupiah(9000)).refused("insufficient-credit")
    story.given(ReserveCredit, start + 2, amount=rupiah(2000), expires_at=start + DAY)
    story.when(RecordUsage, start + 3, quantity=10_000_000, service="sms")
    lines = list(queries(story.path).history(NUMBER, refused=True, as_of=start + 40 * DAY))
    assert [
        (x.line.event.name, format_amount(x.credit), format_amount(x.reserved), x.line.position)
        if isinstance(x, HistoryEvent)
        else (x.outcome.command, x.outcome.code)
        for x in lines
    ] == [
        ("StarterPackIssued", "0", "0", "0:3"),
        ("Activated", "5000", "0", "0:4"),
        ("ChargeCredit", "insufficient-credit"),
        ("CreditReserved", "5000", "2000", "0:5"),
        ("UsageDebited", *_after_usage(lines), "0:6"),
        ("ReservationReleased", _after_usage(lines)[0], "0", None),
        ("GraceStarted", _after_usage(lines)[0], "0", None),
    ]
    assert [isinstance(line, HistoryRefusal) for line in queries(story.path).history(NUMBER)].count(True) == 0
    assert (
        json.loads(json.dumps([line.to_json() for line in lines]))[2]["refusal"]["code"]
        == "insufficient-credit"
    )


def _after_usage(lines: list[Any]) -> tuple[str, str]:
    (used,) = [x for x in lines if isinstance(x, HistoryEvent) and x.line.event.name == "UsageDebited"]
    return format_amount(used.credit), format_amount(used.reserved)


def test_a_history_of_one_account_leaves_out_the_others(story: Story) -> None:
    story.given_active()
    story.given(Terminate, at("2023-07-20T00:00:00Z"))
    story.given(IssueStarterPack, at("2025-01-01T00:00:00Z"))
    ask = queries(story.path)
    accounts = {
        line.line.event.account for line in ask.history(f"{NUMBER}#1") if isinstance(line, HistoryEvent)
    }
    assert accounts == {f"{NUMBER}#1"}
    everything = {line.line.event.account for line in ask.history(NUMBER) if isinstance(line, HistoryEvent)}
    assert everything == {NUMBER, f"{NUMBER}#1", f"{NUMBER}#2"}


def test_the_log_line_of_an_event_is_written_in_the_language(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    start = at("2023-07-03T10:00:00+07:00")
    story.given(TopUp, start + 1, credit=rupiah(10_000), price=rupiah("11000.50"), command_id="top-up-1")
    ask = queries(story.path)
    (line,) = ask.log(types=["CreditToppedUp"])
    written = line.to_json()
    assert len(written.pop("digest")) == 64
    assert written == {
        "position": "0:5",
        "account": f"{NUMBER}#1",
        "version": 3,
        "type": "ledger.prepaid.CreditToppedUp",
        "effective_at": "2023-07-03T03:00:00.000001Z",
        "recorded_at": "2023-07-03T03:00:00.000001Z",
        "terms": SP23,
        "clause": "SP23-16",
        "command_id": "top-up-1",
        "actor": "system",
        "postings": [
            {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": "10000"},
            {"account": "operator/credit-issued", "unit": "PULSA", "amount": "-10000"},
            {"account": "operator/cash", "unit": "IDR", "amount": "11000.50"},
            {"account": "operator/credit-sales", "unit": "IDR", "amount": "-11000.50"},
        ],
        "data": {
            "credit": "10000",
            "price": "11000.50",
            "channel": "web",
            "days": written["data"]["days"],
            "extension": "longest",
            "cap_days": None,
            "active_until": written["data"]["active_until"],
        },
    }


def test_the_log_can_be_read_from_a_position_and_of_one_subject(story: Story) -> None:
    story.given_active()
    story.given_active(number=OTHER)
    ask = queries(story.path)
    assert [line.position for line in ask.log(5)] == ["0:5", "0:6"]
    assert [line.event.account for line in ask.log(subject=OTHER)] == [f"{OTHER}#1"] * 2
    assert [line.event.account for line in ask.log(subject=f"{NUMBER}#1", start=4)] == [f"{NUMBER}#1"]
    assert [line.event.name for line in ask.log(subject="log@0")] == ["LogCreated"]


def test_an_outcome_is_the_one_first_given(story: Story) -> None:
    story.given_active()
    story.when(ChargeCredit, at("2023-07-04T00:00:00Z"), amount=100, command_id="buy")
    asked = queries(story.path).outcome(NUMBER, "buy").to_json()
    assert asked == story.outcome.to_json() | {"principal": None}
    story.given(TopUp, at("2023-07-04T00:00:00Z"), credit=rupiah(10_000), command_id="more")
    asked = queries(story.path).outcome(NUMBER, "more").to_json()
    assert asked == story.outcome.to_json() | {"principal": None}


def test_credit_is_in_transit_until_the_other_number_has_recorded_it(tell: Any) -> None:
    story = tell(QUICK)
    start = at("2023-07-03T10:00:00+07:00")
    story.given_active(terms="quick", credit=rupiah(50_000))
    story.given_active(terms="quick", number=OTHER)
    story.given(TopUp, start + 9 * SECOND, msisdn=OTHER, credit=rupiah(10_000))
    story.given(TransferCredit, start + 5 * SECOND, amount=rupiah(20_000), command_id="gift")
    ask = queries(story.path)
    (sent,) = ask.transit(as_of=start + 8 * SECOND)
    assert (sent.amount, sent.from_account, sent.to_msisdn, sent.age) == (
        rupiah(20_000),
        f"{NUMBER}#1",
        OTHER,
        3 * SECOND,
    )
    assert sent.to_json()["age_seconds"] == 3
    assert ask.balance(f"{NUMBER}#1/in-transit", as_of=start + 8 * SECOND)[0].amount == rupiah(20_000)
    assert ask.transit() == []
    assert ask.balance(f"{NUMBER}#1/in-transit")[0].amount == 0


def test_a_trial_balance_sums_the_customers_or_shows_each(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    story.given_active(number=OTHER, credit=rupiah(1000))
    ask = queries(story.path)
    soon = at("2023-07-04T00:00:00Z")
    summed = {(name, unit): amount for name, unit, amount in ask.trial_balance(as_of=soon).rows}
    assert summed["accounts/credit", "PULSA"] == rupiah(6000)
    each = {(name, unit): amount for name, unit, amount in ask.trial_balance(each=True, as_of=soon).rows}
    assert each[f"{OTHER}#1/credit", "PULSA"] == rupiah(1000)
    assert ask.trial_balance(as_of=soon).to_json()["totals"] == {"IDR": "0", "PULSA": "0"}


@pytest.mark.parametrize("kind", [EVENT_TYPES[name] for name in sorted(EVENT_TYPES)])
def test_every_field_of_an_event_is_written_as_its_schema_says(kind: type[Event]) -> None:
    from ledger.domain.events import HEADER
    from ledger.store.schemas import load
    from projections.asking.answers import DAY_FIELDS, INSTANT_FIELDS, MONEY_FIELDS

    for stated in load("events")[kind.TOPIC].fields:
        name, type_ = stated["name"], json.dumps(stated["type"])
        if name in HEADER:
            continue
        assert ("timestamp-micros" in type_) == (name in INSTANT_FIELDS), name
        assert ('"date"' in type_) == (name in DAY_FIELDS), name
        if "long" in type_ and "sen" in stated.get("doc", "").lower().split():
            assert name in MONEY_FIELDS or name == "fees", name
        if name in MONEY_FIELDS:
            assert "long" in type_, name
