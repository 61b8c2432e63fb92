"""Our own bill, as delivered, against the record: taken in, reconciled, recorded, signed off on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.money import parse_amount
from ledger.figures import rupiah
from tests.entrypoints.pulsa import NUMBER, Pulsa

OPENED, CLOSED, LATER = (f"2023-{day}T10:00:00+07:00" for day in ("07-03", "08-05", "08-06"))
OPENING = (
    "--customer",
    "c-17",
    "--plan",
    "elite-100",
    "--terms",
    "smartfren-elite-2023",
    "--billing-day",
    "1",
)


@pytest.fixture
def bill(pulsa: Pulsa) -> dict[str, Any]:
    """A bill that the log has issued, as `bill show` prints it."""
    pulsa.done("contract", "open", NUMBER, *OPENING, "--registration", "verified", "--now", OPENED)
    pulsa.done("log", "advance", "--now", CLOSED)
    return pulsa.json("bill", "show", f"{NUMBER}-1-B0001", "--now", CLOSED)[0]


def received(pulsa: Pulsa, bill: dict[str, Any], now: str = CLOSED) -> str:
    file = pulsa.file("bill.json", bill)
    (said,) = pulsa.json("statement", "receive", file, "--now", now)
    assert said["code"] is None
    return str(said["statement"])


def test_our_own_bill_agrees_and_is_signed_off(pulsa: Pulsa, bill: dict[str, Any]) -> None:
    statement = received(pulsa, bill)
    before = len(pulsa.events())
    items = pulsa.json("reconcile", statement)
    assert {(one["outcome"], one["rule"], one["difference"]) for one in items} == {
        ("equal", "reference", "0")
    }
    assert len(items) == len(bill["lines"]) + 2
    assert len(pulsa.events()) == before, "reconciling writes nothing"
    said = pulsa.done("reconcile", statement, "--record", "--now", LATER)
    assert len(pulsa.events()) == before + 1
    result = said.rpartition("result ")[2].split()[0]
    assert "0 items open" in said
    pulsa.done("statement", "sign-off", statement, "--result", result, "--now", LATER)
    (listed,) = pulsa.json("statement", "list")
    assert (listed["statement"], listed["state"], listed["lines"]) == (statement, "signed-off", len(items))
    assert "clean" in pulsa.done("log", "verify")


def test_the_same_file_again_is_a_repeat_and_another_bill_of_its_number_a_conflict(
    pulsa: Pulsa, bill: dict[str, Any]
) -> None:
    received(pulsa, bill)
    before = pulsa.events()
    file = pulsa.file("again.json", bill)
    (said,) = pulsa.json("statement", "receive", file, "--now", LATER)
    assert (said["status"], said["code"]) == ("repeated", None)
    other = pulsa.file("other.json", bill | {"total": "1"})
    result = pulsa("statement", "receive", other, "--json", "--now", LATER)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["code"] == "statement-conflict"
    assert pulsa.events() == before


def test_what_differs_is_named_and_nothing_else(pulsa: Pulsa, bill: dict[str, Any]) -> None:
    statement = received(pulsa, bill | {"total": "100000", "lines": []})
    items = {one["item"]: one for one in pulsa.json("reconcile", statement)}
    outcomes = {name: (one["outcome"], one["stated"], one["system"]) for name, one in items.items()}
    charged = f"E{NUMBER}#1/2.1"
    assert outcomes == {
        "L1": ("equal", bill["tax"], bill["tax"]),
        "L2": ("amount-differs", "100000", bill["total"]),
        charged: ("missing-on-statement", None, bill["lines"][0]["amount"]),
    }
    assert {one["item"] for one in pulsa.json("reconcile", statement, "--differences")} == {"L2", charged}
    shown = pulsa.done("statement", "show", statement)
    assert "amount-differs" in shown
    assert rupiah(parse_amount(bill["total"])) in shown
    why = ("--reason", "paper-typo", "--now", LATER)
    pulsa.done("statement", "resolve", statement, "--item", "L2", *why)
    known = {one["item"]: one["resolved"] for one in pulsa.json("reconcile", statement)}
    assert set(known.values()) == {None}, "nobody knew it yet when the log was closed"
    pulsa.done("log", "advance", "--now", "2023-08-07T00:00:00+07:00")
    known = {one["item"]: one["resolved"] for one in pulsa.json("reconcile", statement)}
    assert known == {"L1": None, "L2": "paper-typo", charged: None}
    between = ("statement", "compare", statement, "--before", CLOSED)
    (changed,) = pulsa.json(*between)
    sides = [changed[name] for name in ("item", "outcome", "resolved_before", "resolved", "final")]
    assert sides == ["L2", "amount-differs", None, "paper-typo", True]
    assert "amount-differs, paper-typo" in pulsa.done(*between)
    assert pulsa.json(*between, "--known-at", CLOSED) == []
    assert "nothing changed" in pulsa.done(*between, "--known-at", CLOSED)


def test_a_run_is_recorded_of_what_is_final_only(pulsa: Pulsa, bill: dict[str, Any]) -> None:
    statement = received(pulsa, bill)
    late = ("--known-at", "2023-08-05T09:59:59.999999+07:00")
    result = pulsa("reconcile", statement, *late, "--record", "--now", LATER)
    assert result.exit_code == 1
    assert "not-final" in result.stderr


def test_the_file_is_kept_for_its_owner_alone_and_a_key_that_others_read_is_not_used(
    pulsa: Pulsa, bill: dict[str, Any]
) -> None:
    received(pulsa, bill)
    folder, key = Path(f"{pulsa.log}.evidence"), Path(f"{pulsa.log}.evidence.key")
    (kept,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o700, 0o600)
    key.chmod(0o644)
    file = pulsa.file("again.json", bill)
    assert pulsa.complaint("statement", "receive", file, "--now", LATER).startswith("key-unusable")


def test_a_statement_that_a_program_begins_says_its_file_by_the_digest(pulsa: Pulsa) -> None:
    said = ("--kind", "bill", "--format", "f", "--reader", "r", "--reader-version", "1", "--unit", "IDR")
    of_file = ("--file", "a" * 64, "--size", "1", "--place", "0", "--content", "b" * 64, "--at", OPENED)
    begun = pulsa("statement", "begin", f"statement/{'9' * 32}", *said, *of_file)
    assert (begun.exit_code, "statement-conflict: " in begun.output) == (
        1,
        True,
    )  # its id is of another digest


def test_what_is_no_statement_is_refused_with_nothing_written(pulsa: Pulsa, bill: dict[str, Any]) -> None:
    before = pulsa.events()
    file = pulsa.file("none.json", {"bill": "x"})
    assert pulsa.complaint("statement", "receive", file).startswith("statement-unreadable: line 1")
    assert pulsa.events() == before
    unknown = pulsa("reconcile", "0" * 32)
    assert (unknown.exit_code, "unknown-statement" in unknown.stderr) == (2, True)


def test_differences_become_disputes_of_the_account_once_each(pulsa: Pulsa, bill: dict[str, Any]) -> None:
    statement = received(pulsa, bill | {"total": "100000", "tax": "1"})
    said = pulsa.done("reconcile", statement, "--open", "--now", LATER)
    dispute = f"D-{statement.removeprefix('statement/')}-3"
    assert f"{dispute} on {NUMBER}#1: accepted" in said
    assert said.count("D-") == 1, "the tax is part of the bill, and disputed with its total"
    opened = [one for one in pulsa.events() if one["type"].endswith("DisputeOpened")]
    assert [(one["account"], one["actor"], one["data"]["dispute"]) for one in opened] == [
        (f"{NUMBER}#1", "policy", dispute)
    ]
    told = opened[0]["data"]
    assert (told["about"], told["refers_to"], told["line"]) == ("bill", bill["bill"], 3)
    before = pulsa.events()
    assert f"{dispute} on {NUMBER}#1: repeated" in pulsa.done(
        "reconcile", statement, "--open", "--now", LATER
    )
    assert pulsa.events() == before
    assert "clean" in pulsa.done("log", "verify")


def csv(pulsa: Pulsa, name: str, *rows: str, opening: str = "") -> list[str]:
    """A channel's file of top-ups, and its mapping."""
    mapping = (
        f'kind = "channel"\nfields = ["reference", "account", "date", "amount"]\nnumber = "{name}"\n'
        f'account = "{NUMBER}"\n'
    )
    return [pulsa.file(f"{name}.csv", *rows), "--mapping", pulsa.file(f"{name}.toml", mapping)]


