"""A contract on the command line: opened, used, billed, paid, asked for."""

from __future__ import annotations

import errno
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.clause("SE23-23", "SE23-25", "SE23-27")
def test_of_a_contract_that_has_ended_is_told_what_is_owed_and_held_and_no_limit(pulsa: Pulsa) -> None:
    """Nothing is left of a limit that nothing may be used of; a deposit can be asked for."""
    opening = ("--customer", "c-17", "--plan", "elite-100", "--terms", "smartfren-elite-2023")
    ready = ("--billing-day", "1", "--registration", "verified", "--at", "2023-03-01T10:00:00+07:00")
    pulsa.done("contract", "open", NUMBER, *opening, *ready)
    deposit = ("--deposit", "d-1", "--amount", "500000", "--purpose", "contract", "--payer", "c-17")
    pulsa.done("deposit", "receive", NUMBER, *deposit, "--at", "2023-03-02T10:00:00+07:00")
    end = "2023-03-20T10:00:00+07:00"
    pulsa.done("number", "terminate", NUMBER, "--ground", "1", "--reference", "r", "--at", end)

    def told(now: str) -> str:
        return " ".join(pulsa.done("enquiry", f"{NUMBER}#1", "--now", now).split())

    owed = "terminated. Owed on bills Rp 0, not billed yet Rp 0. Deposit held Rp 389.000"
    assert f"{owed}, to be asked for to the end of 20 March 2024." in told(end)
    assert "limit" not in told(end)
    asked = ("--payee", "c-17", "--reference", "r-1", "--at", "2023-03-21T10:00:00+07:00")
    pulsa.done("deposit", "request-refund", NUMBER, *asked)
    met = ("--decided-by", "staff-3", "--at", "2023-03-21T11:00:00+07:00")
    pulsa.done("deposit", "confirm", NUMBER, *met)
    assert "Deposit held Rp 389.000, to be paid back by 14 April 2023." in told("2023-03-22T00:00:00+07:00")
    paid = ("--bank-cost", "0", "--reference", "b-1", "--at", "2023-03-27T10:00:00+07:00")
    pulsa.done("deposit", "pay-refund", NUMBER, *paid)
    later = "2024-03-01T00:00:00+07:00"
    assert "settled. Nothing is owed, and nothing is held. Used:" in told(later)
    assert "limit" not in told(later)


def test_a_bill_is_a_page_to_look_at(pulsa: Pulsa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    [last] = [one for one in pulsa.events() if one["position"] == shown["position"]]
    assert last["account"] == shown["account"]
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
        f"Posisi / position {last['position']}; digest {last['digest']}; ",
    ):
        assert said in page, said
    assert "http" not in page
    assert "c-17" not in page
    pdf = (tmp_path / "bill.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert re.findall(rb"/Count \d+", pdf) == [b"/Count 1"]
    _must_take_its_place_whole(pulsa, tmp_path / "bill.html", monkeypatch)


def _no_room(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _must_take_its_place_whole(pulsa: Pulsa, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over what is there, once there is room for all of it; through a link, and into a device."""
    asked = ("bill", "show", f"{NUMBER}-1-B0002", "--now", "2023-05-02T00:00:00+07:00", "--html")
    before = page.read_bytes()
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", _no_room)
        assert pulsa.complaint(*asked, str(page)).startswith(f"file-error: {page}: ")
    assert page.read_bytes() == before
    link = page.with_name("link.html")
    link.symlink_to(page)
    for place in (link, Path(os.devnull)):
        pulsa.done(*asked, str(place))
    assert link.is_symlink()
    assert page.read_bytes() != before  # of another seller
    assert Path(os.devnull).is_char_device()
    assert list(page.parent.glob(".*.part")) == []


@pytest.mark.clause("SE23-05")
def test_what_a_bills_use_is_made_of_is_told_and_stands_on_its_page(pulsa: Pulsa, tmp_path: Path) -> None:
    """Use by service, destination and zone, late use with its date, use abroad record by record."""
    call = {"service": "voice", "direction": "outgoing"}
    home = {"command": "RecordUsage", **call, "destination": "off-net", "zone": "zone1"}
    abroad = {"command": "RecordRoaming", **call, "partner": "P<1>", "answered": True, "country": "SG"}
    stated = {"partner_amount": "1", "partner_currency": "USD", "quantity": 60}
    opened = {"customer": "c-17", "plan": "elite-100", "terms": "smartfren-elite-2023", "billing_day": 1}
    said: list[tuple[str, dict[str, Any]]] = [
        ("03-01T10", {"command": "OpenContract", **opened, "registration": "verified"}),
        ("03-31T23", {**home, "used_at": "2023-03-31T23:00:00+07:00", "quantity": 100}),
        ("04-02T10", {**home, "used_at": "2023-03-31T22:00:00+07:00", "quantity": 200}),
        ("04-03T10", {**home, "used_at": "2023-04-02T10:00:00+07:00", "quantity": 60}),
        ("04-03T11", {**home, "used_at": "2023-04-03T10:00:00+07:00", "quantity": 40}),
        ("04-04T10", {**abroad, "record": "r-1", "used_at": "2023-03-20T10:00:00+07:00", **stated}),
    ]
    own = [
        {"command_id": str(n), "msisdn": NUMBER, "actor": "desk", "at": f"2023-{at}:00:00+07:00", **one}
        for n, (at, one) in enumerate(said)
    ]
    pulsa.done("ingest", pulsa.file("said.jsonl", *own))
    now = ("--now", "2023-05-02T00:00:00+07:00")  # by then both bills are due, and neither is recorded

    def items(bill: str) -> list[tuple[Any, ...]]:
        rows = pulsa.json("bill", "items", f"{NUMBER}-1-{bill}", *now)
        return [(row["record"], row["used_on"], row["quantity"], row["amount"]) for row in rows]

    assert items("B0001") == [(None, None, 100, "909")]
    second = [
        (None, None, 100, "1818"),
        (None, "2023-03-31", 200, "1272.60"),
        ("r-1", "2023-03-20", 60, "15000"),
    ]
    assert items("B0002") == second
    (shown,) = pulsa.json("bill", "show", f"{NUMBER}-1-B0002", *now)
    of_use = [Decimal(line["amount"]) for line in shown["lines"] if line["kind"] in {"usage", "roaming"}]
    assert sum(of_use) == sum(Decimal(amount) for *_, amount in second)
    pulsa.done("bill", "show", f"{NUMBER}-1-B0002", "--html", str(tmp_path / "bill.html"), *now)
    page = (tmp_path / "bill.html").read_text("utf-8")
    for one in ("Panggilan: off-net, zone1", "SG, asia, r-1, 20 Maret 2023", "Calls, 200 s", "Rp 15.000"):
        assert one in page, one
    assert "is not known" in pulsa.complaint("bill", "items", f"{NUMBER}-1-B0009", *now)
