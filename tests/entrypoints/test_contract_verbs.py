"""A contract on the command line: opened, used, billed, paid, asked for."""

from __future__ import annotations

from tests.entrypoints.pulsa import Pulsa
from tests.given import NUMBER


def test_a_contract_is_opened_used_billed_paid_and_asked_for(pulsa: Pulsa) -> None:
    opening = ("--customer", "c-17", "--plan", "elite-100", "--terms", "smartfren-elite-2023")
    ready = ("--billing-day", "1", "--registration", "verified", "--at", "2023-03-01T10:00:00+07:00")
    pulsa.done("contract", "open", NUMBER, *opening, *ready)
    use = ("--service", "voice", "--direction", "outgoing", "--destination", "off-net", "--zone", "zone1")
    when = "2023-03-03T10:00:00+07:00"
    pulsa.done("usage", "record", NUMBER, *use, "--used-at", when, "--quantity", "200", "--at", when)
    paid = ("--reference", "p-1", "--amount", "50000", "--method", "cash", "--payer", "c-17")
    said = pulsa.done("payment", "receive", NUMBER, *paid, "--at", "2023-04-03T10:00:00+07:00")
    assert "PaymentSettled" in said
    (answer,) = pulsa.json("enquiry", NUMBER, "--now", "2023-04-25T00:00:00+07:00")
    assert (answer["product"], answer["billed"], answer["overdue"]) == ("postpaid", "61000", "61000")
    told = pulsa.done("enquiry", NUMBER, "--now", "2023-04-25T00:00:00+07:00")
    assert "Billed Rp 61.000, not billed yet Rp 5.000. Left of the limit: Rp 234.000." in told
    assert f"{NUMBER}-1-B0001: Rp 61.000 was due on 21 April 2023." in told
