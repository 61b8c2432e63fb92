"""A contract on the command line: opened, used, billed, paid, asked for."""

from __future__ import annotations

import re
from pathlib import Path

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
    told = " ".join(pulsa.done("enquiry", NUMBER, "--now", "2023-04-25T00:00:00+07:00").split())
    assert "Owed on bills Rp 61.000, not billed yet Rp 5.000. Left of the limit: Rp 234.000." in told
    assert f"{NUMBER}-1-B0001: Rp 61.000 was due on 21 April 2023." in told


def test_a_bill_is_a_page_to_look_at(pulsa: Pulsa, tmp_path: Path) -> None:
    """One page in both languages: what is billed, its clause where it is unusual, the tax, what it was made from."""
    opening = ("--customer", "c-17", "--plan", "elite-100", "--terms", "smartfren-elite-2023")
    ready = ("--billing-day", "1", "--registration", "verified", "--at", "2023-03-01T10:00:00+07:00")
    pulsa.done("contract", "open", NUMBER, *opening, *ready)
    pulsa.done("number", "advance", NUMBER, "--at", "2023-05-02T00:00:00+07:00")
    (shown,) = pulsa.json("bill", "show", f"{NUMBER}-1-B0002", "--now", "2023-05-02T00:00:00+07:00")
    files = ("--html", str(tmp_path / "bill.html"), "--pdf", str(tmp_path / "bill.pdf"))
    pulsa.done(
        "bill",
        "show",
        f"{NUMBER}-1-B0002",
        *files,
        "--now",
        "2023-05-02T00:00:00+07:00",
        PULSA_SELLER="PT <Penjual>, Jakarta",
        PULSA_SELLER_TAX_NUMBER="01.234.567.8-901.000",
    )
    page = (tmp_path / "bill.html").read_text("utf-8")
    for said in (
        f"Tagihan {NUMBER}-1-B0002",
        "Kekurangan komitmen minimum",
        "Shortfall of the minimum commitment",
        "[SE23-06]",
        "Denda keterlambatan",
        "[SE23-10]",
        "PPN atas Rp 100.000 (11/100)",
        "Rp 11.000",
        "PT &lt;Penjual&gt;, Jakarta",
        "01.234.567.8-901.000",
        "21 Mei 2023",
        shown["position"],
    ):
        assert said in page, said
    assert "http" not in page
    assert "c-17" not in page
    pdf = (tmp_path / "bill.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert re.findall(rb"/Count \d+", pdf) == [b"/Count 1"]
