"""A bill to look at: one page, in Indonesian and English, as HTML, or as PDF set by Typst.

Each line that is not of everyday use names its clause. The tax line has what a document that stands for a tax invoice
is asked to have (PER-16/PJ/2021): seller with tax number, service, base, tax, and the buyer, here by number alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import NamedTuple

from ledger.domain.calendar import Zone, day_of_number
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.errors import SettingsInvalid
from ledger.figures import grouped, rupiah
from projections.asking.bill_items import BillItem
from projections.postpaid.bills import BillShown

KINDS = {
    "usage": ("Pemakaian", "Use"),
    "roaming": ("Pemakaian di luar negeri", "Use abroad"),
    "commitment": ("Kekurangan komitmen minimum", "Shortfall of the minimum commitment"),
    "fees": ("Biaya", "Fees"),
    "penalties": ("Penalti", "Penalties"),
    "fines": ("Denda keterlambatan", "Late fines"),
    "collection": ("Biaya penagihan", "Cost of collection"),
    "reversals": ("Pembayaran yang dibatalkan", "Payments that were reversed"),
}
_MET = {
    "allocated": ("Dibayar", "Paid"),
    "deposit": ("Dari deposit", "Out of the deposit"),
    "credited": ("Nota kredit", "Credit notes"),
    "written_off": ("Dihapusbukukan", "Written off"),
}
_SERVICES = {"voice": ("Panggilan", "Calls"), "sms": ("SMS", "Messages"), "data": ("Data", "Data")}
_INCOMING = ("masuk", "incoming")
_DETAILS = "Rincian pemakaian / Use in detail"
_MONTHS = [
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
]


class Seller(NamedTuple):
    """Who bills, as the page names it; None where it is not set."""

    name: str | None
    tax_number: str | None


class Row(NamedTuple):
    """A line of the page: what it is in both languages, its clause if it has one, and sen."""

    indonesian: str
    english: str
    clause: str | None
    amount: int
    strong: bool = False


class Page(NamedTuple):
    """All that the page says."""

    title: tuple[str, str]
    facts: tuple[tuple[str, str], ...]
    lines: tuple[Row, ...]
    items: tuple[Row, ...]
    met: tuple[Row, ...]
    words: tuple[tuple[str, str], ...]
    """The clauses that it cites, in words."""
    foot: str


def page(
    bill: BillShown,
    items: Iterable[BillItem],
    terms: PostpaidTerms,
    seller: Seller,
    words: Mapping[str, str],
    digest: str,
) -> Page:
    """What a bill's page says; `words` are clauses in words, `digest` is that of the event at the bill's position."""
    zone, clauses = terms.zone, _clauses(terms)
    lines = [Row(*KINDS[line["kind"]], clauses.get(line["kind"]), line["amount"]) for line in bill.lines]
    taxed = "termasuk" if bill.tax_included else "atas"
    including = "included in" if bill.tax_included else "on"
    base = rupiah(bill.taxable)
    lines += [
        Row(f"PPN {taxed} {base} ({bill.tax_rate})", f"VAT {including} {base}", None, bill.tax),
        Row("Jumlah tagihan", "Total", None, bill.total, strong=True),
    ]
    met = [Row(*names, None, -amount) for part, names in _MET.items() if (amount := getattr(bill, part))]
    met.append(Row("Masih terbuka", "Open", None, bill.open, strong=True))
    cited = dict.fromkeys(row.clause for row in lines if row.clause is not None)
    number, _, _ = bill.account.partition("/")
    facts = (
        ("Penjual / Seller", seller.name or "belum diatur / not set (PULSA_SELLER)"),
        ("NPWP", seller.tax_number or "belum diatur / not set (PULSA_SELLER_TAX_NUMBER)"),
        ("Pelanggan / Customer", number),
        ("Paket / Plan", bill.plan),
        ("Masa / Period", f"{_moment(bill.period_since, zone)} - {_moment(bill.period_until, zone)}"),
        ("Tanggal tagihan / Issued on", _day(bill.issued_on)),
        ("Jatuh tempo / Due on", _day(bill.due_on)),
        ("Ketentuan / Terms", bill.terms),
    )
    final = "final" if bill.final else "sementara / provisional"
    foot = (
        f"Posisi / position {bill.position}; digest {digest}; per / as of {_moment(bill.as_of, zone)},"
        f" diketahui / known at {_moment(bill.known_at, zone)}, {final}. Where this page and the operator's record"
        " differ, the record prevails / catatan sistem yang berlaku."
    )
    title = (f"Tagihan {bill.bill}", f"Bill {bill.bill}")
    said = tuple((one, words.get(one, "")) for one in cited)
    return Page(title, facts, tuple(lines), tuple(map(item_row, items)), tuple(met), said, foot)


def item_row(item: BillItem) -> Row:
    """A row of the details: what was used, where, how much of it, and when where that matters."""
    indonesian, english = _SERVICES[item.service]
    way = "" if item.direction == "outgoing" else f" ({_INCOMING[0]} / {_INCOMING[1]})"
    where = ", ".join(filter(None, (item.country, item.destination, item.zone, item.record)))
    when = "" if item.used_on is None else f", {_day(item.used_on)}"
    return Row(f"{indonesian}{way}: {where}{when}", f"{english}, {_quantity(item)}", None, item.amount)


def _quantity(item: BillItem) -> str:
    if item.service == "voice":
        return f"{grouped(item.quantity)} s"
    if item.service == "sms":
        return f"{grouped(item.quantity)} SMS"
    return f"{grouped(item.quantity)} B"


def _clauses(terms: PostpaidTerms) -> dict[str, str | None]:
    """The clause that each unusual kind of line is under."""
    own = terms.clauses
    return {
        "commitment": own.commitment,
        "roaming": own.roaming_use,
        "penalties": own.penalty,
        "fines": None if terms.late_fine is None else terms.late_fine.clause,
        "collection": own.collection,
    }


def _moment(instant: int, zone: Zone) -> str:
    local = zone.local(instant)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year} {local:%H:%M}"


def _day(number: int) -> str:
    day = day_of_number(number)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_STYLE = """