def test_a_record_that_an_earlier_statement_used_is_out_and_later_knowledge_changes_nothing(
    pulsa: Pulsa,
) -> None:
    pulsa.active()
    for number, day in ((1, "07-30"), (2, "08-02")):
        sold = ("--credit", "10000", "--price", "11000", "--channel", "app", "--command-id", f"t{number}")
        pulsa.done("credit", "top-up", NUMBER, *sold, "--now", f"2023-{day}T10:00:00+07:00")
    of_july = csv(pulsa, "july", f"x-1,{NUMBER},2023-07-30,11000")
    of_august = csv(pulsa, "august", f"x-2,{NUMBER},2023-07-31,11000", f"x-3,{NUMBER},2023-08-02,11000")
    (july,) = pulsa.json("statement", "receive", *of_july, "--now", CLOSED)
    (august,) = pulsa.json("statement", "receive", *of_august, "--now", CLOSED)
    pulsa.done("log", "advance", "--now", LATER)
    found = pulsa.json("reconcile", august["statement"])
    outcomes = [(one["outcome"], one["records"]) for one in found]
    assert outcomes == [("equal", [f"E{NUMBER}#1/4"]), ("timing", [])]
    assert pulsa.json("reconcile", july["statement"])[0]["records"] == [f"E{NUMBER}#1/3"]
    known = ("--known-at", "2023-08-05T09:59:59+07:00")
    before = pulsa.json("reconcile", august["statement"], *known)
    assert [one["records"] for one in before][:1] == [[f"E{NUMBER}#1/3"]], "july's had not come in by then"
    assert pulsa.json("reconcile", august["statement"], "--known-at", "2023-08-04") == before, (
        "a day is its end"
    )
    sold = ("--credit", "10000", "--price", "11000", "--channel", "app", "--command-id", "t3")
    pulsa.done("credit", "top-up", NUMBER, *sold, "--now", "2023-08-07T10:00:00+07:00")
    assert pulsa.json("reconcile", august["statement"], *known) == before


