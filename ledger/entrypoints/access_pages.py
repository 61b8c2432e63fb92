"""Everything that is kept about a person, in one archive: JSON for programs, and a page in Indonesian and English.

The page asks nothing of a network. What others are called by (staff, another holder) is left out: it is not the
person's.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from html import escape
from io import BytesIO
from typing import Any, NamedTuple

from ledger.domain.calendar import Zone, format_instant, parse_instant
from ledger.entrypoints.cli.output import in_words
from ledger.figures import rupiah
from ledger.wiring.accounts_held import AccountHeld, HistoryHeld
from projections.asking.log_answers import HistoryEvent

MOST_ROWS = 500
"""Events of one account on the page; the archive has all of them."""
_NOT_HIS = frozenset({"actor", "approved_by", "decided_by", "opened_by", "assignee"})
_OTHERS = frozenset({"from_customer", "to_customer"})
_A_MOMENT = (1980, 1, 1, 0, 0, 0)
_WORDS = {
    "name": ("Nama", "Name"),
    "identity-number": ("Nomor identitas (NIK)", "Identity number"),
    "email": ("Surel", "E-mail"),
    "address": ("Alamat", "Address"),
    "birth-date": ("Tanggal lahir", "Date of birth"),
    "bank-account": ("Rekening bank", "Bank account"),
    "phone": ("Telepon", "Phone"),
    "tax-number": ("NPWP", "Tax number"),
}
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; max-width: 56rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.35rem; margin: 0 } h2 { font-size: 1.1rem; margin: 1.6rem 0 .3rem } h3 { font-size: 1rem }
small, .en { color: #666; font-weight: 400; font-size: .88em } h1 small, h2 small { display: block }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1rem; margin: .5rem 0 }
dt { color: #666 } dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } th { text-align: left; color: #666; font-weight: 400 }
td, th { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; overflow-wrap: anywhere }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; padding-right: 0 }
footer { margin-top: 1.5rem; font-size: .85em; color: #666; overflow-wrap: anywhere }
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin: 0 0 .4rem } }
"""


class BillHeld(NamedTuple):
    """A bill of the person: its total and what is open in sen, its JSON, and its page where there is one."""

    bill: str
    account: str
    total: int
    open: int
    content: dict[str, Any]
    page: str | None


class Gathered(NamedTuple):
    """All that there is about a person."""

    customer: str
    fields: Mapping[str, str]
    classes: Mapping[str, tuple[str, str]]
    """By field: its class, and what that is kept for."""
    events: list[dict[str, Any]]
    readings: list[dict[str, Any]]
    accounts: list[AccountHeld]
    bills: list[BillHeld]
    at: int
    """When it was gathered, in UTC microseconds."""
    zone: Zone