@page { size: A4; margin: 18mm }
body { font: 14px/1.4 system-ui, sans-serif; color: #1b1b1b; max-width: 48rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.3rem; margin: 0 } h1 small { display: block; font-weight: 400; color: #666; font-size: .9rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0 }
dt { color: #666 } dd { margin: 0 } dd, td { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
td { padding: .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.strong td { font-weight: 600; border-bottom: 2px solid #1b1b1b } .en, .clause { color: #666; font-size: .88em }
h2 { font-size: 1rem; margin: 1.2rem 0 .3rem } .items { font-size: .85em }
footer { margin-top: 1.2rem; font-size: .8em; color: #666; overflow-wrap: anywhere }
"""


def as_html(found: Page) -> str:
    """The page by itself: it asks nothing of a network."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in found.facts)
    words = "".join(f"<p class=clause>{escape(clause)}: {escape(said)}</p>" for clause, said in found.words)
    return (
        f'<!doctype html><html lang="id"><meta charset="utf-8"><title>{escape(found.title[0])}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style>"
        f"<h1>{escape(found.title[0])}<small>{escape(found.title[1])}</small></h1><dl>{facts}</dl>"
        f"<table>{_rows(found.lines)}</table><h2></h2><table>{_rows(found.met)}</table>{words}"
        f"{f'<h2>{_DETAILS}</h2><table class=items>{_rows(found.items)}</table>' if found.items else ''}"
        f"<footer>{escape(found.foot)}</footer></html>\n"
    )


def _rows(rows: Iterable[Row]) -> str:
    return "".join(
        f"<tr{' class=strong' if row.strong else ''}><td>{escape(row.indonesian)}"
        f"{f' <span class=clause>[{escape(row.clause)}]</span>' if row.clause else ''}"
        f"<br><span class=en>{escape(row.english)}</span></td><td class=n>{rupiah(row.amount)}</td></tr>"
        for row in rows
    )


def as_pdf(found: Page) -> bytes:
    """The page as PDF, with fonts that come along. Raises SettingsInvalid where Typst is not installed."""
    try:
        import typst
    except ModuleNotFoundError as error:
        raise SettingsInvalid("--pdf: it needs Typst: pip install 'pulsa-ledger[pdf]'") from error
    pdf = typst.compile(_typst(found).encode(), format="pdf", ignore_system_fonts=True)
    if not isinstance(pdf, bytes):
        raise TypeError("one document is one file")
    return pdf


def _typst(found: Page) -> str:
    """The page in Typst's language; what is not ours stands in strings, which run nothing."""
    facts = "".join(f"text(fill: luma(40%), {_s(name)}), {_s(value)}, " for name, value in found.facts)
    words = "".join(
        f"#text(8pt, fill: luma(40%), {_s(f'{clause}: {said}')}) \\\n" for clause, said in found.words
    )
    details = f"#v(4mm)\n#strong({_s(_DETAILS)})\n#text(8pt)[{_table(found.items)}]" if found.items else ""
    return f"""#set document(title: {_s(found.title[0])}, date: none)
#set page(paper: "a4", margin: 18mm)
#set text(10pt, lang: "id")
#text(16pt, weight: "bold", {_s(found.title[0])}) \\
#text(fill: luma(40%), {_s(found.title[1])})
#v(4mm)
#grid(columns: (auto, 1fr), column-gutter: 8mm, row-gutter: 2mm, {facts})
#v(4mm)
{_table(found.lines)}
#v(3mm)
{_table(found.met)}
#v(3mm)
{words}
{details}
#v(4mm)
#text(7pt, fill: luma(40%), {_s(found.foot)})
"""


def _table(rows: Iterable[Row]) -> str:
    cells = []
    for row in rows:
        weight = '"bold"' if row.strong else '"regular"'
        clause = f" [{row.clause}]" if row.clause else ""
        name = f"[#text(weight: {weight}, {_s(row.indonesian)})#text(8pt, fill: luma(40%), {_s(clause)}) \\ "
        name += f"#text(8pt, fill: luma(40%), {_s(row.english)})]"
        cells.append(f"{name}, align(right, text(weight: {weight}, {_s(rupiah(row.amount))}))")
    return f"#table(columns: (1fr, auto), stroke: (x: none, top: none, bottom: 0.4pt + luma(70%)), {', '.join(cells)})"


def _s(text: str) -> str:
    """A string of Typst's."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
