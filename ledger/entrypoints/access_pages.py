"""The page of what is kept about a person, in Indonesian and English; it asks nothing of a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from ledger.domain.calendar import Zone
from ledger.entrypoints.access_archive import AccountTold, BillHeld, Gathered, ToldRows
from ledger.entrypoints.access_markup import (
    STYLE,
    Cells,
    both,
    event_told,
    fields_told,
    head,
    moment,
    moment_of,
    money,
    named,
    nothing,
    pair,
    parts_told,
    sub,
    table,
)
from ledger.entrypoints.access_words import (
    CLASSES,
    COPIES,
    FIELDS,
    OBJECTIONS,
    PURPOSES,
    REQUESTS,
    STATES,
)
from ledger.entrypoints.bill_pages import KINDS
from ledger.figures import rupiah
from ledger.wiring.accounts_held import AccountHeld, HistoryHeld
from projections.asking.log_answers import HistoryEvent

MOST_ROWS = 500
"""Events of one account on the page; the archive has all of them."""


def index_html(found: Gathered) -> str:
    """The page."""
    zone, told = found.zone, found.told
    when = moment(found.at, zone)
    parts = [
        *_who(found),
        _agreed(told.consents, zone) + _preferences(told.preferences),
        _requests(told.requests, zone),
        *_in_the_way(found),
        _disclosures(told.disclosures, zone),
        _readings(found.readings, zone),
        *_copies(found.copies, zone),
        *_breaches(told.breaches, zone),
        *(part for account in found.accounts for part in _of_account(account, zone)),
        _history(found),
    ]
    return (
        '<!doctype html><html lang="id"><meta charset="utf-8"><title>Data pribadi Anda</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><h1>Data pribadi Anda<small>Your personal data</small></h1>"
        f"<dl>{pair('Pelanggan', 'Customer', escape(found.customer))}{pair('Per', 'As of', escape(when))}</dl>"
        f"{''.join(parts)}"
        "<footer>Berkas JSON di arsip ini memuat semuanya, juga rincian setiap peristiwa. / The JSON files of this"
        " archive hold all of it, the details of each event too. UU 27/2022.</footer></html>\n"
    )


# --- the person -------------------------------------------------------------------------------------------------------


def _who(found: Gathered) -> Iterator[str]:
    yield head("Siapa Anda, dan untuk apa disimpan", "Who you are, and what it is kept for")
    pairs = []
    for name, value in found.fields.items():
        of, purpose = found.classes.get(name, ("", ""))
        why = f"<br><small>{both(CLASSES.get(of, purpose), purpose)}</small>" if purpose else ""
        pairs.append(pair(*FIELDS.get(name, (name, name)), f"{escape(value)}{why}"))
    yield f"<dl>{''.join(pairs)}</dl>" if pairs else nothing()
    gone = found.told.fields_erased
    if gone:
        yield sub("Sudah dihapus, karena masa simpannya lewat", "Erased, their time being over")
        rows = [(moment_of(one["at"], found.zone), named(FIELDS, one["field"])) for one in gone]
        yield table(("Kapan / When", "Data / Fields"), rows)


def _agreed(consents: ToldRows, zone: Zone) -> str:
    rows = [
        (
            named(PURPOSES, one["purpose"]),
            "ya / yes" if one["given"] else "tidak / no",
            escape(one["channel"]),
            moment_of(one["since"], zone),
        )
        for one in consents
    ]
    return head("Persetujuan", "Consents") + table(
        ("Untuk / For", "Setuju / Agreed", "Lewat / By", "Sejak / Since"), rows
    )


def _preferences(preferences: ToldRows) -> str:
    """What that comes to for each number: offers may be made unless they are refused, all else only if agreed to."""
    names = ("offers", "partners", "credit_bureau")
    rows = [
        (escape(one["msisdn"]), *("ya / yes" if one[name] else "tidak / no" for name in names))
        for one in preferences
    ]
    if not rows:
        return ""
    return sub("Yang berlaku untuk nomor Anda", "What holds for your numbers") + table(
        ("Nomor / Number", "Penawaran / Offers", "Mitra / Partners", "Biro kredit / Credit bureau"), rows
    )


def _requests(requests: ToldRows, zone: Zone) -> str:
    rows = []
    for one in requests:
        state = named(STATES, one["state"])
        if one["ended_at"] is not None:
            state += f" {moment_of(one['ended_at'], zone)}"
        late = " <b>terlambat / late</b>" if one["breached"] else ""
        limit = "" if one["limit_at"] is None else moment_of(one["limit_at"], zone)
        kind = named(REQUESTS, one["kind"])
        rows.append((kind, moment_of(one["asked_at"], zone), limit, state + late))
    return head("Permintaan Anda", "Your requests") + table(
        ("Apa / What", "Diminta / Asked", "Batas / Limit", "Keadaan / State"), rows
    )


def _in_the_way(found: Gathered) -> Iterator[str]:
    """What is restricted, held, or to be erased; nothing where nothing is."""
    zone, told = found.zone, found.told
    pairs = []
    if found.restricted:
        pairs.append(pair("Pembatasan", "Restriction", "pemrosesan dibatasi / processing is restricted"))
    for one in told.holds:
        until = "" if one["lifted_at"] is None else f" - {moment_of(one['lifted_at'], zone)}"
        said = f"{escape(one['reference'])}: {moment_of(one['set_at'], zone)}{until}"
        pairs.append(pair("Ditahan untuk perkara", "Held for a case", said))
    for one in told.erasures:
        state = f"{named(STATES, one['state'])}, {moment_of(one['since'], zone)}"
        why = [f"{escape(way['of'])}: {named(OBJECTIONS, way['reason'])}" for way in one["objections"]]
        pairs.append(pair("Penghapusan", "Erasure", "<br>".join([state, *why])))
    if pairs:
        yield head("Pembatasan, penahanan, penghapusan", "Restriction, holds, erasure")
        yield f"<dl>{''.join(pairs)}</dl>"


def _disclosures(disclosures: ToldRows, zone: Zone) -> str:
    rows = [
        (
            moment_of(one["at"], zone),
            escape(one["to"]),
            escape(one["ground"])
            + ("" if one["reference"] is None else f"<small>{escape(one['reference'])}</small>"),
            fields_told(one["fields"]),
        )
        for one in disclosures
    ]
    return head("Kepada siapa data Anda diungkapkan", "To whom your data were disclosed") + table(
        ("Kapan / When", "Kepada / To", "Dasar / Ground", "Data / Fields"), rows
    )


def _readings(readings: ToldRows, zone: Zone) -> str:
    rows = [
        (moment_of(one["at"], zone), fields_told(one["fields"]), escape(one["reason"])) for one in readings
    ]
    titled = head("Kapan data Anda dibaca, dan mengapa", "When your data were read, and why")
    return titled + table(("Kapan / When", "Data / Fields", "Alasan / Reason"), rows)


def _copies(copies: ToldRows, zone: Zone) -> Iterator[str]:
    if not copies:
        return
    rows = [(moment_of(one["at"], zone), both(*COPIES[one["kind"]]), escape(one["of"])) for one in copies]
    yield head("Salinan yang pernah dibuat", "Copies that were made")
    yield table(("Kapan / When", "Salinan / Copy", "Tentang / Of"), rows)


def _breaches(breaches: ToldRows, zone: Zone) -> Iterator[str]:
    if not breaches:
        return
    yield head("Kebocoran data", "Breaches of data")
    yield (
        "<p class=left>Kebocoran data sejenis milik Anda; apakah data Anda termasuk, diberitahukan kepada yang terkena."
        " / Breaches of fields that are kept of you; whoever was concerned is told so.</p>"
    )
    rows = [
        (
            moment_of(one["discovered_at"], zone),
            fields_told(one["fields"]),
            f"{one['persons']}",
            "" if one["persons_told_at"] is None else moment_of(one["persons_told_at"], zone),
        )
        for one in breaches
    ]
    yield table(("Ditemukan / Found", "Data / Fields", "Orang / Persons", "Diberitahukan / Told"), rows)


def _history(found: Gathered) -> str:
    rows = [
        (
            moment_of(one["effective_at"], found.zone),
            event_told(one["type"]),
            "<br>".join(parts_told(one["data"], found.zone)),
        )
        for one in found.events
    ]
    titled = head("Riwayat Anda sebagai pelanggan", "Your history as a customer")
    return titled + table(("Kapan / When", "Apa / What", "Rincian / Details"), rows)


# --- accounts ---------------------------------------------------------------------------------------------------------


def _of_account(told: AccountTold, zone: Zone) -> Iterator[str]:
    held = told.held
    until = "sekarang / now" if held.until is None else moment(held.until, zone)
    yield head(f"Akun {held.account}", f"Account {held.account}")
    yield f"<p>{escape(moment(held.since, zone))} - {escape(until)}</p>"
    if told.bills:
        yield sub("Tagihan", "Bills") + _bills(told.bills)
    if told.payments:
        yield sub("Pembayaran", "Payments") + _received(told.payments, zone, methods=True)
    if told.suspense:
        yield sub("Uang yang belum dibukukan", "Money that no account has taken") + _received(
            told.suspense, zone
        )
    for one in told.deposits:
        yield sub("Deposit", "Deposit") + table(
            ("Diterima / Received", "Dipakai / Applied", "Kembali / Refunded", "Tersisa / Held"),
            [tuple(money(one[name]) for name in ("received", "applied", "refunded", "held"))],
            amounts=4,
        )
    if told.disputes:
        yield sub("Sengketa", "Disputes") + table(
            ("Kapan / When", "Tentang / About", "Diklaim / Claimed", "Catatan / Record"),
            [
                (
                    moment_of(one["opened_at"], zone),
                    f"{escape(one['dispute'])}, {escape(one['about'])}: " + named(STATES, one["state"]),
                    money(one["claimed"]),
                    money(one["system"]),
                )
                for one in told.disputes
            ],
            amounts=2,
        )
    if told.statement_lines:
        yield sub("Dalam rekening pihak lain", "On statements of others") + table(
            ("Kapan / When", "Dari / Of", "Acuan / Reference", "Jumlah / Amount"),
            [
                (
                    escape(one["on"]) if one["at"] is None else moment_of(one["at"], zone),
                    escape(one["of"]),
                    escape(one["reference"] or ""),
                    money(one["amount"]),
                )
                for one in told.statement_lines
            ],
            amounts=1,
        )
    yield sub("Riwayat", "History") + _happened(held, zone)


def _received(rows: ToldRows, zone: Zone, *, methods: bool = False) -> str:
    """Money that came; with `methods` also by which method."""
    return table(
        ("Kapan / When", "Nomor / Reference", "Keadaan / State", "Jumlah / Amount"),
        [
            (
                moment_of(one["received_at"], zone),
                escape(one["reference"]) + (f"<small>{escape(one['method'])}</small>" if methods else ""),
                named(STATES, one["state"]),
                money(one["amount"]),
            )
            for one in rows
        ],
        amounts=1,
    )


def _bills(bills: Iterable[BillHeld]) -> str:
    parts = []
    for one in bills:
        name = escape(one.bill)
        linked = name if one.page is None else f'<a href="bills/{name}.html">{name}</a>'
        total = f"{escape(rupiah(one.total))}, terbuka / open {escape(rupiah(one.open))}"
        lines = [(both(*KINDS[line["kind"]]), money(line["amount"])) for line in one.content["lines"]]
        lines.append(("PPN / VAT", money(one.content["tax"])))
        made = table(("Bagian / Part", "Jumlah / Amount"), lines, amounts=1)
        if one.details:
            rows = [(both(row.indonesian, row.english), escape(rupiah(row.amount))) for row in one.details]
            made += table(("Rincian pemakaian / Use in detail", "Jumlah / Amount"), rows, amounts=1)
        parts.append(f"<details><summary>{linked}: {total}</summary>{made}</details>")
    return "".join(parts)


def _happened(held: AccountHeld, zone: Zone) -> str:
    prepaid = any(isinstance(line, HistoryEvent) for line in held.lines)
    balance = "Pulsa / Credit" if prepaid else "Terutang / Owed"
    rows: list[Cells] = []
    before = 0 if held.opening is None else _balance(held.opening)
    if held.opening is not None:
        opening = "Saldo awal / Opening balance"
        rows.append((escape(moment(held.since, zone)), opening, "", escape(rupiah(before))))
    left = len(held.lines) - MOST_ROWS
    for n, line in enumerate(held.lines):
        event, after = line.line.event, _balance(line)
        changed, before = after - before, after
        if n < left:
            continue
        moved = f"{'+' if changed > 0 else ''}{escape(rupiah(changed))}" if changed else ""
        rows.append(
            (escape(moment(event.effective_at, zone)), event_told(event.TOPIC), moved, escape(rupiah(after)))
        )
    note = (
        f"<p class=left>{left} sebelumnya ada di arsip / earlier ones are in the archive</p>"
        if left > 0
        else ""
    )
    return note + table(("Kapan / When", "Apa / What", "Perubahan / Change", balance), rows, amounts=2)


def _balance(line: HistoryHeld) -> int:
    return line.credit if isinstance(line, HistoryEvent) else line.unbilled + line.billed
