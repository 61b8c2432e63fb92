"""Questions on the command line: exactly the fields of the language with --json, and words for people."""

from __future__ import annotations

import pytest

from ledger.entrypoints.principal import of_this_process
from tests.entrypoints.pulsa import NUMBER, OTHER, START, Pulsa, activate, issue, top_up, use

DAY_ONE = "2023-07-04T00:00:00+07:00"


@pytest.fixture
def told(pulsa: Pulsa) -> Pulsa:
    """An account with 13,727.40 left of 15,000, one in its starter pack, and a refused top-up."""
    lines = (
        issue(),
        activate(),
        top_up(),
        use(),
        top_up("small", credit="1"),
        issue(OTHER, command_id="other"),
    )
    pulsa.done("ingest", pulsa.file("feed.jsonl", *lines))
    return pulsa


def test_an_enquiry_has_the_fields_of_the_language(told: Pulsa) -> None:
    (answer,) = told.json("enquiry", NUMBER, "--as-of", DAY_ONE, "--known-at", DAY_ONE)
    digest = answer.pop("terms_digest")
    assert len(digest) == 64
    assert answer == {
        "msisdn": NUMBER,
        "account": f"{NUMBER}#1",
        "terms": "smartfren-prepaid-2023",
        "state": "active",
        "credit": "13727.40",
        "reserved": "0",
        "available": "13727.40",
        "active_until": "2023-08-02T17:00:00Z",
        "grace_until": None,
        "product": "prepaid",
        "forfeited_by_top_up": "0",
        "waiting_until": None,
        "blocks": [],
        "usage": {"voice_seconds": 200, "sms": 0, "data_bytes": 0, "charged": "1272.60"},
        "as_of": "2023-07-03T17:00:00Z",
        "known_at": "2023-07-03T17:00:00Z",
        "final": False,
        "position": "0:6",
    }


@pytest.mark.clause("SP23-15", "XP25-12")
@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("2023-07-04", "credit Rp 13.727,40, active to the end of 2 August 2023. "),
        ("2023-08-10", "credit Rp 13.727,40, in grace to the end of 1 September 2023. Top up to use it. "),
        (
            "2023-10-01",
            (
                "credit Rp 13.727,40, out of service. Top up by the end of 29 January 2024 to keep the number;"
                " that restores service and forfeits Rp 13.727,40. "
            ),
        ),
        ("2025-01-01", "deactivated. Credit Rp 0. "),
    ],
)
def test_the_text_of_an_enquiry_says_what_a_customer_asks(told: Pulsa, as_of: str, words: str) -> None:
    said = told.done("enquiry", "0881 1234 5678", "--as-of", f"{as_of}T12:00:00+07:00")
    used = "Used: 200 s of calls, 0 SMS, 0 KB of data, Rp 1.272,60."
    assert " ".join(said.split()).startswith(f"{NUMBER}: {words}{used} as of {as_of} 12:00:00 WIB, known at ")


def test_the_text_names_reservations_blocks_and_a_pack_not_activated(told: Pulsa) -> None:
    reserve = {"command": "ReserveCredit", "command_id": "r", "at": START, "msisdn": NUMBER}
    reserve |= {"reservation": "r", "amount": "500", "expires_at": "2023-07-09T00:00:00Z"}
    block = {"command": "Block", "command_id": "b", "at": START, "msisdn": NUMBER}
    block |= {"block": "b", "scope": "all", "ground": "lost-or-stolen"}
    told.done("ingest", told.file("more.jsonl", reserve, block))
    said = told.done("enquiry", NUMBER, OTHER, "--as-of", DAY_ONE)
    words = " ".join(said.split())
    assert "credit Rp 13.727,40 (of it Rp 500 reserved), active" in words
    assert "Blocked (all) since 3 July 2023." in words
    assert f"\n{OTHER}: not active yet. Register to activate it." in said
    assert said.count("as of ") == 1


def test_numbers_that_cannot_be_answered_for_do_not_keep_the_others_back(told: Pulsa) -> None:
    result = told("enquiry", "6281100000000", NUMBER, "--as-of", DAY_ONE)
    assert result.exit_code == 2
    assert result.stdout.startswith(f"{NUMBER}: credit")
    (complaint,) = result.stderr.splitlines()
    assert complaint.startswith("pulsa: unknown-account: 6281100000000 is not known as of ")


def test_all_numbers_are_asked_at_once(told: Pulsa) -> None:
    answers = told.json("enquiry", "--all", "--as-of", DAY_ONE)
    assert [(answer["msisdn"], answer["state"]) for answer in answers] == [
        (NUMBER, "active"),
        (OTHER, "inactive"),
    ]
    assert told.complaint("enquiry").startswith("usage: ")
    assert told.complaint("enquiry", NUMBER, "--all").startswith("usage: ")


def test_what_will_be_known_later_cannot_be_asked_for(told: Pulsa) -> None:
    beyond = ("--known-at", "2023-07-05T00:00:00Z", "--now", "2023-07-04T00:00:00Z")
    for question in (
        ("enquiry", NUMBER),
        (
            "report",
            "states",
        ),
        ("balance", "operator/cash"),
        ("number", "history", NUMBER),
    ):
        assert told.complaint(*question, *beyond) == (
            "in-the-future: what will be known later cannot be asked: it is 2023-07-04 07:00:00 WIB"
        )
    told.done("enquiry", NUMBER, "--as-of", "2023-07-09T00:00:00Z", "--now", "2023-07-04T00:00:00Z")