@pytest.mark.clause("SE23-03")
def test_what_a_partner_states_is_held_against_his_records_by_amount_and_quantity(pulsa: Pulsa) -> None:
    """Differences are settled with him, summed by month; what we charge is not asked, and nobody's bill is disputed.

    Of use that the system has recorded itself, its record prevails.
    """
    pulsa.done("contract", "open", NUMBER, *OPENING, "--registration", "verified", "--now", OPENED)
    own = ("--service", "voice", "--direction", "outgoing", "--used-at", "2023-07-04T10:00:00+07:00")
    use = ("--destination", "off-net", "--zone", "zone1", "--quantity", "60", "--command-id", "use-1")
    pulsa.done("usage", "record", NUMBER, *own, *use, "--now", "2023-07-04T10:00:00+07:00")
    abroad = ("--answered", "--country", "SG", "--partner-currency", "USD", "--partner", "SGPST")
    for record, amount, quantity, matches in (
        *(("r-1", "1.25", "60", ()), ("r-2", "1.255", "61", ("--matches", "use-1"))),
        *(("r-3", "2", "30", ()), ("r-4", "3", "90", ()), ("r-5", "4", "90", ())),
    ):
        said = ("--record", record, "--partner-amount", amount, "--quantity", quantity, *matches)
        pulsa.done("usage", "roam", NUMBER, *own, *abroad, *said, "--now", "2023-07-05T10:00:00+07:00")
    other = ("--record", "r-1", "--partner-amount", "9", "--quantity", "9", "--partner", "MYTEL")
    pulsa.done("usage", "roam", NUMBER, *own, *abroad[:-2], *other, "--now", "2023-07-05T10:00:00+07:00")
    pulsa.done("log", "advance", "--now", CLOSED)
    mapping = (
        'kind = "partner"\npartner = "SGPST"\nnumber = "tap-7"\ncurrency = "USD"\n'
        'fields = ["reference", "account", "date", "amount", "quantity"]\n'
    )
    day = f"{NUMBER},2023-07-04"
    rows = [
        f"r-1,{day},1.25,60",
        f"r-2,{day},1.26,61",
        f"r-3,{day},2.50,30",
        f"r-4,{NUMBER},2023-07-20,3,90",
        f"r-9,{day},5,7",
    ]
    file = pulsa.file("tap.csv", *rows)
    asked = (file, "--mapping", pulsa.file("tap.toml", mapping), "--now", CLOSED)
    (received,) = pulsa.json("statement", "receive", *asked)
    found = pulsa.json("reconcile", received["statement"])
    assert [
        (
            one["outcome"],
            one["rule"],
            one["stated"],
            one["system"],
            one["stated_quantity"],
            one["system_quantity"],
        )
        for one in found
    ] == [
        ("equal", "reference", "1.25", "1.25", 60, 60),
        ("amount-differs", "reference-quantity", "1.26", "1.26", 61, 60),
        ("amount-differs", "reference-amount", "2.50", "2", 30, 30),
        ("equal", "reference", "3", "3", 90, 90),
        ("missing-in-system", "none", "5", None, 7, None),
        ("missing-on-statement", "none", None, "4", None, 90),
    ]
    assert {one["partner"] for one in found} == {"SGPST"}
    opened = pulsa.done("reconcile", received["statement"], "--open", "--now", LATER)
    dispute = f"D-{received['statement'].removeprefix('statement/')}-2"
    assert f"{dispute} on {NUMBER}#1: accepted" in opened
    assert opened.count("D-") == 1, "of all else the partner's record is the only one"
    how = ("--decision", "overridden", "--reason", "record", "--decided-by", "staff-3", "--actor", "staff-3")
    pulsa.done("dispute", "decide", NUMBER, "--dispute", dispute, *how, "--now", LATER)
    (shown,) = pulsa.json("dispute", "show", dispute, "--now", LATER)
    sides = [shown[name] for name in ("about", "state", "claimed", "system", "unit")]
    assert sides == ["roaming", "overridden", "61", "60", "QUANTITY"]
    words = " ".join(pulsa.done("dispute", "show", dispute, "--now", LATER).split())
    assert "61 QUANTITY" in words
    assert "SE23-02: The system record prevails over a billing statement" in words
    told = [line.replace("│", " ").split() for line in opened.splitlines()]
    assert ["SGPST", "2023-07", "4", "8,76", "7,26", "USD", "98", "180"] in told
    pulsa.done("reconcile", received["statement"], "--record", "--now", LATER)
    assert "clean" in pulsa.done("log", "verify")
