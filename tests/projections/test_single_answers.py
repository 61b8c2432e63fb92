"""One answer at a time, where no database is set: in the language, of the moment, refused and never zero."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, get_args, get_type_hints

import pytest

from ledger.domain.calendar import DAY, SECOND, format_instant
from ledger.domain.events import Event, make
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.line.commands import Block, RecordUsage, Terminate
from ledger.domain.line.events import CardReplaced
from ledger.domain.money import format_amount
from ledger.domain.prepaid.commands import (
    ChargeCredit,
    IssueStarterPack,
    ReserveCredit,
    TopUp,
    TransferCredit,
)
from projections.asking.log_answers import HistoryEvent, HistoryRefusal, own_fields
from projections.asking.questions import Questions
from projections.prepaid.enquiry import Enquiry
from tests.given import BUNDLED, NUMBER, OTHER, SP23, Story, at, rupiah
from tests.projections.histories import QUICK, closing
from tests.projections.projected import NOW, asked
from tests.projections.test_final_answers import told

Asking = Callable[..., Questions]


@pytest.fixture
def queries() -> Iterator[Asking]:
    """The questions to a log, until the test ends; some later instant is the present."""
    with ExitStack() as open_:
        yield lambda path, now=NOW: open_.enter_context(asked(path, now=now))


def test_an_enquiry_answers_in_the_language(story: Story, queries: Asking) -> None:
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
        "product": "prepaid",
        "terms": SP23,
        "terms_digest": BUNDLED[SP23].digest,
        "state": "active",
        "credit": "13727.40",
        "reserved": "1000",
        "available": "12727.40",
        "active_until": "2023-08-02T17:00:00Z",
        "grace_until": None,
        "forfeited_by_top_up": "0",
        "waiting_until": None,
        "blocks": [{"block": "b1", "scope": "voice", "ground": "b", "since": "2023-07-03T03:00:04Z"}],
        "usage": {"voice_seconds": 200, "sms": 0, "data_bytes": 0, "charged": "1272.60"},
        "as_of": "2023-07-03T03:00:05Z",
        "known_at": "2045-01-01T00:00:00Z",
        "final": False,
        "position": "0:8",
    }


def test_periods_that_have_not_begun_have_no_end(story: Story, queries: Asking) -> None:
    story.given_active()
    ask = queries(story.path)
    ends = [
        (answer.state, answer.grace_until is not None, answer.waiting_until is not None)
        for answer in (
            ask.enquiry(NUMBER, as_of=at(f"{day}T12:00:00Z"))
            for day in ("2023-07-10", "2023-08-10", "2023-09-10")
        )
        if isinstance(answer, Enquiry)
    ]
    assert ends == [("active", False, False), ("grace", True, False), ("waiting", True, True)]


def test_the_current_account_is_the_one_that_was_current_then(story: Story, queries: Asking) -> None:
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
    assert told(ask.enquiry, f"{NUMBER}#2", as_of=again - 1) == "unknown-account"
    assert [answer.account for answer in ask.enquiries()] == [f"{NUMBER}#2"]
    assert ask.states().to_json()["accounts"] == {"terminated": 1, "expired": 1}


def test_what_is_unknown_is_refused_and_never_zero(story: Story, queries: Asking) -> None:
    ask = queries(story.path)
    assert told(ask.head) == "before-the-log"
    assert told(ask.trial_balance) == "before-the-log"
    assert told(ask.balance, "operator/breakage") == "before-the-log"
    story.given_active()
    start = at("2023-07-03T10:00:00+07:00")
    for subject in (OTHER, f"{NUMBER}#2", "nonsense", "", "log@0"):
        assert told(ask.enquiry, subject) == "unknown-account", subject
        assert told(ask.history, subject) == "unknown-account", subject
    for account in (
        f"{NUMBER}#2/credit",
        f"{NUMBER}#1/nothing",
        "operator/nothing",
        f"{OTHER}#1/credit",
        NUMBER,
    ):
        assert told(ask.balance, account) == "unknown-account", account
    assert told(ask.enquiry, NUMBER, as_of=start - 1) == "unknown-account"
    assert told(ask.enquiry, NUMBER, known_at=start - 1) == "unknown-account"
    for when in ({"known_at": start - 1}, {"as_of": start - 1}):
        assert told(ask.states, **when) == "before-the-log"
        assert told(ask.trial_balance, **when) == "before-the-log"
        assert told(ask.balance, "operator/breakage", **when) == "before-the-log"
        assert told(lambda **at: list(ask.enquiries(**at)), **when) == "before-the-log"
    assert told(ask.outcome, NUMBER, "never said") == "unknown-command"
    assert told(ask.log, types=["Nothing"]) == "query-refused"
    assert [balance.to_json()["amount"] for balance in ask.balance("operator/breakage")] == ["0"]


def test_what_will_be_known_cannot_be_asked_but_a_forecast_can(story: Story, queries: Asking) -> None:
    story.given_active()
    now = at("2023-07-04T00:00:00Z")
    ask = queries(story.path, now)
    assert told(ask.enquiry, NUMBER, known_at=now + 1) == "in-the-future"
    assert ask.enquiry(NUMBER, as_of=at("2024-06-01T00:00:00Z")).state == "deactivated"
    assert ask.enquiry(NUMBER).to_json()["known_at"] == format_instant(now)


def test_an_answer_is_final_once_the_log_is_closed_through_what_was_known(
    story: Story, queries: Asking
) -> None:
    story.given_active()
    through = at("2023-07-10T00:00:00Z")
    story.ledger.execute([closing(through, "close")])
    ask = queries(story.path)
    assert ask.enquiry(NUMBER, known_at=through).final
    assert not ask.enquiry(NUMBER, known_at=through + 1).final
    assert ask.head().closed_through == through


def test_a_history_shows_the_balance_after_each_event_and_the_refusals_between(
    story: Story, queries: Asking
) -> None:
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
        if isinstance(x, HistoryEvent | HistoryRefusal)
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


def test_a_history_of_one_account_leaves_out_the_others(story: Story, queries: Asking) -> None:
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


def test_the_log_line_of_an_event_is_written_in_the_language(story: Story, queries: Asking) -> None:
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


def test_the_log_can_be_read_from_a_position_and_of_one_subject(story: Story, queries: Asking) -> None:
    story.given_active()
    story.given_active(number=OTHER)
    ask = queries(story.path)
    assert [line.position for line in ask.log(5)] == ["0:5", "0:6"]
    assert [line.event.account for line in ask.log(subject=OTHER)] == [f"{OTHER}#1"] * 2
    assert [line.event.account for line in ask.log(subject=f"{NUMBER}#1", start=4)] == [f"{NUMBER}#1"]
    assert [line.event.name for line in ask.log(subject="log@0")] == ["LogCreated"]


def test_an_outcome_is_the_one_first_given(story: Story, queries: Asking) -> None:
    story.given_active()
    story.when(ChargeCredit, at("2023-07-04T00:00:00Z"), amount=100, command_id="buy")
    asked = queries(story.path).outcome(NUMBER, "buy").to_json()
    assert asked == story.outcome.to_json() | {"principal": None}
    story.given(TopUp, at("2023-07-04T00:00:00Z"), credit=rupiah(10_000), command_id="more")
    asked = queries(story.path).outcome(NUMBER, "more").to_json()
    assert asked == story.outcome.to_json() | {"principal": None}


def test_credit_is_in_transit_until_the_other_number_has_recorded_it(tell: Any, queries: Asking) -> None:
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


def test_a_trial_balance_sums_the_customers_or_shows_each(story: Story, queries: Asking) -> None:
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
    from ledger.store.schemas import load

    fields = [field for field in load("events")[kind.TOPIC].fields if field["name"] != "postings"]
    _must_be_written_as_stated(kind, fields)


def _must_be_written_as_stated(kind: type, fields: list[dict[str, Any]]) -> None:
    hints = get_type_hints(kind, include_extras=True)
    for stated in fields:
        name, type_, said = stated["name"], json.dumps(stated["type"]), str(hints[stated["name"]])
        items = stated["type"].get("items") if isinstance(stated["type"], dict) else None
        if isinstance(items, dict):
            (line,) = get_args(hints[name])
            _must_be_written_as_stated(line, items["fields"])
            continue
        assert ("timestamp-micros" in type_) == ("format_instant" in said), name
        assert ('"date"' in type_) == ("format_day" in said), name
        if "long" in type_ and "sen" in stated.get("doc", "").lower().split():
            assert "format_amount" in said, name
        if "format_amount" in said:
            assert "long" in type_, name


def test_the_lines_of_a_fee_are_written_as_amounts() -> None:
    fees: Any = [{"name": "card", "amount": 1_000_050}]
    event = make(CardReplaced, {"iccid": "8962", "fees": fees})
    assert own_fields(event) == {"iccid": "8962", "fees": [{"name": "card", "amount": "10000.50"}]}
