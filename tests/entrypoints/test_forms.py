"""What is well formed becomes a command; what is not is refused, naming the field and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import format_instant, parse_instant
from ledger.domain.commands import Command
from ledger.domain.kinds import COMMANDS
from ledger.domain.line.commands import Block, RecordUsage
from ledger.domain.money import format_amount
from ledger.domain.prepaid.commands import TopUp
from ledger.domain.refusals import Invalid
from ledger.entrypoints.forms import CommandReader
from tests.entrypoints.pulsa import NUMBER, START, activate, issue, top_up, use

UNDATED = "at: is missing, and this log is played: state it, or say what is now with --now or PULSA_NOW"

PLAYED = CommandReader(played=True, now=None)
AT = parse_instant(START)


def refusal_of(record: dict[str, Any] | bytes | str, reader: CommandReader = PLAYED) -> str:
    line = json.dumps(record).encode() if isinstance(record, dict) else record
    with pytest.raises(Invalid) as refused:
        reader.from_json(line.encode() if isinstance(line, str) else line)
    return str(refused.value).removeprefix("The command is not well formed. (").removesuffix(")")


def as_json(record: dict[str, Any]) -> Command:
    return PLAYED.from_json(json.dumps(record).encode())


def test_what_has_a_default_may_be_left_out_or_null() -> None:
    block = {"command": "Block", "command_id": "b", "at": START, "msisdn": NUMBER}
    block |= {"block": "b1", "scope": "all", "ground": "a"}
    expected = Block(at=AT, command_id="b", msisdn=NUMBER, block="b1", scope="all", ground="a")
    assert as_json(block) == expected
    assert as_json(block | {"reference": None, "since": None}) == expected
    assert expected.actor == "system"


@pytest.mark.parametrize("internal", sorted(n for n, command in COMMANDS.items() if command.INTERNAL))
def test_what_only_the_ledger_may_say_is_refused(internal: str) -> None:
    assert refusal_of({"command": internal}).startswith("command: no command is named so")


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("6288112345678", "6288112345678"),
        ("088112345678", "6288112345678"),
        ("0881-1234-5678", "6288112345678"),
        ("+62 881 1234 5678", "6288112345678"),
        ("+12025550123", "12025550123"),
        ("1234567", "1234567"),
        ("123456789012345", "123456789012345"),
    ],
)
def test_numbers_are_taken_as_people_write_them(written: str, number: str) -> None:
    assert as_json(top_up(number=written)).subject == number


@pytest.mark.parametrize(
    "written",
    [
        "123456",
        "1234567890123456",
        "00628811234567",
        "+0881123456",
        "62881x2345678",
        "",
        "٦٢٨٨١١٢٣٤٥٦٧٨",
        "6288112345678\n",
        "(0881) 12345678",
        None,
        6288112345678,
    ],
)
def test_what_is_no_number_is_refused(written: object) -> None:
    assert refusal_of(top_up() | {"msisdn": written}).startswith("msisdn: not a")


@pytest.mark.parametrize(
    "amount",
    [
        "+5",
        "5.",
        ".5",
        "5.055",
        "05",
        "5,00",
        "5e3",
        "1_000",
        " 5",
        "5\n",
        "\u0665",
        "",
        "-5",
        "0",
        "0.00",
        "10000000000000.01",
        "9" * 5000,
        5000,
        5.5,
        True,
        None,
        ["5000"],
        {"amount": "5000"},
    ],
)
def test_what_is_no_amount_is_refused(amount: object) -> None:
    assert refusal_of(top_up(credit=amount)).startswith("credit: ")


def test_everything_that_is_wrong_with_a_command_is_said_at_once() -> None:
    wrong = use() | {"service": "fax", "quantity": 0, "at": "noon", "bonus": "1"}
    del wrong["zone"]
    with pytest.raises(Invalid) as refused:
        as_json(wrong)
    paths = [fault.partition(":")[0] for fault in refused.value.faults]
    assert sorted(paths) == ["at", "bonus", "quantity", "service", "zone"]
    assert 'service: not one of voice, sms, data; given: "fax"' in refused.value.faults
    assert all(fault in refused.value.message for fault in refused.value.faults)


def test_that_a_live_log_is_told_a_time_is_said_beside_all_else() -> None:
    with pytest.raises(Invalid) as refused:
        CommandReader(played=False, now=lambda: AT).from_json(json.dumps(use() | {"quantity": 0}).encode())
    assert [fault.partition(":")[0] for fault in refused.value.faults] == ["quantity", "at"]
    with pytest.raises(Invalid) as refused:
        PLAYED.from_json(json.dumps({"command": "AdvanceTime", "command_id": "a"}).encode())
    assert refused.value.faults == ("msisdn: is missing", UNDATED)


def test_zero_is_an_amount_only_where_the_form_says_so_and_never_negative() -> None:
    assert as_json(top_up(price="0")) == as_json(top_up(price="0.00"))
    assert refusal_of(top_up(price="-0")) == 'price: only an adjustment may be negative; given: "-0"'
    adjust = {"command": "AdjustCredit", "command_id": "a", "at": START, "msisdn": NUMBER}
    adjust |= {"reason": "rounding", "approved_by": "staff-2"}
    assert as_json(adjust | {"amount": "-0.05"}) != as_json(adjust | {"amount": "0.05"})
    assert refusal_of(adjust | {"amount": "0"}).startswith("amount: zero changes nothing")


@pytest.mark.parametrize(
    "instant",
    [
        "2023-07-03T10:00:00",
        "2023-07-03 10:00:00Z",
        "2023-07-03T10:00:00.0000001Z",
        "2023-07-03T10:00:00.123456789+07:00",
        "2023-02-30T10:00:00Z",
        "2023-07-03T24:00:00Z",
        "2023-07-03T10:00:60Z",
        "2023-07-03",
        "0001-01-01T00:00:00Z",
        "9999-12-31T00:00:00Z",
        1688353200,
        None,
    ],
)
def test_what_is_no_instant_is_refused(instant: object) -> None:
    assert refusal_of(use() | {"used_at": instant}).startswith("used_at: ")


@pytest.mark.parametrize(
    "day", ["2023-02-29", "03-07-2023", "2023-7-3", "9999-12-31", "0001-01-01", 19541, None]
)
def test_what_is_no_day_is_refused(day: object) -> None:
    assert refusal_of(issue(valid_until=day)).startswith("valid_until: ")


@pytest.mark.parametrize("count", [0, -1, 1.0, 1e3, "200", True, None, 10**15 + 1, 2**64, 10**40])
def test_what_is_no_count_is_refused(count: object) -> None:
    assert refusal_of(use(quantity=count)).startswith("quantity: not a whole number from 1 to 10000000000000")


@pytest.mark.parametrize("count", ["0", "-1", "1.0", "1e3", "07", "2" * 40, "٣"])
def test_what_is_no_count_in_text_is_refused(count: str) -> None:
    with pytest.raises(Invalid, match="quantity: not a whole number"):
        PLAYED.from_text(use() | {"quantity": count})


@pytest.mark.parametrize(
    "id_", ["", "x" * 201, "ü" * 101, "a\tb", "a\nb", "a\x00b", "a\x7fb", "\ud800", 7, None, ["a"]]
)
def test_what_is_no_id_is_refused(id_: object) -> None:
    refused = refusal_of(activate(customer=id_))
    wanted = "customer: not a string of printable characters that takes 1 to 200 bytes of UTF-8"
    assert refused.startswith((wanted, "not JSON"))


def test_ids_of_two_hundred_bytes_of_any_script_are_taken() -> None:
    for id_ in ("x" * 200, "ü" * 100):
        assert as_json(top_up(id_)).command_id == id_


def test_a_text_takes_two_thousand_bytes() -> None:
    bought = {"command": "ChargeCredit", "command_id": "1", "at": START, "msisdn": NUMBER, "amount": "5"}
    assert as_json(bought | {"item": "ü" * 1000}).item == "ü" * 1000  # type: ignore[attr-defined]
    refused = refusal_of(bought | {"item": "ü" * 1001})
    assert refused.startswith("item: not a string of printable characters that takes 1 to 2000 bytes")


@pytest.mark.parametrize("id_", ["policy/1", "due/6288112345678#1/GraceStarted/2023", "repartition/0:7"])
def test_ids_of_the_ledgers_own_are_refused(id_: str) -> None:
    assert refusal_of(top_up(id_)).startswith("command_id: ids that begin with policy/, due/, repartition/")


@pytest.mark.parametrize("choice", ["VOICE", "mms", "", 1, None, ["voice"]])
def test_what_is_not_to_be_chosen_is_refused(choice: object) -> None:
    assert refusal_of(use(service=choice)).startswith("service: not one of voice, sms, data")


@pytest.mark.parametrize("flag", ["true", 1, 0, None])
def test_what_is_neither_true_nor_false_is_refused(flag: object) -> None:
    card = {"command": "ReplaceCard", "command_id": "r", "at": START, "msisdn": NUMBER, "iccid": "ab" * 32}
    assert refusal_of(card | {"identity_checked": flag}).startswith(
        "identity_checked: neither true nor false"
    )


@pytest.mark.parametrize("fee", [False, None, "true", 25000, "-1"])
def test_what_is_no_fee_is_refused(fee: object) -> None:
    reclaim = {"command": "ReclaimNumber", "command_id": "r", "at": START, "msisdn": NUMBER, "terms": "t"}
    reclaim |= {"customer": "customer-1", "decision": "approved", "decided_by": "staff-1"}
    assert refusal_of(reclaim | {"fee_paid": fee}).startswith("fee_paid: ")


@pytest.mark.parametrize("verb", ["Set", "Lift"])
def test_who_holds_a_person_by_the_command_of_deposits_is_told_the_other_one(verb: str) -> None:
    held = {"command": f"{verb}LegalHold", "command_id": "h", "at": START, "reference": "case-7"}
    told = refusal_of(held | {"customer": "customer/CAB3DE4FG5HI6JK7LM8NO"})
    assert f"customer: the command is about an account, and {verb}PersonHold about a person; it has " in told


def test_a_field_too_many_and_one_too_few_are_named() -> None:
    assert refusal_of(top_up() | {"bonus": "1"}) == (
        "bonus: the command has no such field; it has command_id, msisdn, credit, price, channel, at, actor"
    )
    without = top_up()
    del without["price"]
    assert refusal_of(without) == "price: is missing"
    assert refusal_of({}) == "command: is missing"
    assert refusal_of({"command": ["TopUp"]}) == (
        'command: no command is named so; schemas/commands lists all; given: ["TopUp"]'
    )


@pytest.mark.parametrize(
    "twice",
    [
        '{"command":"AdvanceTime","command_id":"1","command_id":"2","at":"%s","msisdn":"%s"}',
        '{"command":"AdvanceTime","command_id":"1","command_id":"1","at":"%s","msisdn":"%s"}',
        '{"command":"AdvanceTime","command_id":1,"command_id":"1","at":"%s","msisdn":"%s"}',
        '{"command":"AdvanceTime","command_id":[],"command_id":"1","at":"%s","msisdn":"%s"}',
        '{"command":"AdvanceTime","command_id":"1","command\\u005fid":"1","at":"%s","msisdn":"%s"}',
        '{"command":"AdvanceTime","command_id":"\\"","command_id":"1","at":"%s","msisdn":"%s"}',
    ],
)
def test_a_key_given_twice_is_refused(twice: str) -> None:
    assert refusal_of(twice % (START, NUMBER)) == "command_id: is given twice"


def test_escaped_quotes_are_no_repeated_key() -> None:
    assert as_json(top_up('say "so"', channel="a\\b")).command_id == 'say "so"'


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        (b"", "not JSON"),
        (b"nonsense", "not JSON"),
        (b'{"command":"TopUp"', "not JSON"),
        (b'{"command":"TopUp"} {}', "not JSON"),
        (b'{"command":NaN}', "not JSON"),
        (b"{'command':'TopUp'}", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"TopUp"', "not a JSON object"),
        (b"[" * 100_000, "not a command: nested too deeply"),
        (b'{"command":' * 5_000, "not a command: nested too deeply"),
        (b'{"command":"TopUp\x00"}', "not JSON: the line holds NUL bytes"),
        (b'{"command":"Top\xfcUp"}', "not UTF-8 from byte 15 on"),
        ('{"command":"TopUp"}'.encode("utf-16"), "not JSON: the line holds NUL bytes"),
    ],
)
def test_what_is_no_json_object_is_refused(line: bytes, refused: str) -> None:
    assert refusal_of(line).startswith(refused)


def test_a_live_log_dates_commands_itself_and_refuses_a_stated_time() -> None:
    live = CommandReader(played=False, now=lambda: 7)
    undated = top_up()
    del undated["at"]
    assert live.from_json(json.dumps(undated).encode()).at == 7
    assert live.from_json(json.dumps(undated | {"at": None}).encode()).at == 7
    assert refusal_of(top_up(), live).startswith("at: a live log takes its own clock's time")


def test_a_played_log_wants_the_time_stated_or_set() -> None:
    undated = top_up()
    del undated["at"]
    assert refusal_of(undated) == UNDATED
    told = CommandReader(played=True, now=lambda: 7)
    assert told.from_json(json.dumps(undated).encode()).at == 7
    assert told.from_json(json.dumps(top_up()).encode()).at == AT


@given(st.binary(max_size=200))
def test_no_line_of_bytes_brings_anything_else_than_a_refusal(line: bytes) -> None:
    with pytest.raises(Invalid):
        PLAYED.from_json(line)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(use())), _ANY)
def test_no_value_of_a_field_brings_anything_else_than_a_command_or_a_refusal(
    name: str, value: object
) -> None:
    line = json.dumps(use() | {name: value}).encode()
    try:
        command = PLAYED.from_json(line)
    except Invalid:
        return
    assert type(command) is RecordUsage


@given(st.integers(1, 10**15), st.integers(-(10**15), 4 * 10**15))
def test_amounts_and_instants_come_through_exactly(sen: int, instant: int) -> None:
    found = as_json(top_up(credit=format_amount(sen), at=format_instant(instant)))
    assert isinstance(found, TopUp)
    assert (found.credit, found.at) == (sen, instant)
