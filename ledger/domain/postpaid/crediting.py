"""A credit note: what takes back part of a bill, with its tax; what exceeds the open amount is advance."""

from __future__ import annotations

from typing import NamedTuple

from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.money import IDR, OUTPUT_TAX, Posting, revenue
from ledger.domain.postpaid.account import Bill, PostpaidAccount
from ledger.domain.postpaid.billing import tax_at
from ledger.domain.postpaid.contents import content_of
from ledger.domain.postpaid.events_of_bills import CreditNoteIssued, NoteLine
from ledger.domain.postpaid.terms import PostpaidTerms


class CreditNote(NamedTuple):
    """What a credit note says."""

    id: str
    bill: Bill
    lines: list[NoteLine]
    reason: str
    approved_by: str | None


def content_of_note(note: str, bill: str, lines: list[NoteLine], reason: str) -> str:
    """By what the same note is known again."""
    said = [part for line in lines for part in (line["kind"], line["amount"], line["text"])]
    return content_of(note, bill, reason, *said)


def tax_of(note: CreditNote, terms: PostpaidTerms) -> int:
    """The tax on all that is credited of a bill so far and now, less that already credited."""
    bill = note.bill
    now = sum(line["amount"] for line in note.lines if line["kind"] in terms.tax.taxable)
    before = sum(amount for kind, amount in bill.noted.items() if kind in terms.tax.taxable)
    whole = tax_at(bill.tax_rate, before + now, included=bill.tax_included, rounding=terms.unit)
    return min(whole, bill.tax) - bill.noted_tax


def total_of(note: CreditNote, terms: PostpaidTerms) -> int:
    """What it takes back, tax included."""
    tax = 0 if note.bill.tax_included else tax_of(note, terms)
    return sum(line["amount"] for line in note.lines) + tax


def credited(account: PostpaidAccount, note: CreditNote, terms: PostpaidTerms) -> Draft:
    """The note, under the terms that its bill was issued under."""
    bill, tax, total = note.bill, tax_of(note, terms), total_of(note, terms)
    met_open = min(total, bill.open)
    moved = {
        account.name("billed"): -met_open,
        account.name("advance"): met_open - total,
        OUTPUT_TAX: tax,
        revenue("tax"): -tax if bill.tax_included else 0,
    }
    for line in note.lines:
        name = revenue(line["kind"])
        moved[name] = moved.get(name, 0) + line["amount"]
    postings: list[Posting] = [
        {"account": name, "unit": IDR, "amount": amount} for name, amount in moved.items() if amount
    ]
    own = {
        "note": note.id,
        "number": f"{account.msisdn}-{account.generation}-C{account.note_count + 1:04}",
        "bill": bill.id,
        "lines": note.lines,
        "tax": tax,
        "total": total,
        "met_open": met_open,
        "advance": total - met_open,
        "tax_included": bill.tax_included,
        "reason": note.reason,
        "approved_by": note.approved_by,
        "content": content_of_note(note.id, bill.id, note.lines, note.reason),
    }
    return Draft(CreditNoteIssued, terms.clauses.notes, postings, own, note.id)


def _credit_note_issued(account: PostpaidAccount, event: CreditNoteIssued, _: PostpaidTerms) -> None:
    account.note_count += 1
    bill = account.bill(event.bill)
    if bill is not None:
        for line in event.lines:
            bill.noted[line["kind"]] = bill.noted.get(line["kind"], 0) + line["amount"]
        bill.noted_tax += event.tax
        bill.noted_total += event.total
        bill.credited += event.met_open
        account.reduce(bill, event.met_open)
    account.keep_advance(f"note/{event.note}", event.effective_at, event.advance)


CHANGES: ChangesByEvent = {CreditNoteIssued: _credit_note_issued}