def archive(found: Gathered) -> bytes:
    """The archive: the same for the same content."""
    files = {"index.html": index_html(found).encode(), "person.json": _json(_person(found))}
    files |= {"events.json": _json(found.events), "readings.json": _json(found.readings)}
    for n, held in enumerate(found.accounts, 1):
        files[f"accounts/{n}.json"] = _json(_account(held))
    for bill in found.bills:
        files[f"bills/{bill.bill}.json"] = _json(bill.content)
        if bill.page is not None:
            files[f"bills/{bill.bill}.html"] = bill.page.encode()
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(files):
            bundle.writestr(zipfile.ZipInfo(name, _A_MOMENT), files[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()


def own(said: Mapping[str, Any]) -> dict[str, Any]:
    """An event as the person is told it: without the staff, and without another holder."""
    left = {name: value for name, value in said.items() if name not in _NOT_HIS}
    data = said.get("data")
    if isinstance(data, Mapping):
        left["data"] = {name: value for name, value in data.items() if name not in _NOT_HIS | _OTHERS}
    return left


def _person(found: Gathered) -> dict[str, Any]:
    return {
        "customer": found.customer,
        "gathered_at": format_instant(found.at),
        "fields": [
            {"field": name, "value": value, "class": of, "purpose": purpose}
            for name, value in found.fields.items()
            for of, purpose in [found.classes.get(name, ("", ""))]
        ],
    }


def _account(held: AccountHeld) -> dict[str, Any]:
    opening = None if held.opening is None else held.opening.to_json()
    kept = ("credit", "reserved", "unbilled", "billed", "pending", "advance", "deposit")
    return {
        "account": held.account,
        "since": format_instant(held.since),
        "until": None if held.until is None else format_instant(held.until),
        "opening": None if opening is None else {name: opening[name] for name in kept if name in opening},
        "events": [own(line.to_json()) for line in held.lines],
    }


def _json(content: Any) -> bytes:  # noqa: ANN401 - any JSON
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def index_html(found: Gathered) -> str:
    """The page."""
    when = _when(found.at, found.zone)
    parts = [_fields(found), _events(found), _readings(found)]
    parts += [_table_of(held, found.zone) for held in found.accounts]
    if found.bills:
        parts.append(_bills(found.bills))
    return (
        '<!doctype html><html lang="id"><meta charset="utf-8"><title>Data pribadi Anda</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><h1>Data pribadi Anda<small>Your personal data</small></h1>"
        f"<dl><dt>Pelanggan <small>Customer</small></dt><dd>{escape(found.customer)}</dd>"
        f"<dt>Per <small>As of</small></dt><dd>{escape(when)}</dd></dl>{''.join(parts)}"
        "<footer>Berkas JSON di arsip ini memuat semuanya. / The JSON files of this archive hold all of it."
        " UU 27/2022.</footer></html>\n"
    )


def _head(indonesian: str, english: str) -> str:
    return f"<h2>{escape(indonesian)}<small>{escape(english)}</small></h2>"


def _fields(found: Gathered) -> str:
    rows = []
    for name, value in found.fields.items():
        words = _WORDS.get(name, (name, name))
        purpose = found.classes.get(name, ("", ""))[1]
        rows.append(
            f"<dt>{escape(words[0])} <small>{escape(words[1])}</small></dt>"
            f"<dd>{escape(value)}<br><small>{escape(purpose)}</small></dd>"
        )
    return _head("Siapa Anda, dan untuk apa disimpan", "Who you are, and what it is kept for") + (
        f"<dl>{''.join(rows)}</dl>"
    )


def _events(found: Gathered) -> str:
    rows = [
        (
            escape(_told(one["effective_at"], found.zone)),
            escape(in_words(one["type"])),
            escape(_said(one["data"])),
        )
        for one in found.events
    ]
    head = _head("Persetujuan, pengungkapan, permintaan", "Consents, disclosures, requests")
    return head + _rows(("Kapan / When", "Apa / What", "Rincian / Details"), rows)


def _readings(found: Gathered) -> str:
    rows = [
        (escape(_told(one["at"], found.zone)), escape(", ".join(one["fields"])), escape(one["reason"]))
        for one in found.readings
    ]
    head = _head("Siapa membaca data Anda", "When your data were read, and why")
    return head + _rows(("Kapan / When", "Data / Fields", "Alasan / Reason"), rows)


def _table_of(held: AccountHeld, zone: Zone) -> str:
    until = "sekarang / now" if held.until is None else _when(held.until, zone)
    head = _head(f"Akun {held.account}", f"Account {held.account}")
    head += f"<p>{escape(_when(held.since, zone))} - {escape(until)}</p>"
    rows = []
    if held.opening is not None:
        rows.append((escape(_when(held.since, zone)), "Saldo awal / Opening balance", _balance(held.opening)))
    shown = held.lines[-MOST_ROWS:]
    if len(shown) < len(held.lines):
        left = len(held.lines) - len(shown)
        rows.append(("", f"{left} sebelumnya ada di arsip / earlier ones are in the archive", ""))
    for line in shown:
        event = line.line.event
        rows.append((escape(_when(event.effective_at, zone)), escape(in_words(event.TOPIC)), _balance(line)))
    return head + _rows(("Kapan / When", "Apa / What", "Saldo / Balance"), rows, last="n")


def _balance(line: HistoryHeld) -> str:
    if isinstance(line, HistoryEvent):
        return rupiah(line.credit)
    return rupiah(line.unbilled + line.billed)


def _bills(bills: Iterable[BillHeld]) -> str:
    rows = []
    for one in bills:
        name = escape(one.bill)
        linked = name if one.page is None else f'<a href="bills/{name}.html">{name}</a>'
        rows.append((linked, escape(rupiah(one.total)), rupiah(one.open)))
    return _head("Tagihan", "Bills") + _rows(
        ("Tagihan / Bill", "Jumlah / Total", "Terbuka / Open"), rows, last="n"
    )


def _rows(head: tuple[str, str, str], rows: Iterable[tuple[str, str, str]], last: str = "") -> str:
    marks = ("", "", f" class={last}" if last else "")
    body = [
        "<tr>" + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in rows
    ]
    if not body:
        return "<p>- </p>"
    top = "".join(f"<th{mark}>{escape(cell)}</th>" for mark, cell in zip(marks, head, strict=True))
    return f"<table><tr>{top}</tr>{''.join(body)}</table>"


def _said(data: Mapping[str, Any]) -> str:
    """An event's own fields in a line, lists by their names; digests say nothing to a person."""
    words = []
    for name, value in data.items():
        if name == "digest" or value in (None, [], ""):
            continue
        text = ", ".join(_name_of(one) for one in value) if isinstance(value, list) else str(value)
        words.append(f"{name.replace('_', ' ')}: {text}")
    return "; ".join(words)


def _name_of(one: Any) -> str:  # noqa: ANN401 - an element of an event's list
    return str(one.get("field", one)) if isinstance(one, Mapping) else str(one)


def _when(at: int, zone: Zone) -> str:
    return f"{zone.local(at):%Y-%m-%d %H:%M %Z}"


def _told(instant: str, zone: Zone) -> str:
    return _when(parse_instant(instant), zone)
