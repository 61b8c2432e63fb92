"""`pulsa dead-letters resend --in-transit`: whatever kept it, a transfer arrives or returns, once."""

from __future__ import annotations

import pytest

from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer
from tests.entrypoints.pulsa import NUMBER, OTHER, Pulsa
from tests.entrypoints.test_dead import LONG, NOBODY_KNOWS, SEND, two, waiting
from tests.failing import failing

RESEND = ("dead-letters", "resend", "--in-transit")
HOUR_LATER = ("--now", "2023-08-10T11:00:00+07:00")


def types(pulsa: Pulsa) -> list[str]:
    return [found["type"].rpartition(".")[2] for found in pulsa.events() if "CreditTransfer" in found["type"]]


def test_what_was_set_apart_in_a_file_arrives(pulsa: Pulsa) -> None:
    two(pulsa)
    assert pulsa.json(*RESEND, *NOBODY_KNOWS) == []
    with failing(lambda asked: isinstance(asked, ReceiveCreditTransfer)):
        pulsa.done("credit", "transfer", NUMBER, "--to-msisdn", OTHER, *SEND)
    (listed,) = pulsa.json(*RESEND, "--dry-run", *NOBODY_KNOWS)
    assert (listed["transfer"], listed["command"]) == (f"{NUMBER}#1/gift", "ReceiveCreditTransfer")
    assert (listed["amount"], "outcome" in listed, waiting(pulsa)) == ("20000", False, ["20000"])
    assert pulsa.json(*RESEND, "--older-than", "2h", *HOUR_LATER) == []
    (sent,) = pulsa.json(*RESEND, "--older-than", "1h", *HOUR_LATER)
    assert sent["outcome"]["status"] == "accepted"
    assert waiting(pulsa) == []
    assert pulsa.json(*RESEND, *HOUR_LATER) == []
    (one,) = pulsa.json("dead-letters", "list")
    assert pulsa.json("dead-letters", "resend", one["position"], *HOUR_LATER)[0]["status"] == "repeated"
    assert types(pulsa) == ["CreditTransferSent", "CreditTransferReceived"]
    assert pulsa.json("log", "verify")[0]["clean"]


def test_what_was_refused_and_could_not_come_back_comes_back(pulsa: Pulsa) -> None:
    pulsa.active(NUMBER)
    pulsa.done("credit", "top-up", NUMBER, *LONG)
    with failing(lambda asked: isinstance(asked, ReturnCreditTransfer)):
        pulsa.done("credit", "transfer", NUMBER, "--to-msisdn", OTHER, *SEND)
    pulsa.active(OTHER)  # it would be taken by now, but it was refused
    shown = pulsa.done(*RESEND, *NOBODY_KNOWS)
    assert "ReturnCreditTransfer" in shown
    assert "1 transfer in transit" in shown
    assert waiting(pulsa) == []
    assert "0 transfers in transit" in pulsa.done(*RESEND, *NOBODY_KNOWS)
    assert types(pulsa) == ["CreditTransferSent", "CreditTransferReturned"]
    assert pulsa.json("log", "verify")[0]["clean"]


@pytest.mark.parametrize(
    "asked",
    [
        ("dead-letters", "resend"),
        ("dead-letters", "resend", "--dry-run", "0:1"),
        (*RESEND, "0:1"),
        (*RESEND, "--older-than", "soon"),
    ],
)
def test_what_makes_no_sense_is_not_asked(pulsa: Pulsa, asked: tuple[str, ...]) -> None:
    assert pulsa(*asked).exit_code == 2
