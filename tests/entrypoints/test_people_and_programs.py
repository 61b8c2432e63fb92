"""One format for people and one for programs, of every question: Rp 13.727,40 or 13727.40, and as wide as is seen."""

from __future__ import annotations

import re

import pytest

from ledger.entrypoints.cli.branches import paths
from ledger.entrypoints.cli.nouns import Verb
from ledger.figures import decimal, fraction, grouped, of_unit, rupiah, signed
from tests.entrypoints.pulsa import NUMBER, OTHER, Pulsa, activate, issue, top_up, use

NOW = "2023-05-02T00:00:00+07:00"
BEFORE = "2023-03-01T10:00:00+07:00"
BILL = f"{NUMBER}-1-B0001"
_CREDIT = f"{OTHER}#1/credit"

_ELSEWHERE = {
    "enquiry": ("--all",),
    "why": (OTHER,),
    "balance": (_CREDIT, f"{NUMBER}#1/unbilled", "operator/usage"),
    "number history": (OTHER, "--refused"),
    "usage show": (OTHER,),
    "report movements": (_CREDIT,),
    "report trial-balance": ("--each",),
    "report upcoming": ("--until", "2024-01-01T00:00:00+07:00"),
    "contract list": (),
    "customer list": (),
    "report receivables": (),
}
"""Questions that are asked of the prepaid number, or of all; others are asked as their examples are."""
_MORE = (
    ("number", "history", NUMBER),
    ("number", "timeline", OTHER),
    ("report", "trial-balance", "--by-day"),
    ("report", "receivables", "--each"),
    ("report", "blocks"),
    ("log", "journal"),
    ("log", "outcome", OTHER, "use"),
    ("log", "verify"),
    ("data", "export", "csv", "--out", "out.csv", "--overwrite"),
    ("terms", "list"),
    ("terms", "show", "smartfren-prepaid-2023"),
    ("terms", "explain", "smartfren-prepaid-2023", "grace"),
    ("terms", "diff", "smartfren-prepaid-2023", "smartfren-prepaid-2025"),
)
_MACHINES = re.compile(r"(?<![\w.,:-])-?\d+\.\d{2}(?![\d.])")
"""An amount as programs are told it."""
_UTC = re.compile(r"(?<!/)\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)")
"""An instant as programs are told it; that in the id of a command is no more than an id."""


def _takes_moment(verb: Verb) -> bool:
    """Whether a verb is a question with two instants."""
    from importlib import import_module
    from inspect import signature

    module, colon, name = verb.does.partition(":")
    return (
        bool(colon)
        and "then" in signature(getattr(import_module(f"ledger.entrypoints.cli.{module}"), name)).parameters
    )


def _for_people(example: str) -> list[str]:
    return [word for word in example.split() if word not in ("--json", "--csv")]


def questions() -> list[tuple[str, ...]]:
    """Every question that there is."""
    found = [
        (*path.split(), *(_ELSEWHERE[path] if path in _ELSEWHERE else _for_people(verb.example)))
        for path, verb in paths()
        if _takes_moment(verb)
    ]
    return [*found, *_MORE]


@pytest.fixture
def told(pulsa: Pulsa) -> Pulsa:
    """A contract with bills, a payment and a deposit; a prepaid number that called, was refused, and is blocked."""
    start = {"at": BEFORE}
    lines = [
        issue(OTHER, **start),
        activate(OTHER, **start),
        top_up("top-up", OTHER, **start),
        use(number=OTHER, used_at=BEFORE, **start),
        top_up("small", OTHER, credit="1", **start),
        {"command": "Block", "command_id": "b", "msisdn": OTHER, "block": "lost", "scope": "all"}
        | {"ground": "lost-or-stolen"}
        | start,
    ]
    pulsa.done("ingest", pulsa.file("feed.jsonl", *lines))
    pulsa.environment["PULSA_NOW"] = BEFORE
    opening = ("--customer", "c-17", "--plan", "elite-100", "--terms", "smartfren-elite-2023")
    pulsa.done("contract", "open", NUMBER, *opening, "--billing-day", "1", "--registration", "verified")
    called = ("--service", "voice", "--direction", "outgoing", "--destination", "off-net", "--zone", "zone1")
    pulsa.done("usage", "record", NUMBER, *called, "--used-at", BEFORE, "--quantity", "200")
    pulsa.environment["PULSA_NOW"] = "2023-04-03T10:00:00+07:00"
    paid = ("--reference", "p-1", "--amount", "50000.50", "--method", "cash", "--payer", "c-17")
    pulsa.done("payment", "receive", NUMBER, *paid)
    held = ("--deposit", "d-1", "--amount", "500000", "--purpose", "roaming", "--payer", "c-17")
    pulsa.done("deposit", "receive", NUMBER, *held)
    pulsa.environment["PULSA_NOW"] = NOW
    pulsa.done("log", "advance")
    return pulsa


def test_what_people_read_fits_and_is_written_as_they_write_and_programs_are_told_decimals(
    told: Pulsa,
) -> None:
    answered = amounts = 0
    for question in questions():
        each = {columns: told(*question, COLUMNS=str(columns)) for columns in (80, 120)}
        for columns, done in each.items():
            said = done.stdout
            assert [line for line in said.splitlines() if len(line) > columns] == [], question
            assert _MACHINES.findall(said) == [], (question, said)
            assert _UTC.findall(said) == [], (question, said)
        answered += each[80].exit_code == 0
        amounts += "Rp " in each[80].stdout
        if question not in _MORE:
            said = told(*question, "--json").stdout
            assert "Rp" not in said, question
            assert "WIB" not in said, question
    assert (answered > 30, amounts > 15) == (True, True)


def test_the_format_of_people() -> None:
    assert [rupiah(sen) for sen in (0, 5, -50_000, 1_372_740, 123_456_789_000)] == [
        "Rp 0",
        "Rp 0,05",
        "-Rp 500",
        "Rp 13.727,40",
        "Rp 1.234.567.890",
    ]
    assert (signed(500), signed(-500), of_unit(500, "PULSA")) == ("+Rp 5", "-Rp 5", "Rp 5 of credit")
    assert (of_unit(500, "IDR"), grouped(170_000), fraction(1234.56)) == ("Rp 5", "170.000", "1.234,6")
    assert [decimal(one) for one in ("-0.05", "-1234.5", "0", "1000")] == ["-0,05", "-1.234,5", "0", "1.000"]