@pytest.mark.parametrize("instant", ["yesterday", "2023-02-30", "2023-07-04T00:00:00"])
def test_an_instant_that_is_none_is_a_wrong_use(told: Pulsa, instant: str) -> None:
    assert told.complaint("enquiry", NUMBER, "--as-of", instant).startswith(
        "usage: Invalid value for '--as-of'"
    )
    assert told.complaint("enquiry", NUMBER, "--now", instant).startswith("settings-invalid: --now: ")


def test_a_number_that_is_none_is_a_wrong_use(told: Pulsa) -> None:
    assert told.complaint("enquiry", "12").startswith("usage: Invalid value for 'MSISDN…'")
    assert told.complaint("number", "history", "12").startswith("usage: Invalid value for 'MSISDN'")


def test_an_outcome_can_be_asked_for_later(told: Pulsa) -> None:
    (accepted,) = told.json("log", "outcome", NUMBER, "top-up")
    reference = {"type": "ledger.prepaid.CreditToppedUp", "account": f"{NUMBER}#1", "version": 3}
    assert accepted == {
        "command_id": "top-up",
        "status": "accepted",
        "refusal": None,
        "events": [reference],
        "position": "0:5",
        "principal": of_this_process(),
    }
    (refused,) = told.json("log", "outcome", NUMBER, "small")
    assert refused["refusal"]["code"] == "below-minimum"
    assert told.done("log", "outcome", NUMBER, "small").startswith(
        "refused: command small, position 0:6\n  below-minimum:"
    )
    assert told.complaint("log", "outcome", NUMBER, "nothing").startswith("unknown-command: ")


def test_a_history_lists_events_with_balances_and_refusals_in_between(told: Pulsa) -> None:
    events = told.json("number", "history", NUMBER, "--as-of", DAY_ONE)
    assert [event["credit"] for event in events] == ["0", "5000", "15000", "13727.40"]
    lines = told.json("number", "history", NUMBER, "--refused", "--as-of", DAY_ONE)
    assert [line.get("refusal") for line in lines].count(None) == 4
    said = told.done("number", "history", NUMBER, "--refused", "--as-of", DAY_ONE).splitlines()
    assert said[:2] == [
        "when (WIB)          what happened              credit then clause  position",
        f"{NUMBER}#1",
    ]
    assert said[5].split()[-4:] == ["Rp", "13.727,40", "SP23-13", "0:6"]
    assert "SP23-13: Use costs the tariff in force when it happens" in "\n".join(said)
    assert said[-1].startswith("as of 2023-07-04 00:00:00 WIB, known at ")
    assert said[6].endswith("TopUp refused: below-minimum 0:6")


def test_balances_are_a_line_for_each_unit(told: Pulsa) -> None:
    then = ("--as-of", DAY_ONE, "--known-at", DAY_ONE)
    (credit, cash) = told.json("balance", f"{NUMBER}#1/credit", "operator/cash", *then)
    assert credit == {
        "account": f"{NUMBER}#1/credit",
        "unit": "PULSA",
        "amount": "13727.40",
        "as_of": "2023-07-03T17:00:00Z",
        "known_at": "2023-07-03T17:00:00Z",
        "final": False,
        "position": "0:6",
    }
    assert (cash["unit"], cash["amount"]) == ("IDR", "11000")
    said = told.done("balance", "operator/cash", *then)
    assert said.startswith("operator/cash: Rp 11.000\nas of 2023-07-04 00:00:00 WIB, known at ")
    assert said.endswith(", provisional\n")
    assert told.complaint("balance", "operator/nothing").startswith("unknown-account: ")


def test_states_and_the_trial_balance_count_everything(told: Pulsa) -> None:
    (states,) = told.json("report", "states", "--as-of", DAY_ONE)
    assert states["accounts"] == {"active": 1, "inactive": 1}
    assert "\nactive " in told.done("report", "states", "--as-of", DAY_ONE)
    (balance,) = told.json("report", "trial-balance", "--as-of", DAY_ONE)
    assert balance["totals"] == {"PULSA": "0", "IDR": "0"}
    (each,) = told.json("report", "trial-balance", "--each", "--as-of", DAY_ONE)
    assert f"{NUMBER}#1/credit" in {row["account"] for row in each["balances"]}
    assert "operator/cash" in told.done("report", "trial-balance", "--as-of", DAY_ONE)


def test_money_in_transit_is_listed(told: Pulsa) -> None:
    assert told.json("report", "in-transit") == []
    nothing, moment = told.done("report", "in-transit", "--as-of", DAY_ONE).splitlines()
    assert nothing == "nothing is in transit"
    assert moment.startswith("as of 2023-")


def test_a_question_never_makes_a_log(pulsa: Pulsa) -> None:
    questions = [
        ("enquiry", NUMBER),
        (
            "report",
            "states",
        ),
        (
            "log",
            "events",
        ),
        (
            "log",
            "verify",
        ),
        ("number", "history", NUMBER),
        (
            "report",
            "in-transit",
        ),
    ]
    for question in [*questions, ("log", "backup", "copy.db"), ("balance", "operator/cash")]:
        assert pulsa.complaint(*question).startswith("log-missing: ")
    assert list(pulsa.folder.iterdir()) == []
